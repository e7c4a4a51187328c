//! One array of a state.

use std::fmt::Display;

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
