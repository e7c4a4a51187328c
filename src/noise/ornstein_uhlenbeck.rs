//! Ornstein-Uhlenbeck noise: correlated over time, for tasks with inertia.

use burn::config::Config;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::ActionNoise;
use crate::config::{ConfigError, at_least, non_negative, positive};
use crate::state::{SaveState, State, StateError};

/// Settings of [`OrnsteinUhlenbeck`].
///
/// | Field | Default | DDPG paper[^1] | Lab, at a half-range of 2 N·m |
/// |---|---|---|---|
/// | `volatility` | 0.2 | 0.2 | 0.1 |
/// | `reversion` | 0.15 | 0.15 | 0.15 |
/// | `dt` | 1 | 1 | 0.01 |
/// | `reset_each_episode` | `true` | not stated | `false` |
///
/// [^1]: T. Lillicrap et al. (2015). arXiv:1509.02971, section 7.
#[derive(Config, Debug, PartialEq)]
pub struct OrnsteinUhlenbeckConfig {
    /// Volatility σ, in units of the half-range per √time, `[0, ∞)`.
    #[config(default = 0.2)]
    pub volatility: f64,
    /// Reversion θ to zero, per unit of time, `[0, ∞)`.
    #[config(default = 0.15)]
    pub reversion: f64,
    /// Duration of one environment step, `(0, ∞)`.
    #[config(default = 1.0)]
    pub dt: f64,
    /// Whether every episode starts at zero.
    #[config(default = true)]
    pub reset_each_episode: bool,
}

impl OrnsteinUhlenbeckConfig {
    /// Checks every range.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Negative`] or [`ConfigError::NotPositive`].
    pub fn validate(&self) -> Result<(), ConfigError> {
        non_negative("volatility", self.volatility)?;
        non_negative("reversion", self.reversion)?;
        positive("dt", self.dt)
    }

    /// Creates the process for `dim` action axes, at zero.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate), or [`ConfigError::TooSmall`] if `dim` is 0.
    pub fn init(&self, dim: usize) -> Result<OrnsteinUhlenbeck, ConfigError> {
        self.validate()?;
        at_least("number of noise axes", 1, dim)?;
        Ok(OrnsteinUhlenbeck { config: self.clone(), state: vec![0.0; dim] })
    }
}

/// A random walk that is pulled back to zero[^1]; independent between axes.
///
/// ```text
/// x ← x − θ x dt + σ √dt z,   z ~ 𝒩(0, 1)
/// ```
///
/// [^1]: G. Uhlenbeck, L. Ornstein (1930). *On the Theory of the Brownian Motion*.
#[derive(Debug, Clone, PartialEq)]
pub struct OrnsteinUhlenbeck {
    config: OrnsteinUhlenbeckConfig,
    state: Vec<f64>,
}

impl ActionNoise for OrnsteinUhlenbeck {
    fn dim(&self) -> usize {
        self.state.len()
    }

    fn sample_into(&mut self, rng: &mut dyn Rng, noise: &mut [f32]) {
        let OrnsteinUhlenbeckConfig { volatility, reversion, dt, .. } = self.config;
        for (x, noise) in self.state.iter_mut().zip(noise) {
            let z: f64 = StandardNormal.sample(&mut *rng);
            *x += -reversion * *x * dt + volatility * dt.sqrt() * z;
            *noise = *x as f32;
        }
    }

    fn fresh(&self) -> Box<dyn ActionNoise> {
        Box::new(Self { config: self.config.clone(), state: vec![0.0; self.state.len()] })
    }

    fn end_episode(&mut self) {
        if self.config.reset_each_episode {
            self.state.fill(0.0);
        }
    }
}

impl SaveState for OrnsteinUhlenbeck {
    fn save_state(&self) -> Result<State, StateError> {
        let OrnsteinUhlenbeckConfig { volatility, reversion, dt, reset_each_episode } = self.config;
        let mut state = State::new();
        state.put("volatility", volatility);
        state.put("reversion", reversion);
        state.put("dt", dt);
        state.put("reset_each_episode", u64::from(reset_each_episode));
        state.put_array("x", &[self.state.len()], self.state.clone());
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        let OrnsteinUhlenbeckConfig { volatility, reversion, dt, reset_each_episode } = self.config;
        state.expect("volatility", volatility)?;
        state.expect("reversion", reversion)?;
        state.expect("dt", dt)?;
        state.expect("reset_each_episode", u64::from(reset_each_episode))?;
        let x = state.take_array("x", &[self.state.len()])?;
        state.finish()?;
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
        let text = |config: OrnsteinUhlenbeckConfig| config.init(1).unwrap_err().to_string();
        let config = OrnsteinUhlenbeckConfig::new;
        assert_eq!(text(config().with_volatility(-1.0)), "volatility must be at least 0 and finite, got -1");
        assert_eq!(text(config().with_reversion(f64::NAN)), "reversion must be at least 0 and finite, got NaN");
        assert_eq!(text(config().with_dt(0.0)), "dt must be positive and finite, got 0");
    }

    #[test]
    fn without_volatility_it_stays_at_zero() {
        let mut noise = OrnsteinUhlenbeckConfig::new().with_volatility(0.0).init(2).unwrap();
        assert_eq!(noise.sample(&mut Seed(0).stream(Stream::Exploration)), [0.0, 0.0]);
    }

    #[test]
    fn one_step_is_reversion_plus_a_scaled_normal() {
        let mut rng = Seed(5).stream(Stream::Exploration);
        let mut same_rng = Seed(5).stream(Stream::Exploration);
        let config = OrnsteinUhlenbeckConfig::new().with_volatility(0.4).with_reversion(0.5).with_dt(0.25);
        let mut noise = config.init(1).unwrap();
        let mut expected = 0.0;
        for _ in 0..5 {
            let z: f64 = StandardNormal.sample(&mut same_rng);
            expected = expected * (1.0 - 0.5 * 0.25) + 0.4 * 0.5 * z; // √0.25 = 0.5
            assert!((f64::from(noise.sample(&mut rng)[0]) - expected).abs() < 1e-7);
        }
    }

    #[test]
    fn it_begins_anew_after_an_episode_only_if_asked() {
        let mut rng = Seed(5).stream(Stream::Exploration);
        for reset in [true, false] {
            let mut noise = OrnsteinUhlenbeckConfig::new().with_reset_each_episode(reset).init(1).unwrap();
            noise.sample(&mut rng);
            noise.end_episode();
            assert_eq!(noise.state[0] == 0.0, reset);
        }
    }

    #[test]
    fn draws_are_stable() {
        // Recorded at 0.1.0. A change here is value-breaking and belongs in the changelog.
        let mut noise = OrnsteinUhlenbeckConfig::new().init(1).unwrap();
        let mut rng = Seed(7).stream(Stream::Exploration);
        let draws: Vec<f32> = (0..3).flat_map(|_| noise.sample(&mut rng)).collect();
        assert_eq!(draws, [-0.234_598_67, -0.230_369_05, -0.278_547_23]);
    }
}
