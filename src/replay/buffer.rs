//! A flat ring of transitions on the host.

use burn::tensor::Device;
use rand::Rng;

use super::minibatch::Minibatch;
use super::{Batch, Transition, segment};
use crate::digest::Digest;
use crate::space::{MAX_MAGNITUDE, first_unsound};

/// Why the replay refused a transition or a request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A size of zero.
    #[error("{field} must be at least 1, got 0")]
    Zero {
        /// Which size.
        field: &'static str,
    },
    /// More memory than the machine gives.
    #[error("a replay of {capacity} transitions does not fit into memory; lower the capacity")]
    OutOfMemory {
        /// Transitions asked for.
        capacity: usize,
    },
    /// A vector of the wrong length.
    #[error("{field} must have {expected} components, got {found}")]
    Length {
        /// Which part of the transition.
        field: &'static str,
        /// Length that the replay stores.
        expected: usize,
        /// Length that came.
        found: usize,
    },
    /// A NaN or infinite number.
    #[error("{field} must be finite, got {value} at index {index}")]
    NonFinite {
        /// Which part of the transition.
        field: &'static str,
        /// Index in that part.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A number that is finite, but so large that nothing can be learned from it.
    #[error("{field} must be at most {MAX_MAGNITUDE:e} in magnitude, got {value:e} at index {index}")]
    TooLarge {
        /// Which part of the transition.
        field: &'static str,
        /// Index in that part.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A batch larger than what is stored.
    #[error(
        "a batch without replacement needs at least as many stored transitions: {requested} requested, {stored} stored"
    )]
    TooFewTransitions {
        /// Size of the batch.
        requested: usize,
        /// Transitions in the replay.
        stored: usize,
    },
    /// A batch of nothing.
    #[error("a batch must hold at least 1 transition, got 0")]
    EmptyBatch,
}

/// The newest `capacity` transitions, sampled uniformly[^1].
///
/// They lie in host memory one after the other, each in one piece, since a batch asks for transitions from everywhere and each
/// piece of memory is a wait of its own: 4 (2 O + A + 2) bytes a transition, reserved at construction.
///
/// # Examples
///
/// ```
/// use actor_critic::replay::{ReplayBuffer, Transition};
///
/// let mut replay = ReplayBuffer::new(2, 1, 1)?;
/// for i in 0..3 {
///     let (now, next) = ([i as f32], [i as f32 + 1.0]);
///     replay.push(&Transition { observation: &now, action: &[0.5], reward: -1.0, next_observation: &next, terminated: false })?;
/// }
/// assert_eq!(replay.len(), 2);
/// assert_eq!(replay.get(0).unwrap().observation, [1.0]); // the oldest that is left
/// # Ok::<(), actor_critic::replay::ReplayError>(())
/// ```
///
/// [^1]: L.-J. Lin (1992). *Self-improving reactive agents based on reinforcement learning, planning and teaching*.
#[derive(Clone)]
pub struct ReplayBuffer {
    pub(super) capacity: usize,
    pub(super) form: Form,
    /// Row that the next transition overwrites, once the ring is full.
    pub(super) cursor: usize,
    pub(super) len: usize,
    pub(super) rows: Vec<f32>,
    /// Of each piece that a checkpoint has written, until something is written into it.
    pub(super) digests: Vec<Option<Digest>>,
    segment_rows: usize,
}

/// How a row holds a transition: o, a, r, o′, and 1 for terminated.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Form {
    pub(super) observation_dim: usize,
    pub(super) action_dim: usize,
}

impl Form {
    pub(super) fn width(self) -> usize {
        2 * self.observation_dim + self.action_dim + 2
    }

    pub(super) fn read(self, row: &[f32]) -> Transition<'_> {
        let (observation, rest) = row.split_at(self.observation_dim);
        let (action, rest) = rest.split_at(self.action_dim);
        let (next_observation, terminated) = rest[1..].split_at(self.observation_dim);
        Transition { observation, action, reward: rest[0], next_observation, terminated: terminated[0] != 0.0 }
    }

    fn write(self, transition: &Transition<'_>, row: &mut [f32]) {
        let (observation, rest) = row.split_at_mut(self.observation_dim);
        let (action, rest) = rest.split_at_mut(self.action_dim);
        let (reward, rest) = rest.split_at_mut(1);
        let (next_observation, terminated) = rest.split_at_mut(self.observation_dim);
        observation.copy_from_slice(transition.observation);
        action.copy_from_slice(transition.action);
        reward[0] = transition.reward;
        next_observation.copy_from_slice(transition.next_observation);
        terminated[0] = f32::from(transition.terminated);
    }
}

impl std::fmt::Debug for ReplayBuffer {
    /// Shows the sizes, not the millions of numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayBuffer")
            .field("capacity", &self.capacity)
            .field("len", &self.len())
            .field("observation_dim", &self.form.observation_dim)
            .field("action_dim", &self.form.action_dim)
            .finish_non_exhaustive()
    }
}

impl ReplayBuffer {
    /// Creates an empty replay and reserves its memory.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Zero`] if a size is 0
    /// - [`ReplayError::OutOfMemory`] if the memory cannot be reserved
    pub fn new(capacity: usize, observation_dim: usize, action_dim: usize) -> Result<Self, ReplayError> {
        let sizes = [("capacity", capacity), ("observation_dim", observation_dim), ("action_dim", action_dim)];
        if let Some(&(field, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(ReplayError::Zero { field });
        }
        let form = Form { observation_dim, action_dim };
        let numbers = (observation_dim.checked_mul(2))
            .and_then(|width| width.checked_add(action_dim)?.checked_add(2)?.checked_mul(capacity))
            .ok_or(ReplayError::OutOfMemory { capacity })?;
        let mut rows = Vec::new();
        rows.try_reserve_exact(numbers).map_err(|_| ReplayError::OutOfMemory { capacity })?;
        Ok(Self {
            capacity,
            form,
            cursor: 0,
            len: 0,
            rows,
            digests: Vec::new(),
            segment_rows: segment::segment_rows(form),
        })
    }

    /// Returns how many transitions are stored.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns how many transitions can be stored.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Stores a transition, in place of the oldest one if the replay is full.
    ///
    /// # Errors
    ///
    /// Nothing is stored on an error.
    ///
    /// - [`ReplayError::Length`] if a vector has the wrong length
    /// - [`ReplayError::NonFinite`] if a number is NaN or infinite
    /// - [`ReplayError::TooLarge`] if a number is beyond [`MAX_MAGNITUDE`]
    pub fn push(&mut self, transition: &Transition<'_>) -> Result<(), ReplayError> {
        let Form { observation_dim, action_dim } = self.form;
        check("observation", transition.observation, observation_dim)?;
        check("action", transition.action, action_dim)?;
        check("reward", &[transition.reward], 1)?;
        check("next observation", transition.next_observation, observation_dim)?;

        let width = self.form.width();
        let row = if self.len < self.capacity {
            self.rows.resize(self.rows.len() + width, 0.0);
            self.len += 1;
            self.len - 1
        } else {
            let row = self.cursor;
            self.cursor = (row + 1) % self.capacity;
            row
        };
        self.form.write(transition, &mut self.rows[row * width..][..width]);
        let segment = row / self.segment_rows;
        match self.digests.get_mut(segment) {
            Some(digest) => *digest = None,
            None => self.digests.push(None),
        }
        Ok(())
    }

    /// Returns a stored transition by age, 0 being the oldest; `None` from [`len`](Self::len) on.
    pub fn get(&self, age: usize) -> Option<Transition<'_>> {
        (age < self.len).then(|| self.form.read(self.row((self.cursor + age) % self.len)))
    }

    fn row(&self, row: usize) -> &[f32] {
        let width = self.form.width();
        &self.rows[row * width..][..width]
    }

    /// Draws `n` different transitions, each subset equally likely, and uploads them to `device`.
    ///
    /// # Errors
    ///
    /// As [`sample_into`](Self::sample_into).
    pub fn sample(&self, n: usize, rng: &mut impl Rng, device: &Device) -> Result<Batch, ReplayError> {
        let mut minibatch = Minibatch::new();
        self.sample_into(n, rng, &mut minibatch)?;
        Ok(minibatch.upload(device))
    }

    /// Draws `n` different transitions, each subset equally likely[^1], into memory that is used again.
    ///
    /// Nothing is allocated once `minibatch` has had a batch of this size from a replay of this length.
    ///
    /// # Errors
    ///
    /// `minibatch` stays as it was on an error.
    ///
    /// - [`ReplayError::EmptyBatch`] if `n` is 0
    /// - [`ReplayError::TooFewTransitions`] if fewer than `n` are stored
    ///
    /// [^1]: R. Floyd in J. Bentley (1987). *Programming pearls: a sample of brilliance*.
    pub fn sample_into(&self, n: usize, rng: &mut impl Rng, minibatch: &mut Minibatch) -> Result<(), ReplayError> {
        if n == 0 {
            return Err(ReplayError::EmptyBatch);
        }
        if n > self.len {
            return Err(ReplayError::TooFewTransitions { requested: n, stored: self.len });
        }
        minibatch.begin(self.form, n);
        minibatch.draw(n, self.len, rng, |row| self.row(row));
        Ok(())
    }

    /// Uploads everything, the oldest first.
    pub(super) fn all(&self, device: &Device) -> Batch {
        let mut minibatch = Minibatch::new();
        minibatch.begin(self.form, self.len);
        for age in 0..self.len {
            minibatch.push(self.row((self.cursor + age) % self.len));
        }
        minibatch.upload(device)
    }
}

fn check(field: &'static str, values: &[f32], expected: usize) -> Result<(), ReplayError> {
    if values.len() != expected {
        return Err(ReplayError::Length { field, expected, found: values.len() });
    }
    match first_unsound(values) {
        Some((index, value)) if value.is_finite() => Err(ReplayError::TooLarge { field, index, value }),
        Some((index, value)) => Err(ReplayError::NonFinite { field, index, value }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Step;
    use crate::rng::{Seed, Stream};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn transition<'a>(observation: &'a [f32; 2], next_observation: &'a [f32; 2], reward: f32) -> Transition<'a> {
        Transition { observation, action: &[0.5], reward, next_observation, terminated: false }
    }

    fn filled(capacity: usize, pushes: usize) -> ReplayBuffer {
        let mut replay = ReplayBuffer::new(capacity, 2, 1).unwrap();
        for i in 0..pushes {
            let x = i as f32;
            replay.push(&transition(&[x, -x], &[x + 1.0, -x - 1.0], x)).unwrap();
        }
        replay
    }

    #[test]
    fn sizes_of_zero_are_rejected() {
        for (sizes, field) in [((0, 1, 1), "capacity"), ((1, 0, 1), "observation_dim"), ((1, 1, 0), "action_dim")] {
            let error = ReplayBuffer::new(sizes.0, sizes.1, sizes.2).unwrap_err();
            assert_eq!(error.to_string(), format!("{field} must be at least 1, got 0"));
        }
    }

    #[test]
    fn a_capacity_beyond_memory_is_an_error_and_not_an_abort() {
        let error = ReplayBuffer::new(usize::MAX, 3, 1).unwrap_err();
        assert_eq!(error, ReplayError::OutOfMemory { capacity: usize::MAX });
        assert!(error.to_string().ends_with("does not fit into memory; lower the capacity"));
    }

    #[test]
    fn a_refused_transition_leaves_no_trace() {
        let mut replay = filled(4, 2);
        let good = transition(&[0.0; 2], &[0.0; 2], 0.0);
        let text = |replay: &mut ReplayBuffer, bad: Transition<'_>| replay.push(&bad).unwrap_err().to_string();

        assert_eq!(
            text(&mut replay, Transition { next_observation: &[0.0], ..good }),
            "next observation must have 2 components, got 1"
        );
        assert_eq!(
            text(&mut replay, Transition { observation: &[0.0, f32::NAN], ..good }),
            "observation must be finite, got NaN at index 1"
        );
        assert_eq!(
            text(&mut replay, Transition { action: &[f32::INFINITY], ..good }),
            "action must be finite, got inf at index 0"
        );
        assert_eq!(
            text(&mut replay, Transition { reward: f32::NAN, ..good }),
            "reward must be finite, got NaN at index 0"
        );
        assert_eq!(replay.len(), 2);
        assert_eq!(replay.rows.len(), 2 * 7);
    }

    #[test]
    fn truncation_is_never_stored_as_termination() {
        let mut replay = ReplayBuffer::new(8, 1, 1).unwrap();
        for (terminated, truncated) in [(false, false), (false, true), (true, false), (true, true)] {
            let step = Step { observation: vec![0.0], reward: 0.0, terminated, truncated };
            replay.push(&Transition::new(&[0.0], &[0.0], &step)).unwrap();
        }
        let stored: Vec<bool> = (0..4).map(|age| replay.get(age).unwrap().terminated).collect();
        assert_eq!(stored, [false, false, true, true]);
    }

    #[test]
    fn more_than_is_stored_cannot_be_sampled() {
        let device = crate::test_device();
        let mut rng = Seed(0).stream(Stream::Replay);
        let error = filled(8, 3).sample(4, &mut rng, &device).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a batch without replacement needs at least as many stored transitions: 4 requested, 3 stored"
        );
        let error = filled(8, 3).sample(0, &mut rng, &device).unwrap_err();
        assert_eq!(error.to_string(), "a batch must hold at least 1 transition, got 0");
    }

    #[test]
    fn a_batch_keeps_the_parts_of_a_transition_together_and_repeats_none() {
        let device = crate::test_device();
        let replay = filled(50, 120);
        let batch = replay.sample(50, &mut Seed(3).stream(Stream::Replay), &device).unwrap();
        let read = |tensor: burn::tensor::Tensor<2>| tensor.try_into_vec_as::<f32>().unwrap();

        assert_eq!(batch.len(), 50);
        assert_eq!(batch.actions.dims(), [50, 1]);
        assert_eq!(batch.terminated.dims(), [50, 1]);
        let rewards = read(batch.rewards);
        let observations = read(batch.observations);
        let next_observations = read(batch.next_observations);
        for (i, reward) in rewards.iter().enumerate() {
            assert_eq!(observations[2 * i..2 * i + 2], [*reward, -reward]);
            assert_eq!(next_observations[2 * i..2 * i + 2], [reward + 1.0, -reward - 1.0]);
        }
        let mut sorted = rewards.clone();
        sorted.sort_by(f32::total_cmp);
        assert_eq!(sorted, (70..120).map(|i| i as f32).collect::<Vec<_>>());
    }

    #[test]
    fn every_transition_is_sampled_equally_often() {
        // χ² over 50 cells of 2,000 batches of 5 has mean 49 and standard deviation below 10.
        let device = crate::test_device();
        let replay = filled(50, 50);
        let mut rng = Seed(11).stream(Stream::Replay);
        let mut counts = [0.0_f64; 50];
        for _ in 0..2_000 {
            let batch = replay.sample(5, &mut rng, &device).unwrap();
            for reward in batch.rewards.try_into_vec_as::<f32>().unwrap() {
                counts[reward as usize] += 1.0;
            }
        }
        let chi_squared: f64 = counts.iter().map(|count| (count - 200.0).powi(2) / 200.0).sum();
        assert!(chi_squared < 90.0, "{chi_squared}");
    }

    #[test]
    fn every_pair_is_sampled_equally_often() {
        let replay = filled(6, 6);
        let (mut rng, mut minibatch) = (Seed(12).stream(Stream::Replay), Minibatch::new());
        let mut counts = [[0.0_f64; 6]; 6];
        for _ in 0..15_000 {
            replay.sample_into(2, &mut rng, &mut minibatch).unwrap();
            let [a, b] = [0, 1].map(|i| minibatch.rewards[i] as usize);
            counts[a.min(b)][a.max(b)] += 1.0;
        }
        // χ² over the 15 pairs has mean 14 and a standard deviation of 5.3.
        let pairs = (0..6).flat_map(|a| (a + 1..6).map(move |b| (a, b)));
        let chi_squared: f64 = pairs.map(|(a, b)| (counts[a][b] - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi_squared < 40.0, "{chi_squared}");
    }

    #[test]
    fn a_minibatch_is_used_again_without_a_trace_of_the_last() {
        let device = crate::test_device();
        let (large, small) = (filled(500, 500), filled(30, 90));
        let mut minibatch = Minibatch::new();
        large.sample_into(64, &mut Seed(1).stream(Stream::Replay), &mut minibatch).unwrap();
        small.sample_into(20, &mut Seed(2).stream(Stream::Replay), &mut minibatch).unwrap();
        let again = small.sample(20, &mut Seed(2).stream(Stream::Replay), &device).unwrap();
        assert_eq!(minibatch.len(), 20);
        minibatch.upload(&device).next_observations.into_data().assert_eq(&again.next_observations.into_data(), true);

        // An error leaves it alone.
        assert!(small.sample_into(31, &mut Seed(2).stream(Stream::Replay), &mut minibatch).is_err());
        assert_eq!(minibatch.len(), 20);
    }

    #[test]
    fn draws_are_stable() {
        // Recorded at 0.1.0. A change here is value-breaking and belongs in the changelog.
        let batch = filled(100, 100).sample(5, &mut Seed(7).stream(Stream::Replay), &crate::test_device()).unwrap();
        assert_eq!(batch.rewards.try_into_vec_as::<f32>().unwrap(), [87.0, 95.0, 90.0, 59.0, 34.0]);
    }

    proptest! {
        #[test]
        fn it_holds_the_newest_transitions_in_order(capacity in 1_usize..20, pushes in 0_usize..60) {
            let replay = filled(capacity, pushes);
            let mut model: VecDeque<f32> = (0..pushes).map(|i| i as f32).collect();
            while model.len() > capacity {
                model.pop_front();
            }
            let stored: Vec<f32> = (0..replay.len()).map(|age| replay.get(age).unwrap().reward).collect();
            prop_assert_eq!(stored, Vec::from(model));
            prop_assert!(replay.get(replay.len()).is_none());
        }
    }
}
