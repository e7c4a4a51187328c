//! Errors of agents.

use burn::tensor::TensorReadError;

use crate::boundary::{ActError, BatchError};
use crate::config::ConfigError;
use crate::space::MAX_MAGNITUDE;
use crate::target::TargetError;

/// Why an agent could not act or learn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// No action came out: a bad observation, or a network that has diverged.
    #[error(transparent)]
    Act(#[from] ActError),
    /// An empty batch, or one of the wrong shapes. Nothing was changed.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A loss, or the norm of a gradient, is no longer a number; the step it would have led to was not taken.
    #[error("{quantity} must be finite, got {value}: training has diverged")]
    Diverged {
        /// Which loss.
        quantity: &'static str,
        /// Its value.
        value: f64,
    },
    /// A weight or a gradient is not finite, or larger than [`MAX_MAGNITUDE`].
    #[error(
        "{quantity} of the {network} must be finite and at most {MAX_MAGNITUDE:e} in magnitude, got {value:e} in {parameter}: training has diverged"
    )]
    Parameter {
        /// A weight, or the gradient of one.
        quantity: &'static str,
        /// Which network.
        network: &'static str,
        /// Path of the parameter in the network.
        parameter: String,
        /// The first such value.
        value: f64,
    },
    /// A target network that does not belong to its source.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Networks that could not be [reset](super::SacConfig::reset_at).
    #[error("the networks could not be reset: {0}")]
    Reset(#[source] ConfigError),
    /// A tensor could not be read back from the device.
    #[error("a tensor could not be read from the device")]
    Read(#[from] TensorReadError),
}
