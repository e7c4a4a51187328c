//! The affine map between `[−1, 1]` and the action space, on the device.

use burn::module::Module;
use burn::tensor::{Device, Tensor, assert_shape};

use crate::config::ConfigError;
use crate::space::BoxSpace;
use crate::upload::upload;

/// The bounds of an action space, held as tensors next to the network that needs them.
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

    /// Maps `[−1, 1]` onto the bounds of each axis: `center + half_range · x`.
    ///
    /// # Shapes
    ///
    /// - `unit`: `[n, A]`; returns `[n, A]`
    ///
    /// The ends of `[−1, 1]` meet the bounds to within one rounding; agents clip what leaves for the environment.
    ///
    /// # Panics
    ///
    /// Panics if `unit` has another number of columns.
    pub fn scale(&self, unit: Tensor<2>) -> Tensor<2> {
        assert_shape!(unit, [_, self.dim()]);
        unit * self.half_range.clone() + self.center.clone()
    }

    /// Adds clipped Gaussian noise and clips the result: `clip(a + half_range · clamp(std · noise, ±limit))`.
    ///
    /// The noise has units of the half-range. This is TD3's target policy smoothing[^1], and the lab's noisy policy.
    ///
    /// # Shapes
    ///
    /// - `actions`, `noise`: `[n, A]`; returns `[n, A]`
    ///
    /// # Panics
    ///
    /// Panics if the two tensors differ in shape.
    ///
    /// [^1]: S. Fujimoto et al. (2018). *Addressing Function Approximation Error in Actor-Critic Methods*.
    /// arXiv:1802.09477, eq. 14 and 15.
    pub fn perturb(&self, actions: Tensor<2>, noise: Tensor<2>, std: f64, limit: f64) -> Tensor<2> {
        let [n, axes] = actions.dims();
        assert_shape!(noise, [n, axes]);
        self.clip(actions + (noise * std).clamp(-limit, limit) * self.half_range.clone())
    }

    /// Clips actions to the bounds, to within one rounding; the gradient of a clipped component is 0.
    ///
    /// # Shapes
    ///
    /// - `actions`: `[n, A]`; returns `[n, A]`
    ///
    /// # Panics
    ///
    /// Panics if `actions` has another number of columns.
    pub fn clip(&self, actions: Tensor<2>) -> Tensor<2> {
        assert_shape!(actions, [_, self.dim()]);
        let unit = (actions - self.center.clone()) / self.half_range.clone();
        self.scale(unit.clamp(-1.0, 1.0))
    }

    /// Returns Σ log(half-range) over the axes: the log-determinant of [`scale`](Self::scale).
    pub fn log_volume(&self) -> f64 {
        self.log_volume
    }

    /// Returns half the length of each interval, `[1, A]`.
    pub(super) fn half_range(&self) -> &Tensor<2> {
        &self.half_range
    }

    /// Returns the middle of each interval, `[1, A]`.
    pub(super) fn center(&self) -> &Tensor<2> {
        &self.center
    }

    /// Returns whether these are the bounds of `space`.
    pub(crate) fn are_those_of(&self, space: &BoxSpace) -> bool {
        let same = |tensor: &Tensor<2>, values: Vec<f32>| {
            tensor.clone().try_into_vec_as::<f32>().is_ok_and(|found| found == values)
        };
        same(&self.half_range, space.half_range()) && same(&self.center, space.center())
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

        let outside = Tensor::<2>::from_data([[-9.0, 9.0], [1.0, -0.25]], &device);
        let expected = TensorData::from([[-2.0_f32, 1.5], [1.0, -0.25]]);
        bounds.clip(outside).into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());

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
