//! Transitions gathered on the host, in memory that is used again.

use burn::tensor::Device;
use rand::{Rng, RngExt};

use super::error::check;
use super::layout::RowLayout;
use super::n_step::look_ahead;
use super::{Batch, ReplayBuffer, ReplayError};
use crate::config::in_unit_interval;
use crate::upload::upload;

/// A batch before it is uploaded.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
/// use actor_critic::replay::Minibatch;
///
/// let mut replay = ReplayBuffer::new(100, 1, 1)?;
/// for i in 0..100 {
///     let observation = [i as f32];
///     replay.push(&Transition { observation: &observation, action: &[0.0], reward: 0.0, next_observation: &observation, terminated: false })?;
/// }
/// let (mut minibatch, mut rng) = (Minibatch::new(), Seed(0).stream(Stream::Replay));
/// for _ in 0..10 {
///     replay.sample_into(32, 0.99, &mut rng, &mut minibatch)?;
///     let batch = minibatch.upload(&Device::flex());
///     assert_eq!(batch.len(), 32);
/// }
/// # Ok::<(), actor_critic::replay::ReplayError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Minibatch {
    layout: RowLayout,
    observations: Vec<f32>,
    actions: Vec<f32>,
    pub(super) rewards: Vec<f32>,
    next_observations: Vec<f32>,
    /// Of the next observation, `γ^m (1 − d)`.
    discounts: Vec<f32>,
    /// Of each transition in the loss; empty if they are equal.
    pub(super) weights: Vec<f32>,
    /// The rows of the last draw.
    pub(super) rows: Vec<usize>,
    /// One bit for each row of the replay, all 0 between draws.
    drawn: Vec<u64>,
}

impl Minibatch {
    /// Creates an empty minibatch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many transitions it holds.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Returns whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Returns the row of each transition in the replay it was drawn from, to look it up there again.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Uploads the transitions to `device`, each field at once.
    pub fn upload(&self, device: &Device) -> Batch {
        let n = self.len();
        let field = |values: &[f32], columns: usize| upload(values.to_vec(), [n, columns], device);
        Batch {
            observations: field(&self.observations, self.layout.observation_dim),
            actions: field(&self.actions, self.layout.action_dim),
            rewards: field(&self.rewards, 1),
            next_observations: field(&self.next_observations, self.layout.observation_dim),
            discounts: field(&self.discounts, 1),
            weights: (!self.weights.is_empty()).then(|| field(&self.weights, 1)),
        }
    }

    /// Draws `n` different rows below `len`, each subset equally likely.
    pub(super) fn draw<R: Rng + ?Sized>(&mut self, n: usize, len: usize, rng: &mut R) {
        self.rows.clear();
        self.rows.reserve(n);
        self.drawn.resize(self.drawn.len().max(len.div_ceil(64)), 0);
        for last in len - n..len {
            let row = rng.random_range(0..=last);
            // Floyd: what was drawn before stands for `last`, which cannot have been.
            let row = if self.drawn[row / 64] >> (row % 64) & 1 == 1 { last } else { row };
            self.drawn[row / 64] |= 1 << (row % 64);
            self.rows.push(row);
        }
        self.rows.iter().for_each(|row| self.drawn[row / 64] = 0);
    }

    /// Takes the transitions in [`rows`](Self::rows), all of one weight, followed at a discount γ.
    ///
    /// # Errors
    ///
    /// [`ReplayError::TooLarge`] if a sum of rewards is out of range: each of them was in range when it was stored.
    pub(super) fn gather(&mut self, replay: &ReplayBuffer, discount: f64) -> Result<(), ReplayError> {
        self.layout = replay.layout;
        let (n, RowLayout { observation_dim, action_dim }) = (self.rows.len(), self.layout);
        let fields = [
            (&mut self.observations, observation_dim),
            (&mut self.actions, action_dim),
            (&mut self.rewards, 1),
            (&mut self.next_observations, observation_dim),
            (&mut self.discounts, 1),
            (&mut self.weights, 0),
        ];
        for (field, columns) in fields {
            field.clear();
            field.reserve(n * columns);
        }
        for &row in &self.rows {
            let transition = replay.transition(row);
            self.observations.extend_from_slice(transition.observation);
            self.actions.extend_from_slice(transition.action);
            let (reward, discount, last) = if replay.n_step == 1 {
                (transition.reward, discount as f32, transition)
            } else {
                let reward_of = |row| replay.transition(row).reward;
                let outlook = look_ahead(row, replay.n_step, discount, reward_of, |row| replay.following(row));
                (outlook.reward, outlook.discount, replay.transition(outlook.last_row))
            };
            self.rewards.push(reward);
            self.next_observations.extend_from_slice(last.next_observation);
            self.discounts.push(if last.terminated { 0.0 } else { discount });
        }
        if replay.n_step == 1 { Ok(()) } else { check("discounted sums of rewards", &self.rewards, n) }
    }
}

impl ReplayBuffer {
    /// Draws `n` different transitions, each subset equally likely, at a discount γ, and uploads them to `device`.
    ///
    /// # Errors
    ///
    /// As [`sample_into`](Self::sample_into).
    pub fn sample(&self, n: usize, discount: f64, rng: &mut impl Rng, device: &Device) -> Result<Batch, ReplayError> {
        let mut minibatch = Minibatch::new();
        self.sample_into(n, discount, rng, &mut minibatch)?;
        Ok(minibatch.upload(device))
    }

    /// Draws `n` different transitions, each subset equally likely[^1], into memory that is used again.
    ///
    /// The batch has the [discounts](Batch::discounts) `γᵐ (1 − d)` for the γ that is given, in `[0, 1]`: that of the agent which learns
    /// from it. Nothing is allocated once `minibatch` has had a batch of this size from a replay of this length.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::EmptyBatch`] if `n` is 0
    /// - [`ReplayError::TooFewTransitions`] if fewer than `n` are stored
    /// - [`ReplayError::Config`] if the discount is outside `[0, 1]`
    /// - [`ReplayError::TooLarge`] if a discounted sum of rewards is out of range; only then `minibatch` is not as it was
    ///
    /// [^1]: R. Floyd in J. Bentley (1987). *Programming pearls: a sample of brilliance*.
    pub fn sample_into<R: Rng + ?Sized>(
        &self,
        n: usize,
        discount: f64,
        rng: &mut R,
        minibatch: &mut Minibatch,
    ) -> Result<(), ReplayError> {
        self.check_request(n, discount)?;
        minibatch.draw(n, self.len, rng);
        minibatch.gather(self, discount)
    }

    /// Requires that a batch of `n` transitions can be drawn, at a discount in its range.
    pub(super) fn check_request(&self, n: usize, discount: f64) -> Result<(), ReplayError> {
        if n == 0 {
            return Err(ReplayError::EmptyBatch);
        }
        if n > self.len {
            return Err(ReplayError::TooFewTransitions { requested: n, stored: self.len });
        }
        Ok(in_unit_interval("discount", discount)?)
    }

    /// Uploads everything, the oldest first.
    pub(super) fn all(&self, discount: f64, device: &Device) -> Result<Batch, ReplayError> {
        self.check_request(self.len, discount)?;
        let mut minibatch = Minibatch::new();
        minibatch.rows.extend((0..self.len).map(|age| self.row_of(age)));
        minibatch.gather(self, discount)?;
        Ok(minibatch.upload(device))
    }
}
