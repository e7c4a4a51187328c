//! Transitions gathered on the host, in memory that is used again.

use burn::tensor::Device;
use rand::{Rng, RngExt};

use super::Batch;
use super::buffer::Form;
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
///     replay.sample_into(32, &mut rng, &mut minibatch)?;
///     let batch = minibatch.upload(&Device::flex());
///     assert_eq!(batch.len(), 32);
/// }
/// # Ok::<(), actor_critic::replay::ReplayError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Minibatch {
    form: Form,
    observations: Vec<f32>,
    actions: Vec<f32>,
    pub(super) rewards: Vec<f32>,
    next_observations: Vec<f32>,
    terminated: Vec<f32>,
    /// The rows of the last draw.
    rows: Vec<usize>,
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

    /// Uploads the transitions to `device`, each field at once.
    pub fn upload(&self, device: &Device) -> Batch {
        let n = self.len();
        let field = |values: &[f32], columns: usize| upload(values.to_vec(), [n, columns], device);
        Batch {
            observations: field(&self.observations, self.form.observation_dim),
            actions: field(&self.actions, self.form.action_dim),
            rewards: field(&self.rewards, 1),
            next_observations: field(&self.next_observations, self.form.observation_dim),
            terminated: field(&self.terminated, 1),
        }
    }

    /// Empties the minibatch for `n` transitions.
    pub(super) fn begin(&mut self, form: Form, n: usize) {
        self.form = form;
        let Form { observation_dim, action_dim } = form;
        let fields = [
            (&mut self.observations, observation_dim),
            (&mut self.actions, action_dim),
            (&mut self.rewards, 1),
            (&mut self.next_observations, observation_dim),
            (&mut self.terminated, 1),
        ];
        for (field, columns) in fields {
            field.clear();
            field.reserve(n * columns);
        }
    }

    /// Adds one row of a replay.
    pub(super) fn push(&mut self, row: &[f32]) {
        let transition = self.form.read(row);
        self.observations.extend_from_slice(transition.observation);
        self.actions.extend_from_slice(transition.action);
        self.rewards.push(transition.reward);
        self.next_observations.extend_from_slice(transition.next_observation);
        self.terminated.push(f32::from(transition.terminated));
    }

    /// Draws `n` different rows below `len`, each subset equally likely, and adds what `row` returns for each.
    pub(super) fn draw<'a>(&mut self, n: usize, len: usize, rng: &mut impl Rng, row: impl Fn(usize) -> &'a [f32]) {
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
        for i in 0..n {
            self.drawn[self.rows[i] / 64] = 0;
            self.push(row(self.rows[i]));
        }
    }
}
