//! Lengths and returns of episodes, counted by a wrapper.

use std::collections::VecDeque;

use super::{load_env, save_with_env};
use crate::config::{ConfigError, at_least};
use crate::env::{Environment, EnvironmentError, Step};
use crate::state::{SaveState, State, StateError};

/// Length and return of an episode, or of the running episode so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpisodeTotals {
    /// Number of steps.
    pub length: usize,
    /// Sum of the rewards, without a discount.
    pub episode_return: f64,
}

/// Counts the steps and adds the rewards of each episode, and keeps the results of the newest episodes.
///
/// The statistics count what this wrapper gets: inside a [`ScaleReward`](super::ScaleReward) the unscaled rewards, outside
/// the scaled ones. An episode that is reset before its last step is not counted.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, EpisodeStatistics, Pendulum};
///
/// let mut env = EpisodeStatistics::new(Pendulum::v1(), 100)?;
/// for seed in 0..3 {
///     env.reset(seed)?;
///     while !env.step(&[0.0])?.is_last() {}
/// }
/// assert_eq!(env.episodes(), 3);
/// assert!(env.finished().all(|episode| episode.length == 200 && episode.episode_return < 0.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodeStatistics<E> {
    env: E,
    capacity: usize,
    running: Option<EpisodeTotals>,
    finished: VecDeque<EpisodeTotals>,
    episodes: usize,
}

impl<E> EpisodeStatistics<E> {
    /// Keeps the results of the newest `capacity` episodes of `env`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if `capacity` is 0.
    pub fn new(env: E, capacity: usize) -> Result<Self, ConfigError> {
        at_least("capacity", 1, capacity)?;
        Ok(Self { env, capacity, running: None, finished: VecDeque::new(), episodes: 0 })
    }

    /// Returns the results of the running episode so far, or `None` between episodes.
    pub fn running(&self) -> Option<EpisodeTotals> {
        self.running
    }

    /// Returns the results of the newest finished episodes, the oldest first.
    pub fn finished(&self) -> impl ExactSizeIterator<Item = &EpisodeTotals> {
        self.finished.iter()
    }

    /// Returns how many episodes have finished, including those whose results are no longer kept.
    pub fn episodes(&self) -> usize {
        self.episodes
    }

    /// Returns the mean return of the kept episodes, or `None` if there are none.
    pub fn mean_return(&self) -> Option<f64> {
        let sum: f64 = self.finished.iter().map(|episode| episode.episode_return).sum();
        (!self.finished.is_empty()).then(|| sum / self.finished.len() as f64)
    }
}

wrapper!(EpisodeStatistics<E>);

impl<E: Environment> Environment for EpisodeStatistics<E> {
    forward!(observation_space, action_space, begin_step);

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.running = None;
        let observation = self.env.reset(seed)?;
        self.running = Some(EpisodeTotals { length: 0, episode_return: 0.0 });
        Ok(observation)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let step = self.env.step(action)?;
        if let Some(running) = &mut self.running {
            running.length += 1;
            running.episode_return += f64::from(step.reward);
        }
        if step.is_last()
            && let Some(totals) = self.running.take()
        {
            if self.finished.len() == self.capacity {
                self.finished.pop_front();
            }
            self.finished.push_back(totals);
            self.episodes += 1;
        }
        Ok(step)
    }
}

impl<E: SaveState> SaveState for EpisodeStatistics<E> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("capacity", self.capacity as u64);
        state.put("episodes", self.episodes as u64);
        let kept = || self.finished.iter().chain(&self.running);
        let count = kept().count();
        state.put("is_running", u64::from(self.running.is_some()));
        state.put_array("lengths", &[count], kept().map(|totals| totals.length as u64).collect());
        state.put_array("returns", &[count], kept().map(|totals| totals.episode_return).collect());
        save_with_env(state, &self.env)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        state.expect("capacity", self.capacity as u64)?;
        let episodes = state.take_count("episodes")?;
        let is_running = state.take_flag("is_running")?;
        let lengths: Vec<u64> = state.take_row("lengths")?;
        let returns: Vec<f64> = state.take_array("returns", &[lengths.len()])?;

        let expected = episodes.min(self.capacity) + usize::from(is_running);
        if lengths.len() != expected {
            return Err(StateError::invalid("lengths", format!("of {expected} episodes"), lengths.len()));
        }
        let totals = lengths.into_iter().zip(returns).map(|(length, episode_return)| {
            let length = usize::try_from(length)
                .map_err(|_| StateError::invalid("lengths", format!("at most {}", usize::MAX), length))?;
            Ok(EpisodeTotals { length, episode_return })
        });
        let mut finished = totals.collect::<Result<VecDeque<_>, StateError>>()?;
        let running = if is_running { finished.pop_back() } else { None };

        load_env(state, &mut self.env)?;
        (self.running, self.finished, self.episodes) = (running, finished, episodes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MountainCarContinuous, Pendulum};

    fn play(env: &mut EpisodeStatistics<impl Environment>, seed: u64) -> EpisodeTotals {
        env.reset(seed).unwrap();
        let mut totals = EpisodeTotals { length: 0, episode_return: 0.0 };
        loop {
            let step = env.step(&[0.3]).unwrap();
            totals.length += 1;
            totals.episode_return += f64::from(step.reward);
            if step.is_last() {
                return totals;
            }
            assert_eq!(env.running(), Some(totals));
        }
    }

    #[test]
    fn the_newest_episodes_are_kept_in_order() {
        let mut env = EpisodeStatistics::new(Pendulum::v1(), 2).unwrap();
        assert_eq!((env.mean_return(), env.running()), (None, None));
        let played: Vec<_> = (0..3).map(|seed| play(&mut env, seed)).collect();
        assert!(env.finished().eq(&played[1..]));
        assert_eq!(env.mean_return(), Some((played[1].episode_return + played[2].episode_return) / 2.0));
        assert_eq!((env.episodes(), env.running()), (3, None));
    }

    #[test]
    fn an_episode_that_is_left_is_not_counted() {
        let mut env = EpisodeStatistics::new(MountainCarContinuous::v0(), 5).unwrap();
        env.reset(0).unwrap();
        env.step(&[1.0]).unwrap();
        env.reset(1).unwrap();
        assert_eq!(env.running(), Some(EpisodeTotals { length: 0, episode_return: 0.0 }));
        assert_eq!((env.episodes(), env.finished().len()), (0, 0));
    }

    #[test]
    fn a_refused_action_is_not_counted() {
        let mut env = EpisodeStatistics::new(Pendulum::v1(), 1).unwrap();
        env.reset(0).unwrap();
        assert!(env.step(&[f32::NAN]).is_err());
        assert_eq!(env.running().unwrap().length, 0);
    }

    #[test]
    fn the_numbers_are_part_of_the_state() {
        let mut env = EpisodeStatistics::new(Pendulum::v1(), 2).unwrap();
        for seed in 0..3 {
            play(&mut env, seed);
        }
        env.reset(9).unwrap();
        env.step(&[1.0]).unwrap();
        let mut other = EpisodeStatistics::new(Pendulum::v1(), 2).unwrap();
        other.load_state(env.save_state().unwrap()).unwrap();
        assert_eq!(other, env);
    }

    #[test]
    fn numbers_of_too_many_episodes_are_refused() {
        let mut env = EpisodeStatistics::new(Pendulum::v1(), 2).unwrap();
        play(&mut env, 0);
        let mut saved = env.save_state().unwrap();
        let _: u64 = saved.take("episodes").unwrap();
        saved.put("episodes", 2_u64);
        let error = env.load_state(saved).unwrap_err();
        assert_eq!(error.to_string(), "`lengths` must be of 2 episodes, got 1");
        assert_eq!(env.episodes(), 1);
    }

    #[test]
    fn keeping_nothing_is_refused() {
        let error = EpisodeStatistics::new(Pendulum::v1(), 0).unwrap_err();
        assert_eq!(error.to_string(), "capacity must be at least 1, got 0");
    }
}
