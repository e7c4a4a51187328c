//! A multi-layer perceptron: forward and backward.

use std::ops::Range;

use super::{Layer, activation_gradient, linear_forward, linear_input_gradient, linear_parameter_gradient};
use crate::activation::Activation;
use crate::matrix::pool::{Buffer, take};

/// Linear layers with an activation after each but the last, and after the last if `activate_last`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Perceptron<'a> {
    pub(crate) layers: &'a [Layer<'a>],
    pub(crate) activation: Activation,
    pub(crate) activate_last: bool,
}

impl Perceptron<'_> {
    /// Returns the activation after a layer.
    fn after(&self, layer: usize) -> Option<Activation> {
        (layer + 1 < self.layers.len() || self.activate_last).then_some(self.activation)
    }
}

/// The gradients to compute.
#[derive(Debug)]
pub(crate) struct Gradients<'a> {
    /// Gradients of columns of the input, `[rows, columns]` each.
    pub(crate) inputs: &'a mut [(Range<usize>, Vec<f32>)],
    /// Gradients of weight and bias of each layer.
    pub(crate) layers: Option<&'a mut [LayerGradient]>,
}

/// The gradient of one layer.
#[derive(Debug)]
pub(crate) struct LayerGradient {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl LayerGradient {
    /// Returns memory for the gradient of a layer, whose values are to be overwritten.
    pub(crate) fn of(layer: &Layer<'_>) -> Self {
        Self { weight: take(layer.weight.len()), bias: take(layer.bias.len()) }
    }
}

/// Computes the output of every layer, after its activation, for `rows` inputs.
pub(crate) fn forward(perceptron: &Perceptron<'_>, rows: usize, input: &[f32], outputs: &mut [&mut [f32]]) {
    for (i, layer) in perceptron.layers.iter().enumerate() {
        let (before, rest) = outputs.split_at_mut(i);
        let input = before.last().map_or(input, |input| &**input);
        linear_forward(layer, perceptron.after(i), rows, input, rest[0]);
    }
}

/// Backpropagates the gradient of the output, from the last layer to the first.
///
/// `outputs` are those of [`forward`]. Only those with an activation are read.
pub(crate) fn backward(
    perceptron: &Perceptron<'_>,
    rows: usize,
    input: &[f32],
    outputs: &[&[f32]],
    output_gradient: &[f32],
    mut gradients: Gradients<'_>,
) {
    let last = perceptron.layers.len() - 1;
    // δ of a layer is the gradient before its activation.
    let mut delta = Buffer::new(output_gradient.len());
    delta.copy_from_slice(output_gradient);
    if let Some(activation) = perceptron.after(last) {
        activation_gradient(activation, outputs[last], &mut delta);
    }
    for (i, layer) in perceptron.layers.iter().enumerate().rev() {
        let widths = [layer.inputs(), layer.outputs()];
        if let Some(LayerGradient { weight, bias }) = gradients.layers.as_mut().map(|layers| &mut layers[i]) {
            let input = if i == 0 { input } else { outputs[i - 1] };
            linear_parameter_gradient(rows, widths, input, &delta, weight, bias);
        }
        if i > 0 {
            let mut before = Buffer::new(rows * widths[0]);
            let through = Some((perceptron.activation, outputs[i - 1]));
            linear_input_gradient(layer, 0..widths[0], rows, &delta, through, &mut before);
            delta = before;
        } else {
            for (columns, gradient) in &mut *gradients.inputs {
                linear_input_gradient(layer, columns.clone(), rows, &delta, None, gradient);
            }
        }
    }
}
