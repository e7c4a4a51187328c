//! Exploration noise of a stochastic policy.

use burn::config::Config;
use rand::rngs::ChaCha8Rng;

use super::exploration::Exploration;
use super::saved::Saved;
use crate::boundary::Boundary;
use crate::config::ConfigError;
use crate::matrix::Matrix;
use crate::noise::PinkNoiseConfig;
use crate::rng::{Seed, Stream};
use crate::state::{State, StateError};

/// How the noise ξ of an action, `tanh(mean + deviation · ξ)`, depends on that of the step before.
///
/// An action has the same distribution with either, and only the actions of a training run are drawn so: updates and
/// [`SampleActions`](crate::policy::SampleActions) have independent noise.
#[derive(Config, Debug, PartialEq, Copy)]
pub enum ExplorationNoise {
    /// Not at all.
    White,
    /// It is correlated over an episode, at every scale of time: [`PinkNoise`](crate::noise::PinkNoise) with a standard deviation of 1.
    Pink,
}

/// Standard normal noise for the actions of a run.
pub(super) enum PolicyNoise {
    White(ChaCha8Rng),
    Pink(Exploration),
}

impl PolicyNoise {
    pub(super) fn new(noise: ExplorationNoise, axes: usize, seed: Seed) -> Result<Self, ConfigError> {
        Self::of(noise, axes, seed.stream(Stream::Exploration))
    }

    fn of(noise: ExplorationNoise, axes: usize, rng: ChaCha8Rng) -> Result<Self, ConfigError> {
        Ok(match noise {
            ExplorationNoise::White => Self::White(rng),
            ExplorationNoise::Pink => {
                let process = PinkNoiseConfig::new().with_std(1.0).init(axes)?;
                Self::Pink(Exploration::new(Box::new(process), rng))
            }
        })
    }

    /// Returns noise of another kind, if it is another; the random stream stays.
    pub(super) fn reconfigured(self, noise: ExplorationNoise, axes: usize) -> Result<Self, ConfigError> {
        match (self, noise) {
            (Self::White(rng), _) => Self::of(noise, axes, rng),
            (pink, ExplorationNoise::Pink) => Ok(pink),
            (Self::Pink(exploration), _) => Self::of(noise, axes, exploration.into_rng()),
        }
    }

    /// Draws noise for the actions of n environments, `[n, A]`.
    pub(super) fn sample(&mut self, n: usize, boundary: &Boundary) -> Matrix {
        match self {
            Self::White(rng) => boundary.normal(n, rng),
            Self::Pink(exploration) => {
                let axes = boundary.spaces.action().dim();
                boundary.place.matrix(exploration.sample(n * axes, axes), axes)
            }
        }
    }

    pub(super) fn end_episode(&mut self, environment: usize) {
        if let Self::Pink(exploration) = self {
            exploration.end_episode(environment);
        }
    }
}

/// Under the name that files have had from before there was another noise than the white.
const WHITE: &str = "exploration_rng";

impl Saved for PolicyNoise {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        match self {
            Self::White(rng) => rng.put(WHITE, state),
            Self::Pink(exploration) => exploration.put(name, state),
        }
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        Ok(match self {
            Self::White(rng) => Self::White(rng.restored(WHITE, state)?),
            Self::Pink(exploration) => Self::Pink(exploration.restored(name, state)?),
        })
    }
}
