//! Normalisation of observations by their running mean and standard deviation.

use burn::tensor::{Device, Tensor};

use crate::state::{State, StateError};
use crate::upload::upload;

/// Largest normalised component: a larger outlier would hide the other components.
pub(crate) const CLIP: f32 = 10.0;

/// An axis counts as constant if its standard deviation is below this share of its mean: the rest is rounding of single precision.
const SMALLEST_SPREAD: f64 = 1e-6;

/// Standard deviations beyond which an observation counts as an outlier. The statistics take it as one at that distance.
const OUTLIER: f64 = 10.0;

/// Observations after which outliers are recognised.
const OUTLIERS_FROM: f64 = 100.0;

/// Observations that the statistics remember: the weight of older ones decays, so the distribution may shift.
const WINDOW: f64 = 100_000.0;

/// The normalisation `clip((o − mean) · scale, ±10)` of observations, axis by axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    mean: Vec<f32>,
    scale: Vec<f32>,
}

impl Normalization {
    pub(crate) fn new(mean: Vec<f32>, scale: Vec<f32>) -> Self {
        Self { mean, scale }
    }

    /// Returns the mean that is subtracted, one number for each axis.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Returns the scale, one number for each axis: one over the standard deviation.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// Returns an observation as networks see it.
    pub fn apply(&self, observation: &[f32]) -> Vec<f32> {
        let axes = self.mean.iter().zip(&self.scale);
        observation.iter().zip(axes).map(|(x, (mean, scale))| ((x - mean) * scale).clamp(-CLIP, CLIP)).collect()
    }

    /// As [`apply`](Self::apply), for several observations in sequence.
    pub(crate) fn apply_to_rows(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.mean.len()) {
            for ((x, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *x = ((*x - mean) * scale).clamp(-CLIP, CLIP);
            }
        }
    }

    /// As [`apply`](Self::apply), for the rows of a tensor `[n, O]`.
    pub(crate) fn apply_to(&self, observations: Tensor<2>, device: &Device) -> Tensor<2> {
        let row = |values: &[f32]| upload(values.to_vec(), [1, values.len()], device);
        ((observations - row(&self.mean)) * row(&self.scale)).clamp(-CLIP, CLIP)
    }
}

/// Running mean and variance of the observations of a run, axis by axis[^1], and the normalisation made from them.
///
/// - An axis that has not changed yet is shown as 0, in any units.
/// - An outlier counts as an observation 10 standard deviations away, so an outlier of any size changes the statistics little.
/// - The first 100,000 observations have equal weight. After that, the weight of older ones decays with this time constant.
///
/// [^1]: B. Welford (1962). *Note on a method for calculating corrected sums of squares and products*.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RunningStatistics {
    count: f64,
    mean: Vec<f64>,
    variance: Vec<f64>,
}

impl RunningStatistics {
    pub(super) fn new(observation_dim: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; observation_dim], variance: vec![0.0; observation_dim] }
    }

    pub(super) fn observe(&mut self, observation: &[f32]) {
        self.count = (self.count + 1.0).min(WINDOW);
        for ((mean, variance), &x) in self.mean.iter_mut().zip(&mut self.variance).zip(observation) {
            let mut deviation = f64::from(x) - *mean;
            let limit = OUTLIER * variance.sqrt().max(SMALLEST_SPREAD * mean.abs());
            // An axis that has stood still has no spread yet to measure its first move by.
            if self.count > OUTLIERS_FROM && *variance > 0.0 {
                deviation = deviation.clamp(-limit, limit);
            }
            let step = deviation / self.count;
            *mean += step;
            *variance += (deviation * (deviation - step) - *variance) / self.count;
        }
    }

    /// Returns the normalisation; before the first observation, the identity.
    pub(super) fn normalization(&self) -> Normalization {
        let dim = self.mean.len();
        let mut normalization = Normalization { mean: vec![0.0; dim], scale: vec![1.0; dim] };
        self.update(&mut normalization);
        normalization
    }

    /// Replaces an older normalisation, if there has been an observation.
    pub(super) fn update(&self, normalization: &mut Normalization) {
        if self.count < 1.0 {
            return;
        }
        let axes = normalization.mean.iter_mut().zip(&mut normalization.scale);
        for ((new_mean, new_scale), (mean, variance)) in axes.zip(self.mean.iter().zip(&self.variance)) {
            let scale = (1.0 / variance.sqrt().max(SMALLEST_SPREAD * mean.abs())) as f32;
            *new_mean = *mean as f32;
            *new_scale = if scale.is_finite() { scale } else { 0.0 };
        }
    }

    pub(super) fn save_state(&self) -> State {
        let mut state = State::new();
        state.put("count", self.count);
        state.put_array("mean", &[self.mean.len()], self.mean.clone());
        state.put_array("variance", &[self.variance.len()], self.variance.clone());
        state
    }

    pub(super) fn restored(&self, mut state: State) -> Result<Self, StateError> {
        let dim = self.mean.len();
        let count: f64 = state.take("count")?;
        let (mean, variance): (Vec<f64>, Vec<f64>) =
            (state.take_array("mean", &[dim])?, state.take_array("variance", &[dim])?);
        state.finish()?;
        if let Some(&negative) = variance.iter().chain([&count]).find(|&&value| value < 0.0) {
            return Err(StateError::invalid("variance", "counts and variances of at least 0", negative));
        }
        Ok(Self { count, mean, variance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_are_those_of_all_observations() {
        let mut statistics = RunningStatistics::new(2);
        assert_eq!(statistics.normalization().apply(&[3.0, -50.0]), [3.0, -10.0]);
        for x in [1.0, 2.0, 6.0] {
            statistics.observe(&[x, 1e6]);
        }
        // Mean 3, variance (4 + 1 + 9) / 3.
        let normalization = statistics.normalization();
        assert_eq!(normalization.mean(), [3.0, 1e6]);
        assert!((normalization.scale()[0] - (3.0_f32 / 14.0).sqrt()).abs() < 1e-6);
        assert_eq!(normalization.apply(&[3.0, 1e6]), [0.0, 0.0]);
        assert_eq!(normalization.apply(&[1e9, 2e6]), [10.0, 10.0]);
    }

    /// Observes a wave of this amplitude around this mean, `n` times.
    fn wave(statistics: &mut RunningStatistics, mean: f32, amplitude: f32, n: usize) {
        (0..n).for_each(|i| statistics.observe(&[mean + amplitude * (i as f32 * 0.7).sin()]));
    }

    #[test]
    fn an_axis_that_never_moves_is_seen_as_zero_and_its_first_move_at_once() {
        for constant in [9.81_f32, 0.0, -1e6, 1e-20] {
            let mut statistics = RunningStatistics::new(1);
            (0..1_000).for_each(|_| statistics.observe(&[constant]));
            assert_eq!(statistics.normalization().apply(&[constant]), [0.0], "{constant}");
            let moved = constant + constant.abs().max(1.0);
            statistics.observe(&[moved]);
            assert_eq!(statistics.normalization().apply(&[moved]), [10.0], "{constant}");
        }
    }

    #[test]
    fn the_scale_of_an_axis_changes_nothing_and_its_offset_no_more_than_rounding() {
        let seen = |scale: f32, offset: f32| {
            let mut statistics = RunningStatistics::new(1);
            wave(&mut statistics, offset, scale, 500);
            statistics.normalization().apply(&[offset + 0.3 * scale])[0]
        };
        for scale in [2.0_f32.powi(-60), 2.0_f32.powi(-10), 2.0_f32.powi(50)] {
            assert_eq!(seen(scale, 0.0), seen(1.0, 0.0), "{scale}");
        }
        for (scale, offset) in [(1e-3, 0.0), (1e3, 0.0), (1.0, 1_000.0), (0.3, -77.0)] {
            assert!((seen(scale, offset) - seen(1.0, 0.0)).abs() < 2e-3, "{scale} {offset}");
        }
    }

    #[test]
    fn outliers_leave_the_scale_of_the_rest() {
        let mut statistics = RunningStatistics::new(1);
        wave(&mut statistics, 0.0, 1.0, 1_000);
        for _ in 0..5 {
            statistics.observe(&[1e9]);
            wave(&mut statistics, 0.0, 1.0, 1_000);
        }
        // The standard deviation of a wave is 1 / √2; without a limit that of five outliers in 6,000 would be 3e7.
        assert!((statistics.normalization().scale()[0] - 2.0_f32.sqrt()).abs() < 0.15);
    }

    #[test]
    fn a_distribution_that_shifts_is_followed() {
        let mut statistics = RunningStatistics::new(1);
        wave(&mut statistics, 0.0, 1.0, 1_000_000);
        // A thousand deviations away: each observation counts as one ten deviations away, and widens what a deviation is.
        wave(&mut statistics, 1_000.0, 5.0, 500_000);
        let normalization = statistics.normalization();
        assert!((normalization.mean()[0] - 1_000.0).abs() < 15.0, "{normalization:?}");
        assert!(normalization.scale()[0].recip() < 150.0, "{normalization:?}");
    }

    #[test]
    fn a_tensor_is_normalised_to_the_same_bits_as_a_vector() {
        let device = crate::test_device();
        let mut statistics = RunningStatistics::new(3);
        [[0.1, -3.0, 7.0], [0.25, 9.0, 7.5], [-4.0, 0.3, 6.0]].iter().for_each(|o| statistics.observe(o));
        let normalization = statistics.normalization();
        let observations = [[0.7, 0.1, -2.0], [1e5, -0.3, 6.5]];
        let tensor = normalization.apply_to(Tensor::from_data(observations, &device), &device);
        let expected: Vec<f32> = observations.iter().flat_map(|o| normalization.apply(o)).collect();
        assert_eq!(tensor.try_into_vec_as::<f32>().unwrap(), expected);
    }

    #[test]
    fn a_state_with_a_negative_variance_is_refused() {
        let mut saved = RunningStatistics::new(1);
        saved.variance[0] = -1.0;
        let error = RunningStatistics::new(1).restored(saved.save_state()).unwrap_err();
        assert_eq!(error.to_string(), "`variance` must be counts and variances of at least 0, got -1");
    }
}
