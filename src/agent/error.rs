//! Errors of agents.

use burn::tensor::TensorReadError;

use crate::boundary::{ActError, BatchError};
use crate::config::ConfigError;
use crate::space::MAX_MAGNITUDE;
use crate::target::TargetError;

/// Errors of acting and learning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// No action was computed: the observation is bad, or a network has diverged.
    #[error(transparent)]
    Act(#[from] ActError),
    /// The batch is empty, or its shapes are wrong. Nothing was changed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A loss, or the norm of a gradient, is not finite. The step that it belongs to was not taken.
    #[error("{quantity} must be finite, got {value}: training has diverged")]
    Diverged {
        /// Name of the loss, or "gradient norm".
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// A weight or a gradient is not finite, or larger than [`MAX_MAGNITUDE`].
    #[error(
        "{quantity} of the {network} must be finite and at most {MAX_MAGNITUDE:e} in magnitude, got {value:e} in {parameter}: training has diverged"
    )]
    Parameter {
        /// "weight" or "gradient".
        quantity: &'static str,
        /// Name of the network.
        network: &'static str,
        /// Path of the parameter in the network.
        parameter: String,
        /// The first value out of range.
        value: f64,
    },
    /// A target network does not have the parameters of its source.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The networks could not be [reset](super::SacConfig::reset_at).
    #[error("the networks could not be reset: {0}")]
    Reset(#[source] ConfigError),
    /// A tensor could not be read from the device.
    #[error("a tensor could not be read from the device")]
    Read(#[from] TensorReadError),
}
