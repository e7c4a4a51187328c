//! The multi-layer perceptron of the bundled networks.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Tensor, assert_shape};
use rand::Rng;

use super::activate::activate;
use super::linear::reinitialized;
use super::{Dropout, Initialization, ResidualBlock};
use crate::activation::Activation;
use crate::fused::{self, Builder, MlpShape, Source};

/// A multi-layer perceptron: linear layers with an activation between them.
#[derive(Module, Debug)]
pub struct Mlp {
    /// The linear layers, from input to output. With residual blocks: the layer before them and, if there is one, the
    /// layer after them.
    pub layers: Vec<Linear>,
    /// Layer normalisation of each hidden layer, or after the last residual block; empty without it.
    pub norms: Vec<LayerNorm>,
    /// Residual blocks between the first layer and the last; empty without them.
    pub blocks: Vec<ResidualBlock>,
    #[module(skip)]
    pub(super) initialization: Initialization,
    #[module(skip)]
    pub(super) dropout: f64,
    #[module(skip)]
    pub(crate) activation: Activation,
}

impl Mlp {
    /// Joins layers with an activation between them. There is no normalisation and no dropout.
    pub(crate) fn of(layers: Vec<Linear>, activation: Activation) -> Self {
        let (norms, blocks) = (Vec::new(), Vec::new());
        Self { layers, norms, blocks, initialization: Initialization::FanIn, dropout: 0.0, activation }
    }

    /// Returns layers of the same widths with new initial weights, drawn as by
    /// [`MlpConfig::init`](super::MlpConfig::init).
    pub(crate) fn reinitialized(&self, rng: &mut impl Rng) -> Self {
        let before = if self.blocks.is_empty() { self.layers.len() } else { 1 };
        let mut layers: Vec<_> =
            self.layers[..before].iter().map(|layer| reinitialized(layer, self.initialization, rng)).collect();
        let blocks = self.blocks.iter().map(|block| block.reinitialized(self.initialization, rng)).collect();
        layers.extend(self.layers[before..].iter().map(|layer| reinitialized(layer, self.initialization, rng)));
        let norm = |norm: &LayerNorm| LayerNormConfig::new(norm.gamma.dims()[0]).init(&norm.gamma.val().device());
        Self { layers, blocks, norms: self.norms.iter().map(norm).collect(), ..self.clone() }
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

    /// As [`forward_joined`](Self::forward_joined), with dropout: each hidden layer is multiplied by its columns of
    /// `mask`, `[n, D]`.
    pub(crate) fn forward_joined_with_dropout(&self, left: Tensor<2>, right: Tensor<2>, mask: Tensor<2>) -> Tensor<2> {
        self.layer_by_layer(Tensor::cat(vec![left, right], 1), Some(mask), false)
    }

    /// Returns the dropout; `None` if there is none.
    pub(crate) fn dropout(&self) -> Option<Dropout> {
        let hidden = &self.layers[..self.layers.len().saturating_sub(1)];
        let dim: usize = hidden.iter().map(|layer| layer.weight.dims()[1]).sum();
        (self.dropout > 0.0 && dim > 0).then_some(Dropout { probability: self.dropout, dim })
    }

    /// Returns the columns of the input; 0 without layers.
    pub(crate) fn inputs(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.weight.dims()[0])
    }

    /// Adds the layers to a program, without dropout. `activate_last` is true for [`features`](Self::features).
    pub(crate) fn add_to(&self, builder: &mut Builder, of: Source, activate_last: bool) -> Source {
        self.add_with(builder, of, activate_last, None)
    }

    /// As [`add_to`](Self::add_to), with the dropout of the network.
    pub(crate) fn add_with_dropout(&self, builder: &mut Builder, of: Source) -> Source {
        self.add_with(builder, of, false, self.dropout())
    }

    fn add_with(&self, builder: &mut Builder, of: Source, activate_last: bool, dropout: Option<Dropout>) -> Source {
        if !self.blocks.is_empty() {
            let entered = builder.linear(of, &[&self.layers[0]], None);
            let through = self.blocks.iter().fold(entered, |h, block| block.add_to(builder, h, self.activation));
            let normalized = self.norms.iter().fold(through, |h, norm| builder.layer_norm(h, norm, None));
            let after = activate_last.then_some(self.activation);
            return self.layers[1..].iter().fold(normalized, |x, layer| builder.linear(x, &[layer], after));
        }
        let last = self.layers.len().saturating_sub(1);
        let mut masked = 0;
        self.layers.iter().enumerate().fold(of, |of, (i, layer)| {
            let activation = (i < last || activate_last).then_some(self.activation);
            let (norm, has_dropout) = (self.norms.get(i), dropout.is_some() && i < last);
            // Linear layer, dropout and normalisation follow each other; the last of them has the activation.
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

    /// Computes the output as one autodiff node, if there is a kernel for the complete network.
    fn as_one_node<'a, const I: usize>(
        &self,
        inputs: [Tensor<2>; I],
        layers: impl Iterator<Item = &'a Linear>,
        shape: MlpShape,
    ) -> Result<Tensor<2>, [Tensor<2>; I]> {
        let is_known = self.norms.is_empty() && self.blocks.is_empty() && self.activation.has_slope_of_value();
        if is_known { fused::perceptron(inputs, layers, shape) } else { Err(inputs) }
    }

    fn layer_by_layer(&self, input: Tensor<2>, mask: Option<Tensor<2>>, activate_last: bool) -> Tensor<2> {
        if !self.blocks.is_empty() {
            return self.block_by_block(input, activate_last);
        }
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
            if i == last && !activate_last { x } else { activate(self.activation, x) }
        })
    }

    fn block_by_block(&self, input: Tensor<2>, activate_last: bool) -> Tensor<2> {
        let entered = self.layers[0].forward(input);
        let through = self.blocks.iter().fold(entered, |h, block| block.forward(h, self.activation));
        let normalized = self.norms.iter().fold(through, |h, norm| norm.forward(h));
        self.layers[1..].iter().fold(normalized, |x, layer| {
            let x = layer.forward(x);
            if activate_last { activate(self.activation, x) } else { x }
        })
    }

    /// Returns the activation of the last layer, as input of heads. After residual blocks without a last layer, it is
    /// their normalised output.
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

    /// Returns the outputs of several linear heads on the [`features`](Self::features), side by side.
    ///
    /// # Shapes
    ///
    /// - `input`: `[n, first width]`; returns `[n, d]`, where d is the number of outputs of all heads together
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::MlpConfig;
    use crate::rng::{Seed, Stream};
    use burn::module::Param;
    use burn::tensor::{TensorData, Tolerance};

    #[test]
    fn missing_and_empty_layers_are_rejected() {
        let text = |widths: Vec<usize>| MlpConfig::new(widths).validate().unwrap_err().to_string();
        assert_eq!(text(vec![3]), "number of widths must be at least 2, got 1");
        assert_eq!(text(vec![3, 0, 1]), "layer width must be at least 1, got 0");
        let too_wide = "number of weights in a layer must be at most the limit (268435456), got ";
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
    fn residual_blocks_are_added_to_what_they_are_given() {
        let device = crate::test_device();
        let config = MlpConfig::new(vec![2, 2, 1]).with_residual(true);
        let mut mlp = config.init(&mut Seed(0).stream(Stream::ActorWeights), &device).unwrap();
        let layer = |weight: Vec<f32>, [from, to]: [usize; 2], bias: f32| Linear {
            weight: Param::from_data(TensorData::new(weight, [from, to]), &device),
            bias: Some(Param::from_data(TensorData::new(vec![bias; to], [to]), &device)),
        };
        mlp.layers = vec![layer(vec![1.0, 0.0, 0.0, 1.0], [2, 2], 0.0), layer(vec![2.0, 1.0], [2, 1], 0.5)];
        // The first of the eight inner units is the first of two inputs. It goes to both outputs, with weights 3 and 1.
        let (mut expand, mut contract) = (vec![0.0; 16], vec![0.0; 16]);
        expand[0] = 1.0;
        contract[..2].copy_from_slice(&[3.0, 1.0]);
        mlp.blocks[0].expand = layer(expand, [2, 8], 0.0);
        mlp.blocks[0].contract = layer(contract, [8, 2], 0.0);

        // (1, −1) is normalised already, so it becomes (1 + 3, −1 + 1) = (4, 0), normalised (1, −1): 2 − 1 + 0.5.
        // (−1, 1) stays, since ReLU gives 0: normalised (−1, 1): −2 + 1 + 0.5.
        let input = Tensor::<2>::from_data([[1.0, -1.0], [-1.0, 1.0]], &device);
        let expected = TensorData::from([[1.5_f32], [-0.5]]);
        mlp.forward(input).into_data().assert_approx_eq::<f32>(&expected, Tolerance::absolute(3e-5));
    }

    #[test]
    fn residual_blocks_that_cannot_be_are_refused() {
        let text = |config: MlpConfig| config.with_residual(true).validate().unwrap_err().to_string();
        assert_eq!(text(MlpConfig::new(vec![3, 1])), "number of residual blocks must be at least 1, got 0");
        assert_eq!(text(MlpConfig::new(vec![3, 8, 9, 1])), "residual blocks must all have the same width, got 8 and 9");
        let off = |field| {
            format!("{field} must be off with residual blocks: they have their own layer normalisation and no dropout")
        };
        assert_eq!(text(MlpConfig::new(vec![3, 8, 1]).with_layer_norm(true)), off("layer_norm"));
        assert_eq!(text(MlpConfig::new(vec![3, 8, 1]).with_dropout(0.1)), off("dropout"));
        let too_wide = "number of weights in a layer must be at most the limit (268435456), got 400000000";
        assert_eq!(text(MlpConfig::new(vec![3, 10_000, 1])), too_wide);
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
