//! The density of a Gaussian after tanh, without the loss of digits of the textbook formula.

use std::f64::consts::{LN_2, PI};

use burn::tensor::{Tensor, assert_shape};

use super::ActionSample;
use crate::fused;

/// Computes `log(1 − tanh² u)`, the logarithm of the slope of tanh, for any u.
///
/// In single precision, `1 − tanh² u` and its gradient are 0 from |u| ≈ 9 on. The same value without overflow and
/// cancellation, for any sign of u, is
///
/// ```text
/// log(1 − tanh² u) = 2 (log 2 − |u| − log(1 + exp(−2|u|)))
/// ```
///
/// # Shapes
///
/// - `u`: any; returns the same
pub fn log_tanh_slope(u: Tensor<2>) -> Tensor<2> {
    let magnitude = u.abs();
    let tail = (magnitude.clone() * -2.0).exp().log1p();
    (magnitude + tail - LN_2) * -2.0
}

/// Computes the log-density of `a = tanh(u)` with `u = mean + exp(log_std) · noise`, or of `center + half_range · a`.
///
/// ```text
/// log π(a∣o) = Σ_axes [ −½ noise² − log_std − ½ log 2π − log(1 − tanh² u) ] − log_volume
/// ```
///
/// With a `log_volume` of 0 it is the density of actions in `[−1, 1]`, equation 21 of the paper[^1]. With
/// `Σ log(half_range)`, where `half_range` is half the width of an axis, it is that of actions in environment units.
/// The two differ by a constant, which shifts every entropy.
///
/// # Shapes
///
/// - `noise`, `u`, `log_std`: `[n, A]`; returns `[n, 1]`, in nats (natural logarithm)
///
/// # Panics
///
/// Panics if the three tensors differ in shape.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::Tensor;
/// use actor_critic::nn::tanh_normal::log_prob;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let zeros = || Tensor::<2>::zeros([1, 1], &device);
/// let density = log_prob(zeros(), zeros(), zeros(), 0.0).into_scalar::<f32>();
/// assert!((density - -0.918_939).abs() < 1e-6); // −½ log 2π
/// ```
///
/// # References
///
/// [^1]: T. Haarnoja et al. (2018). *Soft Actor-Critic*. arXiv:1801.01290, appendix C, eq. 20 and 21.
pub fn log_prob(noise: Tensor<2>, u: Tensor<2>, log_std: Tensor<2>, log_volume: f64) -> Tensor<2> {
    let [n, axes] = noise.dims();
    assert_shape!(u, [n, axes]);
    assert_shape!(log_std, [n, axes]);
    // `(u − mean) / std` is `noise`. Computing it from u would cancel digits where the deviation is small.
    let gaussian = noise.square() * -0.5 - log_std;
    (gaussian - log_tanh_slope(u)).sum_dim(1) - normalization(axes, log_volume)
}

/// Samples actions from the means and the unclamped log standard deviations, side by side; `None` if there is no kernel
/// for it.
pub(super) fn fused_sample(
    heads: &Tensor<2>,
    noise: &Tensor<2>,
    log_volume: f64,
    log_std_range: (f64, f64),
) -> Option<ActionSample> {
    let applies = [heads, noise].into_iter().all(fused::applies);
    // The kernel has no gradient for the noise.
    if !applies || noise.is_autodiff() {
        return None;
    }
    let [_, axes] = noise.dims();
    let samples = fused::squash(heads.clone(), noise.clone(), log_std_range, normalization(axes, log_volume));
    let log_probs = samples.clone().narrow(1, axes, 1);
    Some(ActionSample { actions: samples.narrow(1, 0, axes), log_probs: Some(log_probs) })
}

/// Returns `½ A log 2π + log_volume`.
pub(super) fn normalization(axes: usize, log_volume: f64) -> f64 {
    axes as f64 * 0.5 * (2.0 * PI).ln() + log_volume
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{TensorData, Tolerance};

    #[test]
    fn the_center_of_a_standard_normal_scaled_by_two() {
        let device = crate::test_device();
        let zero = || Tensor::<2>::zeros([1, 1], &device);
        // −½ ln 2π − ln 2
        let expected = TensorData::from([[-1.612_085_7_f32]]);
        let value = log_prob(zero(), zero(), zero(), LN_2);
        value.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }

    #[test]
    fn the_density_integrates_to_one() {
        // ∫ π(a) da over a ∈ (−2, 2), as a midpoint sum over actions.
        let device = crate::test_device();
        let (mean, log_std, half_range, n) = (0.4_f64, -0.7_f64, 2.0_f64, 20_000);
        let width = 2.0 * half_range / n as f64;
        let us: Vec<f64> = (0..n).map(|i| ((-half_range + width * (i as f64 + 0.5)) / half_range).atanh()).collect();
        let column = |f: &dyn Fn(f64) -> f64| {
            let values: Vec<f32> = us.iter().map(|&u| f(u) as f32).collect();
            crate::upload::upload(values, [n, 1], &device)
        };
        let noise = column(&|u| (u - mean) / log_std.exp());
        let density = log_prob(noise, column(&|u| u), column(&|_| log_std), half_range.ln()).exp();
        let total = f64::from(density.sum().into_scalar::<f32>()) * width;
        assert!((total - 1.0).abs() < 1e-4, "{total}");
    }

    #[test]
    fn far_into_saturation_the_slope_stays_exact_and_keeps_its_gradient() {
        let device = crate::test_device().autodiff();
        let u = Tensor::<2>::from_data([[-30.0, -12.0, 0.0, 0.5, 12.0, 30.0]], &device).require_grad();
        let slope = log_tanh_slope(u.clone());
        // 2 ln 2 − 2|u| once exp(−2|u|) is below a rounding; at 0.5, ln(1 − tanh² 0.5).
        let expected = TensorData::from([[-58.613_705_f32, -22.613_705, 0.0, -0.240_229_07, -22.613_705, -58.613_705]]);
        slope.clone().into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));

        // d/du log(1 − tanh² u) = −2 tanh u
        let gradient = u.grad(&slope.sum().backward()).unwrap();
        let expected = TensorData::from([[2.0_f32, 2.0, 0.0, -0.924_234_3, -2.0, -2.0]]);
        gradient.into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-5));
    }

    #[test]
    #[should_panic(expected = "assert_shape!(u, [n, axes])")]
    fn a_broadcast_is_a_panic_and_not_a_wrong_number() {
        let device = crate::test_device();
        let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &device);
        log_prob(zeros([4, 2]), zeros([4, 1]), zeros([4, 2]), 0.0);
    }
}
