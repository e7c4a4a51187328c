//! The operands of a perceptron: joins inputs to one matrix and heads to one layer, and separates their gradients.

use std::ops::Range;

use burn::backend::TensorMetadata;
use burn_flex::FlexTensor;

use super::{dense, slice, tensor};
use crate::fused::MlpShape;
use crate::fused::kernel::{Layer, LayerGradient, Perceptron};
use crate::matrix::Buffer;

/// The input of a perceptron as one matrix.
#[derive(Debug, Clone)]
pub(super) struct Input {
    values: Values,
    pub(super) rows: usize,
    /// The columns of each tensor that it was joined from.
    pub(super) columns: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
enum Values {
    Tensor(FlexTensor),
    Joined(Buffer),
}

impl Input {
    pub(super) fn new(inputs: Vec<FlexTensor>) -> Self {
        let rows = inputs[0].shape()[0];
        let mut end = 0;
        let columns: Vec<_> = (inputs.iter())
            .map(|input| {
                let start = end;
                end += input.shape()[1];
                start..end
            })
            .collect();
        let mut inputs: Vec<_> = inputs.into_iter().map(dense).collect();
        if inputs.len() == 1 {
            return Self { values: Values::Tensor(inputs.remove(0)), rows, columns };
        }
        let mut joined = Buffer::new(rows * end);
        for (input, columns) in inputs.iter().zip(&columns) {
            let from = slice(input).chunks_exact(columns.len());
            for (to, from) in joined.chunks_exact_mut(end).zip(from) {
                to[columns.clone()].copy_from_slice(from);
            }
        }
        Self { values: Values::Joined(joined), rows, columns }
    }

    pub(super) fn slice(&self) -> &[f32] {
        match &self.values {
            Values::Tensor(tensor) => slice(tensor),
            Values::Joined(buffer) => buffer,
        }
    }
}

/// The layers of a perceptron. The last one has all heads side by side.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    /// Weight and bias of each layer.
    layers: Vec<[FlexTensor; 2]>,
    /// The number of outputs of each head.
    heads: Vec<usize>,
    shape: MlpShape,
}

impl Stack {
    pub(super) fn new(parameters: Vec<FlexTensor>, shape: MlpShape) -> Self {
        let mut parameters = parameters.into_iter().map(dense);
        let mut layers = Vec::new();
        while let (Some(weight), Some(bias)) = (parameters.next(), parameters.next()) {
            layers.push([weight, bias]);
        }
        let first_head = layers.len() - shape.heads;
        let heads: Vec<usize> = layers[first_head..].iter().map(|[_, bias]| bias.shape()[0]).collect();
        if heads.len() > 1 {
            let inputs = layers[first_head][0].shape()[0];
            let outputs = heads.iter().sum();
            let [weights, biases] =
                [0, 1].map(|which| layers[first_head..].iter().map(move |layer| slice(&layer[which])));
            let weight = side_by_side(weights, &heads);
            let bias = side_by_side(biases, &heads);
            layers.truncate(first_head);
            layers.push([tensor(weight, [inputs, outputs]), tensor(bias, [outputs])]);
        }
        Self { layers, heads, shape }
    }

    /// Calls `f` with the layers in the form of the kernel.
    pub(super) fn with<R>(&self, f: impl FnOnce(&Perceptron<'_>) -> R) -> R {
        let layers: Vec<_> =
            self.layers.iter().map(|[weight, bias]| Layer { weight: slice(weight), bias: slice(bias) }).collect();
        let MlpShape { activation, activate_last, .. } = self.shape;
        f(&Perceptron { layers: &layers, activation, activate_last })
    }
}

impl Stack {
    /// Returns the gradients of weight and bias of each layer and each head, in the order of the parameters.
    pub(super) fn split(&self, mut gradients: Vec<LayerGradient>) -> Vec<FlexTensor> {
        let joined = gradients.pop().expect("a perceptron has a layer");
        let inputs = joined.weight.len() / joined.bias.len();
        let mut tensors = Vec::with_capacity(2 * (gradients.len() + self.heads.len()));
        for LayerGradient { weight, bias } in gradients {
            let (inputs, outputs) = (weight.len() / bias.len(), bias.len());
            tensors.push(tensor(weight, [inputs, outputs]));
            tensors.push(tensor(bias, [outputs]));
        }
        if let [outputs] = self.heads[..] {
            tensors.push(tensor(joined.weight, [inputs, outputs]));
            tensors.push(tensor(joined.bias, [outputs]));
        } else {
            let (weights, biases) = (apart(&joined.weight, &self.heads), apart(&joined.bias, &self.heads));
            for ((weight, bias), &outputs) in weights.into_iter().zip(biases).zip(&self.heads) {
                tensors.push(tensor(weight, [inputs, outputs]));
                tensors.push(tensor(bias, [outputs]));
            }
        }
        tensors
    }
}

/// Joins matrices with the same number of rows, from left to right.
fn side_by_side<'a>(matrices: impl Iterator<Item = &'a [f32]>, widths: &[usize]) -> Vec<f32> {
    let matrices: Vec<_> = matrices.zip(widths).map(|(matrix, &width)| matrix.chunks_exact(width)).collect();
    let rows = matrices[0].len();
    (0..rows)
        .flat_map(|row| matrices.iter().flat_map(move |matrix| matrix.clone().nth(row).unwrap_or_default()))
        .copied()
        .collect()
}

/// Separates matrices joined by [`side_by_side`].
fn apart(joined: &[f32], widths: &[usize]) -> Vec<Vec<f32>> {
    let rows = joined.chunks_exact(widths.iter().sum());
    let mut start = 0;
    (widths.iter())
        .map(|&width| {
            let columns = start..start + width;
            start += width;
            rows.clone().flat_map(|row| &row[columns.clone()]).copied().collect()
        })
        .collect()
}
