//! Observations in units of their own spread.

use burn::tensor::{Device, Tensor};

use crate::state::{State, StateError};
use crate::upload::upload;

/// Largest normalised component; an outlier beyond would drown the rest.
const CLIP: f32 = 10.0;

/// Added to each variance, so that an axis that never moves divides by more than 0.
const EPSILON: f64 = 1e-8;

/// The map `clip((o − mean) · scale, ±10)`, axis by axis, that networks see observations through.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    mean: Vec<f32>,
    scale: Vec<f32>,
}

impl Normalization {
    pub(crate) fn new(mean: Vec<f32>, scale: Vec<f32>) -> Self {
        Self { mean, scale }
    }

    /// Returns what is subtracted, one number an axis.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Returns what the rest is multiplied by, one number an axis: one over the standard deviation.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// Returns what the networks see of an observation.
    pub fn apply(&self, observation: &[f32]) -> Vec<f32> {
        let axes = self.mean.iter().zip(&self.scale);
        observation.iter().zip(axes).map(|(x, (mean, scale))| ((x - mean) * scale).clamp(-CLIP, CLIP)).collect()
    }

    /// As [`apply`](Self::apply), for the rows of `[n, O]`.
    pub(crate) fn apply_to(&self, observations: Tensor<2>, device: &Device) -> Tensor<2> {
        let row = |values: &[f32]| upload(values.to_vec(), [1, values.len()], device);
        ((observations - row(&self.mean)) * row(&self.scale)).clamp(-CLIP, CLIP)
    }
}

/// Mean and variance of all observations of a run, axis by axis, and the map that follows from them[^1].
///
/// [^1]: B. Welford (1962). *Note on a method for calculating corrected sums of squares and products*.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RunningStatistics {
    count: f64,
    mean: Vec<f64>,
    /// Sum of the squared deviations from the mean.
    squares: Vec<f64>,
}

impl RunningStatistics {
    pub(crate) fn new(observation_dim: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; observation_dim], squares: vec![0.0; observation_dim] }
    }

    pub(crate) fn observe(&mut self, observation: &[f32]) {
        self.count += 1.0;
        for ((mean, squares), &x) in self.mean.iter_mut().zip(&mut self.squares).zip(observation) {
            let before = f64::from(x) - *mean;
            *mean += before / self.count;
            *squares += before * (f64::from(x) - *mean);
        }
    }

    /// Returns the map; until there are two observations, the one that changes nothing.
    pub(crate) fn normalization(&self) -> Normalization {
        if self.count < 2.0 {
            let dim = self.mean.len();
            return Normalization { mean: vec![0.0; dim], scale: vec![1.0; dim] };
        }
        let scale = |squares: &f64| (1.0 / (squares / self.count + EPSILON).sqrt()) as f32;
        Normalization {
            mean: self.mean.iter().map(|&mean| mean as f32).collect(),
            scale: self.squares.iter().map(scale).collect(),
        }
    }

    pub(crate) fn save_state(&self) -> State {
        let mut state = State::new();
        state.put("count", self.count);
        state.put_array("mean", &[self.mean.len()], self.mean.clone());
        state.put_array("squares", &[self.squares.len()], self.squares.clone());
        state
    }

    pub(crate) fn loaded(&self, mut state: State) -> Result<Self, StateError> {
        let dim = self.mean.len();
        let count: f64 = state.take("count")?;
        let (mean, squares): (Vec<f64>, Vec<f64>) =
            (state.take_array("mean", &[dim])?, state.take_array("squares", &[dim])?);
        state.finish()?;
        if let Some(&negative) = squares.iter().chain([&count]).find(|&&value| value < 0.0) {
            return Err(StateError::invalid("squares", "counts and sums of squares of at least 0", negative));
        }
        Ok(Self { count, mean, squares })
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
        saved.squares[0] = -1.0;
        let error = RunningStatistics::new(1).loaded(saved.save_state()).unwrap_err();
        assert_eq!(error.to_string(), "`squares` must be counts and sums of squares of at least 0, got -1");
    }
}
