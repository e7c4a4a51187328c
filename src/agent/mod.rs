//! Agents: networks, their optimizers, and the update that makes them better.
//!
//! | Setting | [`DdpgConfig`] | lab | [`SacConfig`] | lab | [`Td3Config`] |
//! |---|---|---|---|---|---|
//! | `discount` γ | 0.99 | 0.99 | 0.99 | 0.99 | 0.99 |
//! | `tau` τ | 0.005 | 0.005 | 0.005 | 0.005 | 0.005 |
//! | `actor_learning_rate` | 1e-3 | 1e-3 | 3e-4 | 1e-3 | 1e-3 |
//! | `critic_learning_rate` | 1e-3 | 2e-3 | 3e-4 | 1e-3 | 1e-3 |
//! | noise (half-ranges) | Gaussian 0.1 | Ornstein-Uhlenbeck 0.1 | its own | its own | Gaussian 0.1 |
//! | temperature α | | | learned from 1 | fixed 0.1 | |
//! | Adam's ε | 1e-8 | 1e-8 | 1e-8 | 1e-8 | 1e-8 |
//!
//! The lab's values are spelled out in the examples. The defaults are those of Stable-Baselines3, but for the noise of DDPG
//! and TD3, which is off there.

use std::fmt::Display;

use burn::tensor::{Device, Tensor, TensorReadError};

use crate::env::{EnvironmentError, Spaces};
use crate::objective::{n_step_target, td_loss, td_target, weighted_td_loss};
use crate::replay::Batch;
use crate::space::MAX_MAGNITUDE;
use crate::state::{State, StateError, expect_same_config};
use crate::target::TargetError;

pub(crate) mod adam;
mod agent_config;
mod crossing;
mod ddpg;
mod exploration;
mod gradient_norm;
mod learner;
mod normalization;
mod sac;
mod td3;
mod temperature;

pub use agent_config::AgentConfig;
pub(crate) use crossing::Crossing;
pub use ddpg::{Ddpg, DdpgConfig, DdpgMetrics};
pub use normalization::Normalization;
pub use sac::{Sac, SacConfig, SacMetrics};
pub use td3::{Td3, Td3Config, Td3Metrics};
pub use temperature::{LearnedTemperatureConfig, TemperatureConfig};

/// Why an agent could not act or learn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// An observation of the wrong length, or not finite.
    #[error(transparent)]
    Observation(#[from] EnvironmentError),
    /// A batch whose tensors do not fit together or do not fit the agent.
    #[error("{field} of the batch must have shape {expected:?}, got {found:?}")]
    BatchShape {
        /// Which tensor.
        field: &'static str,
        /// `[n, columns]` that is needed.
        expected: [usize; 2],
        /// `[n, columns]` that came.
        found: [usize; 2],
    },
    /// A batch without transitions.
    #[error("a batch must hold at least 1 transition, got 0")]
    EmptyBatch,
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
    /// A batch with a number that nothing can be learned from.
    #[error(
        "{field} of the batch must be finite and at most {MAX_MAGNITUDE:e} in magnitude, got {value:e} in row {row}"
    )]
    BatchValue {
        /// Which tensor.
        field: &'static str,
        /// Row of the first such number.
        row: usize,
        /// Its value.
        value: f32,
    },
    /// A loss, or the norm of a gradient, is no longer a number; the step it would have led to was not taken.
    #[error("{quantity} must be finite, got {value}: training has diverged")]
    Diverged {
        /// Which loss.
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// A weight or a gradient is no longer a number, or beyond all measure.
    #[error(
        "{quantity} of the {network} must be finite and at most {MAX_MAGNITUDE:e} in magnitude, got {value:e} in {parameter}: training has diverged"
    )]
    Parameter {
        /// A weight, or the gradient of one.
        quantity: &'static str,
        /// Which network.
        network: &'static str,
        /// Path of the parameter in the network.
        parameter: String,
        /// The first such value.
        value: f64,
    },
    /// A target network that does not belong to its source.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A tensor could not be read back from the device.
    #[error("a tensor could not be read from the device")]
    Read(#[from] TensorReadError),
}

/// What an action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionMode {
    /// To learn from: with the agent's exploration noise.
    Explore,
    /// To be judged by: the policy's best, which takes no random number and changes no state of the agent.
    Greedy,
}

/// What an agent brings to order one before its networks see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Normalizes {
    /// Whether it does so with observations.
    pub observations: bool,
    /// Whether it does so with rewards.
    pub rewards: bool,
}

/// Something that acts, and learns from batches.
///
/// An agent owns its networks, optimizers and exploration. Environment, replay and schedule belong to the
/// [`Trainer`](crate::train::Trainer) or to a loop of your own.
///
/// # Contract
///
/// - Actions lie inside [`Spaces::action`].
/// - A call that returns an error because of its argument leaves the agent as it was.
pub trait Agent {
    /// What an update reports.
    type Metrics: Metrics;

    /// Returns the spaces the agent was built for.
    fn spaces(&self) -> &Spaces;

    /// Returns the device that batches belong on.
    fn device(&self) -> &Device;

    /// Returns the action for one observation, in environment units.
    ///
    /// # Errors
    ///
    /// - [`AgentError::Observation`] if the observation has the wrong length or is not finite
    /// - [`AgentError::NonFiniteAction`] if the policy has diverged
    /// - [`AgentError::ActionShape`], [`AgentError::NoiseLength`] or [`AgentError::NonFiniteNoise`] if a network or a noise
    ///   process of your own breaks its word
    fn select_action(&mut self, observation: &[f32], mode: ActionMode) -> Result<Vec<f32>, AgentError>;

    /// Returns the action for each of several environments, in the order of their numbers.
    ///
    /// One call of [`select_action`](Self::select_action) each; the agents of this crate ask their networks once, and keep noise for each
    /// environment.
    ///
    /// # Errors
    ///
    /// As [`select_action`](Self::select_action).
    fn select_actions(&mut self, observations: &[&[f32]], mode: ActionMode) -> Result<Vec<Vec<f32>>, AgentError> {
        observations.iter().map(|observation| self.select_action(observation, mode)).collect()
    }

    /// Called with every observation of a training run, before it is acted on. Does nothing unless the agent keeps statistics.
    ///
    /// # Errors
    ///
    /// [`AgentError::Observation`] if the observation has the wrong length or is not finite.
    fn observe(&mut self, observation: &[f32]) -> Result<(), AgentError> {
        let _ = observation;
        Ok(())
    }

    /// Returns what the agent normalises by itself, for a [`Diagnosis`](crate::train::Diagnosis). Nothing by default.
    fn normalizes(&self) -> Normalizes {
        Normalizes::default()
    }

    /// Returns the weight of the future γ, which the replay needs for returns of several steps.
    fn discount(&self) -> f64;

    /// Takes one gradient step on each network.
    ///
    /// # Errors
    ///
    /// - [`AgentError::EmptyBatch`] or [`AgentError::BatchShape`] if the batch does not fit, before anything is changed
    /// - [`AgentError::BatchValue`] if a number of the batch is not finite, or too large, before anything is changed
    /// - [`AgentError::Diverged`] if a loss is not finite; networks that come before it in the update have moved, the one
    ///   it belongs to has not
    /// - [`AgentError::Parameter`] if a weight or a gradient is not finite, or too large; its network may have moved
    ///
    /// # Panics
    ///
    /// Panics if the batch is on another device.
    fn update(&mut self, batch: &Batch) -> Result<Self::Metrics, AgentError>;

    /// Returns how wrong the critics were about each transition of the last batch, before the step, if that had
    /// [`weights`](Batch::weights): `|y − Q(o, a)|`, the mean over critics. `None` for an agent that does not say.
    fn td_errors(&self) -> Option<&[f32]> {
        None
    }

    /// Called at the end of every episode of an environment. Does nothing unless the agent's noise begins anew.
    fn end_episode(&mut self, environment: usize) {
        let _ = environment;
    }
}

/// Takes the action out of a list of one.
pub(crate) fn only(actions: Vec<Vec<f32>>) -> Vec<f32> {
    let [action] = <[_; 1]>::try_from(actions).expect("there is one action for one observation");
    action
}

/// Computes the target of the critics, from a value of each next observation.
fn batch_target(batch: &Batch, next_values: Tensor<2>, discount: f64) -> Tensor<2> {
    let (rewards, terminated) = (batch.rewards.clone(), batch.terminated.clone());
    match &batch.discounts {
        Some(discounts) => n_step_target(rewards, terminated, next_values, discounts.clone()),
        None => td_target(rewards, terminated, next_values, discount),
    }
}

/// Computes the loss of a critic.
fn batch_loss(batch: &Batch, values: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    match &batch.weights {
        Some(weights) => weighted_td_loss(values, targets, weights.clone()),
        None => td_loss(values, targets),
    }
}

/// Reads `|y − Q(o, a)|` of each transition, the mean over critics, if the batch asks for it by its weights.
fn read_td_errors(batch: &Batch, values: &[Tensor<2>], targets: &Tensor<2>) -> Result<Option<Vec<f32>>, AgentError> {
    if batch.weights.is_none() {
        return Ok(None);
    }
    let errors = values.iter().map(|values| (values.clone().inner() - targets.clone()).abs());
    let sum = errors.reduce(|sum, errors| sum + errors).expect("there is at least one critic");
    Ok(Some((sum / values.len() as f64).try_into_vec_as()?))
}

/// Begins the state of an agent with what must be the same wherever it is loaded.
fn identity(algorithm: &str, config: &impl Display, spaces: &Spaces) -> State {
    let mut state = State::new();
    state.put_text("algorithm", algorithm);
    state.put_text("config", config.to_string());
    state.put_text("spaces", spaces.to_string());
    state
}

/// Takes what [`identity`] has put, and requires it to be what is here.
fn expect_identity(
    state: &mut State,
    algorithm: &str,
    config: &impl Display,
    spaces: &Spaces,
) -> Result<(), StateError> {
    state.expect_text("algorithm", algorithm)?;
    expect_same_config("config", &state.take_text("config")?, &config.to_string(), &[])?;
    state.expect_text("spaces", &spaces.to_string())
}

/// The numbers that an update reports, for observers that do not know the algorithm.
pub trait Metrics {
    /// Names, in the order of [`values`](Self::values).
    const NAMES: &'static [&'static str];

    /// Returns one value per name.
    fn values(&self) -> Vec<f64>;
}
