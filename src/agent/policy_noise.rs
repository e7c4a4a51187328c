//! Exploration noise of a stochastic policy.

use burn::config::Config;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::TemperatureConfig;
use super::exploration::Exploration;
use super::saved::Saved;
use crate::boundary::Boundary;
use crate::config::{ConfigError, positive};
use crate::matrix::Matrix;
use crate::noise::PinkNoiseConfig;
use crate::rng::{Seed, Stream};
use crate::state::{State, StateError};

/// The exploration noise of SAC: how the noise ξ of an action, `tanh(mean + deviation · ξ)`, depends on the steps
/// before.
///
/// Each ξ is standard normal in any case. Only the actions of a training run use this noise: updates and
/// [`SampleActions`](crate::policy::SampleActions) have independent noise.
///
/// # Examples
///
/// ```
/// use actor_critic::agent::{ExplorationNoise, LearnedTemperatureConfig};
/// use actor_critic::prelude::*;
///
/// let temperature = LearnedTemperatureConfig::new().with_minimum(0.01);
/// let config = SacConfig::new()
///     .with_temperature(TemperatureConfig::Learned(temperature))
///     .with_exploration_noise(ExplorationNoise::Adaptive);
/// assert!(config.validate().is_ok());
/// assert!(SacConfig::new().with_exploration_noise(ExplorationNoise::Adaptive).validate().is_err()); // no minimum
/// ```
#[derive(Config, Debug, PartialEq, Copy)]
pub enum ExplorationNoise {
    /// White noise: independent of the steps before.
    White,
    /// Pink noise: correlated over an episode, at every time scale; [`PinkNoise`](crate::noise::PinkNoise) with a
    /// standard deviation of 1.
    Pink,
    /// Pink noise in an episode that starts while the temperature is at its
    /// [minimum](super::LearnedTemperatureConfig::minimum), white noise in other episodes. The minimum must be
    /// positive.
    ///
    /// The temperature falls to its minimum as long as no action is better than another, for example before a sparse
    /// reward is found. Pink noise finds the reward sooner. Afterwards, white noise stays closer to the policy.
    Adaptive,
}

impl ExplorationNoise {
    pub(super) fn check(self, temperature: &TemperatureConfig) -> Result<(), ConfigError> {
        match self {
            Self::White | Self::Pink => Ok(()),
            Self::Adaptive => positive("minimum temperature with exploration_noise Adaptive", temperature.minimum()),
        }
    }
}

/// Standard normal noise for the actions of a run.
pub(super) enum PolicyNoise {
    White(ChaCha8Rng),
    Pink(Exploration),
    /// The flag of an environment is true if its episode has pink noise.
    Adaptive(Exploration, Vec<bool>),
}

impl PolicyNoise {
    pub(super) fn new(noise: ExplorationNoise, axes: usize, seed: Seed) -> Result<Self, ConfigError> {
        Self::of(noise, axes, seed.stream(Stream::Exploration))
    }

    fn of(noise: ExplorationNoise, axes: usize, rng: ChaCha8Rng) -> Result<Self, ConfigError> {
        let pink = |rng| {
            let process = PinkNoiseConfig::new().with_std(1.0).init(axes)?;
            Ok::<_, ConfigError>(Exploration::new(Box::new(process), rng))
        };
        Ok(match noise {
            ExplorationNoise::White => Self::White(rng),
            ExplorationNoise::Pink => Self::Pink(pink(rng)?),
            ExplorationNoise::Adaptive => Self::Adaptive(pink(rng)?, Vec::new()),
        })
    }

    /// Changes the kind of noise. The same kind keeps its state, and the random stream stays in any case.
    pub(super) fn reconfigured(self, noise: ExplorationNoise, axes: usize) -> Result<Self, ConfigError> {
        match (self, noise) {
            (pink @ Self::Pink(_), ExplorationNoise::Pink) => Ok(pink),
            (adaptive @ Self::Adaptive(..), ExplorationNoise::Adaptive) => Ok(adaptive),
            (Self::White(rng), _) => Self::of(noise, axes, rng),
            (Self::Pink(exploration) | Self::Adaptive(exploration, _), _) => {
                Self::of(noise, axes, exploration.into_rng())
            }
        }
    }

    /// Draws noise for the actions of n environments, `[n, A]`.
    pub(super) fn sample(&mut self, n: usize, boundary: &Boundary) -> Matrix {
        let axes = boundary.spaces.action().dim();
        match self {
            Self::White(rng) => boundary.normal(n, rng),
            Self::Pink(exploration) => boundary.place.matrix(exploration.sample(n * axes, axes), axes),
            Self::Adaptive(exploration, is_pink) => {
                let mut noise = exploration.sample(n * axes, axes);
                for (environment, noise) in noise.chunks_exact_mut(axes).enumerate() {
                    if !is_pink.get(environment).copied().unwrap_or_default() {
                        noise.iter_mut().for_each(|noise| *noise = StandardNormal.sample(exploration.rng()));
                    }
                }
                boundary.place.matrix(noise, axes)
            }
        }
    }

    /// Ends an episode of an environment. `is_at_minimum` is about the temperature at the start of the next one.
    pub(super) fn end_episode(&mut self, environment: usize, is_at_minimum: bool) {
        match self {
            Self::White(_) => {}
            Self::Pink(exploration) => exploration.end_episode(environment),
            Self::Adaptive(exploration, is_pink) => {
                exploration.end_episode(environment);
                is_pink.resize(is_pink.len().max(environment + 1), false);
                is_pink[environment] = is_at_minimum;
            }
        }
    }
}

/// The name in a state. It is older than the other kinds of noise.
const WHITE: &str = "exploration_rng";

impl Saved for PolicyNoise {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        match self {
            Self::White(rng) => rng.put(WHITE, state),
            Self::Pink(exploration) => exploration.put(name, state),
            Self::Adaptive(exploration, is_pink) => {
                let mut part = State::new();
                exploration.put("pink", &mut part)?;
                part.put_array("is_pink", &[is_pink.len()], is_pink.iter().map(|&is| u64::from(is)).collect());
                state.put_state(name, part);
                Ok(())
            }
        }
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        Ok(match self {
            Self::White(rng) => Self::White(rng.restored(WHITE, state)?),
            Self::Pink(exploration) => Self::Pink(exploration.restored(name, state)?),
            Self::Adaptive(exploration, _) => {
                let mut part = state.take_state(name);
                let mut load = || {
                    let exploration = exploration.restored("pink", &mut part)?;
                    let is_pink = restored_flags(part.take_row("is_pink")?)?;
                    std::mem::take(&mut part).finish()?;
                    Ok(Self::Adaptive(exploration, is_pink))
                };
                load().map_err(|error: StateError| error.within(name))?
            }
        })
    }
}

fn restored_flags(flags: Vec<u64>) -> Result<Vec<bool>, StateError> {
    match flags.iter().find(|&&flag| flag > 1) {
        Some(flag) => Err(StateError::invalid("is_pink", "0 or 1", flag)),
        None => Ok(flags.into_iter().map(|flag| flag == 1).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Spaces;
    use crate::space::BoxSpace;

    fn boundary() -> Boundary {
        let space = BoxSpace::symmetric(1.0, 1).unwrap();
        Boundary::new(&Spaces::new(space.clone(), space).unwrap(), &crate::test_device()).unwrap()
    }

    /// The mean over the steps of the product of two successive numbers, for each of two environments: 0 for white
    /// noise, about a half for pink noise.
    fn correlations(noise: &mut PolicyNoise) -> [f32; 2] {
        let boundary = boundary();
        let draws: Vec<Vec<f32>> =
            (0..2_000).map(|_| noise.sample(2, &boundary).into_values().unwrap().to_vec()).collect();
        [0, 1].map(|environment| {
            draws.windows(2).map(|pair| pair[0][environment] * pair[1][environment]).sum::<f32>() / 2e3
        })
    }

    #[test]
    fn an_episode_is_pink_that_begins_at_the_minimum() {
        let mut noise = PolicyNoise::new(ExplorationNoise::Adaptive, 1, Seed(0)).unwrap();
        assert!(correlations(&mut noise).iter().all(|x| x.abs() < 0.12));
        noise.end_episode(1, true);
        let [white, pink] = correlations(&mut noise);
        assert!(white.abs() < 0.12 && pink > 0.3, "{white} {pink}");
        noise.end_episode(1, false);
        assert!(correlations(&mut noise).iter().all(|x| x.abs() < 0.12));
    }

    #[test]
    fn a_state_restores_the_noise_of_every_environment() {
        let draw = |noise: &mut PolicyNoise| noise.sample(3, &boundary()).into_values().unwrap().to_vec();
        let mut noise = PolicyNoise::new(ExplorationNoise::Adaptive, 1, Seed(0)).unwrap();
        draw(&mut noise);
        noise.end_episode(1, true);
        draw(&mut noise);
        let mut state = State::new();
        noise.put("exploration", &mut state).unwrap();
        let other = PolicyNoise::new(ExplorationNoise::Adaptive, 1, Seed(0)).unwrap();
        let mut other = other.restored("exploration", &mut state).unwrap();
        assert_eq!(draw(&mut noise), draw(&mut other));
    }

    #[test]
    fn a_flag_out_of_range_is_refused() {
        let error = restored_flags(vec![0, 2]).unwrap_err().to_string();
        assert!(error.contains("is_pink") && error.contains("0 or 1"), "{error}");
    }
}
