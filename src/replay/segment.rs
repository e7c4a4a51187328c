//! Replay buffers in pieces of a few MiB, so that a checkpoint writes only pieces that have changed.

use std::borrow::Cow;

use safetensors::tensor::{Dtype, View};
use serde::{Deserialize, Serialize};

use super::ReplayBuffer;
use super::layout::RowLayout;
use super::next_observation::NextObservation;
use crate::digest::Digest;
use crate::space::{MAX_MAGNITUDE, first_out_of_range};
use crate::state::{FileError, State, StateError};

/// Longest header of a piece, in bytes; that of three arrays takes a third.
const MAX_SEGMENT_HEADER: u64 = 1024;

/// Name of the array of observations, actions, rewards and flags.
const ROWS: &str = "transitions";

/// Name of the array with the distance in rows to the next transition of the episode; 0 if there is none.
const STRIDES: &str = "strides";

/// Name of the array of the next observations of rows with a stride of 0.
const LAST_OBSERVATIONS: &str = "last_observations";

/// Sizes and position of a replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayForm {
    /// Capacity in transitions.
    pub(crate) capacity: usize,
    /// Axes of an observation.
    pub(crate) observation_dim: usize,
    /// Axes of an action.
    pub(crate) action_dim: usize,
    /// Number of stored transitions.
    pub(crate) len: usize,
    /// Row that the next transition overwrites, once the buffer is full.
    pub(crate) cursor: usize,
    /// Rows in each piece but the last.
    pub(crate) segment_rows: usize,
    /// For each environment the row of its newest transition, while its episode continues.
    pub(crate) open: Vec<Option<usize>>,
}

impl ReplayForm {
    fn form(&self) -> RowLayout {
        RowLayout { observation_dim: self.observation_dim, action_dim: self.action_dim }
    }

    /// Returns the number of pieces.
    pub(crate) fn segments(&self) -> usize {
        self.len.div_ceil(self.segment_rows.max(1))
    }

    /// Returns a bound on the length of a piece as a file, header included, in bytes.
    pub(crate) fn longest_segment(&self) -> u64 {
        let row = (self.form().width() + self.observation_dim) * size_of::<f32>() + size_of::<u64>();
        (self.segment_rows.min(self.len) * row) as u64 + MAX_SEGMENT_HEADER
    }

    /// Returns the rows of each piece.
    fn rows_in(&self, segment: usize) -> usize {
        self.segment_rows.min(self.len - segment * self.segment_rows)
    }

    /// Returns how many transitions are older than that in `row`.
    fn age(&self, row: usize) -> usize {
        (row + self.capacity - self.cursor) % self.capacity
    }

    /// Returns the first broken rule of a saved replay, with the value found. Sizes from a file may be anything.
    pub(crate) fn contradiction(&self) -> Option<(&'static str, usize)> {
        let width =
            self.observation_dim.checked_mul(2).and_then(|width| width.checked_add(self.action_dim)?.checked_add(4));
        let numbers = width.and_then(|width| width.checked_mul(self.capacity)?.checked_mul(size_of::<f32>()));
        let zero = self.capacity == 0 || self.observation_dim == 0 || self.action_dim == 0;
        if zero || self.capacity > NextObservation::MAX_ROWS || numbers.is_none() {
            return Some(("replay sizes from 1 to what memory can hold, not a capacity of", self.capacity));
        }
        if self.len > self.capacity {
            return Some(("a replay no longer than its capacity", self.len));
        }
        if self.cursor >= self.capacity || (self.len < self.capacity && self.cursor != 0) {
            return Some(("a cursor of the replay inside it, and 0 until it is full", self.cursor));
        }
        if let Some(&row) = self.open.iter().flatten().find(|&&row| row >= self.len) {
            return Some(("episodes that continue from a row of the replay", row));
        }
        let rows = self.form().segment_rows();
        (self.segment_rows != rows).then_some(("the segment rows of this format", self.segment_rows))
    }
}

impl ReplayBuffer {
    pub(crate) fn replay_form(&self) -> ReplayForm {
        let RowLayout { observation_dim, action_dim } = self.layout;
        let segment_rows = self.layout.segment_rows();
        ReplayForm {
            capacity: self.capacity,
            observation_dim,
            action_dim,
            len: self.len,
            cursor: self.cursor,
            segment_rows,
            open: self.open.clone(),
        }
    }

    /// Returns the digest of a piece as a file, and the file if it had to be made to compute the digest.
    pub(crate) fn segment_digest(&mut self, segment: usize) -> Result<(Digest, Option<Vec<u8>>), FileError> {
        if let Some(digest) = self.digests[segment] {
            return Ok((digest, None));
        }
        let file = self.segment_file(segment)?;
        let digest = Digest::of(&file);
        self.digests[segment] = Some(digest);
        Ok((digest, Some(file)))
    }

    /// Returns a piece as a safetensors file.
    pub(crate) fn segment_file(&self, segment: usize) -> Result<Vec<u8>, FileError> {
        let form = self.replay_form();
        let (first, rows) = (segment * form.segment_rows, form.rows_in(segment));
        let (width, observation_dim) = (self.layout.width(), self.layout.observation_dim);
        let (mut strides, mut last_observations) = (Vec::with_capacity(rows), Vec::new());
        for row in first..first + rows {
            let stride = self.following(row).map_or(0, |next| (next + self.capacity - row) % self.capacity);
            strides.push(stride as u64);
            if stride == 0 {
                last_observations.extend_from_slice(self.transition(row).next_observation);
            }
        }
        let last = last_observations.len() / observation_dim;
        let arrays = [
            (
                ROWS,
                Array { shape: vec![rows, width], values: Numbers::F32(&self.rows[first * width..][..rows * width]) },
            ),
            (STRIDES, Array { shape: vec![rows], values: Numbers::U64(&strides) }),
            (LAST_OBSERVATIONS, Array { shape: vec![last, observation_dim], values: Numbers::F32(&last_observations) }),
        ];
        safetensors::serialize(arrays, None).map_err(FileError::Format)
    }

    /// Returns an empty replay of the same sizes, for the pieces of a saved one.
    pub(crate) fn emptied(&self) -> Result<Self, super::ReplayError> {
        let mut empty = Self::new(self.capacity, self.layout.observation_dim, self.layout.action_dim)?;
        empty.n_step = self.n_step;
        Ok(empty)
    }

    /// Appends a piece from [`segment_file`](Self::segment_file).
    pub(crate) fn append_segment(&mut self, file: &[u8], digest: Digest, form: &ReplayForm) -> Result<(), FileError> {
        let (first, rows, width) = (self.len, form.rows_in(self.digests.len()), self.layout.width());
        let mut state = State::from_bytes(file)?;
        let values: Vec<f32> = state.take_array(ROWS, &[rows, width])?;
        let strides: Vec<u64> = state.take_array(STRIDES, &[rows])?;
        let last = strides.iter().filter(|&&stride| stride == 0).count();
        let last_observations: Vec<f32> = state.take_array(LAST_OBSERVATIONS, &[last, self.layout.observation_dim])?;
        state.finish()?;
        for (name, values) in [(ROWS, &values), (LAST_OBSERVATIONS, &last_observations)] {
            if let Some((_, value)) = first_out_of_range(values) {
                let rule = format!("finite and at most {MAX_MAGNITUDE:e} in magnitude");
                return Err(StateError::invalid(name, rule, value).into());
            }
        }
        if let Some(flag) =
            values.chunks_exact(width).map(|row| row[width - 1]).find(|&flag| flag != 0.0 && flag != 1.0)
        {
            return Err(StateError::invalid(ROWS, "0 or 1 in the last column", flag).into());
        }
        // What follows is newer, so that a walk from row to row comes to an end.
        let newer = |row: usize, stride: u64| {
            (form.age(row) as u64).checked_add(stride).is_some_and(|age| age < form.len as u64)
        };
        if let Some((_, stride)) = (first..).zip(&strides).find(|&(row, &stride)| !newer(row, stride)) {
            return Err(StateError::invalid(STRIDES, "no more than to the newest row", stride).into());
        }
        let mut last_observations = last_observations.chunks_exact(self.layout.observation_dim);
        for (row, stride) in (first..).zip(strides) {
            let link = match stride {
                0 => {
                    let observation = last_observations.next().expect("there is one for each stride of 0");
                    NextObservation::last(self.last_observations.insert(observation))
                }
                stride => NextObservation::row((row + stride as usize) % self.capacity),
            };
            self.next_observations.push(link);
        }
        self.rows.extend_from_slice(&values);
        self.digests.push(Some(digest));
        self.len += rows;
        (self.cursor, self.open) = (form.cursor, form.open.clone());
        Ok(())
    }
}

/// Numbers in memory as an array of a file.
struct Array<'a> {
    shape: Vec<usize>,
    values: Numbers<'a>,
}

enum Numbers<'a> {
    F32(&'a [f32]),
    U64(&'a [u64]),
}

impl View for Array<'_> {
    fn dtype(&self) -> Dtype {
        match self.values {
            Numbers::F32(_) => Dtype::F32,
            Numbers::U64(_) => Dtype::U64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        match self.values {
            Numbers::F32(values) => values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
            Numbers::U64(values) => values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
        }
        bytes.into()
    }

    fn data_len(&self) -> usize {
        match self.values {
            Numbers::F32(values) => size_of_val(values),
            Numbers::U64(values) => size_of_val(values),
        }
    }
}
