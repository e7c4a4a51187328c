//! Stacked observations: the newest few in one vector.

use super::{load_env, save_with_env};
use crate::config::{ConfigError, at_least};
use crate::env::{Environment, EnvironmentError, Step};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};

/// Shows the newest observations side by side, the oldest first.
///
/// Use it for a task whose observation lacks a part of its state, such as the velocity. After a reset, the
/// first observation fills the places of the missing ones.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, FrameStack, Pendulum};
///
/// let mut stacked = FrameStack::new(Pendulum::v1(), 2)?;
/// let mut plain = Pendulum::v1();
/// let first = plain.reset(0)?;
/// assert_eq!(stacked.reset(0)?, [first.clone(), first.clone()].concat());
/// let second = plain.step(&[1.0])?.observation;
/// assert_eq!(stacked.step(&[1.0])?.observation, [first, second].concat());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FrameStack<E> {
    env: E,
    observation_space: BoxSpace,
    frames: usize,
    /// All frames, one after the other; `None` before the first reset.
    stack: Option<Vec<f32>>,
}

impl<E: Environment> FrameStack<E> {
    /// Shows the newest `frames` observations of `env`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if `frames` is 0.
    pub fn new(env: E, frames: usize) -> Result<Self, ConfigError> {
        at_least("frames", 1, frames)?;
        let space = env.observation_space();
        let observation_space = BoxSpace::new(space.low().repeat(frames), space.high().repeat(frames))?;
        Ok(Self { env, observation_space, frames, stack: None })
    }
}

wrapper!(FrameStack<E>);

impl<E: Environment> Environment for FrameStack<E> {
    forward!(action_space, begin_step);

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.stack = None;
        let stack = self.env.reset(seed)?.repeat(self.frames);
        self.stack = Some(stack.clone());
        Ok(stack)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let stack = self.stack.as_mut().ok_or(EnvironmentError::StepBeforeReset)?;
        let step = self.env.step(action)?;
        stack.drain(..stack.len() / self.frames);
        stack.extend(step.observation);
        Ok(Step { observation: stack.clone(), ..step })
    }
}

impl<E: SaveState> SaveState for FrameStack<E> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("frames", self.frames as u64);
        state.put("begun", u64::from(self.stack.is_some()));
        if let Some(stack) = &self.stack {
            state.put_array("stack", &[stack.len()], stack.clone());
        }
        save_with_env(state, &self.env)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        state.expect("frames", self.frames as u64)?;
        let stack = match state.take_flag("begun")? {
            true => Some(state.take_array("stack", &[self.observation_space.dim()])?),
            false => None,
        };
        load_env(state, &mut self.env)?;
        self.stack = stack;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MountainCarContinuous, Pendulum, Starts};

    #[test]
    fn the_newest_observations_are_shown_with_the_oldest_first() {
        let mut env = FrameStack::new(MountainCarContinuous::v0(), 3).unwrap();
        let mut plain = MountainCarContinuous::v0();
        env.reset(0).unwrap();
        let mut seen = vec![plain.reset(0).unwrap(); 3];
        for i in 0..6 {
            let action = [i as f32 / 6.0];
            seen.push(plain.step(&action).unwrap().observation);
            assert_eq!(env.step(&action).unwrap().observation, seen[seen.len() - 3..].concat(), "step {i}");
        }
    }

    #[test]
    fn the_space_is_repeated() {
        let env = FrameStack::new(MountainCarContinuous::v0(), 2).unwrap();
        assert_eq!(env.observation_space().low(), [-1.2, -0.07, -1.2, -0.07]);
        assert_eq!(env.observation_space().high(), [0.6, 0.07, 0.6, 0.07]);
    }

    #[test]
    fn nothing_of_an_episode_is_seen_in_the_next() {
        let mut env = FrameStack::new(Pendulum::v1(), 4).unwrap();
        let first = env.reset(1).unwrap();
        env.step(&[2.0]).unwrap();
        assert_eq!(env.reset(1).unwrap(), first);
    }

    #[test]
    fn a_failed_reset_leaves_no_episode_running() {
        let begin = |pendulum: &mut Pendulum, has_power| match has_power {
            true => pendulum.reset(0),
            false => Err(EnvironmentError::other("no power")),
        };
        let starts = Starts::new(Pendulum::default(), vec![true, false], begin).unwrap();
        let mut env = FrameStack::new(starts, 2).unwrap();
        env.reset(0).unwrap();
        assert!(env.reset(1).is_err());
        assert!(matches!(env.step(&[0.0]), Err(EnvironmentError::StepBeforeReset)));
    }

    #[test]
    fn a_stack_without_frames_is_refused() {
        let error = FrameStack::new(Pendulum::v1(), 0).unwrap_err();
        assert_eq!(error.to_string(), "frames must be at least 1, got 0");
    }

    #[test]
    fn the_state_of_another_number_of_frames_is_refused() {
        let saved = FrameStack::new(Pendulum::v1(), 2).unwrap().save_state().unwrap();
        let error = FrameStack::new(Pendulum::v1(), 3).unwrap().load_state(saved).unwrap_err();
        assert_eq!(error.to_string(), "`frames` must be the same as when the state was saved: 2 then, 3 now");
    }
}
