//! Rescaled observations: another unit and zero for each axis.

use super::{load_env, save_with_env};
use crate::config::{ConfigError, finite, positive};
use crate::env::{Environment, EnvironmentError, Step, expect_numbers, within_f32};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};

/// Changes the unit and the zero of each observation axis: `scale · observation + offset`.
///
/// For example, from metres to millimetres, or from degrees Celsius to kelvin. The result is computed in double precision and rounded once. A finite
/// result that single precision cannot hold becomes the largest that it can.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, RescaleObservation};
///
/// // The cosine and the sine in per cent, the angular velocity in degrees a second.
/// let mut env = RescaleObservation::new(Pendulum::v1(), &[100.0, 100.0, 180.0 / std::f64::consts::PI], &[0.0; 3])?;
/// assert_eq!(env.observation_space().high()[..2], [100.0, 100.0]);
/// let plain = Pendulum::v1().reset(0)?;
/// assert_eq!(env.reset(0)?[0], 100.0 * plain[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RescaleObservation<E> {
    env: E,
    scale: Vec<f64>,
    offset: Vec<f64>,
    observation_space: BoxSpace,
}

impl<E: Environment> RescaleObservation<E> {
    /// Multiplies axis `i` of the observations of `env` by `scale[i]`, then adds `offset[i]`.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::ObservationDim`] if `scale` or `offset` does not have one number per axis
    /// - [`ConfigError::Axis`] if a scale is not positive and finite, or an offset is not finite
    pub fn new(env: E, scale: &[f64], offset: &[f64]) -> Result<Self, ConfigError> {
        let space = env.observation_space();
        for (field, numbers) in [("scale", scale), ("offset", offset)] {
            let (expected, found) = (space.dim(), numbers.len());
            if expected != found {
                return Err(ConfigError::ObservationDim { field, expected, found });
            }
        }
        for (axis, (&scale, &offset)) in scale.iter().zip(offset).enumerate() {
            let checked = positive("scale", scale).and_then(|()| finite("offset", offset));
            checked.map_err(|error| ConfigError::Axis { axis, error: Box::new(error) })?;
        }
        let (scale, offset) = (scale.to_vec(), offset.to_vec());
        let [low, high] = [space.low(), space.high()].map(|bounds| rescaled(bounds, &scale, &offset));
        let observation_space = BoxSpace::new(low, high)?;
        Ok(Self { env, scale, offset, observation_space })
    }
}

/// Applies the map to each axis. The map is monotonic, so a point of the space stays inside the mapped space.
fn rescaled(values: &[f32], scale: &[f64], offset: &[f64]) -> Vec<f32> {
    let map = |((&value, scale), offset): ((&f32, &f64), &f64)| {
        let mapped = f64::from(value) * scale + offset;
        // A fault of the environment stays one.
        if value.is_finite() { within_f32(mapped.clamp(f64::MIN, f64::MAX)) } else { value }
    };
    values.iter().zip(scale).zip(offset).map(map).collect()
}

impl<E> RescaleObservation<E> {
    fn rescale(&self, observation: Vec<f32>) -> Vec<f32> {
        // An observation of the wrong length stays as it is, so that later checks report it.
        if observation.len() == self.scale.len() {
            rescaled(&observation, &self.scale, &self.offset)
        } else {
            observation
        }
    }
}

wrapper!(RescaleObservation<E>);

impl<E: Environment> Environment for RescaleObservation<E> {
    forward!(action_space, begin_step);

    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let observation = self.env.reset(seed)?;
        Ok(self.rescale(observation))
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let step = self.env.step(action)?;
        Ok(Step { observation: self.rescale(step.observation), ..step })
    }
}

impl<E: SaveState> SaveState for RescaleObservation<E> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        for (name, numbers) in [("scale", &self.scale), ("offset", &self.offset)] {
            state.put_array(name, &[numbers.len()], numbers.clone());
        }
        save_with_env(state, &self.env)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        expect_numbers(&mut state, "scale", &self.scale)?;
        expect_numbers(&mut state, "offset", &self.offset)?;
        load_env(state, &mut self.env)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MountainCarContinuous, Pendulum};
    use proptest::prelude::*;

    fn pendulum(scale: [f64; 3], offset: [f64; 3]) -> Result<RescaleObservation<Pendulum>, ConfigError> {
        RescaleObservation::new(Pendulum::default(), &scale, &offset)
    }

    #[test]
    fn each_axis_has_its_own_scale_and_offset_and_nothing_else_changes() {
        let mut env = RescaleObservation::new(MountainCarContinuous::default(), &[10.0, 0.5], &[1.0, -2.0]).unwrap();
        assert_eq!(env.observation_space().low(), [-11.0, -2.035]);
        assert_eq!(env.observation_space().high(), [7.0, -1.965]);
        let mut plain = MountainCarContinuous::default();
        let map = |o: Vec<f32>| [(10.0 * f64::from(o[0]) + 1.0) as f32, (0.5 * f64::from(o[1]) - 2.0) as f32];
        assert_eq!(env.reset(5).unwrap(), map(plain.reset(5).unwrap()));
        let (step, as_it_was) = (env.step(&[0.5]).unwrap(), plain.step(&[0.5]).unwrap());
        assert_eq!(step.observation, map(as_it_was.observation.clone()));
        assert_eq!(Step { observation: as_it_was.observation.clone(), ..step }, as_it_was);
    }

    #[test]
    fn an_axis_that_the_offset_drowns_becomes_constant() {
        let env = pendulum([1.0, 1.0, 1.0], [0.0, 1e9, 0.0]).unwrap();
        assert_eq!((env.observation_space().low()[1], env.observation_space().high()[1]), (1e9, 1e9));
    }

    #[test]
    fn infinite_bounds_and_faults_stay_what_they_are() {
        assert_eq!(rescaled(&[f32::INFINITY, f32::MIN], &[2.0, 1e300], &[-1.0, 0.0]), [f32::INFINITY, f32::MIN]);
        assert!(rescaled(&[f32::NAN], &[2.0], &[1.0])[0].is_nan());
        let env = pendulum([1.0; 3], [0.0; 3]).unwrap();
        assert_eq!(env.rescale(vec![0.0; 4]).len(), 4, "a wrong length is for the caller to find");
    }

    #[test]
    fn numbers_that_are_no_units_are_refused_with_their_axis() {
        let text = |result: Result<RescaleObservation<Pendulum>, ConfigError>| result.unwrap_err().to_string();
        for (scale, shown) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            let expected = format!("axis 2: scale must be positive and finite, got {shown}");
            assert_eq!(text(pendulum([1.0, 1.0, scale], [0.0; 3])), expected);
        }
        assert_eq!(text(pendulum([1.0; 3], [0.0, f64::NAN, 0.0])), "axis 1: offset must be finite, got NaN");
        assert_eq!(
            text(RescaleObservation::new(Pendulum::default(), &[1.0; 3], &[0.0])),
            "offset must have 3 numbers, one per axis of the observation space, got 1"
        );
    }

    #[test]
    fn the_state_of_another_unit_is_refused() {
        let saved = pendulum([1.0, 2.0, 1.0], [0.0; 3]).unwrap().save_state().unwrap();
        let error = pendulum([1.0, 3.0, 1.0], [0.0; 3]).unwrap().load_state(saved).unwrap_err();
        assert_eq!(error.to_string(), "`scale` must be the same as when the state was saved: 2 on axis 1 then, 3 now");
    }

    proptest! {
        #[test]
        fn an_observation_inside_stays_inside(
            bounds in [-1e6_f32..1e6, -1e6_f32..1e6], share in 0_f32..=1.0, exponent in -12_i32..12, offset in -1e9_f64..1e9,
        ) {
            let (low, high) = (bounds[0].min(bounds[1]), bounds[0].max(bounds[1]));
            let value = (low + share * (high - low)).clamp(low, high);
            let [low, value, high] = [low, value, high].map(|x| rescaled(&[x], &[10_f64.powi(exponent)], &[offset])[0]);
            prop_assert!(low <= value && value <= high, "{} {} {}", low, value, high);
        }
    }
}
