//! Batches: transitions as tensors.

use burn::tensor::{Device, Tensor};

use super::error::check;
use super::{ReplayBuffer, ReplayError, Transition};
use crate::config::in_unit_interval;
use crate::upload::upload;

/// Transitions as tensors, in environment units, on a device without autodiff.
///
/// Every number was checked on the host before its upload: it is finite and at most [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE) in
/// magnitude. [`ReplayBuffer::sample`] makes the batches of training, [`Batch::new`] those made by hand.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let fall = Transition { observation: &[0.5], action: &[1.0], reward: -1.0, next_observation: &[0.0], terminated: true };
/// let walk = Transition { terminated: false, ..fall };
/// let batch = Batch::new(&[fall, walk], 0.99, &device)?;
/// let discounts: Vec<f32> = batch.discounts().clone().try_into_vec_as().unwrap();
/// assert_eq!(discounts, [0.0, 0.99]); // a terminal state has no future
/// # Ok::<(), actor_critic::replay::ReplayError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batch {
    pub(crate) observations: Tensor<2>,
    pub(crate) actions: Tensor<2>,
    pub(crate) rewards: Tensor<2>,
    pub(crate) next_observations: Tensor<2>,
    pub(crate) discounts: Tensor<2>,
    pub(crate) weights: Option<Tensor<2>>,
}

impl Batch {
    /// Stacks transitions, in order, each followed for one step at a discount γ, in `[0, 1]`.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::EmptyBatch`] without transitions
    /// - [`ReplayError::Length`], [`ReplayError::NonFinite`] or [`ReplayError::TooLarge`] as in [`ReplayBuffer::push`], against the first one
    /// - [`ReplayError::Config`] if the discount is outside `[0, 1]`
    pub fn new(transitions: &[Transition<'_>], discount: f64, device: &Device) -> Result<Self, ReplayError> {
        let Some(first) = transitions.first() else { return Err(ReplayError::EmptyBatch) };
        let mut buffer = ReplayBuffer::new(transitions.len(), first.observation.len(), first.action.len())?;
        for transition in transitions {
            buffer.push(transition)?;
        }
        buffer.all(discount, device)
    }

    /// Replaces the discounts, for transitions that were followed for several steps: `γᵐ (1 − d)` of each, in `[0, 1]`.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Length`] if there is not one for each transition
    /// - [`ReplayError::Config`] if one is outside `[0, 1]`
    pub fn with_discounts(self, discounts: Vec<f32>) -> Result<Self, ReplayError> {
        check("discounts", &discounts, self.len())?;
        discounts.iter().try_for_each(|&discount| in_unit_interval("discount", discount.into()))?;
        let discounts = self.column(discounts);
        Ok(Self { discounts, ..self })
    }

    /// Sets how much each transition counts in the loss of the critics. Without weights all count the same.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Length`], [`ReplayError::NonFinite`] or [`ReplayError::TooLarge`].
    pub fn with_weights(self, weights: Vec<f32>) -> Result<Self, ReplayError> {
        check("weights", &weights, self.len())?;
        let weights = Some(self.column(weights));
        Ok(Self { weights, ..self })
    }

    fn column(&self, values: Vec<f32>) -> Tensor<2> {
        let n = values.len();
        upload(values, [n, 1], &self.rewards.device())
    }

    /// Returns n, the number of transitions, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.rewards.dims()[0]
    }

    /// Returns what the agent saw, o, `[n, O]`.
    pub fn observations(&self) -> &Tensor<2> {
        &self.observations
    }

    /// Returns what the agent did, a, `[n, A]`.
    pub fn actions(&self) -> &Tensor<2> {
        &self.actions
    }

    /// Returns the rewards r, or their discounted sums over the m steps that were followed, `[n, 1]`.
    pub fn rewards(&self) -> &Tensor<2> {
        &self.rewards
    }

    /// Returns what the agent saw next, or after m steps, o′, `[n, O]`.
    pub fn next_observations(&self) -> &Tensor<2> {
        &self.next_observations
    }

    /// Returns what the value of o′ is multiplied by, `γᵐ (1 − d)`, `[n, 1]`: 0 where o′ has no future.
    pub fn discounts(&self) -> &Tensor<2> {
        &self.discounts
    }

    /// Returns how much each transition counts in the loss of the critics, `[n, 1]`; `None` if all count the same.
    pub fn weights(&self) -> Option<&Tensor<2>> {
        self.weights.as_ref()
    }
}
