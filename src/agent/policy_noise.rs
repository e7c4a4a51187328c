//! The noise that a stochastic policy draws its actions with.

use burn::config::Config;
use rand::Rng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::exploration::Exploration;
use super::saved::Saved;
use crate::boundary::Boundary;
use crate::config::ConfigError;
use crate::matrix::Matrix;
use crate::noise::{ActionNoise, PinkNoise, PinkNoiseConfig};
use crate::rng::{Seed, Stream};
use crate::state::{SaveState, State, StateError};

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
    /// White in one episode and pink in the next. The white episodes teach the agent to be exact, and the pink ones find rewards that no short push leads to.
    Alternating,
}

/// Standard normal noise for the actions of a run.
pub(super) enum PolicyNoise {
    White(ChaCha8Rng),
    /// Noise that depends on the steps before, of this kind.
    Process(ExplorationNoise, Exploration),
}

impl PolicyNoise {
    pub(super) fn new(noise: ExplorationNoise, axes: usize, seed: Seed) -> Result<Self, ConfigError> {
        Self::of(noise, axes, seed.stream(Stream::Exploration))
    }

    fn of(noise: ExplorationNoise, axes: usize, rng: ChaCha8Rng) -> Result<Self, ConfigError> {
        Ok(match noise {
            ExplorationNoise::White => Self::White(rng),
            ExplorationNoise::Pink => Self::Process(noise, Exploration::new(Box::new(standard_pink(axes)?), rng)),
            ExplorationNoise::Alternating => {
                let process = Alternating { pink: standard_pink(axes)?, is_pink: false };
                Self::Process(noise, Exploration::new(Box::new(process), rng))
            }
        })
    }

    /// Returns noise of another kind, if it is another; the random stream stays.
    pub(super) fn reconfigured(self, noise: ExplorationNoise, axes: usize) -> Result<Self, ConfigError> {
        match (self, noise) {
            (Self::White(rng), _) => Self::of(noise, axes, rng),
            (same @ Self::Process(kind, _), _) if kind == noise => Ok(same),
            (Self::Process(_, exploration), _) => Self::of(noise, axes, exploration.into_rng()),
        }
    }

    /// Draws noise for the actions of n environments, `[n, A]`.
    pub(super) fn sample(&mut self, n: usize, boundary: &Boundary) -> Matrix {
        match self {
            Self::White(rng) => boundary.normal(n, rng),
            Self::Process(_, exploration) => {
                let axes = boundary.spaces.action().dim();
                boundary.place.matrix(exploration.sample(n * axes, axes), axes)
            }
        }
    }

    pub(super) fn end_episode(&mut self, environment: usize) {
        if let Self::Process(_, exploration) = self {
            exploration.end_episode(environment);
        }
    }
}

fn standard_pink(axes: usize) -> Result<PinkNoise, ConfigError> {
    PinkNoiseConfig::new().with_std(1.0).init(axes)
}

/// White noise in the first episode, pink noise in the second, and so on.
#[derive(Debug, Clone)]
struct Alternating {
    pink: PinkNoise,
    is_pink: bool,
}

impl ActionNoise for Alternating {
    fn dim(&self) -> usize {
        self.pink.dim()
    }

    fn sample_into(&mut self, rng: &mut dyn Rng, noise: &mut [f32]) {
        if self.is_pink {
            self.pink.sample_into(rng, noise);
        } else {
            noise.iter_mut().for_each(|noise| *noise = StandardNormal.sample(&mut *rng));
        }
    }

    fn fresh(&self) -> Box<dyn ActionNoise> {
        Box::new(Self { pink: self.pink.at_beginning(), is_pink: false })
    }

    fn end_episode(&mut self) {
        self.is_pink = !self.is_pink;
        self.pink.end_episode();
    }
}

impl SaveState for Alternating {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = self.pink.save_state()?;
        state.put("is_pink", u64::from(self.is_pink));
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        let is_pink = state.take::<u64>("is_pink")?;
        if is_pink > 1 {
            return Err(StateError::invalid("is_pink", "0 or 1", is_pink));
        }
        self.pink.load_state(state)?;
        self.is_pink = is_pink == 1;
        Ok(())
    }
}

/// Under the name that files have had from before there was another noise than the white.
const WHITE: &str = "exploration_rng";

impl Saved for PolicyNoise {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        match self {
            Self::White(rng) => rng.put(WHITE, state),
            Self::Process(_, exploration) => exploration.put(name, state),
        }
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        Ok(match self {
            Self::White(rng) => Self::White(rng.restored(WHITE, state)?),
            Self::Process(noise, exploration) => Self::Process(*noise, exploration.restored(name, state)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alternating() -> Alternating {
        Alternating { pink: standard_pink(1).unwrap(), is_pink: false }
    }

    #[test]
    fn every_other_episode_is_pink_and_a_state_is_restored() {
        let mut rng = Seed(0).stream(Stream::Exploration);
        let mut noise = alternating();
        // The mean over an episode of the products of neighbours: 0, and for pink noise about a half.
        let mut correlation = |noise: &mut Alternating| {
            let draws: Vec<f64> = (0..2_000).map(|_| f64::from(noise.sample(&mut rng)[0])).collect();
            noise.end_episode();
            draws.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / 2e3
        };
        let episodes: Vec<f64> = (0..4).map(|_| correlation(&mut noise)).collect();
        assert!(episodes[0].abs() < 0.12 && episodes[2].abs() < 0.12, "{episodes:?}");
        assert!(episodes[1] > 0.3 && episodes[3] > 0.3, "{episodes:?}");

        noise.end_episode();
        let draw = |noise: &mut Alternating| noise.sample(&mut Seed(1).stream(Stream::Exploration));
        draw(&mut noise);
        let mut other = alternating();
        other.load_state(noise.save_state().unwrap()).unwrap();
        assert_eq!(draw(&mut noise), draw(&mut other));
    }
}
