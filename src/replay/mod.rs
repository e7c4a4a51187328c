//! Experience replay: transitions on the host, batches on the device.

use burn::tensor::{Device, Tensor};

use crate::env::Step;

mod buffer;
mod minibatch;
mod segment;

pub use buffer::{ReplayBuffer, ReplayError};
pub use minibatch::Minibatch;
pub(crate) use segment::ReplayForm;

/// One step of experience, borrowed from whoever holds it.
///
/// There is no field for truncation, so it cannot be mistaken for termination: a truncated episode still has a
/// future, and its last transition bootstraps like any other[^1].
///
/// [^1]: F. Pardo et al. (2018). *Time Limits in Reinforcement Learning*. arXiv:1712.00378.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition<'a> {
    /// What the agent saw, o.
    pub observation: &'a [f32],
    /// What it did, a, in environment units.
    pub action: &'a [f32],
    /// The reward it got, r.
    pub reward: f32,
    /// What it saw next, o′.
    pub next_observation: &'a [f32],
    /// Whether o′ has no future.
    pub terminated: bool,
}

impl<'a> Transition<'a> {
    /// Joins what was seen and done with what the environment answered.
    pub fn new(observation: &'a [f32], action: &'a [f32], step: &'a Step) -> Self {
        Self {
            observation,
            action,
            reward: step.reward,
            next_observation: &step.observation,
            terminated: step.terminated,
        }
    }
}

/// Transitions as tensors, on a device without autodiff.
///
/// # Shapes
///
/// With n transitions, O observation and A action axes:
///
/// - `observations`, `next_observations`: `[n, O]`
/// - `actions`: `[n, A]`
/// - `rewards`, `terminated`: `[n, 1]`
#[derive(Debug, Clone)]
pub struct Batch {
    /// What the agent saw.
    pub observations: Tensor<2>,
    /// What it did, in environment units.
    pub actions: Tensor<2>,
    /// The rewards it got.
    pub rewards: Tensor<2>,
    /// What it saw next.
    pub next_observations: Tensor<2>,
    /// 1 where the next observation has no future, else 0.
    pub terminated: Tensor<2>,
}

impl Batch {
    /// Stacks transitions, in order.
    ///
    /// For hand-made batches; [`ReplayBuffer::sample`] makes those of training.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::EmptyBatch`] without transitions
    /// - [`ReplayError::Length`] or [`ReplayError::NonFinite`] as in [`ReplayBuffer::push`], against the first one
    pub fn from_transitions(transitions: &[Transition<'_>], device: &Device) -> Result<Self, ReplayError> {
        let Some(first) = transitions.first() else { return Err(ReplayError::EmptyBatch) };
        let mut buffer = ReplayBuffer::new(transitions.len(), first.observation.len(), first.action.len())?;
        for transition in transitions {
            buffer.push(transition)?;
        }
        Ok(buffer.all(device))
    }

    /// Returns n, the number of transitions.
    pub fn len(&self) -> usize {
        self.rewards.dims()[0]
    }

    /// Returns whether the batch holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
