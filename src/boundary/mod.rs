//! The boundary between environment and networks: converts and checks every number that an agent takes in or gives out.
//!
//! Outside are the units of the environment. Inside, actions are in `[−1, 1]`. If the agent normalises them, observations are in units of their own
//! standard deviation, and rewards in units of the standard deviation of the discounted return.

use burn::tensor::{Device, Tensor, TensorReadError};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::config::ConfigError;
use crate::env::{EnvironmentError, Spaces, Step};
use crate::fused;
use crate::matrix::{Buffer, Matrix, Place};
use crate::nn::{ActionBounds, Actor, Critic, StochasticActor};
use crate::noise::ActionNoise;
use crate::replay::Batch;
use crate::space::first_non_finite;
use crate::state::{State, StateError};

mod normalization;
mod reward_scale;

pub(crate) use normalization::CLIP;
pub use normalization::Normalization;
use normalization::RunningStatistics;
use reward_scale::RewardScale;

/// Rows of the batch that tests a network before training. Not 1, so that a lost batch axis shows.
const TRIAL_ROWS: usize = 2;

/// Why a policy returned no action.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// An observation of the wrong length, or not finite.
    #[error(transparent)]
    Observation(#[from] EnvironmentError),
    /// The actor returned actions of a wrong shape.
    #[error("the actor must return shape {expected:?} for {} observations, got {found:?}", expected[0])]
    ActionShape {
        /// `[n, A]`.
        expected: [usize; 2],
        /// The shape that the actor returned.
        found: [usize; 2],
    },
    /// A noise process gave NaN or infinity.
    #[error("noise must be finite, got {value} on axis {axis}")]
    NonFiniteNoise {
        /// Axis of the first value that is not finite.
        axis: usize,
        /// The value.
        value: f32,
    },
    /// The actor returned NaN or infinity for a finite observation.
    #[error("the actor's action must be finite, got {value} on axis {axis}: its weights have diverged")]
    NonFiniteAction {
        /// Axis of the first component that is not finite.
        axis: usize,
        /// Its value.
        value: f32,
    },
    /// A tensor could not be read back from the device.
    #[error("a tensor could not be read from the device")]
    Read(#[from] TensorReadError),
}

/// A batch that the agent cannot learn from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A batch without transitions.
    #[error(
        "a batch must hold at least 1 transition, got 0; fill it by `sample_into` of a replay, or make it by `Batch::new`"
    )]
    Empty,
    /// Transitions that do not fit the spaces of the agent.
    #[error("{field} of the batch must have shape {expected:?}, got {found:?}")]
    Shape {
        /// Which part of the transitions.
        field: &'static str,
        /// The shape that is needed, `[n, columns]`.
        expected: [usize; 2],
        /// The shape of the batch, `[n, columns]`.
        found: [usize; 2],
    },
}

/// A batch as networks see it: each field of a [`Batch`], in the units of the networks.
pub(crate) struct Inside {
    pub(crate) observations: Matrix,
    pub(crate) actions: Matrix,
    pub(crate) rewards: Matrix,
    pub(crate) next_observations: Matrix,
    pub(crate) discounts: Matrix,
    pub(crate) weights: Option<Matrix>,
}

impl Inside {
    /// Returns the number of transitions.
    pub(crate) fn len(&self) -> usize {
        self.rewards.dims()[0]
    }
}

/// Spaces, device and units of an agent or of a policy.
#[derive(Debug, Clone)]
pub(crate) struct Boundary {
    pub(crate) spaces: Spaces,
    /// Where the matrices of an update are: in host memory or on the device.
    pub(crate) place: Place,
    bounds: ActionBounds,
    /// The normalisation of observations; `None` if there is none.
    pub(crate) normalization: Option<Normalization>,
    /// The running statistics that the normalisation follows, in training.
    statistics: Option<RunningStatistics>,
    reward_scale: Option<RewardScale>,
}

impl Boundary {
    pub(crate) fn new(spaces: &Spaces, device: &Device) -> Result<Self, ConfigError> {
        let device = device.clone().without_autodiff();
        let bounds = ActionBounds::new(spaces.action(), &device)?;
        let is_host = fused::applies(&Tensor::<2>::zeros([1, 1], &device));
        let place = Place { device, is_host };
        Ok(Self { spaces: spaces.clone(), place, bounds, normalization: None, statistics: None, reward_scale: None })
    }

    /// Returns the device of the networks, without autodiff.
    pub(crate) fn device(&self) -> &Device {
        &self.place.device
    }

    /// Normalises observations by their own standard deviation.
    pub(crate) fn normalizing_observations(mut self) -> Self {
        let statistics = RunningStatistics::new(self.spaces.observation().dim());
        self.normalization = Some(statistics.normalization());
        self.statistics = Some(statistics);
        self
    }

    /// Scales rewards by the standard deviation of the discounted return.
    pub(crate) fn scaling_rewards(mut self, discount: f64) -> Self {
        self.reward_scale = Some(RewardScale::new(discount));
        self
    }

    /// Counts the first observation of an episode.
    pub(crate) fn observe(&mut self, observation: &[f32]) -> Result<(), ActError> {
        self.spaces.check_observation(observation)?;
        if let (Some(statistics), Some(normalization)) = (&mut self.statistics, &mut self.normalization) {
            statistics.observe(observation);
            statistics.update(normalization);
        }
        Ok(())
    }

    /// Counts a step of an environment.
    pub(crate) fn observe_step(&mut self, environment: usize, step: &Step) -> Result<(), ActError> {
        self.spaces.check_step(step)?;
        self.observe(&step.observation)?;
        if let Some(scale) = &mut self.reward_scale {
            scale.observe(environment, step.reward);
        }
        Ok(())
    }

    /// Starts a new discounted return for an environment.
    pub(crate) fn end_episode(&mut self, environment: usize) {
        if let Some(scale) = &mut self.reward_scale {
            scale.end_episode(environment);
        }
    }

    /// Returns the factor of the rewards.
    pub(crate) fn reward_factor(&self) -> f64 {
        self.reward_scale.as_ref().map_or(1.0, RewardScale::factor)
    }

    /// Returns a batch as networks see it.
    pub(crate) fn inside(&self, batch: &Batch) -> Inside {
        let space = self.spaces.action();
        let column = |values: &[f32]| self.place.matrix(Buffer::copy_of(values), 1);
        let mut actions = Buffer::copy_of(batch.actions());
        for (action, (center, half_range)) in actions.iter_mut().zip(space.axes().cycle()) {
            *action = (*action - center) / half_range;
        }
        let mut rewards = Buffer::copy_of(batch.rewards());
        if self.reward_scale.is_some() {
            let factor = self.reward_factor() as f32;
            rewards.iter_mut().for_each(|reward| *reward *= factor);
        }
        Inside {
            observations: self.seen(batch.observations()),
            actions: self.place.matrix(actions, space.dim()),
            rewards: self.place.matrix(rewards, 1),
            next_observations: self.seen(batch.next_observations()),
            discounts: column(batch.discounts()),
            weights: batch.weights().map(column),
        }
    }

    /// Returns rows of observations as networks see them, `[n, O]`.
    fn seen(&self, observations: &[f32]) -> Matrix {
        let mut seen = Buffer::copy_of(observations);
        if let Some(normalization) = &self.normalization {
            normalization.apply_to_rows(&mut seen);
        }
        self.place.matrix(seen, self.spaces.observation().dim())
    }

    /// Maps actions of `[−1, 1]` to environment units, on the device.
    pub(crate) fn outside(&self, actions: Tensor<2>) -> Tensor<2> {
        self.bounds.scale(actions)
    }

    /// Returns the statistics of observations and rewards so far.
    pub(crate) fn save_state(&self) -> State {
        let mut state = State::new();
        if let Some(statistics) = &self.statistics {
            state.put_state("observations", statistics.save_state());
        }
        if let Some(scale) = &self.reward_scale {
            state.put_state("rewards", scale.save_state());
        }
        state
    }

    /// Returns the same boundary with the statistics of the part `part` of a state.
    pub(crate) fn restored(&self, part: &str, state: &mut State) -> Result<Self, StateError> {
        let mut saved = state.take_state(part);
        let mut load = || {
            let mut boundary = self.clone();
            if let Some(statistics) = &mut boundary.statistics {
                let restored = statistics.restored(saved.take_state("observations"));
                *statistics = restored.map_err(|error| error.within("observations"))?;
                boundary.normalization = Some(statistics.normalization());
            }
            if let Some(scale) = &mut boundary.reward_scale {
                *scale = scale.restored(saved.take_state("rewards")).map_err(|error| error.within("rewards"))?;
            }
            std::mem::take(&mut saved).finish()?;
            Ok(boundary)
        };
        load().map_err(|error: StateError| error.within(part))
    }

    /// Returns observations as networks see them, `[n, O]`, from rows in sequence.
    pub(crate) fn observations(&self, rows: &[f32]) -> Result<Matrix, ActError> {
        let space = self.spaces.observation();
        if !rows.len().is_multiple_of(space.dim()) || rows.is_empty() {
            self.spaces.check_observation(rows)?;
        }
        rows.chunks_exact(space.dim()).try_for_each(|observation| self.spaces.check_observation(observation))?;
        Ok(self.seen(rows))
    }

    /// Reads actions in `[−1, 1]`, `[n, A]`, adds noise in the same units, and writes them in environment units.
    pub(crate) fn write_actions(&self, actions: Matrix, noise: Option<&[f32]>, to: &mut [f32]) -> Result<(), ActError> {
        let space = self.spaces.action();
        let (expected, found) = ([to.len() / space.dim(), space.dim()], actions.dims());
        if expected != found {
            return Err(ActError::ActionShape { expected, found });
        }
        let actions = actions.into_values()?;
        for (row, action) in actions.chunks_exact(space.dim()).enumerate() {
            if let Some((axis, value)) = first_non_finite(action) {
                return Err(ActError::NonFiniteAction { axis, value });
            }
            let noise = noise.map(|noise| &noise[row * space.dim()..][..space.dim()]);
            if let Some((axis, value)) = noise.and_then(first_non_finite) {
                return Err(ActError::NonFiniteNoise { axis, value });
            }
            let to = &mut to[row * space.dim()..][..space.dim()];
            for (axis, (to, (center, half_range))) in to.iter_mut().zip(space.axes()).enumerate() {
                let action = noise.map_or(action[axis], |noise| action[axis] + noise[axis]);
                *to = (action * half_range + center).clamp(space.low()[axis], space.high()[axis]);
            }
        }
        Ok(())
    }

    /// Draws standard normal noise for `n` actions, `[n, A]`.
    pub(crate) fn normal(&self, n: usize, rng: &mut (impl Rng + ?Sized)) -> Matrix {
        let axes = self.spaces.action().dim();
        let mut noise = Buffer::new(n * axes);
        noise.iter_mut().for_each(|noise| *noise = StandardNormal.sample(rng));
        self.place.matrix(noise, axes)
    }

    /// Requires a batch of the right shapes. `Batch` has checked its numbers.
    pub(crate) fn check_batch(&self, batch: &Batch) -> Result<(), BatchError> {
        let (n, observation, action) = (batch.len(), self.spaces.observation().dim(), self.spaces.action().dim());
        if batch.is_empty() {
            return Err(BatchError::Empty);
        }
        let dims = [("observations", observation, batch.observation_dim()), ("actions", action, batch.action_dim())];
        match dims.into_iter().find(|(_, expected, found)| expected != found) {
            Some((field, expected, found)) => {
                Err(BatchError::Shape { field, expected: [n, expected], found: [n, found] })
            }
            None => Ok(()),
        }
    }

    pub(crate) fn check_actor(&self, actor: &impl Actor) -> Result<(), ConfigError> {
        self.check_output("actor", self.spaces.action().dim(), &actor.act(self.trial(self.spaces.observation().dim())))
    }

    /// Tests a sample of the policy, and returns whether the policy has a density.
    pub(crate) fn check_stochastic_actor(&self, actor: &impl StochasticActor) -> Result<bool, ConfigError> {
        self.check_actor(actor)?;
        let axes = self.spaces.action().dim();
        let sample = actor.sample(self.trial(self.spaces.observation().dim()), self.trial(axes));
        self.check_output("sample of the actor", axes, &sample.actions)?;
        if let Some(log_probs) = &sample.log_probs {
            self.check_output("log-probability of the actor", 1, log_probs)?;
        }
        Ok(sample.log_probs.is_some())
    }

    /// Tests a critic with so many values for each pair of observation and action.
    pub(crate) fn check_critic(&self, critic: &impl Critic, value_dim: usize) -> Result<(), ConfigError> {
        let observations = self.trial(self.spaces.observation().dim());
        self.check_output("critic", value_dim, &critic.q_value(observations, self.trial(self.spaces.action().dim())))
    }

    pub(crate) fn check_noise(&self, noise: &dyn ActionNoise) -> Result<(), ConfigError> {
        let (expected, found) = (self.spaces.action().dim(), noise.dim());
        if expected == found { Ok(()) } else { Err(ConfigError::NoiseDim { expected, found }) }
    }

    fn trial(&self, columns: usize) -> Tensor<2> {
        Tensor::zeros([TRIAL_ROWS, columns], self.device())
    }

    fn check_output(&self, network: &'static str, columns: usize, output: &Tensor<2>) -> Result<(), ConfigError> {
        let (expected, found) = ([TRIAL_ROWS, columns], output.dims());
        if expected == found { Ok(()) } else { Err(ConfigError::OutputShape { network, expected, found }) }
    }
}
