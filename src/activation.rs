//! The activation functions of a network, which the kernels implement too.

use burn::config::Config;

/// The function between two linear layers.
#[derive(Config, Debug, PartialEq, Copy)]
pub enum Activation {
    /// max(0, x).
    Relu,
    /// tanh x.
    Tanh,
}
