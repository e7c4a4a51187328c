//! The multi-layer perceptron of the bundled networks.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor, activation, assert_shape};
use rand::Rng;

use super::{Dropout, Initialization, linear};
use crate::activation::Activation;
use crate::config::{ConfigError, at_least, at_most, decay};
use crate::fused::{self, Builder, MlpShape, Source};

/// Settings of [`Mlp`].
#[derive(Config, Debug, PartialEq)]
pub struct MlpConfig {
    /// Width of each layer, from input to output: `[3, 256, 256, 1]` has three linear layers. At least 2 widths.
    pub widths: Vec<usize>,
    /// The function between two layers. Default: ReLU.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// How weights begin. Default: PyTorch's.
    #[config(default = "Initialization::FanIn")]
    pub initialization: Initialization,
    /// Whether each hidden layer is normalised[^1] before its activation, with a scale and an offset that are learned. Off by default.
    ///
    /// [^1]: J. Ba et al. (2016). *Layer Normalization*. arXiv:1607.06450.
    #[config(default = false)]
    pub layer_norm: bool,
    /// Probability that a number of a hidden layer is dropped while the network learns, before it is normalised, in `[0, 1)`. Default: 0.
    #[config(default = 0.0)]
    pub dropout: f64,
}

impl MlpConfig {
    /// Checks that there is an input and an output, that no width is 0, and that no layer is beyond all measure.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`], or [`ConfigError::TooLarge`] above 2²⁸ weights.
    pub fn validate(&self) -> Result<(), ConfigError> {
        at_least("number of widths", 2, self.widths.len())?;
        self.widths.iter().try_for_each(|&width| at_least("layer width", 1, width))?;
        decay("dropout", self.dropout)?;
        self.widths.windows(2).try_for_each(|pair| check_weights(pair[0], pair[1]))
    }

    /// Creates the layers on `device`, drawing from `rng` in order from input to output.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub fn init(&self, rng: &mut impl Rng, device: &Device) -> Result<Mlp, ConfigError> {
        self.validate()?;
        let layers: Vec<_> =
            (self.widths.windows(2)).map(|pair| linear(pair[0], pair[1], self.initialization, rng, device)).collect();
        let normalized = if self.layer_norm { &self.widths[1..self.widths.len() - 1] } else { &[] };
        let norms = normalized.iter().map(|&width| LayerNormConfig::new(width).init(device)).collect();
        Ok(Mlp { layers, norms, dropout: self.dropout, activation: self.activation })
    }
}

/// Weights of the largest layer that is built: 1 GiB in single precision.
const MAX_WEIGHTS: usize = 1 << 28;

/// Checks that a layer can be built at all, since memory that is not there would end the process.
pub(super) fn check_weights(inputs: usize, outputs: usize) -> Result<(), ConfigError> {
    at_most("number of weights in a layer", inputs.saturating_mul(outputs), "the largest", MAX_WEIGHTS)
}

/// A stack of linear layers with an activation between them.
#[derive(Module, Debug)]
pub struct Mlp {
    /// The layers, from input to output.
    pub layers: Vec<Linear>,
    /// What normalises the output of each hidden layer; empty if nothing does.
    pub norms: Vec<LayerNorm>,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    pub(crate) activation: Activation,
}

impl Mlp {
    /// Joins layers with an activation between them, and nothing else.
    pub(crate) fn of(layers: Vec<Linear>, activation: Activation) -> Self {
        Self { layers, norms: Vec::new(), dropout: 0.0, activation }
    }

    /// Returns the output of the last layer, without an activation.
    ///
    /// # Shapes
    ///
    /// - `input`: `[n, first width]`; returns `[n, last width]`
    ///
    /// # Panics
    ///
    /// Panics if `input` does not have the first width.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let shape = MlpShape { activation: self.activation, activate_last: false, heads: 1 };
        self.as_one_node([input], self.layers.iter(), shape)
            .unwrap_or_else(|[input]| self.layer_by_layer(input, None, false))
    }

    /// Returns [`forward`](Self::forward) of two inputs side by side.
    ///
    /// # Shapes
    ///
    /// - `left`: `[n, l]`, `right`: `[n, r]`, with l + r the first width; returns `[n, last width]`
    ///
    /// # Panics
    ///
    /// Panics on any other shape.
    pub(crate) fn forward_joined(&self, left: Tensor<2>, right: Tensor<2>) -> Tensor<2> {
        let [n, _] = left.dims();
        assert_shape!(right, [n, _]);
        let shape = MlpShape { activation: self.activation, activate_last: false, heads: 1 };
        self.as_one_node([left, right], self.layers.iter(), shape)
            .unwrap_or_else(|inputs| self.layer_by_layer(Tensor::cat(inputs.into(), 1), None, false))
    }

    /// As [`forward_joined`](Self::forward_joined), with each hidden layer multiplied by its columns of `mask`, `[n, D]`.
    pub(crate) fn forward_joined_with_dropout(&self, left: Tensor<2>, right: Tensor<2>, mask: Tensor<2>) -> Tensor<2> {
        self.layer_by_layer(Tensor::cat(vec![left, right], 1), Some(mask), false)
    }

    /// Returns the dropout, if there is some.
    pub(crate) fn dropout(&self) -> Option<Dropout> {
        let hidden = &self.layers[..self.layers.len().saturating_sub(1)];
        let dim: usize = hidden.iter().map(|layer| layer.weight.dims()[1]).sum();
        (self.dropout > 0.0 && dim > 0).then_some(Dropout { probability: self.dropout, dim })
    }

    /// Returns the columns of the input, 0 without layers.
    pub(crate) fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.weight.dims()[0])
    }

    /// Adds the layers to a program, without dropout; `activate_last` as in [`features`](Self::features).
    pub(crate) fn add_to(&self, builder: &mut Builder, of: Source, activate_last: bool) -> Source {
        self.add_with(builder, of, activate_last, None)
    }

    /// As [`add_to`](Self::add_to), with dropout if there is some.
    pub(crate) fn add_with_dropout(&self, builder: &mut Builder, of: Source) -> Source {
        self.add_with(builder, of, false, self.dropout())
    }

    fn add_with(&self, builder: &mut Builder, of: Source, activate_last: bool, dropout: Option<Dropout>) -> Source {
        let last = self.layers.len().saturating_sub(1);
        let mut masked = 0;
        self.layers.iter().enumerate().fold(of, |of, (i, layer)| {
            let activation = (i < last || activate_last).then_some(self.activation);
            let (norm, has_dropout) = (self.norms.get(i), dropout.is_some() && i < last);
            // The activation stands after the last of what there is.
            let linear = builder.linear(of, &[layer], activation.filter(|_| norm.is_none() && !has_dropout));
            let dropped = if has_dropout {
                let start = masked;
                masked += layer.weight.dims()[1];
                builder.dropout(linear, start, activation.filter(|_| norm.is_none()))
            } else {
                linear
            };
            norm.map_or(dropped, |norm| builder.layer_norm(dropped, norm, activation))
        })
    }

    /// Computes the output as one node of the tape, if there is a kernel for all of it.
    fn as_one_node<'a, const I: usize>(
        &self,
        inputs: [Tensor<2>; I],
        layers: impl Iterator<Item = &'a Linear>,
        shape: MlpShape,
    ) -> Result<Tensor<2>, [Tensor<2>; I]> {
        if self.norms.is_empty() { fused::perceptron(inputs, layers, shape) } else { Err(inputs) }
    }

    fn layer_by_layer(&self, input: Tensor<2>, mask: Option<Tensor<2>>, activate_last: bool) -> Tensor<2> {
        let last = self.layers.len() - 1;
        let mut masked = 0;
        (self.layers.iter().enumerate()).fold(input, |x, (i, layer)| {
            let mut x = layer.forward(x);
            if let Some(mask) = mask.as_ref().filter(|_| i < last) {
                let [_, width] = x.dims();
                x = x * mask.clone().narrow(1, masked, width);
                masked += width;
            }
            let x = self.norms.get(i).map_or(x.clone(), |norm| norm.forward(x));
            if i == last && !activate_last { x } else { self.activate(x) }
        })
    }

    /// Returns the activation of the last layer, for networks that put heads on it.
    ///
    /// # Shapes
    ///
    /// As [`forward`](Self::forward).
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward).
    pub fn features(&self, input: Tensor<2>) -> Tensor<2> {
        let shape = MlpShape { activation: self.activation, activate_last: true, heads: 1 };
        self.as_one_node([input], self.layers.iter(), shape)
            .unwrap_or_else(|[input]| self.layer_by_layer(input, None, true))
    }

    /// Returns the outputs, side by side, of linear layers that all stand on the [`features`](Self::features).
    ///
    /// # Shapes
    ///
    /// - `input`: `[n, first width]`; returns `[n, d]`, with d outputs in all heads together
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward), and if a head does not have the last width.
    pub fn heads<const H: usize>(&self, input: Tensor<2>, heads: [&Linear; H]) -> Tensor<2> {
        let shape = MlpShape { activation: self.activation, activate_last: false, heads: H };
        self.as_one_node([input], self.layers.iter().chain(heads), shape).unwrap_or_else(|[input]| {
            let features = self.features(input);
            Tensor::cat(heads.iter().map(|head| head.forward(features.clone())).collect(), 1)
        })
    }

    fn activate(&self, x: Tensor<2>) -> Tensor<2> {
        match self.activation {
            Activation::Relu => activation::relu(x),
            Activation::Tanh => activation::tanh(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};
    use burn::module::Param;
    use burn::tensor::{TensorData, Tolerance};

    #[test]
    fn missing_and_empty_layers_are_rejected() {
        let text = |widths: Vec<usize>| MlpConfig::new(widths).validate().unwrap_err().to_string();
        assert_eq!(text(vec![3]), "number of widths must be at least 2, got 1");
        assert_eq!(text(vec![3, 0, 1]), "layer width must be at least 1, got 0");
        let too_wide = "number of weights in a layer must be at most the largest (268435456), got ";
        assert_eq!(text(vec![3, 1 << 28, 1]), format!("{too_wide}805306368"));
        assert_eq!(text(vec![3, usize::MAX, 1]), format!("{too_wide}{}", usize::MAX));
    }

    #[test]
    fn the_activation_stands_between_layers_and_after_features() {
        let device = crate::test_device();
        let layer = |w: f32, b: f32| Linear {
            weight: Param::from_data([[w]], &device),
            bias: Some(Param::from_data([b], &device)),
        };
        let layers = vec![layer(2.0, -1.0), layer(-3.0, 0.5)];
        let mlp = Mlp::of(layers, Activation::Relu);
        let input = Tensor::<2>::from_data([[1.0], [0.0]], &device);

        // 2·1 − 1 = 1 → 1 → −3 + 0.5; 2·0 − 1 = −1 → 0 → 0.5
        let expected = TensorData::from([[-2.5_f32], [0.5]]);
        mlp.forward(input.clone()).into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
        let expected = TensorData::from([[0.0_f32], [0.5]]);
        mlp.features(input).into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
    }

    #[test]
    fn any_depth_and_width_works() {
        let device = crate::test_device();
        let mut rng = Seed(0).stream(Stream::ActorWeights);
        for widths in [vec![3, 1], vec![3, 7, 2], vec![3, 4, 5, 6, 7, 2]] {
            let output = *widths.last().unwrap();
            let mlp = MlpConfig::new(widths).with_activation(Activation::Tanh).init(&mut rng, &device).unwrap();
            assert_eq!(mlp.forward(Tensor::zeros([4, 3], &device)).dims(), [4, output]);
        }
    }
}
