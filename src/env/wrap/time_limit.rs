//! A limit on the number of steps in an episode.

use super::{load_env, save_with_env};
use crate::env::{Environment, EnvironmentError, Step};
use crate::state::{SaveState, State, StateError};
use std::num::NonZeroUsize;

/// Truncates the episodes of another environment after a number of steps.
///
/// The last step keeps the inner environment's `terminated`, and sets `truncated`: a time limit does not end
/// the future of the state[^1].
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, TimeLimit};
/// use std::num::NonZeroUsize;
///
/// const LIMIT: NonZeroUsize = NonZeroUsize::new(2).expect("2 is not zero");
/// let mut env = TimeLimit::new(Pendulum::default(), LIMIT);
/// env.reset(0)?;
/// assert!(!env.step(&[0.0])?.is_last());
/// let last = env.step(&[0.0])?;
/// assert!(last.truncated && !last.terminated);
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
///
/// [^1]: F. Pardo et al. (2018). *Time Limits in Reinforcement Learning*. arXiv:1712.00378.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeLimit<E> {
    env: E,
    max_steps: NonZeroUsize,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    BeforeReset,
    Running { elapsed: usize },
    Ended,
}

impl<E> TimeLimit<E> {
    /// Limits the episodes of `env` to `max_steps` steps.
    pub fn new(env: E, max_steps: NonZeroUsize) -> Self {
        Self { env, max_steps, phase: Phase::BeforeReset }
    }

    /// Returns the largest number of steps in an episode.
    pub fn max_steps(&self) -> usize {
        self.max_steps.get()
    }
}

wrapper!(TimeLimit<E>);

impl<E: Environment> Environment for TimeLimit<E> {
    forward!(observation_space, action_space, begin_step);

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.phase = Phase::BeforeReset;
        let observation = self.env.reset(seed)?;
        self.phase = Phase::Running { elapsed: 0 };
        Ok(observation)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let elapsed = match self.phase {
            Phase::BeforeReset => return Err(EnvironmentError::StepBeforeReset),
            Phase::Ended => return Err(EnvironmentError::StepAfterEnd),
            Phase::Running { elapsed } => elapsed + 1,
        };
        let mut step = self.env.step(action)?;
        step.truncated |= elapsed == self.max_steps.get();
        self.phase = if step.is_last() { Phase::Ended } else { Phase::Running { elapsed } };
        Ok(step)
    }
}

impl<E: SaveState> SaveState for TimeLimit<E> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("max_steps", self.max_steps.get() as u64);
        let (phase, elapsed) = match self.phase {
            Phase::BeforeReset => ("before reset", 0),
            Phase::Running { elapsed } => ("running", elapsed as u64),
            Phase::Ended => ("ended", 0),
        };
        state.put_text("phase", phase);
        state.put("elapsed", elapsed);
        save_with_env(state, &self.env)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        state.expect("max_steps", self.max_steps.get() as u64)?;
        let elapsed = state.take_count("elapsed")?;
        let phase = match state.take_text("phase")?.as_str() {
            "before reset" => Phase::BeforeReset,
            "running" if elapsed < self.max_steps.get() => Phase::Running { elapsed },
            "running" => return Err(StateError::invalid("elapsed", format!("below {}", self.max_steps), elapsed)),
            "ended" => Phase::Ended,
            other => return Err(StateError::invalid("phase", "before reset, running or ended", other)),
        };
        load_env(state, &mut self.env)?;
        self.phase = phase;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::BoxSpace;

    /// Repeats a script of flags; an action below zero is refused.
    struct Scripted {
        space: BoxSpace,
        flags: Vec<(bool, bool)>,
        steps: usize,
    }

    impl Environment for Scripted {
        fn observation_space(&self) -> &BoxSpace {
            &self.space
        }

        fn action_space(&self) -> &BoxSpace {
            &self.space
        }

        fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
            self.steps = 0;
            if seed == 13 { Err(EnvironmentError::other("unlucky seed")) } else { Ok(vec![0.0]) }
        }

        fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
            if action[0] < 0.0 {
                return Err(EnvironmentError::other("negative action"));
            }
            let (terminated, truncated) = self.flags[self.steps];
            self.steps += 1;
            Ok(Step { observation: vec![0.0], reward: 0.0, terminated, truncated })
        }
    }

    fn limited(max_steps: usize, flags: &[(bool, bool)]) -> TimeLimit<Scripted> {
        let space = BoxSpace::symmetric(1.0, 1).unwrap();
        let env = Scripted { space, flags: flags.to_vec(), steps: 0 };
        TimeLimit::new(env, NonZeroUsize::new(max_steps).unwrap())
    }

    fn flags_of_an_episode(env: &mut TimeLimit<Scripted>) -> Vec<(bool, bool)> {
        env.reset(0).unwrap();
        let mut flags = Vec::new();
        while flags.last().is_none_or(|&(terminated, truncated)| !(terminated || truncated)) {
            let step = env.step(&[0.0]).unwrap();
            flags.push((step.terminated, step.truncated));
        }
        flags
    }

    #[test]
    fn the_last_step_is_truncated_and_not_terminated() {
        let mut env = limited(3, &[(false, false); 5]);
        for _ in 0..2 {
            assert_eq!(flags_of_an_episode(&mut env), [(false, false), (false, false), (false, true)]);
        }
    }

    #[test]
    fn termination_on_the_last_step_sets_both_flags() {
        let mut env = limited(2, &[(false, false), (true, false)]);
        assert_eq!(flags_of_an_episode(&mut env)[1], (true, true));
    }

    #[test]
    fn an_earlier_end_is_passed_on() {
        assert_eq!(flags_of_an_episode(&mut limited(9, &[(true, false)])), [(true, false)]);
        assert_eq!(flags_of_an_episode(&mut limited(9, &[(false, true)])), [(false, true)]);
        assert_eq!(flags_of_an_episode(&mut limited(9, &[(true, true)])), [(true, true)]);
    }

    #[test]
    fn a_step_before_the_first_reset_is_refused() {
        let error = limited(1, &[]).step(&[0.0]).unwrap_err();
        assert_eq!(error.to_string(), "reset must be called before the first step");
    }

    #[test]
    fn a_step_after_the_end_is_refused_until_a_reset() {
        let mut env = limited(1, &[(false, false)]);
        flags_of_an_episode(&mut env);
        for _ in 0..2 {
            let error = env.step(&[0.0]).unwrap_err();
            assert_eq!(error.to_string(), "the episode has ended: reset must be called before the next step");
        }
        assert_eq!(flags_of_an_episode(&mut env), [(false, true)]);
    }

    #[test]
    fn a_refused_step_is_not_counted() {
        let mut env = limited(2, &[(false, false); 2]);
        env.reset(0).unwrap();
        assert!(!env.step(&[0.0]).unwrap().is_last());
        for _ in 0..5 {
            assert_eq!(env.step(&[-1.0]).unwrap_err().to_string(), "the environment failed: negative action");
        }
        assert!(env.step(&[0.0]).unwrap().truncated);
    }

    #[test]
    fn a_failed_reset_leaves_no_episode_running() {
        let mut env = limited(5, &[(false, false); 5]);
        env.reset(0).unwrap();
        env.step(&[0.0]).unwrap();
        assert_eq!(env.reset(13).unwrap_err().to_string(), "the environment failed: unlucky seed");
        assert!(matches!(env.step(&[0.0]), Err(EnvironmentError::StepBeforeReset)));
    }

    #[test]
    fn a_reset_on_the_way_starts_the_count_again() {
        let mut env = limited(2, &[(false, false); 2]);
        env.reset(0).unwrap();
        env.step(&[0.0]).unwrap();
        env.reset(1).unwrap();
        assert!(!env.step(&[0.0]).unwrap().is_last());
        assert!(env.step(&[0.0]).unwrap().is_last());
        assert_eq!((env.max_steps(), env.inner().steps, env.into_inner().steps), (2, 2, 2));
    }
}
