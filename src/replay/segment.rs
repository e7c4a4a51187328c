//! A replay in pieces of a few MiB, so that a checkpoint writes only those that have changed.

use std::borrow::Cow;

use safetensors::tensor::{Dtype, View};
use serde::{Deserialize, Serialize};

use super::ReplayBuffer;
use super::buffer::Form;
use crate::digest::Digest;
use crate::state::{FileError, State, StateError};

/// Bytes of transitions in a piece: some milliseconds to write.
const SEGMENT_BYTES: usize = 4 << 20;

/// Longest header of a piece, in bytes; that of one array takes a tenth.
const MAX_SEGMENT_HEADER: u64 = 1024;

/// Name of the one array in a piece.
const ROWS: &str = "transitions";

/// Sizes and position of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayForm {
    /// Transitions that it keeps.
    pub(crate) capacity: usize,
    /// Axes of an observation.
    pub(crate) observation_dim: usize,
    /// Axes of an action.
    pub(crate) action_dim: usize,
    /// Transitions that it holds.
    pub(crate) len: usize,
    /// Row that the next transition overwrites, once it is full.
    pub(crate) cursor: usize,
    /// Rows in each piece but the last.
    pub(crate) segment_rows: usize,
}

impl ReplayForm {
    fn form(&self) -> Form {
        Form { observation_dim: self.observation_dim, action_dim: self.action_dim }
    }

    /// Returns the number of pieces.
    pub(crate) fn segments(&self) -> usize {
        self.len.div_ceil(self.segment_rows.max(1))
    }

    /// Returns a bound on the length of a piece as a file, header and all, in bytes.
    pub(crate) fn longest_segment(&self) -> u64 {
        let values = self.segment_rows.min(self.len) * self.form().width() * size_of::<f32>();
        values as u64 + MAX_SEGMENT_HEADER
    }

    /// Returns the rows of each piece.
    fn rows_in(&self, segment: usize) -> usize {
        self.segment_rows.min(self.len - segment * self.segment_rows)
    }

    /// Returns the first rule that a replay keeps and this does not, with what was found; sizes from a file may be anything.
    pub(crate) fn contradiction(&self) -> Option<(&'static str, usize)> {
        let width =
            self.observation_dim.checked_mul(2).and_then(|width| width.checked_add(self.action_dim)?.checked_add(2));
        let numbers = width.and_then(|width| width.checked_mul(self.capacity)?.checked_mul(size_of::<f32>()));
        if self.capacity == 0 || self.observation_dim == 0 || self.action_dim == 0 || numbers.is_none() {
            return Some(("replay sizes from 1 to what memory can hold, not a capacity of", self.capacity));
        }
        if self.len > self.capacity {
            return Some(("a replay no longer than its capacity", self.len));
        }
        if self.cursor >= self.capacity || (self.len < self.capacity && self.cursor != 0) {
            return Some(("a cursor of the replay inside it, and 0 until it is full", self.cursor));
        }
        let rows = segment_rows(self.form());
        (self.segment_rows != rows).then_some(("the segment rows of this format", self.segment_rows))
    }
}

/// Returns the rows in a piece.
pub(super) fn segment_rows(form: Form) -> usize {
    (SEGMENT_BYTES / (form.width() * size_of::<f32>())).max(1)
}

impl ReplayBuffer {
    pub(crate) fn replay_form(&self) -> ReplayForm {
        let Form { observation_dim, action_dim } = self.form;
        let segment_rows = segment_rows(self.form);
        ReplayForm {
            capacity: self.capacity,
            observation_dim,
            action_dim,
            len: self.len,
            cursor: self.cursor,
            segment_rows,
        }
    }

    /// Returns the digest of a piece as a file, and the file if it had to be made to find out.
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
        let (first, rows, width) = (segment * form.segment_rows, form.rows_in(segment), self.form.width());
        let rows = Rows { shape: [rows, width], values: &self.rows[first * width..][..rows * width] };
        safetensors::serialize([(ROWS, rows)], None).map_err(FileError::Format)
    }

    /// Returns an empty replay of the same sizes that can take the pieces of one that was saved.
    pub(crate) fn emptied(&self) -> Result<Self, super::ReplayError> {
        Self::new(self.capacity, self.form.observation_dim, self.form.action_dim)
    }

    /// Appends a piece that [`segment_file`](Self::segment_file) has given.
    pub(crate) fn append_segment(&mut self, file: &[u8], digest: Digest, form: &ReplayForm) -> Result<(), FileError> {
        let rows = form.rows_in(self.digests.len());
        let mut state = State::from_bytes(file)?;
        let values: Vec<f32> = state.take_array(ROWS, &[rows, self.form.width()])?;
        state.finish()?;
        if let Some(flag) = values
            .chunks_exact(self.form.width())
            .map(|row| row[row.len() - 1])
            .find(|&flag| flag != 0.0 && flag != 1.0)
        {
            return Err(StateError::invalid(ROWS, "0 or 1 in the last column", flag).into());
        }
        self.rows.extend_from_slice(&values);
        self.digests.push(Some(digest));
        self.len += rows;
        self.cursor = form.cursor;
        Ok(())
    }
}

/// Transitions as they lie in memory, as an array of a file.
struct Rows<'a> {
    shape: [usize; 2],
    values: &'a [f32],
}

impl View for Rows<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        self.values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        bytes.into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.values)
    }
}
