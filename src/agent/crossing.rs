//! The crossing between host and device: every number that an agent takes in or gives out passes here, checked.

use burn::tensor::{Device, Tensor, TensorReadError, Transaction};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::AgentError;
use super::normalization::{Normalization, RunningStatistics};
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::nn::{Actor, Critic, StochasticActor};
use crate::noise::ActionNoise;
use crate::replay::Batch;
use crate::space::{first_non_finite, first_unsound, is_sound};
use crate::state::{State, StateError};
use crate::upload::upload;

/// Rows of the batch that a network is tried with before training. Not 1, so that a lost batch axis shows.
const TRIAL_ROWS: usize = 2;

#[derive(Debug, Clone)]
pub(crate) struct Crossing {
    pub(crate) spaces: Spaces,
    pub(crate) device: Device,
    /// What networks see observations through; `None` if they see them as they are.
    pub(crate) normalization: Option<Normalization>,
    /// What the normalisation follows, in training.
    statistics: Option<RunningStatistics>,
}

impl Crossing {
    pub(crate) fn new(spaces: &Spaces, device: &Device) -> Self {
        let device = device.clone().without_autodiff();
        Self { spaces: spaces.clone(), device, normalization: None, statistics: None }
    }

    /// Makes the networks see observations in units of their own spread, if `on`.
    pub(crate) fn normalizing(mut self, on: bool) -> Self {
        self.statistics = on.then(|| RunningStatistics::new(self.spaces.observation().dim()));
        self.normalization = self.statistics.as_ref().map(RunningStatistics::normalization);
        self
    }

    /// Counts an observation of the run.
    pub(crate) fn observe(&mut self, observation: &[f32]) -> Result<(), AgentError> {
        self.spaces.check_observation(observation)?;
        if let Some(statistics) = &mut self.statistics {
            statistics.observe(observation);
            self.normalization = Some(statistics.normalization());
        }
        Ok(())
    }

    /// Returns a batch with the observations as networks see them.
    pub(crate) fn normalized(&self, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        if let Some(normalization) = &self.normalization {
            batch.observations = normalization.apply_to(batch.observations, &self.device);
            batch.next_observations = normalization.apply_to(batch.next_observations, &self.device);
        }
        batch
    }

    /// Returns the statistics of the observations so far.
    pub(crate) fn save_state(&self) -> State {
        self.statistics.as_ref().map_or_else(State::new, RunningStatistics::save_state)
    }

    /// Returns the same crossing with the statistics of the part `part` of a state.
    pub(crate) fn loaded(&self, part: &str, state: &mut State) -> Result<Self, StateError> {
        let saved = state.take_state(part);
        let Some(statistics) = &self.statistics else {
            return saved.finish().map(|()| self.clone()).map_err(|error| error.within(part));
        };
        let statistics = statistics.loaded(saved).map_err(|error| error.within(part))?;
        let normalization = Some(statistics.normalization());
        Ok(Self { normalization, statistics: Some(statistics), ..self.clone() })
    }

    /// Uploads observations as networks see them, `[n, O]`.
    pub(crate) fn observations(&self, observations: &[&[f32]]) -> Result<Tensor<2>, AgentError> {
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

    /// Reads `n` actions, `[n, A]`, adds the noise of each in half-ranges, and clips them to the bounds.
    pub(crate) fn actions(
        &self,
        n: usize,
        actions: Tensor<2>,
        noise: Option<Vec<Vec<f32>>>,
    ) -> Result<Vec<Vec<f32>>, AgentError> {
        let (expected, found) = ([n, self.spaces.action().dim()], actions.dims());
        if expected != found {
            return Err(AgentError::ActionShape { expected, found });
        }
        let actions: Vec<f32> = actions.try_into_vec_as()?;
        let mut noise = noise.into_iter().flatten();
        actions.chunks_exact(expected[1]).map(|action| self.action(action.to_vec(), noise.next())).collect()
    }

    fn action(&self, mut action: Vec<f32>, noise: Option<Vec<f32>>) -> Result<Vec<f32>, AgentError> {
        let space = self.spaces.action();
        if let Some((axis, value)) = first_non_finite(&action) {
            return Err(AgentError::NonFiniteAction { axis, value });
        }
        if let Some(noise) = noise {
            let (expected, found) = (space.dim(), noise.len());
            if expected != found {
                return Err(AgentError::NoiseLength { expected, found });
            }
            if let Some((axis, value)) = first_non_finite(&noise) {
                return Err(AgentError::NonFiniteNoise { axis, value });
            }
            for ((a, noise), half_range) in action.iter_mut().zip(noise).zip(space.half_range()) {
                *a += noise * half_range;
            }
        }
        Ok(space.clip(&action))
    }

    /// Draws standard normal noise for `n` actions, `[n, A]`.
    pub(crate) fn normal(&self, n: usize, rng: &mut impl Rng) -> Tensor<2> {
        let axes = self.spaces.action().dim();
        let noise = StandardNormal.sample_iter(rng).take(n * axes).collect();
        upload(noise, [n, axes], &self.device)
    }

    pub(crate) fn check_batch(&self, batch: &Batch) -> Result<(), AgentError> {
        let n = batch.len();
        if n == 0 {
            return Err(AgentError::EmptyBatch);
        }
        let (observation, action) = (self.spaces.observation().dim(), self.spaces.action().dim());
        let fields = [
            ("observations", &batch.observations, observation),
            ("actions", &batch.actions, action),
            ("rewards", &batch.rewards, 1),
            ("next observations", &batch.next_observations, observation),
            ("terminated", &batch.terminated, 1),
        ];
        let optional = [("discounts", &batch.discounts), ("weights", &batch.weights)];
        let optional = optional.into_iter().filter_map(|(field, tensor)| Some((field, tensor.as_ref()?, 1)));
        let fields: Vec<_> = fields.into_iter().chain(optional).collect();
        for &(field, tensor, columns) in &fields {
            let (expected, found) = ([n, columns], tensor.dims());
            if expected != found {
                return Err(AgentError::BatchShape { field, expected, found });
            }
        }
        let tensors = fields.iter().fold(Transaction::default(), |all, (_, tensor, _)| all.register((*tensor).clone()));
        for ((field, _, columns), data) in fields.into_iter().zip(tensors.try_execute().map_err(TensorReadError::from)?)
        {
            let values = data.as_slice::<f32>().map_err(TensorReadError::from)?;
            // All at once, without a branch, since almost always all are sound.
            if values.iter().fold(true, |all, &value| all & is_sound(value)) {
                continue;
            }
            if let Some((index, value)) = first_unsound(values) {
                return Err(AgentError::BatchValue { field, row: index / columns, value });
            }
        }
        Ok(())
    }

    /// Checks noise that was given from outside for `n` actions.
    pub(crate) fn check_normal(&self, field: &'static str, noise: &Tensor<2>, n: usize) -> Result<(), AgentError> {
        let (expected, found) = ([n, self.spaces.action().dim()], noise.dims());
        if expected == found { Ok(()) } else { Err(AgentError::BatchShape { field, expected, found }) }
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

    pub(crate) fn check_critic(&self, critic: &impl Critic) -> Result<(), ConfigError> {
        let observations = self.trial(self.spaces.observation().dim());
        self.check_output("critic", 1, &critic.q_value(observations, self.trial(self.spaces.action().dim())))
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
