//! Rescaled actions: another box for the agent.

use super::{load_env, save_with_env};
use crate::config::ConfigError;
use crate::env::{Environment, EnvironmentError, Step, check_action, expect_numbers};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};

/// Maps the actions from a box of your choice to the bounds of the environment, axis by axis.
///
/// ```text
/// action = low + (a − from.low) / (from.high − from.low) · (high − low)
/// ```
///
/// An action inside the box is mapped inside the environment's bounds; one outside is mapped outside, and the environment decides what it
/// does. This crate's agents map `[−1, 1]` to the bounds of each axis themselves, so they learn the same with and without this
/// wrapper ([Units](crate::_docs::units)). A policy from elsewhere may need it.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, RescaleAction};
///
/// let mut unit = RescaleAction::to_unit(Pendulum::v1())?;
/// let mut plain = Pendulum::v1();
/// assert_eq!(unit.action_space().high(), [1.0]);
/// unit.reset(0)?;
/// plain.reset(0)?;
/// assert_eq!(unit.step(&[0.25])?, plain.step(&[0.5])?); // torques up to 2 N·m
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RescaleAction<E> {
    env: E,
    from: BoxSpace,
}

impl<E: Environment> RescaleAction<E> {
    /// Maps `from` onto the action space of `env`.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::ActionDim`] if `from` has another number of axes
    /// - [`ConfigError::Space`] if an agent cannot act in `from` ([`BoxSpace::require_actions`]), or a bound of the environment's
    ///   action space is infinite or an axis of it is too narrow for different actions; their size does not matter
    pub fn new(env: E, from: BoxSpace) -> Result<Self, ConfigError> {
        let (expected, found) = (env.action_space().dim(), from.dim());
        if expected != found {
            return Err(ConfigError::ActionDim { expected, found });
        }
        from.require_actions()?;
        env.action_space().require_finite()?;
        env.action_space().require_resolution()?;
        Ok(Self { env, from })
    }

    /// Maps `[−1, 1]` on every axis onto the action space of `env`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Space`] as [`RescaleAction::new`].
    pub fn to_unit(env: E) -> Result<Self, ConfigError> {
        let from = BoxSpace::symmetric(1.0, env.action_space().dim())?;
        Self::new(env, from)
    }

    fn rescale(&self, action: &[f32]) -> Vec<f32> {
        let to = self.env.action_space();
        let mapped = action.iter().enumerate().map(|(axis, &a)| {
            // In f64, where no difference of two f32 overflows.
            let [a, from_low, from_high] = [a, self.from.low()[axis], self.from.high()[axis]].map(f64::from);
            let [low, high] = [to.low()[axis], to.high()[axis]].map(f64::from);
            let mapped = low + (a - from_low) / (from_high - from_low) * (high - low);
            mapped.clamp(f32::MIN.into(), f32::MAX.into()) as f32
        });
        let mapped: Vec<f32> = mapped.collect();
        // Rounding must not push an action that is inside out.
        if self.from.contains(action) { to.clip(&mapped) } else { mapped }
    }
}

wrapper!(RescaleAction<E>);

impl<E: Environment> Environment for RescaleAction<E> {
    forward!(observation_space, reset);

    fn action_space(&self) -> &BoxSpace {
        &self.from
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.from, action)?;
        self.env.step(&self.rescale(action))
    }

    fn begin_step(&mut self, action: &[f32]) {
        if check_action(&self.from, action).is_ok() {
            self.env.begin_step(&self.rescale(action));
        }
    }
}

impl<E: SaveState> SaveState for RescaleAction<E> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        for (name, bounds) in [("low", self.from.low()), ("high", self.from.high())] {
            state.put_array(name, &[bounds.len()], bounds.to_vec());
        }
        save_with_env(state, &self.env)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        for (name, here) in [("low", self.from.low()), ("high", self.from.high())] {
            expect_numbers(&mut state, name, here)?;
        }
        load_env(state, &mut self.env)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Pendulum;
    use proptest::prelude::*;

    fn from(low: f32, high: f32) -> BoxSpace {
        BoxSpace::new(vec![low], vec![high]).unwrap()
    }

    #[test]
    fn the_ends_and_the_middle_are_mapped_onto_each_other() {
        let env = RescaleAction::new(Pendulum::v1(), from(0.0, 10.0)).unwrap();
        for (action, torque) in [(0.0, -2.0), (2.5, -1.0), (5.0, 0.0), (10.0, 2.0), (15.0, 4.0), (-5.0, -4.0)] {
            assert_eq!(env.rescale(&[action]), [torque]);
        }
    }

    #[test]
    fn spaces_that_do_not_fit_are_refused() {
        let error = RescaleAction::new(Pendulum::v1(), BoxSpace::symmetric(1.0, 2).unwrap()).unwrap_err();
        let text = "the box of the agent must have 1 axis, one per axis of the action space, got 2";
        assert_eq!(error.to_string(), text);
        let error = RescaleAction::new(Pendulum::v1(), BoxSpace::unbounded(1).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "axis 0 of an action space must have finite bounds, got [-inf, inf]");
    }

    #[test]
    fn a_malformed_action_is_refused_in_the_agents_terms() {
        let mut env = RescaleAction::to_unit(Pendulum::v1()).unwrap();
        env.reset(0).unwrap();
        assert_eq!(env.step(&[f32::INFINITY]).unwrap_err().to_string(), "action must be finite, got inf on axis 0");
        assert!(env.step(&[0.0, 0.0]).is_err());
        assert!(env.step(&[f32::MAX]).is_ok(), "a finite action stays finite");
    }

    #[test]
    fn the_state_of_another_box_is_refused() {
        let saved = RescaleAction::to_unit(Pendulum::v1()).unwrap().save_state().unwrap();
        let error = RescaleAction::new(Pendulum::v1(), from(0.0, 1.0)).unwrap().load_state(saved).unwrap_err();
        assert_eq!(error.to_string(), "`low` must be the same as when the state was saved: -1 on axis 0 then, 0 now");
    }

    proptest! {
        #[test]
        fn an_action_inside_arrives_inside(low in -1e6_f32..1e6, width in 1e-3_f32..1e6, share in 0_f32..=1.0) {
            let high = low + width;
            prop_assume!(low < high);
            prop_assume!(from(low, high).require_actions().is_ok());
            let env = RescaleAction::new(Pendulum::v1(), from(low, high)).unwrap();
            let action = (low + share * (high - low)).clamp(low, high);
            prop_assert!(env.inner().action_space().contains(&env.rescale(&[action])));
        }
    }
}
