//! Independent Gaussian noise.

use burn::config::Config;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::ActionNoise;
use crate::config::{ConfigError, at_least, non_negative};
use crate::state::{SaveState, State, StateError};

/// Settings of [`GaussianNoise`].
#[derive(Config, Debug, PartialEq)]
pub struct GaussianNoiseConfig {
    /// Standard deviation σ, in units of the half-range, `[0, ∞)`. Default: 0.1, TD3's[^1].
    ///
    /// [^1]: S. Fujimoto et al. (2018). arXiv:1802.09477, section 6.1.
    #[config(default = 0.1)]
    pub std: f64,
}

impl GaussianNoiseConfig {
    /// Checks the range.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Negative`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        non_negative("std", self.std)
    }

    /// Creates the noise for `dim` action axes.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate), or [`ConfigError::TooSmall`] if `dim` is 0.
    pub fn init(&self, dim: usize) -> Result<GaussianNoise, ConfigError> {
        self.validate()?;
        at_least("number of noise axes", 1, dim)?;
        Ok(GaussianNoise { std: self.std, dim })
    }
}

/// Noise `σ z` with `z ~ 𝒩(0, 1)`, independent between steps and axes.
///
/// # Examples
///
/// ```
/// use actor_critic::noise::{ActionNoise, GaussianNoiseConfig};
/// use actor_critic::rng::{Seed, Stream};
///
/// let mut noise = GaussianNoiseConfig::new().with_std(0.2).init(3)?;
/// let values = noise.sample(&mut Seed(0).stream(Stream::Exploration));
/// assert_eq!(values.len(), 3); // one for each action axis
/// # Ok::<(), actor_critic::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianNoise {
    std: f64,
    dim: usize,
}

impl ActionNoise for GaussianNoise {
    fn dim(&self) -> usize {
        self.dim
    }

    fn sample_into(&mut self, rng: &mut dyn Rng, noise: &mut [f32]) {
        let mut draw = || -> f64 { StandardNormal.sample(&mut *rng) };
        noise.iter_mut().for_each(|x| *x = (self.std * draw()) as f32);
    }

    fn fresh(&self) -> Box<dyn ActionNoise> {
        Box::new(self.clone())
    }
}

impl SaveState for GaussianNoise {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("std", self.std);
        state.put("dim", self.dim as u64);
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        state.expect("std", self.std)?;
        state.expect("dim", self.dim as u64)?;
        state.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};

    #[test]
    fn a_negative_deviation_is_rejected() {
        let error = GaussianNoiseConfig::new().with_std(-1.0).init(1).unwrap_err();
        assert_eq!(error.to_string(), "std must be at least 0 and finite, got -1");
        let error = GaussianNoiseConfig::new().init(0).unwrap_err();
        assert_eq!(error.to_string(), "number of noise axes must be at least 1, got 0");
    }

    #[test]
    fn mean_and_deviation_are_those_asked_for() {
        let mut rng = Seed(1).stream(Stream::Exploration);
        let mut noise = GaussianNoiseConfig::new().with_std(0.3).init(2).unwrap();
        let draws: Vec<f64> = (0..10_000).flat_map(|_| noise.sample(&mut rng)).map(f64::from).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let deviation = (draws.iter().map(|x| x * x).sum::<f64>() / 20_000.0).sqrt();
        assert!(mean.abs() < 0.01 && (deviation - 0.3).abs() < 0.006, "{mean} {deviation}");
    }

    #[test]
    fn draws_are_stable() {
        // Recorded at 0.1.0. A change here is value-breaking and belongs in the changelog.
        let mut noise = GaussianNoiseConfig::new().with_std(1.0).init(3).unwrap();
        assert_eq!(
            noise.sample(&mut Seed(7).stream(Stream::Exploration)),
            [-1.172_993_3_f32, -0.154_800_9, -0.413_667_7]
        );
    }
}
