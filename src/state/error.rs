//! Why a state is refused.

/// Why a state could not be saved, or does not fit what it was to be loaded into.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// An array that is needed and not there.
    #[error("`{name}` is missing from the state")]
    Missing {
        /// Its name.
        name: String,
    },
    /// An array that nothing asks for.
    #[error("`{name}` is in the state, but nothing here takes it")]
    Unexpected {
        /// Name of the first such array.
        name: String,
    },
    /// An array of another kind of number.
    #[error("`{name}` must hold {expected}, got {found}")]
    Kind {
        /// Name of the array.
        name: String,
        /// The kind that is needed.
        expected: &'static str,
        /// The kind that is there.
        found: &'static str,
    },
    /// An array of another shape.
    #[error("`{name}` must have shape {expected:?}, got {found:?}")]
    Shape {
        /// Name of the array.
        name: String,
        /// The shape that is needed.
        expected: Vec<usize>,
        /// The shape that is there.
        found: Vec<usize>,
    },
    /// A NaN or an infinity.
    #[error("`{name}` must be finite, got {value} at index {index}")]
    NonFinite {
        /// Name of the array.
        name: String,
        /// Index in the array, row by row.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A setting that is not what it was when the state was saved.
    #[error("`{name}` must be the same as when the state was saved: {saved} then, {here} now")]
    Differs {
        /// The setting.
        name: String,
        /// Its value in the state.
        saved: String,
        /// Its value in what the state is loaded into.
        here: String,
    },
    /// A random stream of another seed.
    #[error("`{name}` was saved by a run with another seed; resume with the seed the run was begun with")]
    Seed {
        /// Name of the stream.
        name: String,
    },
    /// A number that no such state can hold.
    #[error("`{name}` must be {rule}, got {found}")]
    Invalid {
        /// Name of the array.
        name: String,
        /// What must hold.
        rule: String,
        /// What was found.
        found: String,
    },
    /// Something that has no form as an array.
    #[error("`{name}` cannot be saved: {reason}")]
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
            | Self::Unsupported { name, .. } => *name = format!("{part}.{name}"),
        }
        self
    }
}
