//! The standard critic: one network for observation and action together.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::Rng;
use rand::rngs::ChaCha8Rng;

use super::action_bounds::{add_units, in_units};
use super::{ActionBounds, ActionUnits, Activation, Critic, Dropout, Initialization, Mlp, MlpConfig};
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::fused::{Builder, Program};

/// Settings of [`QNetwork`]. [`Ensemble`](super::Ensemble) has an example.
#[derive(Config, Debug, PartialEq)]
pub struct QNetworkConfig {
    /// Width of each hidden layer. Default: two of 256.
    #[config(default = "vec![256, 256]")]
    pub hidden_dims: Vec<usize>,
    /// Activation function. Default: ReLU.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// Initial weights. Default: PyTorch's.
    #[config(default = "Initialization::FanIn")]
    pub initialization: Initialization,
    /// Whether each hidden layer has layer normalisation, see [`MlpConfig::layer_norm`]. Off by default.
    #[config(default = false)]
    pub layer_norm: bool,
    /// Dropout probability of the hidden units, see [`MlpConfig::dropout`]. Default: 0.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// Whether the hidden layers are residual blocks, see [`MlpConfig::residual`]. Off by default.
    #[config(default = false)]
    pub residual: bool,
    /// Outputs for each pair of observation and action, at least 1:
    /// [`ValueHead::value_dim`](super::ValueHead::value_dim). Default: 1.
    #[config(default = 1)]
    pub value_dim: usize,
    /// The units of actions inside the network. Default: `[−1, 1]`.
    #[config(default = "ActionUnits::Normalized")]
    pub action_units: ActionUnits,
}

impl QNetworkConfig {
    /// Creates the network for the given spaces.
    ///
    /// # Errors
    ///
    /// As [`MlpConfig::validate`]: [`ConfigError::TooSmall`] if a width is 0, [`ConfigError::TooLarge`] above 2²⁸
    /// weights in a layer.
    pub fn init(&self, spaces: &Spaces, rng: &mut impl Rng, device: &Device) -> Result<QNetwork, ConfigError> {
        let mut widths = vec![spaces.observation().dim() + spaces.action().dim()];
        widths.extend(&self.hidden_dims);
        widths.push(self.value_dim);
        let trunk = MlpConfig {
            widths,
            activation: self.activation,
            initialization: self.initialization,
            layer_norm: self.layer_norm,
            dropout: self.dropout,
            residual: self.residual,
        };
        let bounds = self.action_units.bounds(spaces.action(), device)?;
        Ok(QNetwork { trunk: trunk.init(rng, device)?, action_dim: spaces.action().dim(), bounds })
    }
}

/// An action-value network. Its input is the concatenation of observation and action.
#[derive(Module, Debug)]
pub struct QNetwork {
    /// The layers, from `[o, a]` to Q.
    pub trunk: Mlp,
    /// Number of inputs that are actions.
    #[module(skip)]
    action_dim: usize,
    /// Converts actions to environment units, if the layers use these.
    bounds: Option<ActionBounds>,
}

impl Critic for QNetwork {
    fn q_value(&self, observations: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        self.trunk.forward_joined(observations, in_units(&self.bounds, actions))
    }

    fn dropout(&self) -> Option<Dropout> {
        self.trunk.dropout()
    }

    fn q_value_with_dropout(&self, observations: Tensor<2>, actions: Tensor<2>, mask: Tensor<2>) -> Tensor<2> {
        self.trunk.forward_joined_with_dropout(observations, in_units(&self.bounds, actions), mask)
    }

    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        Some(Self { trunk: self.trunk.reinitialized(rng), ..self.clone() })
    }

    fn program(&self) -> Option<Program> {
        let mut builder = Builder::new();
        let observations = builder.input(0, self.trunk.inputs().checked_sub(self.action_dim)?);
        let actions = builder.input(1, self.action_dim);
        let actions = add_units(&self.bounds, &mut builder, actions);
        let both = builder.join(observations, actions);
        self.trunk.add_with_dropout(&mut builder, both);
        builder.finish()
    }
}
