//! Scaled rewards: another unit.

use super::{load_env, save_with_env};
use crate::config::{ConfigError, positive};
use crate::env::{Environment, EnvironmentError, Step, within_f32};
use crate::state::{SaveState, State, StateError};

/// Multiplies each reward by a positive number.
///
/// The best policy stays the same. The balance with other quantities changes: SAC's temperature, the size of a
/// critic's errors and of its gradients. A reward that f32 cannot hold becomes the largest that it can.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, ScaleReward};
///
/// let mut scaled = ScaleReward::new(Pendulum::v1(), 0.5)?;
/// let mut plain = Pendulum::v1();
/// scaled.reset(0)?;
/// plain.reset(0)?;
/// assert_eq!(scaled.step(&[1.0])?.reward, 0.5 * plain.step(&[1.0])?.reward);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleReward<E> {
    env: E,
    factor: f64,
}

impl<E> ScaleReward<E> {
    /// Multiplies the rewards of `env` by `factor`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NotPositive`] if the factor is not positive and finite.
    pub fn new(env: E, factor: f64) -> Result<Self, ConfigError> {
        positive("factor", factor)?;
        Ok(Self { env, factor })
    }
}

wrapper!(ScaleReward<E>);

impl<E: Environment> Environment for ScaleReward<E> {
    forward!(observation_space, action_space, reset, begin_step);

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let step = self.env.step(action)?;
        let scaled = self.factor * f64::from(step.reward);
        // A large factor may leave even f64; an infinity that was one before stays one.
        let reward = if step.reward.is_finite() { within_f32(scaled.clamp(f64::MIN, f64::MAX)) } else { step.reward };
        Ok(Step { reward, ..step })
    }
}

impl<E: SaveState> SaveState for ScaleReward<E> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("factor", self.factor);
        save_with_env(state, &self.env)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        state.expect("factor", self.factor)?;
        load_env(state, &mut self.env)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MountainCarContinuous, Pendulum};
    use crate::space::BoxSpace;

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
            Ok(Step { observation: vec![0.0], reward: self.1, terminated: true, truncated: false })
        }
    }

    fn scaled(reward: f32, factor: f64) -> f32 {
        let env = Constant(BoxSpace::symmetric(1.0, 1).unwrap(), reward);
        ScaleReward::new(env, factor).unwrap().step(&[0.0]).unwrap().reward
    }

    #[test]
    fn only_the_reward_changes() {
        let mut env = ScaleReward::new(MountainCarContinuous::v0(), 10.0).unwrap();
        let mut plain = MountainCarContinuous::v0();
        assert_eq!(env.reset(5).unwrap(), plain.reset(5).unwrap());
        let (step, as_it_was) = (env.step(&[0.5]).unwrap(), plain.step(&[0.5]).unwrap());
        assert_eq!(step.reward, -0.25);
        assert_eq!(Step { reward: as_it_was.reward, ..step }, as_it_was);
    }

    #[test]
    fn a_reward_out_of_range_stops_at_the_largest_and_a_fault_stays_one() {
        assert_eq!((scaled(f32::MIN, 10.0), scaled(1e30, 1e300)), (f32::MIN, f32::MAX));
        assert!(scaled(f32::NAN, 2.0).is_nan());
        assert_eq!(scaled(f32::INFINITY, 0.5), f32::INFINITY);
    }

    #[test]
    fn a_factor_that_turns_or_wipes_out_the_task_is_refused() {
        for (factor, text) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            let error = ScaleReward::new(Pendulum::v1(), factor).unwrap_err();
            assert_eq!(error.to_string(), format!("factor must be positive and finite, got {text}"));
        }
    }

    #[test]
    fn the_state_of_another_factor_is_refused() {
        let saved = ScaleReward::new(Pendulum::v1(), 2.0).unwrap().save_state().unwrap();
        let error = ScaleReward::new(Pendulum::v1(), 3.0).unwrap().load_state(saved).unwrap_err();
        assert_eq!(error.to_string(), "`factor` must be the same as when the state was saved: 2 then, 3 now");
    }
}
