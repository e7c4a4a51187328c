//! Errors of spaces.

use super::{MAX_MAGNITUDE, MIN_RELATIVE_WIDTH, interval, number};

/// Why a [`BoxSpace`](super::BoxSpace) could not be built or used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// The two bounds have different lengths.
    #[error("low and high must have the same number of axes, got {low} and {high}")]
    LengthMismatch {
        /// Number of lower bounds.
        low: usize,
        /// Number of upper bounds.
        high: usize,
    },
    /// The space has no axis at all.
    #[error("a space must have at least 1 axis, got 0")]
    NoAxes,
    /// A lower bound is above its upper bound, or a bound is NaN.
    #[error("axis {axis}: low must not be above high, and neither may be NaN, got {}", interval(*low, *high))]
    EmptyInterval {
        /// Index of the axis.
        axis: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
    /// Both bounds are the same infinity.
    #[error("axis {axis}: the interval must contain a finite number, got {}", interval(*low, *high))]
    NoFiniteValue {
        /// Index of the axis.
        axis: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
    /// An action axis has an infinite bound.
    #[error("axis {axis} of an action space must have finite bounds, got {}", interval(*low, *high))]
    Unbounded {
        /// Index of the axis.
        axis: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
    /// An action axis has one value only.
    #[error(
        "axis {axis} of an action space must have low below high, got {} for both; leave out an axis with a single value",
        number(*value)
    )]
    ConstantAction {
        /// Index of the axis.
        axis: usize,
        /// Both of its bounds.
        value: f32,
    },
    /// An action axis has a bound beyond [`MAX_MAGNITUDE`](super::MAX_MAGNITUDE).
    #[error(
        "axis {axis} of an action space must have bounds of at most {MAX_MAGNITUDE:e} in magnitude, got {}; give the agent smaller units, for example with `RescaleAction`",
        interval(*low, *high)
    )]
    ActionTooLarge {
        /// Index of the axis.
        axis: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
    /// An action axis is too narrow beside its bounds: single precision holds few of its actions.
    #[error(
        "axis {axis} of an action space must be at least {MIN_RELATIVE_WIDTH:e} of its larger bound wide, so that single precision can tell actions apart, got {}; take actions relative to the middle of the interval",
        interval(*low, *high)
    )]
    ActionTooNarrow {
        /// Index of the axis.
        axis: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
    /// An action axis is too small: half its width is not a normal number of single precision.
    #[error(
        "axis {axis} of an action space must be at least {:e} wide, got {}; give the agent larger units, for example with `RescaleAction`",
        2.0 * f32::MIN_POSITIVE,
        interval(*low, *high)
    )]
    ActionTooSmall {
        /// Index of the axis.
        axis: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
}
