//! Recorded episodes: observations, actions, rewards and pictures.

use std::collections::VecDeque;
use std::io::Write;

use crate::config::{ConfigError, at_least};
use crate::env::{Environment, EnvironmentError, Render, Step};
use crate::state::{SaveState, State, StateError};

/// The record of one episode.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordedEpisode {
    /// The seed of its reset.
    pub seed: u64,
    /// The observations, one more than there are steps.
    pub observations: Vec<Vec<f32>>,
    /// The actions, as they were passed to `step`.
    pub actions: Vec<Vec<f32>>,
    /// The rewards.
    pub rewards: Vec<f32>,
    /// Whether the last step terminated.
    pub terminated: bool,
    /// Whether the last step was truncated.
    pub truncated: bool,
    /// Pictures as SVG, one for each observation; empty without [`Recorder::with_frames`].
    pub frames: Vec<String>,
}

impl RecordedEpisode {
    /// Returns the number of steps.
    pub fn length(&self) -> usize {
        self.rewards.len()
    }

    /// Returns the sum of the rewards, without a discount.
    pub fn episode_return(&self) -> f64 {
        self.rewards.iter().copied().map(f64::from).sum()
    }

    /// Writes the episode as CSV: a row for each observation, with the action taken after it and the results of that step.
    ///
    /// Columns: `step`, `observation_0` and so on, `action_0` and so on, `reward`, `terminated`, `truncated`. The last row has
    /// only the last observation. Numbers have enough digits to read back the same bits.
    ///
    /// # Errors
    ///
    /// If `out` cannot be written to.
    pub fn write_csv(&self, out: impl Write) -> std::io::Result<()> {
        let numbered = |name: &str, row: Option<&Vec<f32>>| {
            (0..row.map_or(0, Vec::len)).map(|i| format!("{name}_{i}")).collect::<Vec<_>>()
        };
        let actions = numbered("action", self.actions.first());
        let ends = ["reward", "terminated", "truncated"].map(str::to_owned);
        let blank = vec![String::new(); actions.len() + ends.len()];

        let mut writer = csv::Writer::from_writer(out);
        let observations = numbered("observation", self.observations.first());
        writer.write_record(["step".to_owned()].into_iter().chain(observations).chain(actions).chain(ends))?;
        for (i, observation) in self.observations.iter().enumerate() {
            let mut row = vec![i.to_string()];
            row.extend(observation.iter().map(f32::to_string));
            match self.actions.get(i).zip(self.rewards.get(i)) {
                Some((action, reward)) => {
                    let last = i + 1 == self.length();
                    row.extend(action.iter().map(f32::to_string));
                    row.push(reward.to_string());
                    row.extend([last && self.terminated, last && self.truncated].map(|flag| flag.to_string()));
                }
                None => row.extend_from_slice(&blank),
            }
            writer.write_record(row)?;
        }
        writer.flush()
    }
}

/// Records the newest episodes: observations, actions, rewards, and pictures if enabled.
///
/// Only finished episodes are kept; one that is reset before its last step is dropped. The records are
/// not part of the [saved state](SaveState), which is that of the environment: it can be loaded with or without a
/// recorder. An episode that continues from a loaded state is not recorded, since its beginning is unknown.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, Recorder};
///
/// let mut env = Recorder::new(Pendulum::v1(), 1)?.with_frames();
/// env.reset(0)?;
/// while !env.step(&[1.0])?.is_last() {}
/// let episode = env.newest().expect("an episode has ended");
/// assert_eq!((episode.length(), episode.frames.len()), (200, 201));
/// let mut csv = Vec::new();
/// episode.write_csv(&mut csv)?;
/// assert!(csv.starts_with(b"step,observation_0,observation_1,observation_2,action_0,reward,terminated,truncated\n0,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recorder<E> {
    env: E,
    capacity: usize,
    draw: Option<fn(&E) -> Option<String>>,
    running: Option<RecordedEpisode>,
    finished: VecDeque<RecordedEpisode>,
}

impl<E> Recorder<E> {
    /// Keeps the newest `capacity` episodes of `env`, without pictures.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if `capacity` is 0.
    pub fn new(env: E, capacity: usize) -> Result<Self, ConfigError> {
        at_least("capacity", 1, capacity)?;
        Ok(Self { env, capacity, draw: None, running: None, finished: VecDeque::new() })
    }

    /// Records a picture of each state as well, from the next reset on.
    #[must_use]
    pub fn with_frames(self) -> Self
    where
        E: Render,
    {
        Self { draw: Some(E::render), running: None, ..self }
    }

    /// Returns the newest finished episodes, the oldest first.
    pub fn episodes(&self) -> impl ExactSizeIterator<Item = &RecordedEpisode> {
        self.finished.iter()
    }

    /// Returns the newest finished episode, or `None` if there is none.
    pub fn newest(&self) -> Option<&RecordedEpisode> {
        self.finished.back()
    }
}

wrapper!(Recorder<E>);

impl<E: Environment> Environment for Recorder<E> {
    forward!(observation_space, action_space, begin_step);

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.running = None;
        let observation = self.env.reset(seed)?;
        let mut episode =
            RecordedEpisode { seed, observations: vec![observation.clone()], ..RecordedEpisode::default() };
        episode.frames.extend(self.draw.and_then(|draw| draw(&self.env)));
        self.running = Some(episode);
        Ok(observation)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let step = self.env.step(action)?;
        let Some(mut episode) = self.running.take() else { return Ok(step) };
        episode.observations.push(step.observation.clone());
        episode.actions.push(action.to_vec());
        episode.rewards.push(step.reward);
        episode.frames.extend(self.draw.and_then(|draw| draw(&self.env)));
        if step.is_last() {
            (episode.terminated, episode.truncated) = (step.terminated, step.truncated);
            if self.finished.len() == self.capacity {
                self.finished.pop_front();
            }
            self.finished.push_back(episode);
        } else {
            self.running = Some(episode);
        }
        Ok(step)
    }
}

impl<E: SaveState> SaveState for Recorder<E> {
    fn save_state(&self) -> Result<State, StateError> {
        self.env.save_state()
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        self.env.load_state(state)?;
        self.running = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::mountain_car::MountainCarState;
    use crate::env::{MountainCarContinuous, Pendulum, Starts};

    fn play(env: &mut impl Environment) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        while !steps.last().is_some_and(Step::is_last) {
            steps.push(env.step(&[0.25]).unwrap());
        }
        steps
    }

    #[test]
    fn an_episode_is_what_was_seen_and_done() {
        let mut env = Recorder::new(Pendulum::v1(), 2).unwrap();
        let first = env.reset(3).unwrap();
        let steps = play(&mut env);
        let episode = env.newest().unwrap();
        assert_eq!((episode.seed, episode.length(), episode.terminated, episode.truncated), (3, 200, false, true));
        assert_eq!(episode.observations[0], first);
        assert!(episode.observations[1..].iter().eq(steps.iter().map(|step| &step.observation)));
        assert!(episode.rewards.iter().copied().eq(steps.iter().map(|step| step.reward)));
        assert_eq!(episode.actions, vec![vec![0.25]; 200]);
        assert_eq!(episode.episode_return(), steps.iter().map(|step| f64::from(step.reward)).sum::<f64>());
        assert!(episode.frames.is_empty());
    }

    #[test]
    fn the_newest_whole_episodes_are_kept() {
        let mut env = Recorder::new(Pendulum::v1(), 2).unwrap();
        for seed in 0..4 {
            env.reset(100 + seed).unwrap();
            env.step(&[0.0]).unwrap();
            env.reset(seed).unwrap();
            play(&mut env);
        }
        assert!(env.episodes().map(|episode| episode.seed).eq([2, 3]));
        assert!(env.episodes().all(|episode| episode.length() == 200));
    }

    #[test]
    fn pictures_are_of_the_states_of_the_observations() {
        let mut env = Recorder::new(Pendulum::v1(), 1).unwrap().with_frames();
        env.reset(0).unwrap();
        let mut drawn = vec![env.render().unwrap()];
        for _ in 0..200 {
            env.step(&[1.0]).unwrap();
            drawn.push(env.render().unwrap());
        }
        assert_eq!(env.newest().unwrap().frames, drawn);
    }

    #[test]
    fn csv_reads_back_as_the_same_bits() {
        let almost = MountainCarState { position: 0.42, velocity: 0.02 };
        let car = Starts::new(MountainCarContinuous::default(), vec![almost], MountainCarContinuous::reset_to).unwrap();
        let mut env = Recorder::new(car, 1).unwrap();
        env.reset(0).unwrap();
        play(&mut env);
        let episode = env.newest().unwrap();
        assert_eq!((episode.seed, episode.length()), (0, 2));

        let mut out = Vec::new();
        episode.write_csv(&mut out).unwrap();
        let rows: Vec<Vec<String>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&out[..])
            .records()
            .map(|row| row.unwrap().iter().map(str::to_owned).collect())
            .collect();
        assert_eq!(
            rows[0],
            ["step", "observation_0", "observation_1", "action_0", "reward", "terminated", "truncated"]
        );
        assert_eq!(rows[1][3..], ["0.25", "-0.00625", "false", "false"]);
        assert_eq!(rows[2][3..], ["0.25", "99.99375", "true", "false"]);
        assert_eq!(rows[3][3..], ["", "", "", ""]);
        assert_eq!(rows.len(), 4);
        for (i, row) in rows[1..].iter().enumerate() {
            assert_eq!(row[0], i.to_string());
            let read: Vec<f32> = row[1..3].iter().map(|x| x.parse().unwrap()).collect();
            assert_eq!(read, episode.observations[i]);
        }
    }

    #[test]
    fn a_disk_that_is_full_is_reported() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let episode = RecordedEpisode { observations: vec![vec![0.0]], ..RecordedEpisode::default() };
        assert_eq!(episode.write_csv(Full).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }

    #[test]
    fn what_a_loaded_state_goes_on_with_is_not_recorded() {
        let mut env = Recorder::new(Pendulum::v1(), 3).unwrap();
        env.reset(0).unwrap();
        env.step(&[0.0]).unwrap();
        let saved = env.save_state().unwrap();
        Pendulum::v1().load_state(saved.clone()).unwrap();
        env.load_state(saved).unwrap();
        play(&mut env);
        assert_eq!(env.episodes().len(), 0);
        env.reset(1).unwrap();
        play(&mut env);
        assert_eq!(env.episodes().len(), 1);
    }

    #[test]
    fn a_refused_state_leaves_the_recording() {
        let mut env = Recorder::new(Pendulum::v1(), 1).unwrap();
        env.reset(0).unwrap();
        assert!(env.load_state(State::new()).is_err());
        play(&mut env);
        assert_eq!(env.newest().unwrap().length(), 200);
    }

    #[test]
    fn keeping_nothing_is_refused() {
        let error = Recorder::new(Pendulum::v1(), 0).unwrap_err();
        assert_eq!(error.to_string(), "capacity must be at least 1, got 0");
    }
}
