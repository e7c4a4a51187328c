//! The boundary between environment and networks: every number that an agent takes in or gives out passes here, checked.
//!
//! Outside are the units of the environment. Inside, observations are in units of their own spread and rewards in units of the spread of
//! the discounted return, if the agent normalises them, and actions are in `[−1, 1]`.

use burn::tensor::{Device, Tensor, TensorReadError};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::config::ConfigError;
use crate::env::{EnvironmentError, Spaces, Step};
use crate::nn::{ActionBounds, Actor, Critic, StochasticActor};
use crate::noise::ActionNoise;
use crate::replay::Batch;
use crate::space::first_non_finite;
use crate::state::{State, StateError};
use crate::upload::upload;

mod normalization;
mod reward_scale;

pub use normalization::Normalization;
use normalization::RunningStatistics;
use reward_scale::RewardScale;

/// Rows of the batch that a network is tried with before training. Not 1, so that a lost batch axis shows.
const TRIAL_ROWS: usize = 2;

/// Why no action came out of a policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// An observation of the wrong length, or not finite.
    #[error(transparent)]
    Observation(#[from] EnvironmentError),
    /// The actor answered observations with a tensor of the wrong shape.
    #[error("the actor must answer {} observations with shape {expected:?}, got {found:?}", expected[0])]
    ActionShape {
        /// `[n, A]`.
        expected: [usize; 2],
        /// Shape that came.
        found: [usize; 2],
    },
    /// A noise process gave another number of values than it has axes.
    #[error("noise must have {expected} values, one per axis of the action space, got {found}")]
    NoiseLength {
        /// Axes of the action space.
        expected: usize,
        /// Values that came.
        found: usize,
    },
    /// A noise process gave NaN or infinity.
    #[error("noise must be finite, got {value} on axis {axis}")]
    NonFiniteNoise {
        /// Axis of the first such value.
        axis: usize,
        /// The value.
        value: f32,
    },
    /// The actor answered a finite observation with NaN or infinity.
    #[error("the actor's action must be finite, got {value} on axis {axis}: its weights have diverged")]
    NonFiniteAction {
        /// Axis of the first such component.
        axis: usize,
        /// Its value.
        value: f32,
    },
    /// A tensor could not be read back from the device.
    #[error("a tensor could not be read from the device")]
    Read(#[from] TensorReadError),
}

/// A batch whose tensors do not fit the spaces of the agent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{field} of the batch must have shape {expected:?}, got {found:?}")]
pub struct BatchError {
    /// Which tensor.
    pub field: &'static str,
    /// `[n, columns]` that is needed.
    pub expected: [usize; 2],
    /// `[n, columns]` that came.
    pub found: [usize; 2],
}

/// Spaces, device and units of an agent or of a policy.
#[derive(Debug, Clone)]
pub(crate) struct Boundary {
    pub(crate) spaces: Spaces,
    pub(crate) device: Device,
    bounds: ActionBounds,
    /// What networks see observations through; `None` if they see them as they are.
    pub(crate) normalization: Option<Normalization>,
    /// What the normalisation follows, in training.
    statistics: Option<RunningStatistics>,
    reward_scale: Option<RewardScale>,
}

impl Boundary {
    pub(crate) fn new(spaces: &Spaces, device: &Device) -> Result<Self, ConfigError> {
        let device = device.clone().without_autodiff();
        let bounds = ActionBounds::new(spaces.action(), &device)?;
        Ok(Self { spaces: spaces.clone(), device, bounds, normalization: None, statistics: None, reward_scale: None })
    }

    /// Makes networks see observations in units of their own spread.
    pub(crate) fn normalizing_observations(mut self) -> Self {
        let statistics = RunningStatistics::new(self.spaces.observation().dim());
        self.normalization = Some(statistics.normalization());
        self.statistics = Some(statistics);
        self
    }

    /// Makes critics learn rewards in units of the spread of the discounted return.
    pub(crate) fn scaling_rewards(mut self, discount: f64) -> Self {
        self.reward_scale = Some(RewardScale::new(discount));
        self
    }

    /// Counts the first observation of an episode.
    pub(crate) fn observe(&mut self, observation: &[f32]) -> Result<(), ActError> {
        self.spaces.check_observation(observation)?;
        if let Some(statistics) = &mut self.statistics {
            statistics.observe(observation);
            self.normalization = Some(statistics.normalization());
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

    /// Begins the return of an environment anew.
    pub(crate) fn end_episode(&mut self, environment: usize) {
        if let Some(scale) = &mut self.reward_scale {
            scale.end_episode(environment);
        }
    }

    /// Returns what critics multiply rewards by.
    pub(crate) fn reward_factor(&self) -> f64 {
        self.reward_scale.as_ref().map_or(1.0, RewardScale::factor)
    }

    /// Returns a batch as networks see it.
    pub(crate) fn inside(&self, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        if let Some(normalization) = &self.normalization {
            batch.observations = normalization.apply_to(batch.observations, &self.device);
            batch.next_observations = normalization.apply_to(batch.next_observations, &self.device);
        }
        batch.actions = self.bounds.unscale(batch.actions);
        if self.reward_scale.is_some() {
            batch.rewards = batch.rewards * self.reward_factor();
        }
        batch
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

    /// Uploads observations as networks see them, `[n, O]`.
    pub(crate) fn observations(&self, observations: &[&[f32]]) -> Result<Tensor<2>, ActError> {
        let mut rows = Vec::with_capacity(observations.len() * self.spaces.observation().dim());
        for observation in observations {
            self.spaces.check_observation(observation)?;
            match &self.normalization {
                Some(normalization) => rows.extend(normalization.apply(observation)),
                None => rows.extend_from_slice(observation),
            }
        }
        Ok(upload(rows, [observations.len(), self.spaces.observation().dim()], &self.device))
    }

    /// Reads `n` actions of `[−1, 1]`, `[n, A]`, adds the noise of each, and maps them to the bounds.
    pub(crate) fn actions(
        &self,
        n: usize,
        actions: Tensor<2>,
        noise: Option<Vec<Vec<f32>>>,
    ) -> Result<Vec<Vec<f32>>, ActError> {
        let (expected, found) = ([n, self.spaces.action().dim()], actions.dims());
        if expected != found {
            return Err(ActError::ActionShape { expected, found });
        }
        let actions: Vec<f32> = actions.try_into_vec_as()?;
        let mut noise = noise.into_iter().flatten();
        actions.chunks_exact(expected[1]).map(|action| self.action(action, noise.next())).collect()
    }

    fn action(&self, action: &[f32], noise: Option<Vec<f32>>) -> Result<Vec<f32>, ActError> {
        let space = self.spaces.action();
        if let Some((axis, value)) = first_non_finite(action) {
            return Err(ActError::NonFiniteAction { axis, value });
        }
        let mut action = action.to_vec();
        if let Some(noise) = noise {
            let (expected, found) = (space.dim(), noise.len());
            if expected != found {
                return Err(ActError::NoiseLength { expected, found });
            }
            if let Some((axis, value)) = first_non_finite(&noise) {
                return Err(ActError::NonFiniteNoise { axis, value });
            }
            action.iter_mut().zip(noise).for_each(|(a, noise)| *a += noise);
        }
        let axes = space.center().into_iter().zip(space.half_range());
        let scaled: Vec<f32> =
            action.into_iter().zip(axes).map(|(a, (center, half_range))| a * half_range + center).collect();
        Ok(space.clip(&scaled))
    }

    /// Draws standard normal noise for `n` actions, `[n, A]`.
    pub(crate) fn normal(&self, n: usize, rng: &mut (impl Rng + ?Sized)) -> Tensor<2> {
        let axes = self.spaces.action().dim();
        let noise = StandardNormal.sample_iter(rng).take(n * axes).collect();
        upload(noise, [n, axes], &self.device)
    }

    /// Requires a batch of these spaces. Its numbers were checked where it was made.
    pub(crate) fn check_batch(&self, batch: &Batch) -> Result<(), BatchError> {
        let (n, observation, action) = (batch.len(), self.spaces.observation().dim(), self.spaces.action().dim());
        for (field, tensor, columns) in
            [("observations", &batch.observations, observation), ("actions", &batch.actions, action)]
        {
            let (expected, found) = ([n, columns], tensor.dims());
            if expected != found {
                return Err(BatchError { field, expected, found });
            }
        }
        Ok(())
    }

    pub(crate) fn check_actor(&self, actor: &impl Actor) -> Result<(), ConfigError> {
        self.check_output("actor", self.spaces.action().dim(), &actor.act(self.trial(self.spaces.observation().dim())))
    }

    /// Tries a sample, and returns whether the policy has a density.
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

    /// Tries a critic that has so many values a pair.
    pub(crate) fn check_critic(&self, critic: &impl Critic, value_dim: usize) -> Result<(), ConfigError> {
        let observations = self.trial(self.spaces.observation().dim());
        self.check_output("critic", value_dim, &critic.q_value(observations, self.trial(self.spaces.action().dim())))
    }

    pub(crate) fn check_noise(&self, noise: &dyn ActionNoise) -> Result<(), ConfigError> {
        let (expected, found) = (self.spaces.action().dim(), noise.dim());
        if expected == found { Ok(()) } else { Err(ConfigError::NoiseDim { expected, found }) }
    }

    fn trial(&self, columns: usize) -> Tensor<2> {
        Tensor::zeros([TRIAL_ROWS, columns], &self.device)
    }

    fn check_output(&self, network: &'static str, columns: usize, output: &Tensor<2>) -> Result<(), ConfigError> {
        let (expected, found) = ([TRIAL_ROWS, columns], output.dims());
        if expected == found { Ok(()) } else { Err(ConfigError::OutputShape { network, expected, found }) }
    }
}
