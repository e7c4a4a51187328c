//! Configuration errors, and the range checks that find them.

use crate::space::{SpaceError, count};

/// Why a configuration, or a network given with it, is invalid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A share or a discount outside `[0, 1]`.
    #[error("{field} must be in [0, 1], got {value}")]
    OutsideUnitInterval {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A decay outside `[0, 1)`.
    #[error("{field} must be in [0, 1), got {value}")]
    Decay {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A number that must be positive is not, or is not finite.
    #[error("{field} must be positive and finite, got {value}")]
    NotPositive {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A number below its minimum.
    #[error("{field} must be at least {minimum:e}, got {value:e}")]
    BelowMinimum {
        /// Name of the field.
        field: &'static str,
        /// Smallest value allowed.
        minimum: f64,
        /// Its value.
        value: f64,
    },
    /// A number that must be at least zero is not, or is not finite.
    #[error("{field} must be at least 0 and finite, got {value}")]
    Negative {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A number that must be finite is not.
    #[error("{field} must be finite, got {value}")]
    NotFinite {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A count below its minimum.
    #[error("{field} must be at least {minimum}, got {value}")]
    TooSmall {
        /// Name of the field.
        field: &'static str,
        /// Smallest value allowed.
        minimum: usize,
        /// Its value.
        value: usize,
    },
    /// A count above its limit.
    #[error("{field} must be at most {limit_field} ({limit}), got {value}")]
    TooLarge {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        value: usize,
        /// Name of the field that sets the limit.
        limit_field: &'static str,
        /// Value of the limit.
        limit: usize,
    },
    /// A space that cannot be used.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A network whose output has the wrong shape.
    #[error("{network} must return a tensor of shape {expected:?} for a batch of {batch}, got {found:?}", batch = expected[0])]
    OutputShape {
        /// The network, and its output.
        network: &'static str,
        /// `[batch, columns]` that is needed.
        expected: [usize; 2],
        /// The shape of the output, `[batch, columns]`.
        found: [usize; 2],
    },
    /// A noise process with the wrong number of axes.
    #[error("noise must have {}, one per axis of the action space, got {found}", count(*expected, "axis", "axes"))]
    NoiseDim {
        /// Axes of the action space.
        expected: usize,
        /// Axes of the noise.
        found: usize,
    },
    /// A box for the agent's actions with the wrong number of axes.
    #[error("the box of the agent must have {}, one per axis of the action space, got {found}", count(*expected, "axis", "axes"))]
    ActionDim {
        /// Axes of the environment's action space.
        expected: usize,
        /// Axes of the box.
        found: usize,
    },
    /// A list with another length than one number for each axis.
    #[error("{field} must have {}, one per axis of the observation space, got {found}", count(*expected, "number", "numbers"))]
    ObservationDim {
        /// Name of the field.
        field: &'static str,
        /// Axes of the observation space.
        expected: usize,
        /// Length of the list.
        found: usize,
    },
    /// A number for one axis is out of range.
    #[error("axis {axis}: {error}")]
    Axis {
        /// Index of the axis.
        axis: usize,
        /// What is wrong with the number.
        #[source]
        error: Box<ConfigError>,
    },
    /// Critics of one ensemble with different dropout.
    #[error("all critics must have the same dropout")]
    UnequalDropout,
    /// A learned temperature with a policy that has no density, and so no entropy.
    #[error("a learned temperature needs a policy with a density; use a fixed temperature with this actor")]
    TemperatureWithoutDensity,
    /// Residual blocks of unequal widths.
    #[error("residual blocks must all have the same width, got {first} and {other}")]
    UnequalWidths {
        /// The first width.
        first: usize,
        /// Another one.
        other: usize,
    },
    /// A setting that residual blocks do not have.
    #[error("{field} must be off with residual blocks: they have their own layer normalisation and no dropout")]
    NotOfBlocks {
        /// Name of the field.
        field: &'static str,
    },
    /// A network that is to be reset and does not know how its weights began.
    #[error("the {network} cannot be reset: implement `reinitialized` for it, or leave reset_at empty")]
    NotReinitializable {
        /// Which network.
        network: &'static str,
    },
    /// A setting that cannot change after training.
    #[error("{field} cannot change after training; train a new agent to change it")]
    Learned {
        /// Name of the field.
        field: &'static str,
    },
}

pub(crate) fn in_unit_interval(field: &'static str, value: f64) -> Result<(), ConfigError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(ConfigError::OutsideUnitInterval { field, value }) }
}

pub(crate) fn positive(field: &'static str, value: f64) -> Result<(), ConfigError> {
    if value > 0.0 && value.is_finite() { Ok(()) } else { Err(ConfigError::NotPositive { field, value }) }
}

/// Checks Adam's ε, which must stay positive in single precision after it is scaled by √(1 − β₂) ≈ 0.03.
pub(crate) fn adam_epsilon(value: f64) -> Result<(), ConfigError> {
    positive("adam_epsilon", value)?;
    let minimum = 1e-30;
    if value >= minimum { Ok(()) } else { Err(ConfigError::BelowMinimum { field: "adam_epsilon", minimum, value }) }
}

/// Checks a decay: at 1, new values would have no weight.
pub(crate) fn decay(field: &'static str, value: f64) -> Result<(), ConfigError> {
    if (0.0..1.0).contains(&value) { Ok(()) } else { Err(ConfigError::Decay { field, value }) }
}

pub(crate) fn non_negative(field: &'static str, value: f64) -> Result<(), ConfigError> {
    if value >= 0.0 && value.is_finite() { Ok(()) } else { Err(ConfigError::Negative { field, value }) }
}

pub(crate) fn finite(field: &'static str, value: f64) -> Result<(), ConfigError> {
    if value.is_finite() { Ok(()) } else { Err(ConfigError::NotFinite { field, value }) }
}

pub(crate) fn at_least(field: &'static str, minimum: usize, value: usize) -> Result<(), ConfigError> {
    if value >= minimum { Ok(()) } else { Err(ConfigError::TooSmall { field, minimum, value }) }
}

pub(crate) fn at_most(
    field: &'static str,
    value: usize,
    limit_field: &'static str,
    limit: usize,
) -> Result<(), ConfigError> {
    if value <= limit { Ok(()) } else { Err(ConfigError::TooLarge { field, value, limit_field, limit }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_their_ends_and_exclude_nan() {
        assert_eq!(in_unit_interval("tau", 0.0), Ok(()));
        assert_eq!(in_unit_interval("tau", 1.0), Ok(()));
        assert!(in_unit_interval("tau", f64::NAN).is_err());
        assert!(positive("rate", f64::NAN).is_err());
        assert!(positive("rate", f64::INFINITY).is_err());
        assert_eq!(non_negative("std", 0.0), Ok(()));
        assert!(non_negative("std", f64::NAN).is_err());
    }

    #[test]
    fn messages_name_the_field_the_rule_and_the_value() {
        let text = |result: Result<(), ConfigError>| result.unwrap_err().to_string();
        assert_eq!(text(in_unit_interval("discount", 1.5)), "discount must be in [0, 1], got 1.5");
        assert_eq!(text(positive("adam_epsilon", 0.0)), "adam_epsilon must be positive and finite, got 0");
        assert_eq!(text(adam_epsilon(1e-40)), "adam_epsilon must be at least 1e-30, got 1e-40");
        assert_eq!(adam_epsilon(1e-8), Ok(()));
        assert_eq!(text(non_negative("std", -1.0)), "std must be at least 0 and finite, got -1");
        assert_eq!(text(finite("target_entropy", f64::INFINITY)), "target_entropy must be finite, got inf");
        assert_eq!(text(at_least("batch_size", 1, 0)), "batch_size must be at least 1, got 0");
        assert_eq!(
            text(at_most("batch_size", 9, "replay_capacity", 8)),
            "batch_size must be at most replay_capacity (8), got 9"
        );
    }
}
