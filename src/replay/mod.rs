//! Replay buffers: store transitions, and draw batches uniformly or by priority.

use std::fmt::Debug;

use rand::Rng;

use crate::env::Step;
use crate::state::{State, StateError};

mod batch;
mod buffer;
mod error;
mod gather;
mod last_observations;
mod layout;
mod n_step;
mod next_observation;
mod prioritized;
mod segment;
mod sum_tree;

pub use batch::{Batch, BatchTensors};
pub use buffer::ReplayBuffer;
pub use error::ReplayError;
pub use prioritized::{PrioritizedReplay, PrioritizedReplayConfig};
pub(crate) use segment::ReplayForm;

/// A replay buffer: stores transitions, and draws batches of them.
///
/// The transitions are stored in a [`ReplayBuffer`]; an implementation decides which of them make a batch.
pub trait Replay: Debug + Send {
    /// Returns the transitions.
    fn transitions(&self) -> &ReplayBuffer;

    /// Returns the transitions, so that a checkpoint can record what it has written.
    fn transitions_mut(&mut self) -> &mut ReplayBuffer;

    /// Stores a transition of one of several environments.
    ///
    /// # Errors
    ///
    /// As [`ReplayBuffer::push_from`].
    fn push(&mut self, environment: usize, transition: &Transition<'_>) -> Result<(), ReplayError>;

    /// Draws `n` transitions, with a discount γ, into a batch, whose memory is reused.
    ///
    /// # Errors
    ///
    /// As [`ReplayBuffer::sample_into`].
    fn sample_into(&mut self, n: usize, discount: f64, rng: &mut dyn Rng, batch: &mut Batch)
    -> Result<(), ReplayError>;

    /// Receives the temporal difference error of each transition of a batch. Does nothing by default.
    ///
    /// # Errors
    ///
    /// [`ReplayError::TdErrors`] if there is not one error for each transition, or [`ReplayError::NonFinite`].
    fn update_priorities(&mut self, batch: &Batch, td_errors: &[f32]) -> Result<(), ReplayError> {
        let (_, _) = (batch, td_errors);
        Ok(())
    }

    /// Returns the state, apart from the transitions, that decides which batches are drawn. Empty by default.
    ///
    /// # Errors
    ///
    /// Any error of the implementation.
    fn save_state(&self) -> Result<State, StateError> {
        Ok(State::new())
    }

    /// Restores the replay from the saved `transitions` and `state`.
    ///
    /// # Errors
    ///
    /// [`StateError`] if they do not fit; nothing is changed then.
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

    fn sample_into(
        &mut self,
        n: usize,
        discount: f64,
        rng: &mut dyn Rng,
        batch: &mut Batch,
    ) -> Result<(), ReplayError> {
        ReplayBuffer::sample_into(self, n, discount, rng, batch)
    }

    fn load(&mut self, transitions: ReplayBuffer, state: State) -> Result<(), StateError> {
        state.finish()?;
        *self = transitions;
        Ok(())
    }
}

/// One step of experience, as references to its parts.
///
/// There is no field for truncation, so truncation cannot be mistaken for termination: a truncated episode still has a
/// future, and its last transition bootstraps like any other[^1].
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// let mut replay = ReplayBuffer::new(1_000, 2, 1)?;
/// replay.push(&Transition {
///     observation: &[0.0, 1.0],
///     action: &[0.5],
///     reward: -3.0,
///     next_observation: &[0.1, 1.1],
///     terminated: true, // the episode ended by itself, not by a time limit
/// })?;
/// assert_eq!(replay.len(), 1);
/// # Ok::<(), actor_critic::replay::ReplayError>(())
/// ```
///
/// [^1]: F. Pardo et al. (2018). *Time Limits in Reinforcement Learning*. arXiv:1712.00378.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition<'a> {
    /// The observation, o.
    pub observation: &'a [f32],
    /// The action, a, in environment units.
    pub action: &'a [f32],
    /// The reward, r.
    pub reward: f32,
    /// The next observation, o′.
    pub next_observation: &'a [f32],
    /// Whether o′ has no future.
    pub terminated: bool,
}

impl<'a> Transition<'a> {
    /// Makes a transition from an observation, an action and the step that followed.
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
