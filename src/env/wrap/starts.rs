//! Episodes from start states of your choice.

use crate::config::{ConfigError, at_least};
use crate::env::{Environment, EnvironmentError};
use crate::state::{SaveState, State, StateError};

/// Starts episodes from a list of states: `reset(k)` starts from state `k`, counted modulo their number.
///
/// Use it to evaluate policies from the same starts, or to watch an episode from a state of interest. The saved
/// state is that of the environment, without the list.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, Starts, pendulum::PendulumState};
///
/// let upright = PendulumState { theta: 0.0, theta_dot: 0.0 };
/// let turning = PendulumState { theta: 0.0, theta_dot: 1.0 };
/// let mut env = Starts::new(Pendulum::default(), vec![upright, turning], Pendulum::reset_to)?;
/// assert_eq!(env.reset(0)?, [1.0, 0.0, 0.0]);
/// assert_eq!(env.reset(1)?, [1.0, 0.0, 1.0]);
/// assert_eq!(env.reset(2)?, [1.0, 0.0, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Starts<E, S> {
    env: E,
    starts: Vec<S>,
    reset_to: fn(&mut E, S) -> Result<Vec<f32>, EnvironmentError>,
}

impl<E, S> Starts<E, S> {
    /// Starts the episodes of `env` from `starts`, by calling `reset_to`, such as [`Pendulum::reset_to`](crate::env::Pendulum::reset_to).
    ///
    /// `reset_to` returns the first observation of an episode that starts from the given state.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if the list is empty.
    pub fn new(
        env: E,
        starts: Vec<S>,
        reset_to: fn(&mut E, S) -> Result<Vec<f32>, EnvironmentError>,
    ) -> Result<Self, ConfigError> {
        at_least("starts", 1, starts.len())?;
        Ok(Self { env, starts, reset_to })
    }
}

wrapper!(Starts<E, S>);

impl<E: Environment, S: Clone> Environment for Starts<E, S> {
    forward!(observation_space, action_space, step, begin_step);

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let start = self.starts[(seed % self.starts.len() as u64) as usize].clone();
        (self.reset_to)(&mut self.env, start)
    }
}

impl<E: SaveState, S> SaveState for Starts<E, S> {
    fn save_state(&self) -> Result<State, StateError> {
        self.env.save_state()
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        self.env.load_state(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::mountain_car::MountainCarState;
    use crate::env::{MountainCarContinuous, Render, TimeLimit, check_environment, check_saved_state};
    use std::num::NonZeroUsize;

    fn car(starts: &[(f64, f64)]) -> Result<Starts<MountainCarContinuous, MountainCarState>, ConfigError> {
        let starts = starts.iter().map(|&(position, velocity)| MountainCarState { position, velocity }).collect();
        Starts::new(MountainCarContinuous::default(), starts, MountainCarContinuous::reset_to)
    }

    #[test]
    fn the_contracts_hold_with_a_time_limit() {
        let env = || TimeLimit::new(car(&[(-0.5, 0.0), (0.0, 0.01)]).unwrap(), NonZeroUsize::new(30).unwrap());
        check_environment(&mut env()).unwrap();
        check_saved_state(&mut env()).unwrap();
    }

    #[test]
    fn an_episode_is_that_of_the_environment_from_the_same_state() {
        let (mut env, mut plain) = (car(&[(-0.5, 0.0), (0.3, 0.01)]).unwrap(), MountainCarContinuous::default());
        let first = plain.reset_to(MountainCarState { position: 0.3, velocity: 0.01 }).unwrap();
        assert_eq!(env.reset(1).unwrap(), first);
        assert_eq!(env.step(&[0.5]).unwrap(), plain.step(&[0.5]).unwrap());
        assert_eq!(env.render(), plain.render());
        assert_eq!(env.inner(), &plain);
    }

    #[test]
    fn a_state_out_of_range_is_refused_at_its_reset() {
        let error = car(&[(f64::NAN, 0.0)]).unwrap().reset(0).unwrap_err();
        assert!(error.to_string().starts_with("position must be finite"), "{error}");
    }

    #[test]
    fn a_list_without_a_state_is_refused() {
        assert_eq!(car(&[]).unwrap_err().to_string(), "starts must be at least 1, got 0");
    }
}
