//! Pink noise: correlated over time at every scale.

use burn::config::Config;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::ActionNoise;
use crate::config::{ConfigError, at_least, non_negative};
use crate::state::{SaveState, State, StateError};

/// Correlation times of the processes that are summed, in environment steps.
const TIMES: [f64; 6] = [0.0, 2.0, 8.0, 32.0, 128.0, 512.0];

/// Settings of [`PinkNoise`].
#[derive(Config, Debug, PartialEq)]
pub struct PinkNoiseConfig {
    /// Standard deviation σ, in units of the half-range, `[0, ∞)`. Default: 0.3, as in the paper's runs of TD3.
    #[config(default = 0.3)]
    pub std: f64,
}

impl PinkNoiseConfig {
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
    pub fn init(&self, dim: usize) -> Result<PinkNoise, ConfigError> {
        self.validate()?;
        at_least("number of noise axes", 1, dim)?;
        Ok(PinkNoise { std: self.std, dim, state: Vec::new() })
    }
}

/// Noise whose power falls as 1/frequency[^1]: the same power in every octave, from single steps to hundreds of them.
///
/// It explores tasks that need a long push as well as tasks that need a quick reaction, with one setting. It is a sum of six
/// Gaussian processes with the correlation times 0, 2, 8, 32, 128 and 512 steps, independent between axes:
///
/// ```text
/// xₖ ← e^(−1/tₖ) xₖ + √(1 − e^(−2/tₖ)) z,   z ~ 𝒩(0, 1)
/// noise = σ/√6 · Σ xₖ
/// ```
///
/// Each value has the distribution 𝒩(0, σ²). An episode starts with new values, independent of earlier ones.
///
/// [^1]: O. Eberhard et al. (2023). *Pink Noise Is All You Need: Colored Noise Exploration in Deep Reinforcement Learning*. ICLR.
#[derive(Debug, Clone, PartialEq)]
pub struct PinkNoise {
    std: f64,
    dim: usize,
    /// xₖ of each axis, all k of the first axis first; empty at the start of an episode.
    state: Vec<f64>,
}

impl ActionNoise for PinkNoise {
    fn dim(&self) -> usize {
        self.dim
    }

    fn sample_into(&mut self, rng: &mut dyn Rng, noise: &mut [f32]) {
        let mut draw = || -> f64 { StandardNormal.sample(&mut *rng) };
        if self.state.is_empty() {
            self.state.extend((0..self.dim * TIMES.len()).map(|_| draw()));
        } else {
            for processes in self.state.chunks_exact_mut(TIMES.len()) {
                for (x, time) in processes.iter_mut().zip(TIMES) {
                    // exp(−1/0) is 0: the first process has no memory.
                    let keep = libm::exp(-1.0 / time);
                    *x = keep * *x + (1.0 - keep * keep).sqrt() * draw();
                }
            }
        }
        let scale = self.std / (TIMES.len() as f64).sqrt();
        for (noise, processes) in noise.iter_mut().zip(self.state.chunks_exact(TIMES.len())) {
            *noise = (scale * processes.iter().sum::<f64>()) as f32;
        }
    }

    fn fresh(&self) -> Box<dyn ActionNoise> {
        Box::new(Self { state: Vec::new(), ..*self })
    }

    fn end_episode(&mut self) {
        self.state.clear();
    }
}

impl SaveState for PinkNoise {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("std", self.std);
        state.put("dim", self.dim as u64);
        state.put_array("x", &[self.state.len()], self.state.clone());
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        state.expect("std", self.std)?;
        state.expect("dim", self.dim as u64)?;
        let x: Vec<f64> = state.take_row("x")?;
        state.finish()?;
        let whole = self.dim * TIMES.len();
        if !x.is_empty() && x.len() != whole {
            return Err(StateError::invalid("x", format!("0 or {whole} numbers long"), x.len()));
        }
        self.state = x;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};

    #[test]
    fn values_out_of_range_are_rejected() {
        let error = PinkNoiseConfig::new().with_std(f64::NAN).init(1).unwrap_err();
        assert_eq!(error.to_string(), "std must be at least 0 and finite, got NaN");
        let error = PinkNoiseConfig::new().init(0).unwrap_err();
        assert_eq!(error.to_string(), "number of noise axes must be at least 1, got 0");
    }

    /// Correlation between numbers so many steps apart, over many episodes.
    fn correlation(lag: usize) -> f64 {
        let mut rng = Seed(3).stream(Stream::Exploration);
        let mut noise = PinkNoiseConfig::new().with_std(0.5).init(1).unwrap();
        let episodes = 20_000;
        let products = (0..episodes).map(|_| {
            noise.end_episode();
            let first = f64::from(noise.sample(&mut rng)[0]);
            let last = (0..lag).fold(first, |_, _| f64::from(noise.sample(&mut rng)[0]));
            first * last
        });
        products.sum::<f64>() / f64::from(episodes) / 0.25
    }

    #[test]
    fn the_correlation_is_that_of_the_sum() {
        // The standard error of a mean of 20,000 such products is 0.01 at most.
        for lag in [0, 1, 10, 50] {
            let expected: f64 =
                TIMES.iter().map(|time| (-(lag as f64) / time).exp()).map(|x| if x.is_nan() { 1.0 } else { x }).sum();
            let (found, expected) = (correlation(lag), expected / TIMES.len() as f64);
            assert!((found - expected).abs() < 0.04, "{lag}: {found} for {expected}");
        }
    }

    #[test]
    fn an_episode_does_not_depend_on_the_one_before_and_a_state_goes_on() {
        let mut rng = Seed(5).stream(Stream::Exploration);
        let mut noise = PinkNoiseConfig::new().init(2).unwrap();
        noise.sample(&mut rng);
        let mut other = PinkNoiseConfig::new().init(2).unwrap();
        other.load_state(noise.save_state().unwrap()).unwrap();
        let draws = || Seed(6).stream(Stream::Exploration);
        assert_eq!(noise.sample(&mut draws()), other.sample(&mut draws()));
        noise.end_episode();
        let mut fresh = noise.fresh();
        assert_eq!(noise.sample(&mut draws()), fresh.sample(&mut draws()));
    }

    #[test]
    fn a_state_of_another_length_is_refused() {
        let mut state = State::new();
        state.put("std", 0.3);
        state.put("dim", 2_u64);
        state.put_array("x", &[3], vec![0.0_f64; 3]);
        let error = PinkNoiseConfig::new().init(2).unwrap().load_state(state).unwrap_err();
        assert!(error.to_string().contains("0 or 12 numbers long"), "{error}");
    }

    #[test]
    fn draws_are_stable() {
        // Recorded at 0.1.0. A change here is value-breaking and belongs in the changelog.
        let mut noise = PinkNoiseConfig::new().init(1).unwrap();
        let mut rng = Seed(7).stream(Stream::Exploration);
        let draws: Vec<f32> = (0..3).flat_map(|_| noise.sample(&mut rng)).collect();
        assert_eq!(draws, [-0.308_129_6, -0.275_104_02, -0.153_127_58]);
    }
}
