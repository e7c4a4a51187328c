//! A ring buffer of transitions on the host.

use super::error::check;
use super::last_observations::LastObservations;
use super::layout::RowLayout;
use super::next_observation::NextObservation;
use super::{ReplayError, Transition};
use crate::config::at_least;
use crate::digest::Digest;

#[cfg(test)]
mod tests;

const NUMBERS_IN_LINE: usize = 64 / size_of::<f32>();

/// A ring buffer of the newest `capacity` transitions, sampled uniformly[^1].
///
/// Each transition lies in one piece of host memory, because a batch reads transitions from random places and each
/// piece is a separate wait for memory. A next observation is stored in the transition that followed; it is stored separately only
/// at the end of an episode, and for the newest transition of each environment. A transition takes 4 (O + A + 3) bytes,
/// reserved at construction, and an episode 4 O bytes more.
///
/// Several environments may store in turn, each with its number; the buffer keeps their episodes apart. After
/// [`with_n_step`](Self::with_n_step), batches have returns of several steps.
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
    pub(super) layout: RowLayout,
    /// Row that the next transition overwrites, once the ring is full.
    pub(super) cursor: usize,
    pub(super) len: usize,
    pub(super) rows: Vec<f32>,
    /// For each row, the place of its next observation.
    pub(super) next_observations: Vec<NextObservation>,
    pub(super) last_observations: LastObservations,
    /// For each environment the row of its newest transition, while its episode continues.
    pub(super) open: Vec<Option<usize>>,
    /// Steps in the returns of a batch.
    pub(super) n_step: usize,
    /// Digests of the pieces that a checkpoint has written, until the piece changes.
    pub(super) digests: Vec<Option<Digest>>,
    segment_rows: usize,
}

impl std::fmt::Debug for ReplayBuffer {
    /// Shows the sizes, not the numbers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplayBuffer")
            .field("capacity", &self.capacity)
            .field("len", &self.len())
            .field("observation_dim", &self.layout.observation_dim)
            .field("action_dim", &self.layout.action_dim)
            .finish_non_exhaustive()
    }
}

impl ReplayBuffer {
    /// Creates an empty replay and reserves its memory.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Zero`] if a size is 0
    /// - [`ReplayError::TooLong`] if the capacity is above 2³¹ − 1
    /// - [`ReplayError::OutOfMemory`] if the memory cannot be reserved
    pub fn new(capacity: usize, observation_dim: usize, action_dim: usize) -> Result<Self, ReplayError> {
        let sizes = [("capacity", capacity), ("observation_dim", observation_dim), ("action_dim", action_dim)];
        if let Some(&(field, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(ReplayError::Zero { field });
        }
        if capacity > NextObservation::MAX_ROWS {
            return Err(ReplayError::TooLong { limit: NextObservation::MAX_ROWS, found: capacity });
        }
        let layout = RowLayout { observation_dim, action_dim };
        let numbers = (observation_dim.checked_add(action_dim))
            .and_then(|width| width.checked_add(2)?.checked_mul(capacity))
            .ok_or(ReplayError::OutOfMemory { capacity })?;
        let (mut rows, mut next_observations) = (Vec::new(), Vec::new());
        (rows.try_reserve_exact(numbers).and_then(|()| next_observations.try_reserve_exact(capacity)))
            .map_err(|_| ReplayError::OutOfMemory { capacity })?;
        Ok(Self {
            capacity,
            layout,
            cursor: 0,
            len: 0,
            rows,
            next_observations,
            last_observations: LastObservations::new(observation_dim),
            open: Vec::new(),
            n_step: 1,
            digests: Vec::new(),
            segment_rows: layout.segment_rows(),
        })
    }

    /// Makes batches contain returns of up to `steps` steps[^1].
    ///
    /// From a transition at time t, the batch has the reward `r_t + γ r_{t+1} + … + γ^{m−1} r_{t+m−1}`, the observation after these
    /// m steps, and the discount γ^m, or 0 if that observation has no future. m is `steps`, or smaller where the episode ends earlier: at a
    /// termination the sum ends, and at a truncation, as at the newest step, the value of the observation there
    /// is bootstrapped. A return never includes steps of another episode.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Config`] if `steps` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// let mut replay = ReplayBuffer::new(8, 1, 1)?.with_n_step(2)?;
    /// for i in 0..2 {
    ///     let (now, next) = ([i as f32], [i as f32 + 1.0]);
    ///     replay.push(&Transition { observation: &now, action: &[0.0], reward: 1.0, next_observation: &next, terminated: i == 1 })?;
    /// }
    /// // At γ = 0.5. From the first: 1 + 0.5 · 1, over two steps, which end the episode. From the second: 1.
    /// let batch = replay.sample(2, 0.5, &mut Seed(0).stream(Stream::Replay))?;
    /// let mut rewards = batch.rewards().to_vec();
    /// rewards.sort_by(f32::total_cmp);
    /// assert_eq!(rewards, [1.0, 1.5]);
    /// # Ok::<(), actor_critic::replay::ReplayError>(())
    /// ```
    ///
    /// [^1]: R. Sutton (1988). *Learning to predict by the methods of temporal differences*.
    pub fn with_n_step(mut self, steps: usize) -> Result<Self, ReplayError> {
        self.set_n_step(steps)?;
        Ok(self)
    }

    pub(crate) fn set_n_step(&mut self, steps: usize) -> Result<(), ReplayError> {
        at_least("number of steps of a return", 1, steps)?;
        self.n_step = steps;
        Ok(())
    }

    /// Requires transitions of these sizes.
    pub(crate) fn check_dims(&self, observation_dim: usize, action_dim: usize) -> Result<(), ReplayError> {
        let RowLayout { observation_dim: observations, action_dim: actions } = self.layout;
        let dims = [("observation", observation_dim, observations), ("action", action_dim, actions)];
        match dims.into_iter().find(|(_, expected, found)| expected != found) {
            Some((field, expected, found)) => Err(ReplayError::Length { field, expected, found }),
            None => Ok(()),
        }
    }

    /// Returns how many transitions are stored.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns how many transitions can be stored.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Stores a transition of the only environment. Replaces the oldest one if the buffer is full.
    ///
    /// # Errors
    ///
    /// As [`push_from`](Self::push_from).
    pub fn push(&mut self, transition: &Transition<'_>) -> Result<(), ReplayError> {
        self.push_from(0, transition).map(drop)
    }

    /// Stores a transition of one of several environments, and returns its row.
    ///
    /// A transition continues the episode of its environment if its observation equals the last next observation, bit by bit.
    /// [`end_episode`](Self::end_episode) marks that the next transition starts an episode.
    ///
    /// # Errors
    ///
    /// On an error nothing is stored.
    ///
    /// - [`ReplayError::Length`] if a vector has the wrong length
    /// - [`ReplayError::NonFinite`] if a number is NaN or infinite
    /// - [`ReplayError::TooLarge`] if a number is beyond [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE)
    pub fn push_from(&mut self, environment: usize, transition: &Transition<'_>) -> Result<usize, ReplayError> {
        let RowLayout { observation_dim, action_dim } = self.layout;
        check("observation", transition.observation, observation_dim)?;
        check("action", transition.action, action_dim)?;
        check("reward", &[transition.reward], 1)?;
        check("next observation", transition.next_observation, observation_dim)?;

        let row = self.make_room();
        self.continue_episode(environment, row, transition.observation);
        let width = self.layout.width();
        self.layout.write(transition, &mut self.rows[row * width..][..width]);
        self.next_observations[row] = NextObservation::last(self.last_observations.insert(transition.next_observation));
        self.open[environment] = (!transition.terminated).then_some(row);
        self.touch(row);
        Ok(row)
    }

    /// Marks that the next transition of an environment starts another episode.
    ///
    /// It is necessary only after a truncation, if the next episode may start with the same observation that the last one ended
    /// with.
    pub fn end_episode(&mut self, environment: usize) {
        if let Some(open) = self.open.get_mut(environment) {
            *open = None;
        }
    }

    /// Returns a free row, after dropping the oldest transition if necessary.
    fn make_room(&mut self) -> usize {
        if self.len < self.capacity {
            self.rows.resize(self.rows.len() + self.layout.width(), 0.0);
            // Written over at once.
            self.next_observations.push(NextObservation::row(0));
            self.len += 1;
            return self.len - 1;
        }
        let row = self.cursor;
        self.cursor = (row + 1) % self.capacity;
        if let Some(slot) = self.next_observations[row].last_observation() {
            self.last_observations.remove(slot);
            // An environment may not have stored anything for as long as the ring is.
            self.open.iter_mut().filter(|open| **open == Some(row)).for_each(|open| *open = None);
        }
        row
    }

    /// Links the newest transition of an environment to `row`, if `row` continues its episode.
    fn continue_episode(&mut self, environment: usize, row: usize, observation: &[f32]) {
        if environment >= self.open.len() {
            self.open.resize(environment + 1, None);
        }
        let Some(before) = self.open[environment] else { return };
        let Some(slot) = self.next_observations[before].last_observation() else { return };
        let reached = self.last_observations.get(slot);
        if reached.iter().zip(observation).all(|(a, b)| a.to_bits() == b.to_bits()) {
            self.last_observations.remove(slot);
            self.next_observations[before] = NextObservation::row(row);
            self.touch(before);
        }
    }

    /// Marks that the piece of a row has to be written again.
    fn touch(&mut self, row: usize) {
        match self.digests.get_mut(row / self.segment_rows) {
            Some(digest) => *digest = None,
            None => self.digests.push(None),
        }
    }

    /// Returns a stored transition by age, 0 for the oldest; `None` from [`len`](Self::len) on.
    pub fn get(&self, age: usize) -> Option<Transition<'_>> {
        (age < self.len).then(|| self.transition(self.row_of(age)))
    }

    /// Returns the row of the transition of an age.
    pub(super) fn row_of(&self, age: usize) -> usize {
        (self.cursor + age) % self.len
    }

    /// Reads one number of each cache line of the transitions in `rows`, so that the processor waits for all lines at once and not for one
    /// after the other.
    pub(super) fn fetch(&self, rows: &[usize]) {
        let lines = |numbers: &[f32]| {
            let firsts = numbers.iter().step_by(NUMBERS_IN_LINE).chain(numbers.last());
            firsts.fold(0, |sum: u32, number| sum ^ number.to_bits())
        };
        let own = rows.iter().fold(0, |sum, &row| sum ^ self.next_observations[row].bits() ^ lines(self.row(row)));
        let next = rows.iter().fold(0, |sum, &row| sum ^ lines(self.transition(row).next_observation));
        std::hint::black_box(own ^ next);
    }

    /// Returns the transition in a row.
    pub(super) fn transition(&self, row: usize) -> Transition<'_> {
        let next_observation = match self.next_observations[row].last_observation() {
            Some(slot) => self.last_observations.get(slot),
            None => &self.row(self.next_observations[row].following())[..self.layout.observation_dim],
        };
        self.layout.read(self.row(row), next_observation)
    }

    /// Returns the row of the next transition of the same episode, if there is one.
    pub(super) fn following(&self, row: usize) -> Option<usize> {
        match self.next_observations[row].last_observation() {
            Some(_) => None,
            None => Some(self.next_observations[row].following()),
        }
    }

    fn row(&self, row: usize) -> &[f32] {
        let width = self.layout.width();
        &self.rows[row * width..][..width]
    }
}
