//! Drawing rows of a replay, and copying their transitions into a batch.

use rand::{Rng, RngExt};

use super::error::check;
use super::layout::RowLayout;
use super::n_step::look_ahead;
use super::{Batch, ReplayBuffer, ReplayError};
use crate::config::in_unit_interval;

impl Batch {
    /// Draws `n` different rows below `len`, each subset equally likely, of a replay that may grow to `capacity`.
    fn draw<R: Rng + ?Sized>(&mut self, n: usize, len: usize, capacity: usize, rng: &mut R) {
        self.rows.clear();
        self.rows.reserve(n);
        self.drawn.resize(self.drawn.len().max(capacity.div_ceil(64)), 0);
        for last in len - n..len {
            let row = rng.random_range(0..=last);
            // Floyd: what was drawn before stands for `last`, which cannot have been.
            let row = if self.drawn[row / 64] >> (row % 64) & 1 == 1 { last } else { row };
            self.drawn[row / 64] |= 1 << (row % 64);
            self.rows.push(row);
        }
        self.rows.iter().for_each(|row| self.drawn[row / 64] = 0);
    }

    /// Copies the transitions in [`rows`](Self::rows), with equal weights, followed with a discount γ.
    ///
    /// # Errors
    ///
    /// [`ReplayError::TooLarge`] if a sum of rewards is out of range, although each reward was in range. The batch is then
    /// empty.
    pub(super) fn gather(&mut self, replay: &ReplayBuffer, discount: f64) -> Result<(), ReplayError> {
        self.clear();
        self.layout = replay.layout;
        let (n, RowLayout { observation_dim, action_dim }) = (self.rows.len(), self.layout);
        for (field, columns) in self.fields().into_iter().zip([observation_dim, action_dim, 1, observation_dim, 1, 0]) {
            field.reserve(n * columns);
        }
        replay.fetch(&self.rows);
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
        let sums = if replay.n_step == 1 { Ok(()) } else { check("discounted sums of rewards", &self.rewards, n) };
        self.empty_on_error(sums)
    }

    /// Sets the weight of each transition by its row.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NonFinite`] or [`ReplayError::TooLarge`] if a weight is out of range. The batch is then empty.
    pub(super) fn weigh(&mut self, weight: impl Fn(usize) -> f32) -> Result<(), ReplayError> {
        self.weights.clear();
        self.weights.extend(self.rows.iter().map(|&row| weight(row)));
        let checked = check("importance weights", &self.weights, self.rows.len());
        self.empty_on_error(checked)
    }

    /// Checks that all numbers of the batch are in range.
    fn empty_on_error(&mut self, outcome: Result<(), ReplayError>) -> Result<(), ReplayError> {
        if outcome.is_err() {
            self.rows.clear();
            self.clear();
        }
        outcome
    }

    /// Removes all numbers, and keeps the memory.
    fn clear(&mut self) {
        self.fields().into_iter().for_each(Vec::clear);
    }

    fn fields(&mut self) -> [&mut Vec<f32>; 6] {
        let Self { observations, actions, rewards, next_observations, discounts, weights, .. } = self;
        [observations, actions, rewards, next_observations, discounts, weights]
    }
}

impl ReplayBuffer {
    /// Draws `n` different transitions, each subset equally likely, with a discount γ.
    ///
    /// # Errors
    ///
    /// As [`sample_into`](Self::sample_into).
    pub fn sample(&self, n: usize, discount: f64, rng: &mut impl Rng) -> Result<Batch, ReplayError> {
        let mut batch = Batch::default();
        self.sample_into(n, discount, rng, &mut batch)?;
        Ok(batch)
    }

    /// Draws `n` different transitions, each subset equally likely[^1], into a batch, whose memory is reused.
    ///
    /// The batch has the [discounts](Batch::discounts) `γᵐ (1 − d)`. Pass the discount γ of the agent that learns
    /// from it, in `[0, 1]`. After the first batch of a size, nothing is allocated.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::EmptyBatch`] if `n` is 0
    /// - [`ReplayError::TooFewTransitions`] if fewer than `n` are stored
    /// - [`ReplayError::Config`] if the discount is outside `[0, 1]`
    /// - [`ReplayError::TooLarge`] if a discounted sum of rewards is out of range; `batch` is then empty, and after other errors unchanged
    ///
    /// [^1]: R. Floyd in J. Bentley (1987). *Programming pearls: a sample of brilliance*.
    pub fn sample_into<R: Rng + ?Sized>(
        &self,
        n: usize,
        discount: f64,
        rng: &mut R,
        batch: &mut Batch,
    ) -> Result<(), ReplayError> {
        self.check_request(n, discount)?;
        batch.draw(n, self.len, self.capacity, rng);
        batch.gather(self, discount)
    }

    /// Requires that a batch of `n` transitions can be drawn with this discount.
    pub(super) fn check_request(&self, n: usize, discount: f64) -> Result<(), ReplayError> {
        if n == 0 {
            return Err(ReplayError::EmptyBatch);
        }
        if n > self.len {
            return Err(ReplayError::TooFewTransitions { requested: n, stored: self.len });
        }
        Ok(in_unit_interval("discount", discount)?)
    }

    /// Copies all transitions, the oldest first.
    pub(super) fn all(&self, discount: f64) -> Result<Batch, ReplayError> {
        self.check_request(self.len, discount)?;
        let rows = (0..self.len).map(|age| self.row_of(age)).collect();
        let mut batch = Batch { rows, ..Batch::default() };
        batch.gather(self, discount)?;
        Ok(batch)
    }
}
