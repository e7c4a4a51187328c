//! Exploration noise for deterministic policies (DDPG and TD3), in units of the half-range of each action axis.

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

/// A random process whose values are added to the actions of a deterministic policy.
///
/// # Contract
///
/// - A value of 1 moves an action by half the length of its axis, so one setting serves every action space.
/// - All random numbers come from the generator that is passed in; the process keeps only its own state.
pub trait ActionNoise: SaveState + Send {
    /// Returns the number of action axes.
    fn dim(&self) -> usize;

    /// Advances the process by one environment step and writes one value per axis into `noise`, which has
    /// [`dim`](Self::dim) numbers.
    fn sample_into(&mut self, rng: &mut dyn Rng, noise: &mut [f32]);

    /// As [`sample_into`](Self::sample_into), but returns a new vector.
    fn sample(&mut self, rng: &mut dyn Rng) -> Vec<f32> {
        let mut noise = vec![0.0; self.dim()];
        self.sample_into(rng, &mut noise);
        noise
    }

    /// Returns a new process with the same settings, in its initial state, for another environment.
    fn fresh(&self) -> Box<dyn ActionNoise>;

    /// Called at the end of every episode. Does nothing by default; reset the state here if episodes should not share it.
    fn end_episode(&mut self) {}
}

/// The noise of a [`DdpgConfig`](crate::agent::DdpgConfig) or a [`Td3Config`](crate::agent::Td3Config).
///
/// # Examples
///
/// ```
/// use actor_critic::noise::{OrnsteinUhlenbeckConfig, PinkNoiseConfig};
/// use actor_critic::prelude::*;
///
/// let pink = Td3Config::new().with_noise(NoiseConfig::Pink(PinkNoiseConfig::new()));
/// let slow = OrnsteinUhlenbeckConfig::new().with_reversion(0.05);
/// let ddpg = DdpgConfig::new().with_noise(NoiseConfig::OrnsteinUhlenbeck(slow));
/// # assert!(pink.validate().is_ok() && ddpg.validate().is_ok());
/// ```
#[derive(Config, Debug, PartialEq)]
pub enum NoiseConfig {
    /// No noise: the agent explores with the greedy policy.
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
