//! The settings of a multi-layer perceptron.

use burn::config::Config;
use burn::nn::LayerNormConfig;
use burn::tensor::Device;
use rand::Rng;

use super::mlp::Mlp;
use super::residual::EXPANSION;
use super::{Activation, Initialization, ResidualBlock, linear};
use crate::config::{ConfigError, at_least, at_most, decay};

/// Settings of [`Mlp`].
///
/// # Examples
///
/// ```
/// use actor_critic::burn::tensor::Tensor;
/// use actor_critic::nn::MlpConfig;
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let mlp = MlpConfig::new(vec![3, 64, 2]).with_layer_norm(true);
/// let mlp = mlp.init(&mut Seed(0).stream(Stream::ActorWeights), &device)?;
/// assert_eq!(mlp.forward(Tensor::zeros([5, 3], &device)).dims(), [5, 2]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Config, Debug, PartialEq)]
pub struct MlpConfig {
    /// Width of each layer, from input to output: `[3, 256, 256, 1]` has three linear layers. At least 2 widths.
    pub widths: Vec<usize>,
    /// Activation function between two layers. Default: ReLU.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// Initial weights. Default: PyTorch's.
    #[config(default = "Initialization::FanIn")]
    pub initialization: Initialization,
    /// Whether each hidden layer has layer normalisation[^1] before its activation, with learned scale and offset. Off
    /// by default.
    ///
    /// [^1]: J. Ba et al. (2016). *Layer Normalization*. arXiv:1607.06450.
    #[config(default = false)]
    pub layer_norm: bool,
    /// Dropout probability of the hidden units in updates, before layer normalisation, in `[0, 1)`. Default: 0.
    #[config(default = 0.0)]
    pub dropout: f64,
    /// Whether the hidden layers are [residual blocks](ResidualBlock), as in SimBa[^1]: one for each hidden width, and
    /// all widths equal. Off by default.
    ///
    /// A linear layer without activation leads from the input to that width. Layer normalisation comes before the last
    /// layer.
    ///
    /// [^1]: H. Lee et al. (2024). *SimBa*. arXiv:2410.09754. For its normalisation of observations, use the agent's
    /// setting `normalize_observations`.
    #[config(default = false)]
    pub residual: bool,
}

impl MlpConfig {
    /// Checks that there are input and output, that no width is 0, and that no layer is too large.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::TooSmall`] if there are fewer than 2 widths, a width is 0, or residual blocks have no hidden
    ///   width
    /// - [`ConfigError::TooLarge`] above 2²⁸ weights in a layer
    /// - [`ConfigError::UnequalWidths`] if the widths of residual blocks differ
    /// - [`ConfigError::NotOfBlocks`] if residual blocks are combined with `dropout` or `layer_norm`
    /// - [`ConfigError`] names `dropout` if it is out of range
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_layers()?;
        self.validate_blocks(&self.widths[1..self.widths.len() - 1])
    }

    fn validate_layers(&self) -> Result<(), ConfigError> {
        at_least("number of widths", 2, self.widths.len())?;
        self.widths.iter().try_for_each(|&width| at_least("layer width", 1, width))?;
        decay("dropout", self.dropout)?;
        self.widths.windows(2).try_for_each(|pair| check_weights(pair[0], pair[1]))
    }

    /// Checks the widths of residual blocks, if there are any.
    fn validate_blocks(&self, hidden: &[usize]) -> Result<(), ConfigError> {
        if !self.residual {
            return Ok(());
        }
        at_least("number of residual blocks", 1, hidden.len())?;
        if let Some(&other) = hidden.iter().find(|&&width| width != hidden[0]) {
            return Err(ConfigError::UnequalWidths { first: hidden[0], other });
        }
        check_weights(hidden[0], hidden[0].saturating_mul(EXPANSION))?;
        let others = [("layer_norm", self.layer_norm), ("dropout", self.dropout > 0.0)];
        match others.into_iter().find(|(_, is_on)| *is_on) {
            Some((field, _)) => Err(ConfigError::NotOfBlocks { field }),
            None => Ok(()),
        }
    }

    /// Creates the layers on `device`. Draws from `rng` from the input to the output.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Result<Mlp, ConfigError> {
        self.validate()?;
        let hidden = &self.widths[1..self.widths.len() - 1];
        if self.residual {
            return Ok(self.with_blocks(hidden, self.widths.last(), rng, device));
        }
        let layers: Vec<_> =
            (self.widths.windows(2)).map(|pair| linear(pair[0], pair[1], self.initialization, rng, device)).collect();
        let normalized = if self.layer_norm { hidden } else { &[] };
        let norms = normalized.iter().map(|&width| LayerNormConfig::new(width).init(device)).collect();
        let (initialization, dropout, activation) = (self.initialization, self.dropout, self.activation);
        Ok(Mlp { layers, norms, blocks: Vec::new(), initialization, dropout, activation })
    }

    /// As [`init`](Self::init), for a network with heads on the [`features`](Mlp::features): all widths but the first
    /// are hidden.
    pub(super) fn init_trunk(&self, rng: &mut impl Rng, device: &Device) -> Result<Mlp, ConfigError> {
        if !self.residual {
            return self.init(rng, device);
        }
        self.validate_layers()?;
        self.validate_blocks(&self.widths[1..])?;
        Ok(self.with_blocks(&self.widths[1..], None, rng, device))
    }

    /// Creates the first layer, the blocks, and the last layer if there is one.
    fn with_blocks(&self, hidden: &[usize], output: Option<&usize>, rng: &mut impl Rng, device: &Device) -> Mlp {
        let (width, initialization, activation) = (hidden[0], self.initialization, self.activation);
        let mut layers = vec![linear(self.widths[0], width, initialization, rng, device)];
        let blocks = hidden.iter().map(|_| ResidualBlock::init(width, initialization, rng, device)).collect();
        layers.extend(output.map(|&output| linear(width, output, initialization, rng, device)));
        let norms = vec![LayerNormConfig::new(width).init(device)];
        Mlp { layers, norms, blocks, initialization, dropout: 0.0, activation }
    }
}

/// Weights of the largest layer: 1 GiB in single precision.
const MAX_WEIGHTS: usize = 1 << 28;

/// Checks the size of a layer, since an allocation that fails would end the process.
pub(super) fn check_weights(inputs: usize, outputs: usize) -> Result<(), ConfigError> {
    at_most("number of weights in a layer", inputs.saturating_mul(outputs), "the limit", MAX_WEIGHTS)
}
