//! Exploration noise for deterministic policies, in units of the half-range of each action axis.

use burn::config::Config;
use rand::Rng;

use crate::config::ConfigError;
use crate::state::SaveState;

mod gaussian;
mod ornstein_uhlenbeck;
mod pink;

pub use gaussian::{GaussianNoise, GaussianNoiseConfig};
pub use ornstein_uhlenbeck::{OrnsteinUhlenbeck, OrnsteinUhlenbeckConfig};
pub use pink::{PinkNoise, PinkNoiseConfig};

/// A random process that is added to the actions of a deterministic policy.
///
/// # Contract
///
/// - A value of 1 displaces an action by half the length of its axis, so one setting serves every action space.
/// - All randomness comes from the generator that is passed in; the process keeps only its own state.
pub trait ActionNoise: SaveState + Send {
    /// Returns the number of action axes.
    fn dim(&self) -> usize;

    /// Advances the process by one environment step and writes one displacement per axis into `noise`, which holds
    /// [`dim`](Self::dim) numbers.
    fn sample_into(&mut self, rng: &mut dyn Rng, noise: &mut [f32]);

    /// As [`sample_into`](Self::sample_into), for a vector of its own.
    fn sample(&mut self, rng: &mut dyn Rng) -> Vec<f32> {
        let mut noise = vec![0.0; self.dim()];
        self.sample_into(rng, &mut noise);
        noise
    }

    /// Returns a process of the same law at its beginning, for another environment.
    fn fresh(&self) -> Box<dyn ActionNoise>;

    /// Called at the end of every episode. Does nothing unless the process wants to begin anew.
    fn end_episode(&mut self) {}
}

/// The noise of a [`DdpgConfig`](crate::agent::DdpgConfig) or a [`Td3Config`](crate::agent::Td3Config).
#[derive(Config, Debug, PartialEq)]
pub enum NoiseConfig {
    /// No noise: the greedy policy explores by itself.
    Off,
    /// Independent Gaussian noise.
    Gaussian(GaussianNoiseConfig),
    /// An Ornstein-Uhlenbeck process.
    OrnsteinUhlenbeck(OrnsteinUhlenbeckConfig),
    /// Noise that is correlated over time at every scale.
    Pink(PinkNoiseConfig),
}

impl NoiseConfig {
    /// Checks every range of the chosen process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::Off => Ok(()),
            Self::Gaussian(config) => config.validate(),
            Self::OrnsteinUhlenbeck(config) => config.validate(),
            Self::Pink(config) => config.validate(),
        }
    }

    /// Creates the process for `dim` action axes.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate), or [`ConfigError::TooSmall`] if `dim` is 0.
    pub fn init(&self, dim: usize) -> Result<Box<dyn ActionNoise>, ConfigError> {
        Ok(match self {
            Self::Off => Box::new(GaussianNoiseConfig::new().with_std(0.0).init(dim)?),
            Self::Gaussian(config) => Box::new(config.init(dim)?),
            Self::OrnsteinUhlenbeck(config) => Box::new(config.init(dim)?),
            Self::Pink(config) => Box::new(config.init(dim)?),
        })
    }
}
