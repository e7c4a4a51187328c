//! Why a state is refused.

use std::borrow::Cow;

/// Why a state could not be saved, or does not fit what it was to be loaded into.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// An array that is needed and not there.
    #[error("`{}` is missing from the state", excerpt(name))]
    Missing {
        /// Its name.
        name: String,
    },
    /// An array that nothing asks for.
    #[error("`{}` is in the state, but nothing here takes it", excerpt(name))]
    Unexpected {
        /// Name of the first such array.
        name: String,
    },
    /// An array of another kind of number.
    #[error("`{}` must hold {expected}, got {found}", excerpt(name))]
    Kind {
        /// Name of the array.
        name: String,
        /// The kind that is needed.
        expected: &'static str,
        /// The kind that is there.
        found: &'static str,
    },
    /// An array of another shape.
    #[error("`{}` must have shape {expected:?}, got {}", excerpt(name), excerpt(&format!("{found:?}")))]
    Shape {
        /// Name of the array.
        name: String,
        /// The shape that is needed.
        expected: Vec<usize>,
        /// The shape that is there.
        found: Vec<usize>,
    },
    /// A NaN or an infinity.
    #[error("`{}` must be finite, got {value} at index {index}", excerpt(name))]
    NonFinite {
        /// Name of the array.
        name: String,
        /// Index in the array, row by row.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A setting that is not what it was when the state was saved.
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
        /// Its value in what the state is loaded into.
        here: String,
    },
    /// A random stream of another seed.
    #[error(
        "`{}` was saved by a run with another seed; resume with the seed that the run was started with",
        excerpt(name)
    )]
    Seed {
        /// Name of the stream.
        name: String,
    },
    /// A number that no such state can hold.
    #[error("`{}` must be {rule}, got {}", excerpt(name), excerpt(found))]
    Invalid {
        /// Name of the array.
        name: String,
        /// What must hold.
        rule: String,
        /// What was found.
        found: String,
    },
    /// An environment that failed while its state was loaded.
    #[error("`{}` cannot be restored: {}", excerpt(name), reason)]
    Failed {
        /// What was being restored.
        name: String,
        /// What failed.
        reason: String,
    },
    /// Something that has no form as an array.
    #[error("`{}` cannot be saved: {reason}", excerpt(name))]
    Unsupported {
        /// What it is.
        name: String,
        /// Why not.
        reason: &'static str,
    },
}

impl StateError {
    /// Says that the array `name` breaks `rule`.
    pub fn invalid(name: impl Into<String>, rule: impl Into<String>, found: impl ToString) -> Self {
        Self::Invalid { name: name.into(), rule: rule.into(), found: found.to_string() }
    }

    /// Says that the setting `name` is not what it was when the state was saved.
    pub(crate) fn differs(name: &str, saved: impl ToString, here: impl ToString) -> Self {
        Self::Differs { name: name.into(), saved: saved.to_string(), here: here.to_string() }
    }

    /// Puts the name of a part in front of the name of an array of it.
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

/// Longest text from a file that a message shows whole, in characters.
const LONGEST: usize = 100;

/// Shows a text, and of a long one the start.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    excerpt_beside(text, "")
}

/// Shows a text, and of a long one the part where it first differs from `other`.
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
