//! One array of a state.

use std::fmt::Display;
use std::ops::Range;

use crate::space::first_non_finite;

/// Numbers with a shape.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) values: Values,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U64(Vec<u64>),
    Text(String),
}

impl Values {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::F32(_) => f32::KIND,
            Self::F64(_) => f64::KIND,
            Self::U64(_) => u64::KIND,
            Self::Text(_) => "text",
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::Text(text) => text.len(),
        }
    }

    /// Returns an empty array of the same kind.
    pub(super) fn emptied(&self) -> Self {
        match self {
            Self::F32(_) => Self::F32(Vec::new()),
            Self::F64(_) => Self::F64(Vec::new()),
            Self::U64(_) => Self::U64(Vec::new()),
            Self::Text(_) => Self::Text(String::new()),
        }
    }

    /// Appends values of the same kind.
    pub(super) fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::F32(values), Self::F32(more)) => values.extend(more),
            (Self::F64(values), Self::F64(more)) => values.extend(more),
            (Self::U64(values), Self::U64(more)) => values.extend(more),
            (Self::Text(text), Self::Text(more)) => text.push_str(&more),
            (values, other) => unreachable!("{} are not appended to {}", other.kind(), values.kind()),
        }
    }

    /// Returns a part of the values; `None` if it is out of range, or cuts a character of a text.
    pub(super) fn slice(&self, range: Range<usize>) -> Option<Self> {
        Some(match self {
            Self::F32(values) => Self::F32(values.get(range)?.to_vec()),
            Self::F64(values) => Self::F64(values.get(range)?.to_vec()),
            Self::U64(values) => Self::U64(values.get(range)?.to_vec()),
            Self::Text(text) => Self::Text(text.get(range)?.to_owned()),
        })
    }

    pub(super) fn first_non_finite(&self) -> Option<(usize, f64)> {
        match self {
            Self::F32(values) => first_non_finite(values).map(|(index, value)| (index, value.into())),
            Self::F64(values) => values.iter().copied().enumerate().find(|(_, value)| !value.is_finite()),
            Self::U64(_) | Self::Text(_) => None,
        }
    }
}

/// A number that a [`State`](super::State) can hold: f32, f64 or u64.
pub trait Element: Copy + PartialEq + Display + sealed::Element {}

impl Element for f32 {}
impl Element for f64 {}
impl Element for u64 {}

pub(super) mod sealed {
    use super::Values;

    pub trait Element: Sized {
        const KIND: &'static str;

        #[allow(private_interfaces, reason = "sealed")]
        fn wrap(values: Vec<Self>) -> Values;

        #[allow(private_interfaces, reason = "sealed")]
        fn unwrap(values: Values) -> Result<Vec<Self>, Values>;
    }
}
use sealed::Element as _;

macro_rules! element {
    ($number:ty, $variant:ident, $kind:literal) => {
        impl sealed::Element for $number {
            const KIND: &'static str = $kind;

            #[allow(private_interfaces, reason = "sealed")]
            fn wrap(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }

            #[allow(private_interfaces, reason = "sealed")]
            fn unwrap(values: Values) -> Result<Vec<Self>, Values> {
                match values {
                    Values::$variant(values) => Ok(values),
                    other => Err(other),
                }
            }
        }
    };
}

element!(f32, F32, "f32");
element!(f64, F64, "f64");
element!(u64, U64, "u64");
