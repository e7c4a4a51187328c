//! Bounds of an action space as tensors, and the units of actions inside networks.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor, assert_shape};

use crate::config::ConfigError;
use crate::fused::{Builder, Source};
use crate::space::BoxSpace;
use crate::upload::upload;

/// The units of the actions inside a network.
///
/// Agents pass actions in `[−1, 1]` on every axis to networks, and expect such actions from them. With this setting a
/// network converts them for itself.
#[derive(Config, Debug, Copy, PartialEq)]
pub enum ActionUnits {
    /// `[−1, 1]` on every axis. What is learned does not depend on the units of the environment.
    Normalized,
    /// The units of the environment, as in CleanRL and in the lab notebook. Use it only to reproduce such runs: with
    /// bounds far from `[−1, 1]` nothing is learned.
    Environment,
}

impl ActionUnits {
    /// Returns the bounds that a network needs to convert actions; `None` for [`Normalized`](Self::Normalized).
    pub(super) fn bounds(self, space: &BoxSpace, device: &Device) -> Result<Option<ActionBounds>, ConfigError> {
        match self {
            Self::Normalized => Ok(None),
            Self::Environment => ActionBounds::new(space, device).map(Some),
        }
    }
}

/// Converts actions in `[−1, 1]` to the units of a network.
pub(super) fn in_units(bounds: &Option<ActionBounds>, actions: Tensor<2>) -> Tensor<2> {
    match bounds {
        Some(bounds) => bounds.scale(actions),
        None => actions,
    }
}

/// As [`in_units`], as a step of a program.
pub(super) fn add_units(bounds: &Option<ActionBounds>, builder: &mut Builder, actions: Source) -> Source {
    let Some(bounds) = bounds else { return actions };
    let read = |tensor: &Tensor<2>| tensor.clone().inner().try_into_vec_as().expect("host memory can be read");
    builder.affine(actions, read(&bounds.half_range), read(&bounds.center))
}

/// The bounds of an action space, as tensors.
///
/// Agents need none, since networks see actions in `[−1, 1]`. A critic of your own that needs environment units has the
/// bounds as a field and calls [`scale`](Self::scale) on its actions.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::Tensor;
/// use actor_critic::nn::ActionBounds;
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let bounds = ActionBounds::new(&BoxSpace::new(vec![-2.0], vec![4.0])?, &device)?;
/// let actions = bounds.scale(Tensor::from_data([[-1.0], [0.0], [0.5]], &device));
/// assert_eq!(actions.try_into_vec_as::<f32>().unwrap(), [-2.0, 1.0, 2.5]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module, Debug)]
pub struct ActionBounds {
    /// Half the length of each interval, `[1, A]`.
    half_range: Tensor<2>,
    /// The middle of each interval, `[1, A]`.
    center: Tensor<2>,
    log_volume: f64,
}

impl ActionBounds {
    /// Uploads the bounds of `space`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Space`] if a bound is infinite.
    pub fn new(space: &BoxSpace, device: &Device) -> Result<Self, ConfigError> {
        space.require_finite()?;
        let dim = space.dim();
        let half_range = space.half_range();
        let log_volume = half_range.iter().map(|&half| f64::from(half).ln()).sum();
        Ok(Self {
            half_range: upload(half_range, [1, dim], device),
            center: upload(space.center(), [1, dim], device),
            log_volume,
        })
    }

    /// Maps `[−1, 1]` to the bounds of each axis: `center + half_range · x`. `half_range` is half the width of the
    /// axis.
    ///
    /// ±1 give the bounds up to one rounding. Agents clip the actions that go to the environment.
    ///
    /// # Shapes
    ///
    /// - `unit`: `[n, A]`; returns `[n, A]`
    ///
    /// # Panics
    ///
    /// Panics if `unit` has another number of columns.
    pub fn scale(&self, unit: Tensor<2>) -> Tensor<2> {
        assert_shape!(unit, [_, self.dim()]);
        unit * self.half_range.clone() + self.center.clone()
    }

    /// Maps the bounds of each axis to `[−1, 1]`: `(a − center) / half_range`, the inverse of [`scale`](Self::scale).
    ///
    /// # Shapes
    ///
    /// - `actions`: `[n, A]`, in environment units; returns `[n, A]`
    ///
    /// # Panics
    ///
    /// Panics if `actions` has another number of columns.
    pub fn unscale(&self, actions: Tensor<2>) -> Tensor<2> {
        assert_shape!(actions, [_, self.dim()]);
        (actions - self.center.clone()) / self.half_range.clone()
    }

    /// Returns `Σ log(half_range)` over the axes: the log-determinant of [`scale`](Self::scale).
    pub(crate) fn log_volume(&self) -> f64 {
        self.log_volume
    }

    /// Returns A, the number of action axes.
    pub fn dim(&self) -> usize {
        self.half_range.dims()[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{TensorData, Tolerance};

    #[test]
    fn each_axis_has_its_own_bounds() {
        let device = crate::test_device();
        let space = BoxSpace::new(vec![-2.0, -0.5], vec![2.0, 1.5]).unwrap();
        let bounds = ActionBounds::new(&space, &device).unwrap();

        let unit = Tensor::<2>::from_data([[-1.0, 1.0], [0.0, 0.5]], &device);
        let expected = TensorData::from([[-2.0_f32, 1.5], [0.0, 1.0]]);
        bounds.scale(unit).into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());

        let actions = Tensor::<2>::from_data([[-2.0, 1.5], [1.0, -0.25]], &device);
        let expected = TensorData::from([[-1.0_f32, 1.0], [0.5, -0.75]]);
        bounds.unscale(actions).into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());

        assert!((bounds.log_volume() - 2.0_f64.ln()).abs() < 1e-7); // ln 2 + ln 1
    }

    #[test]
    #[should_panic(expected = "assert_shape!(unit, [_, self.dim()])")]
    fn a_single_axis_does_not_broadcast_over_two() {
        let device = crate::test_device();
        let bounds = ActionBounds::new(&BoxSpace::symmetric(1.0, 1).unwrap(), &device).unwrap();
        bounds.scale(Tensor::zeros([4, 2], &device));
    }

    #[test]
    fn infinite_bounds_are_rejected() {
        let error = ActionBounds::new(&BoxSpace::unbounded(1).unwrap(), &crate::test_device()).unwrap_err();
        assert_eq!(error.to_string(), "axis 0 of an action space must have finite bounds, got [-inf, inf]");
    }
}
