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

/// How the noise ξ of an action, `tanh(mean + deviation · ξ)`, depends on that of the step before.
///
/// An action has the same distribution with each, and only the actions of a training run are drawn so: updates and
/// [`SampleActions`](crate::policy::SampleActions) have independent noise.
#[derive(Config, Debug, PartialEq, Copy)]
pub enum ExplorationNoise {
    /// Not at all.
    White,
    /// It is correlated over an episode, at every scale of time: [`PinkNoise`](crate::noise::PinkNoise) with a standard deviation of 1.
    Pink,
    /// Pink in an episode that begins while the temperature is at its [minimum](super::LearnedTemperatureConfig::minimum), and white in others.
    ///
    /// The temperature falls to its minimum where no action is better than another, so before a sparse reward is found. Pink noise finds it sooner. Afterwards, white noise
    /// stays closer to the policy. The minimum must be positive.
    Adaptive,
}

impl ExplorationNoise {
    pub(super) fn check(self, temperature: &TemperatureConfig) -> Result<(), ConfigError> {
        match self {
            Self::White | Self::Pink => Ok(()),
            Self::Adaptive => {
                positive("the minimum temperature, which the exploration_noise Adaptive needs,", temperature.minimum())
            }
        }
    }
}

/// Standard normal noise for the actions of a run.
pub(super) enum PolicyNoise {
    White(ChaCha8Rng),
    Pink(Exploration),
    /// Pink in the episodes of these environments, white in others.
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

    /// Returns noise of another kind, if it is another; the random stream stays.
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

    /// Begins another episode of an environment, at a temperature that is at its minimum or not.
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

/// Under the name that files have had from before there was another noise than the white.
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

    /// The mean over steps of the products of neighbours, for each of two environments: 0 for white noise, and for pink noise about a half.
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
