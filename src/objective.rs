//! Targets and losses as functions of tensors. Use them to check an equation by hand, or to write an algorithm of your own.
//!
//! The only unit is that of the reward. Every function asserts its shapes, because `[n]` and
//! `[n, 1]` would otherwise broadcast into `[n, n]` silently.

use burn::tensor::{Tensor, TensorData, assert_shape};

/// Computes the bootstrapped target `y = r + γᵐ (1 − d) Q′(o′, a′)`[^1].
///
/// With m = 1 that is DDPG's Algorithm 1; with more, r is the discounted sum of the rewards of m steps[^2]. Each row has its own m.
///
/// A discount is 0 where the episode was terminated, never where it was truncated: a truncated episode still has a future[^3].
///
/// # Shapes
///
/// - `rewards`: r, `[n, 1]`
/// - `discounts`: `γᵐ (1 − d)`, as [`Batch::discounts`](crate::replay::Batch::discounts), `[n, 1]`
/// - `next_values`: `Q′(o′, a′)`, `[n, 1]`; returns `[n, 1]`
///
/// # Panics
///
/// Panics if the three tensors do not share a `[n, 1]` shape.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::td_target;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// // γ = 0.5. The first episode continues, the second has terminated.
/// let targets = td_target(column(1.0, 1.0), column(0.5, 0.0), column(10.0, 10.0));
/// assert_eq!(targets.try_into_vec_as::<f32>()?, [6.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: T. Lillicrap et al. (2015). *Continuous control with deep reinforcement learning*. arXiv:1509.02971, Algorithm 1.
/// [^2]: R. Sutton (1988). *Learning to predict by the methods of temporal differences*.
/// [^3]: F. Pardo et al. (2018). *Time Limits in Reinforcement Learning*. arXiv:1712.00378.
pub fn td_target(rewards: Tensor<2>, discounts: Tensor<2>, next_values: Tensor<2>) -> Tensor<2> {
    let [n, _] = rewards.dims();
    assert_shape!(rewards, [n, 1]);
    assert_shape!(discounts, [n, 1]);
    assert_shape!(next_values, [n, 1]);
    rewards + next_values * discounts
}

/// Computes the soft value of the next state, `V = Q − α log π`[^1].
///
/// # Shapes
///
/// - `values`, `log_probs`: `[n, 1]`; returns `[n, 1]`
///
/// # Panics
///
/// Panics if the two tensors do not share a `[n, 1]` shape.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::soft_value;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// let values = soft_value(column(1.0, 5.0), column(-2.0, 0.0), 0.5);
/// assert_eq!(values.try_into_vec_as::<f32>()?, [2.0, 5.0]); // 1 − 0.5 · (−2), 5 − 0.5 · 0
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: T. Haarnoja et al. (2018). *Soft Actor-Critic Algorithms and Applications*. arXiv:1812.05905, eq. 3.
pub fn soft_value(values: Tensor<2>, log_probs: Tensor<2>, temperature: f64) -> Tensor<2> {
    let [n, _] = values.dims();
    assert_shape!(values, [n, 1]);
    assert_shape!(log_probs, [n, 1]);
    values - log_probs * temperature
}

/// Adds clipped Gaussian noise to actions and clips the result: `clamp(a + clamp(std · noise, ±limit), ±1)`.
///
/// This is TD3's target policy smoothing[^1]. The lab's noisy policy ([`nn::lab`](crate::nn::lab)) uses it too.
///
/// # Shapes
///
/// - `actions`: `[n, A]` in `[−1, 1]`; `noise`: `[n, A]`, draws from 𝒩(0, 1); returns `[n, A]`
///
/// # Panics
///
/// Panics if the two tensors differ in shape.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::smoothed_actions;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// let actions = smoothed_actions(column(0.0, 0.75), column(1.0, 9.0), 0.25, 0.5);
/// assert_eq!(actions.try_into_vec_as::<f32>()?, [0.25, 1.0]); // 0 + 0.25 · 1; 0.75 + 0.5, then clipped to 1
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: S. Fujimoto et al. (2018). *Addressing Function Approximation Error in Actor-Critic Methods*.
/// arXiv:1802.09477, eq. 14 and 15.
pub fn smoothed_actions(actions: Tensor<2>, noise: Tensor<2>, std: f64, limit: f64) -> Tensor<2> {
    let [n, axes] = actions.dims();
    assert_shape!(noise, [n, axes]);
    (actions + (noise * std).clamp(-limit, limit)).clamp(-1.0, 1.0)
}

/// Computes the critic's loss, the mean over the batch of `(Q(o, a) − y)²`.
///
/// # Shapes
///
/// - `values`, `targets`: `[n, 1]`; returns `[1]`
///
/// # Panics
///
/// Panics if the two tensors do not share a `[n, 1]` shape.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::td_loss;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// let loss = td_loss(column(1.0, 5.0), column(3.0, 5.0));
/// assert_eq!(loss.try_into_vec_as::<f32>()?, [2.0]); // ((1 − 3)² + 0) / 2
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn td_loss(values: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let [n, _] = values.dims();
    assert_shape!(values, [n, 1]);
    assert_shape!(targets, [n, 1]);
    (values - targets).square().mean()
}

/// Computes the critic's loss on a batch with a weight for each transition, the mean of `w (Q(o, a) − y)²`[^1].
///
/// # Shapes
///
/// - `values`, `targets`, `weights`: `[n, 1]`; returns `[1]`
///
/// # Panics
///
/// Panics if the three tensors do not share a `[n, 1]` shape.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::weighted_td_loss;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// let loss = weighted_td_loss(column(1.0, 5.0), column(3.0, 4.0), column(0.5, 2.0));
/// assert_eq!(loss.try_into_vec_as::<f32>()?, [2.0]); // (0.5 · 4 + 2 · 1) / 2
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: T. Schaul et al. (2016). *Prioritized Experience Replay*. arXiv:1511.05952, section 3.4.
pub fn weighted_td_loss(values: Tensor<2>, targets: Tensor<2>, weights: Tensor<2>) -> Tensor<1> {
    let [n, _] = values.dims();
    assert_shape!(values, [n, 1]);
    assert_shape!(targets, [n, 1]);
    assert_shape!(weights, [n, 1]);
    ((values - targets).square() * weights).mean()
}

/// Computes the loss of a deterministic actor, the mean over the batch of `−Q(o, μ(o))`[^1].
///
/// # Shapes
///
/// - `values`: `[n, 1]`; returns `[1]`
///
/// # Panics
///
/// Panics if `values` is not `[n, 1]`.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::deterministic_actor_loss;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// let loss = deterministic_actor_loss(column(1.0, 5.0));
/// assert_eq!(loss.try_into_vec_as::<f32>()?, [-3.0]); // −(1 + 5) / 2
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: D. Silver et al. (2014). *Deterministic Policy Gradient Algorithms*, eq. 9.
pub fn deterministic_actor_loss(values: Tensor<2>) -> Tensor<1> {
    let [n, _] = values.dims();
    assert_shape!(values, [n, 1]);
    -values.mean()
}

/// Computes the loss of a stochastic actor, the mean over the batch of `α log π(a∣o) − Q(o, a)`[^1].
///
/// # Shapes
///
/// - `values`, `log_probs`: `[n, 1]`; returns `[1]`
///
/// # Panics
///
/// As [`soft_value`].
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::soft_actor_loss;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// let loss = soft_actor_loss(column(1.0, 5.0), column(-2.0, 0.0), 0.5);
/// assert_eq!(loss.try_into_vec_as::<f32>()?, [-3.5]); // mean of 0.5 · log π − Q: (−1 − 1 + 0 − 5) / 2
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: T. Haarnoja et al. (2018). *Soft Actor-Critic Algorithms and Applications*. arXiv:1812.05905, eq. 7.
pub fn soft_actor_loss(values: Tensor<2>, log_probs: Tensor<2>, temperature: f64) -> Tensor<1> {
    -soft_value(values, log_probs, temperature).mean()
}

/// Computes the loss of the temperature, the mean over the batch of `−log α (log π(a∣o) + H̄)`.
///
/// The paper's objective[^1] has α in place of log α. Both have their minimum where the entropy meets the target. This form
/// keeps its gradient as α goes to 0; the authors' later code and Stable-Baselines3 use it too.
///
/// # Shapes
///
/// - `log_temperature`: `[1]`, `log_probs`: `[n, 1]`, a constant; returns `[1]`
///
/// # Panics
///
/// Panics on any other shape.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::temperature_loss;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// let loss = temperature_loss(Tensor::from_data([2.0], &device), column(1.0, 3.0), -1.0);
/// assert_eq!(loss.try_into_vec_as::<f32>()?, [-2.0]); // −2 · (2 + −1)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: T. Haarnoja et al. (2018). *Soft Actor-Critic Algorithms and Applications*. arXiv:1812.05905, eq. 18.
pub fn temperature_loss(log_temperature: Tensor<1>, log_probs: Tensor<2>, target_entropy: f64) -> Tensor<1> {
    let [n, _] = log_probs.dims();
    assert_shape!(log_temperature, [1]);
    assert_shape!(log_probs, [n, 1]);
    -log_temperature * (log_probs.mean() + target_entropy)
}

/// Computes the quantile Huber loss of the K quantiles of a critic, the mean over batch, quantiles θₖ and targets y of
/// `∣τₖ − [y < θₖ]∣ · h(y − θₖ)`[^1], with the levels `τₖ = (2k + 1)/(2K)` and Huber's `h(δ) = δ²/2`, beyond ±1 `∣δ∣ − 1/2`.
///
/// # Shapes
///
/// - `quantiles`: `[n, K]`; `targets`: `[n, m]`, equally likely returns; returns `[1]`
///
/// # Panics
///
/// Panics if the two tensors do not have the same number of rows.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::objective::quantile_huber_loss;
///
/// let device = Device::flex();
/// let column = |a: f32, b: f32| Tensor::<2>::from_data([[a], [b]], &device);
/// // One quantile, the median, of two observations: errors of 1 and −3, weighted by ½.
/// let loss = quantile_huber_loss(column(0.0, 0.0), column(1.0, -3.0));
/// assert_eq!(loss.try_into_vec_as::<f32>()?, [0.75]); // (½ · ½ + ½ · 2.5) / 2
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: W. Dabney et al. (2018). *Distributional Reinforcement Learning with Quantile Regression*. arXiv:1710.10044, eq. 10. It
/// sums over the quantiles; A. Kuznetsov et al. (2020), arXiv:2005.04269, take the mean as here.
pub fn quantile_huber_loss(quantiles: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let ([n, count], [_, m]) = (quantiles.dims(), targets.dims());
    assert_shape!(targets, [n, m]);
    let levels: Vec<f32> = quantile_levels(count).collect();
    let levels = Tensor::<3>::from_data(TensorData::new(levels, [1, count, 1]), &targets.device());
    let delta = targets.unsqueeze_dim::<3>(1) - quantiles.unsqueeze_dim::<3>(2);
    let weight = (levels - delta.clone().inner().lower_elem(0.0).float()).abs();
    let part = delta.clone().clamp(-1.0, 1.0);
    (part.clone() * (delta - part * 0.5) * weight).mean()
}

/// Returns the levels of the quantiles, `(2k + 1)/(2K)`.
pub(crate) fn quantile_levels(count: usize) -> impl Iterator<Item = f32> + Clone {
    (0..count).map(move |k| ((2 * k + 1) as f64 / (2 * count) as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData, Tolerance};

    fn column(values: [f32; 2], device: &Device) -> Tensor<2> {
        Tensor::from_data([[values[0]], [values[1]]], device)
    }

    fn assert_scalar(loss: Tensor<1>, expected: f32) {
        assert_eq!(loss.dims(), [1]);
        loss.into_data().assert_approx_eq::<f32>(&TensorData::from([expected]), Tolerance::default());
    }

    #[test]
    fn a_terminal_transition_ignores_the_next_value() {
        let device = crate::test_device();
        let column = |a, b| column([a, b], &device);
        let targets = td_target(column(1.0, 1.0), column(0.9, 0.0), column(10.0, 10.0));
        // alive: 1 + 0.9 · 10 = 10; terminal: 1
        let expected = TensorData::from([[10.0_f32], [1.0]]);
        targets.into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
    }

    #[test]
    fn an_unlikely_action_raises_the_soft_value() {
        let device = crate::test_device();
        let values = soft_value(column([1.0, 1.0], &device), column([-3.0, 0.5], &device), 0.2);
        // 1 + 0.2 · 3; 1 − 0.2 · 0.5
        let expected = TensorData::from([[1.6_f32], [0.9]]);
        values.into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
    }

    #[test]
    fn losses_are_means_over_the_batch() {
        let device = crate::test_device();
        let column = |a, b| column([a, b], &device);
        assert_scalar(td_loss(column(1.0, 2.0), column(3.0, 1.0)), 2.5); // (4 + 1) / 2
        // (2 · 4 + 0.5 · 1) / 2
        assert_scalar(weighted_td_loss(column(1.0, 2.0), column(3.0, 1.0), column(2.0, 0.5)), 4.25);
        assert_scalar(deterministic_actor_loss(column(1.0, 2.0)), -1.5);
        assert_scalar(soft_actor_loss(column(1.0, 2.0), column(-1.0, 3.0), 0.5), -1.0); // (−0.5 − 1 + 1.5 − 2) / 2
    }

    #[test]
    fn the_temperature_falls_when_there_is_entropy_to_spare() {
        let device = crate::test_device().autodiff();
        let log_temperature = Tensor::<1>::from_data([0.5], &device).require_grad();
        // Entropy 2 against a target of −1: mean log π + H̄ = −2 − 1 = −3.
        let log_probs = column([-1.0, -3.0], &crate::test_device());
        let loss = temperature_loss(log_temperature.clone(), log_probs, -1.0);
        assert_scalar(loss.clone().inner(), 1.5);
        let gradient = log_temperature.grad(&loss.backward()).unwrap();
        assert_scalar(gradient, 3.0); // positive: descending lowers the temperature
    }

    #[test]
    #[should_panic(expected = "assert_shape!(next_values, [n, 1])")]
    fn a_broadcast_is_a_panic_and_not_a_wrong_target() {
        let device = crate::test_device();
        let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &device);
        td_target(zeros([4, 1]), zeros([4, 1]), zeros([1, 4]));
    }

    #[test]
    #[should_panic(expected = "assert_shape!(targets, [n, 1])")]
    fn a_loss_does_not_broadcast_either() {
        let device = crate::test_device();
        td_loss(Tensor::zeros([4, 1], &device), Tensor::zeros([1, 4], &device));
    }
}
