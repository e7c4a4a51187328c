//! Errors of replay buffers.

use crate::config::ConfigError;
use crate::space::{MAX_MAGNITUDE, count, first_out_of_range};

/// Why a replay refused a transition or a request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A size of zero.
    #[error("{field} must be at least 1, got 0")]
    Zero {
        /// The size.
        field: &'static str,
    },
    /// More memory than the machine has.
    #[error("a replay of {capacity} transitions does not fit into memory; lower the capacity")]
    OutOfMemory {
        /// The requested capacity.
        capacity: usize,
    },
    /// A capacity above the limit.
    #[error("capacity must be at most {limit}, got {found}")]
    TooLong {
        /// Largest capacity.
        limit: usize,
        /// The requested capacity.
        found: usize,
    },
    /// A setting out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another number of errors than of transitions in the batch.
    #[error(
        "a batch of {} needs one temporal difference error each, got {found}",
        count(*expected, "transition", "transitions")
    )]
    TdErrors {
        /// Transitions in the batch.
        expected: usize,
        /// Number of errors.
        found: usize,
    },
    /// A batch that was drawn from another replay.
    #[error("a batch must be from the replay that gets its errors, whose rows are 0 to {}, got row {row}", stored.saturating_sub(1))]
    Row {
        /// Transitions that are stored.
        stored: usize,
        /// Row of the batch.
        row: usize,
    },
    /// A vector of the wrong length.
    #[error("{field} must have {}, got {found}", count(*expected, "component", "components"))]
    Length {
        /// Which part of the transition.
        field: &'static str,
        /// Length that the replay stores.
        expected: usize,
        /// Length that was found.
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
    /// A finite number that is too large to learn from.
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
        "a batch must not be larger than the replay: {} requested, {stored} stored",
        count(*requested, "transition", "transitions")
    )]
    TooFewTransitions {
        /// Size of the batch.
        requested: usize,
        /// Transitions in the replay.
        stored: usize,
    },
    /// An empty batch.
    #[error("a batch must hold at least 1 transition, got 0")]
    EmptyBatch,
}

/// Requires one part of a transition to have the right length and finite numbers in range.
pub(super) fn check(field: &'static str, values: &[f32], expected: usize) -> Result<(), ReplayError> {
    if values.len() != expected {
        return Err(ReplayError::Length { field, expected, found: values.len() });
    }
    match first_out_of_range(values) {
        Some((index, value)) if value.is_finite() => Err(ReplayError::TooLarge { field, index, value }),
        Some((index, value)) => Err(ReplayError::NonFinite { field, index, value }),
        None => Ok(()),
    }
}
