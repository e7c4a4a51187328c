//! Errors of states.

use std::borrow::Cow;

/// Why a state could not be saved or loaded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// A required array is missing.
    #[error("`{}` is missing from the state", excerpt(name))]
    Missing {
        /// Its name.
        name: String,
    },
    /// An array that is not used.
    #[error("`{}` is in the state, but is not used", excerpt(name))]
    Unexpected {
        /// Name of the first such array.
        name: String,
    },
    /// An array has another kind of number.
    #[error("`{}` must hold {expected}, got {found}", excerpt(name))]
    Kind {
        /// Name of the array.
        name: String,
        /// The kind that is required.
        expected: &'static str,
        /// The kind that was found.
        found: &'static str,
    },
    /// An array has another shape.
    #[error("`{}` must have shape {expected:?}, got {}", excerpt(name), excerpt(&format!("{found:?}")))]
    Shape {
        /// Name of the array.
        name: String,
        /// The shape that is required.
        expected: Vec<usize>,
        /// The shape that was found.
        found: Vec<usize>,
    },
    /// An array has a NaN or an infinity.
    #[error("`{}` must be finite, got {value} at index {index}", excerpt(name))]
    NonFinite {
        /// Name of the array.
        name: String,
        /// Index in the array, row by row.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A setting differs from the saved one.
    #[error(
        "`{}` must be the same as when the state was saved: {} then, {} now",
        excerpt(name),
        excerpt_beside(saved, here),
        excerpt_beside(here, saved)
    )]
    Differs {
        /// The setting.
        name: String,
        /// Its value in the state.
        saved: String,
        /// Its value where the state is loaded.
        here: String,
    },
    /// A random stream has another seed.
    #[error(
        "`{}` was saved by a run with another seed; resume with the seed that the run was started with",
        excerpt(name)
    )]
    Seed {
        /// Name of the stream.
        name: String,
    },
    /// A number is out of range.
    #[error("`{}` must be {rule}, got {}", excerpt(name), excerpt(found))]
    Invalid {
        /// Name of the array.
        name: String,
        /// The rule.
        rule: String,
        /// The value found.
        found: String,
    },
    /// An environment failed while its state was loaded.
    #[error("`{}` cannot be restored: {}", excerpt(name), reason)]
    Failed {
        /// The part that was being restored.
        name: String,
        /// The reason.
        reason: String,
    },
    /// A value cannot be written as an array.
    #[error("`{}` cannot be saved: {reason}", excerpt(name))]
    Unsupported {
        /// The value.
        name: String,
        /// The reason.
        reason: &'static str,
    },
}

impl StateError {
    /// Makes the error that the array `name` breaks `rule`.
    pub fn invalid(name: impl Into<String>, rule: impl Into<String>, found: impl ToString) -> Self {
        Self::Invalid { name: name.into(), rule: rule.into(), found: found.to_string() }
    }

    /// Makes the error that the setting `name` differs from the saved one.
    pub(crate) fn differs(name: &str, saved: impl ToString, here: impl ToString) -> Self {
        Self::Differs { name: name.into(), saved: saved.to_string(), here: here.to_string() }
    }

    /// Adds the name of a part in front of the name of an array.
    #[must_use]
    pub fn within(mut self, part: &str) -> Self {
        match &mut self {
            Self::Missing { name }
            | Self::Unexpected { name }
            | Self::Kind { name, .. }
            | Self::Shape { name, .. }
            | Self::NonFinite { name, .. }
            | Self::Differs { name, .. }
            | Self::Seed { name }
            | Self::Invalid { name, .. }
            | Self::Failed { name, .. }
            | Self::Unsupported { name, .. } => *name = format!("{part}.{name}"),
        }
        self
    }
}

/// Longest text from a file that a message shows completely, in characters.
const LONGEST: usize = 100;

/// Shows a text, or the start of a long one.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    excerpt_beside(text, "")
}

/// Shows a text, or the part of a long one where it first differs from `other`.
fn excerpt_beside<'a>(text: &'a str, other: &str) -> Cow<'a, str> {
    // The bytes first, which are known at once: a hostile file may hold gigabytes.
    if text.len() <= LONGEST || text.chars().nth(LONGEST).is_none() {
        return Cow::Borrowed(text);
    }
    let same = text.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let skipped = same.saturating_sub(LONGEST / 5);
    let mut part = text.chars().skip(skipped);
    let shown: String = part.by_ref().take(LONGEST).collect();
    let ellipsis = |cut| if cut { "…" } else { "" };
    Cow::Owned(format!("{}{shown}{}", ellipsis(skipped > 0), ellipsis(part.next().is_some())))
}
