//! Batches of transitions, on the host and as tensors.

use burn::tensor::{Device, Tensor};

use super::error::check;
use super::layout::RowLayout;
use super::{ReplayBuffer, ReplayError, Transition};
use crate::config::in_unit_interval;
use crate::upload::upload;

/// Transitions to learn from, in environment units and in reused host memory.
///
/// Each field is one vector, row after row. Every number was checked when it was stored: it is finite and at most
/// [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE) in magnitude. [`ReplayBuffer::sample_into`] fills the batches of training,
/// [`Batch::new`] makes one by hand, and [`upload`](Self::upload) returns the tensors of a batch.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// let fall = Transition { observation: &[0.5], action: &[1.0], reward: -1.0, next_observation: &[0.0], terminated: true };
/// let walk = Transition { terminated: false, ..fall };
/// let batch = Batch::new(&[fall, walk], 0.99)?;
/// assert_eq!(batch.discounts(), [0.0, 0.99]); // a terminal state has no future
///
/// let mut replay = ReplayBuffer::new(100, 1, 1)?;
/// for i in 0..100 {
///     replay.push(&Transition { observation: &[i as f32], ..walk })?;
/// }
/// let (mut batch, mut rng) = (Batch::default(), Seed(0).stream(Stream::Replay));
/// for _ in 0..10 {
///     replay.sample_into(32, 0.99, &mut rng, &mut batch)?;
///     assert_eq!(batch.len(), 32);
/// }
/// # Ok::<(), actor_critic::replay::ReplayError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(super) layout: RowLayout,
    pub(super) observations: Vec<f32>,
    pub(super) actions: Vec<f32>,
    pub(super) rewards: Vec<f32>,
    pub(super) next_observations: Vec<f32>,
    pub(super) discounts: Vec<f32>,
    /// Empty if all transitions have the same weight.
    pub(super) weights: Vec<f32>,
    pub(super) rows: Vec<usize>,
    /// One bit for each row of the replay, all 0 between draws.
    pub(super) drawn: Vec<u64>,
}

impl Batch {
    /// Makes a batch of transitions, in order, each followed for one step with a discount γ, in `[0, 1]`.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::EmptyBatch`] without transitions
    /// - [`ReplayError::Length`], [`ReplayError::NonFinite`] or [`ReplayError::TooLarge`] as in [`ReplayBuffer::push`], compared with the first one
    /// - [`ReplayError::Config`] if the discount is outside `[0, 1]`
    pub fn new(transitions: &[Transition<'_>], discount: f64) -> Result<Self, ReplayError> {
        let Some(first) = transitions.first() else { return Err(ReplayError::EmptyBatch) };
        let mut buffer = ReplayBuffer::new(transitions.len(), first.observation.len(), first.action.len())?;
        for transition in transitions {
            buffer.push(transition)?;
        }
        buffer.all(discount)
    }

    /// Replaces the discounts, for transitions that were followed for several steps: `γᵐ (1 − d)` of each, in `[0, 1]`.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Length`] if there is not one discount for each transition
    /// - [`ReplayError::Config`] if one is outside `[0, 1]`
    pub fn with_discounts(self, discounts: Vec<f32>) -> Result<Self, ReplayError> {
        check("discounts", &discounts, self.len())?;
        discounts.iter().try_for_each(|&discount| in_unit_interval("discount", discount.into()))?;
        Ok(Self { discounts, ..self })
    }

    /// Sets the weight of each transition in the loss of the critics. Without weights all count the same.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Length`], [`ReplayError::NonFinite`] or [`ReplayError::TooLarge`].
    pub fn with_weights(self, weights: Vec<f32>) -> Result<Self, ReplayError> {
        check("weights", &weights, self.len())?;
        Ok(Self { weights, ..self })
    }

    /// Uploads the transitions to `device`, each field in one piece.
    pub fn upload(&self, device: &Device) -> BatchTensors {
        let n = self.len();
        let field = |values: &[f32], columns: usize| upload(values.to_vec(), [n, columns], device);
        BatchTensors {
            observations: field(&self.observations, self.observation_dim()),
            actions: field(&self.actions, self.action_dim()),
            rewards: field(&self.rewards, 1),
            next_observations: field(&self.next_observations, self.observation_dim()),
            discounts: field(&self.discounts, 1),
            weights: self.weights().map(|weights| field(weights, 1)),
        }
    }

    /// Returns n, the number of transitions.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Returns whether it is empty: before it is filled, and after a failed draw.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Returns O, the axes of an observation; 0 before the batch is filled.
    pub fn observation_dim(&self) -> usize {
        self.layout.observation_dim
    }

    /// Returns A, the axes of an action; 0 before the batch is filled.
    pub fn action_dim(&self) -> usize {
        self.layout.action_dim
    }

    /// Returns the row of each transition in the replay that it was drawn from.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Returns the observations, o, `[n, O]` row by row.
    pub fn observations(&self) -> &[f32] {
        &self.observations
    }

    /// Returns the actions, a, `[n, A]` row by row.
    pub fn actions(&self) -> &[f32] {
        &self.actions
    }

    /// Returns the rewards r, or their discounted sums over m steps, n numbers.
    pub fn rewards(&self) -> &[f32] {
        &self.rewards
    }

    /// Returns the next observations, or those after m steps, o′, `[n, O]` row by row.
    pub fn next_observations(&self) -> &[f32] {
        &self.next_observations
    }

    /// Returns the factor of the value of o′, `γᵐ (1 − d)`, n numbers: 0 where o′ has no future.
    pub fn discounts(&self) -> &[f32] {
        &self.discounts
    }

    /// Returns the weight of each transition in the loss of the critics, n numbers; `None` if all count the same.
    pub fn weights(&self) -> Option<&[f32]> {
        (!self.weights.is_empty()).then_some(&self.weights)
    }
}

/// A [`Batch`] on a device, for networks. Make it with [`Batch::upload`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BatchTensors {
    /// The observations, o, `[n, O]`.
    pub observations: Tensor<2>,
    /// The actions, a, `[n, A]`.
    pub actions: Tensor<2>,
    /// The rewards r, or their discounted sums over m steps, `[n, 1]`.
    pub rewards: Tensor<2>,
    /// The next observations, or those after m steps, o′, `[n, O]`.
    pub next_observations: Tensor<2>,
    /// The factor of the value of o′, `γᵐ (1 − d)`, `[n, 1]`.
    pub discounts: Tensor<2>,
    /// The weight of each transition in the loss of the critics, `[n, 1]`; `None` if all count the same.
    pub weights: Option<Tensor<2>>,
}
