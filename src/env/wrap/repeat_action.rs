//! Action repeat: one decision for several steps.

use super::{load_env, save_with_env};
use crate::config::{ConfigError, at_least};
use crate::env::{Environment, EnvironmentError, Step, check_action, within_f32};
use crate::state::{SaveState, State, StateError};

/// Takes each action several times, and adds the rewards.
///
/// One step of this wrapper is up to that many steps of the environment. It stops at the last step of an episode, with its flags. A
/// [`TimeLimit`](super::TimeLimit) outside counts decisions, one inside counts steps. The discount γ applies once to each
/// decision, and the rewards within a decision are not discounted.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, RepeatAction};
///
/// let mut repeated = RepeatAction::new(Pendulum::v1(), 2)?;
/// let mut plain = Pendulum::v1();
/// repeated.reset(0)?;
/// plain.reset(0)?;
/// let (first, second) = (plain.step(&[1.0])?, plain.step(&[1.0])?);
/// let step = repeated.step(&[1.0])?;
/// assert_eq!(step.observation, second.observation);
/// assert_eq!(step.reward, first.reward + second.reward);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RepeatAction<E> {
    env: E,
    times: usize,
}

impl<E> RepeatAction<E> {
    /// Takes each action `times` times.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if `times` is 0.
    pub fn new(env: E, times: usize) -> Result<Self, ConfigError> {
        at_least("times", 1, times)?;
        Ok(Self { env, times })
    }
}

wrapper!(RepeatAction<E>);

impl<E: Environment> Environment for RepeatAction<E> {
    forward!(observation_space, action_space, reset, begin_step);

    /// # Errors
    ///
    /// As the environment's. After an error in a later step, the earlier steps of the decision stand.
    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(self.env.action_space(), action)?;
        let mut step = self.env.step(action)?;
        let mut reward = f64::from(step.reward);
        for _ in 1..self.times {
            if step.is_last() {
                break;
            }
            step = self.env.step(action)?;
            reward += f64::from(step.reward);
        }
        Ok(Step { reward: within_f32(reward), ..step })
    }
}

impl<E: SaveState> SaveState for RepeatAction<E> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("times", self.times as u64);
        save_with_env(state, &self.env)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        state.expect("times", self.times as u64)?;
        load_env(state, &mut self.env)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::mountain_car::MountainCarState;
    use crate::env::{MountainCarContinuous, Pendulum};
    use crate::space::BoxSpace;

    #[test]
    fn the_last_step_of_an_episode_is_the_last_that_is_taken() {
        // 200 = 66 · 3 + 2
        let mut env = RepeatAction::new(Pendulum::v1(), 3).unwrap();
        let mut plain = Pendulum::v1();
        env.reset(1).unwrap();
        plain.reset(1).unwrap();
        for taken in 1..=67 {
            let rewards: f64 =
                (0..if taken < 67 { 3 } else { 2 }).map(|_| f64::from(plain.step(&[0.5]).unwrap().reward)).sum();
            let step = env.step(&[0.5]).unwrap();
            assert_eq!((step.reward, step.truncated, step.terminated), (rewards as f32, taken == 67, false), "{taken}");
        }
        assert!(matches!(env.step(&[0.5]), Err(EnvironmentError::StepAfterEnd)));
    }

    #[test]
    fn arriving_ends_the_repetition() {
        let almost = MountainCarState { position: 0.44, velocity: 0.05 };
        let mut car = MountainCarContinuous::default();
        car.reset_to(almost).unwrap();
        let mut env = RepeatAction::new(car, 10).unwrap();
        let step = env.step(&[1.0]).unwrap();
        assert!(step.terminated && step.reward == 99.9, "{step:?}");
    }

    /// Returns the same reward in every step.
    struct Constant(BoxSpace, f32);

    impl Environment for Constant {
        fn observation_space(&self) -> &BoxSpace {
            &self.0
        }

        fn action_space(&self) -> &BoxSpace {
            &self.0
        }

        fn reset(&mut self, _seed: u64) -> Result<Vec<f32>, EnvironmentError> {
            Ok(vec![0.0])
        }

        fn step(&mut self, _action: &[f32]) -> Result<Step, EnvironmentError> {
            Ok(Step { observation: vec![0.0], reward: self.1, terminated: false, truncated: false })
        }
    }

    #[test]
    fn a_sum_out_of_range_stops_at_the_largest_and_a_fault_stays_one() {
        let sum_of = |reward| {
            let env = Constant(BoxSpace::symmetric(1.0, 1).unwrap(), reward);
            RepeatAction::new(env, 3).unwrap().step(&[0.0]).unwrap().reward
        };
        assert_eq!((sum_of(2.5), sum_of(3e38), sum_of(f32::MIN)), (7.5, f32::MAX, f32::MIN));
        assert_eq!(sum_of(f32::INFINITY), f32::INFINITY);
        assert!(sum_of(f32::NAN).is_nan());
    }

    #[test]
    fn taking_an_action_no_times_is_refused() {
        assert_eq!(RepeatAction::new(Pendulum::v1(), 0).unwrap_err().to_string(), "times must be at least 1, got 0");
    }

    #[test]
    fn the_state_of_another_number_is_refused() {
        let saved = RepeatAction::new(Pendulum::v1(), 2).unwrap().save_state().unwrap();
        let error = RepeatAction::new(Pendulum::v1(), 3).unwrap().load_state(saved).unwrap_err();
        assert_eq!(error.to_string(), "`times` must be the same as when the state was saved: 2 then, 3 now");
    }
}
