//! Experience replay: transitions on the host, batches on the device.

use std::fmt::Debug;

use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::env::Step;
use crate::state::{State, StateError};

mod buffer;
mod error;
mod last_observations;
mod layout;
mod link;
mod minibatch;
mod n_step;
mod prioritized;
mod segment;
mod sum_tree;

pub use buffer::ReplayBuffer;
pub use error::ReplayError;
pub use minibatch::Minibatch;
pub use prioritized::{PrioritizedReplay, PrioritizedReplayConfig};
pub(crate) use segment::ReplayForm;

/// A memory of transitions that batches are drawn from: uniformly, or by another law.
///
/// The transitions themselves lie in a [`ReplayBuffer`]; an implementation says which of them make a batch.
pub trait Replay: Debug + Send {
    /// Returns the transitions.
    fn transitions(&self) -> &ReplayBuffer;

    /// Returns the transitions, for a checkpoint to keep account of what is written.
    fn transitions_mut(&mut self) -> &mut ReplayBuffer;

    /// Stores a transition of one of several environments.
    ///
    /// # Errors
    ///
    /// As [`ReplayBuffer::push_from`].
    fn push(&mut self, environment: usize, transition: &Transition<'_>) -> Result<(), ReplayError>;

    /// Draws `n` transitions into memory that is used again.
    ///
    /// # Errors
    ///
    /// As [`ReplayBuffer::sample_into`].
    fn sample_into(&mut self, n: usize, rng: &mut dyn Rng, minibatch: &mut Minibatch) -> Result<(), ReplayError>;

    /// Learns how wrong the critics were about each transition of a batch. Does nothing unless batches depend on it.
    ///
    /// # Errors
    ///
    /// [`ReplayError::TdErrors`] if there is not one for each, or [`ReplayError::NonFinite`].
    fn update_priorities(&mut self, minibatch: &Minibatch, td_errors: &[f32]) -> Result<(), ReplayError> {
        let (_, _) = (minibatch, td_errors);
        Ok(())
    }

    /// Returns everything beyond the transitions that decides what is drawn. Nothing unless there is such.
    ///
    /// # Errors
    ///
    /// Whatever the implementation reports.
    fn save_state(&self) -> Result<State, StateError> {
        Ok(State::new())
    }

    /// Takes the place of the replay that `transitions` and `state` were saved from.
    ///
    /// # Errors
    ///
    /// [`StateError`] if they do not fit; nothing has changed then.
    fn load(&mut self, transitions: ReplayBuffer, state: State) -> Result<(), StateError>;
}

impl Replay for ReplayBuffer {
    fn transitions(&self) -> &ReplayBuffer {
        self
    }

    fn transitions_mut(&mut self) -> &mut ReplayBuffer {
        self
    }

    fn push(&mut self, environment: usize, transition: &Transition<'_>) -> Result<(), ReplayError> {
        self.push_from(environment, transition).map(drop)
    }

    fn sample_into(&mut self, n: usize, rng: &mut dyn Rng, minibatch: &mut Minibatch) -> Result<(), ReplayError> {
        ReplayBuffer::sample_into(self, n, rng, minibatch)
    }

    fn load(&mut self, transitions: ReplayBuffer, state: State) -> Result<(), StateError> {
        state.finish()?;
        *self = transitions;
        Ok(())
    }
}

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
/// - `rewards`, `terminated`, `discounts`, `weights`: `[n, 1]`
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
    /// What the value of the next observation is multiplied by, γ^m, where that is m steps later; `None` if all are one step later,
    /// and γ is the agent's.
    pub discounts: Option<Tensor<2>>,
    /// How much each transition counts in the loss of the critics; `None` if all count the same.
    pub weights: Option<Tensor<2>>,
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
