//! A whole multi-layer perceptron: forward, and backward by hand.

use std::ops::Range;

use super::matmul::{Factor, dot, product};
use super::per_instruction_set;
use super::pool::{Buffer, take};
use super::threads::{for_each, parts};
use crate::activation::Activation;

/// Below this many columns, a product is made of dot products instead of tiles.
const NARROW: usize = 8;

/// One linear layer, `x W + b`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer<'a> {
    /// `[inputs, outputs]`.
    pub(crate) weight: &'a [f32],
    /// `[outputs]`.
    pub(crate) bias: &'a [f32],
}

impl Layer<'_> {
    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub(crate) fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }
}

/// Layers with an activation after each but the last, and, if `activate_last`, after that too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Perceptron<'a> {
    pub(crate) layers: &'a [Layer<'a>],
    pub(crate) activation: Activation,
    pub(crate) activate_last: bool,
}

impl Perceptron<'_> {
    fn weights(&self) -> usize {
        self.layers.iter().map(|layer| layer.weight.len()).sum()
    }

    /// Returns the activation after a layer.
    fn after(&self, layer: usize) -> Option<Activation> {
        (layer + 1 < self.layers.len() || self.activate_last).then_some(self.activation)
    }
}

/// Where the gradients go. What is not there is not computed.
#[derive(Debug)]
pub(crate) struct Gradients<'a> {
    /// Of some columns of the input, `[rows, columns]` each.
    pub(crate) inputs: &'a mut [(Range<usize>, Vec<f32>)],
    /// Of weight and bias of each layer.
    pub(crate) layers: Option<&'a mut [LayerGradient]>,
}

/// The gradient of one layer.
#[derive(Debug)]
pub(crate) struct LayerGradient {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl LayerGradient {
    /// Returns memory for the gradient of a layer, with values to be overwritten.
    pub(crate) fn of(layer: &Layer<'_>) -> Self {
        Self { weight: take(layer.weight.len()), bias: take(layer.bias.len()) }
    }
}

/// Computes the output of every layer for `rows` inputs, each after its activation.
pub(crate) fn forward(perceptron: &Perceptron<'_>, rows: usize, input: &[f32], outputs: &mut [&mut [f32]]) {
    let share = rows.div_ceil(parts(rows, rows * perceptron.weights())).max(1);
    let columns = input.len() / rows.max(1);
    let mut pieces: Vec<_> = perceptron
        .layers
        .iter()
        .zip(outputs)
        .map(|(layer, output)| output.chunks_mut(share * layer.outputs()))
        .collect();
    let parts = input.chunks(share * columns).map(|input| {
        let outputs: Vec<_> =
            pieces.iter_mut().map(|piece| piece.next().expect("an output has a row for each input")).collect();
        (input, outputs)
    });
    for_each(parts.collect(), |(input, mut outputs)| {
        forward_rows(perceptron, input.len() / columns, input, &mut outputs);
    });
}

per_instruction_set! {
    fn forward_rows(perceptron: &Perceptron<'_>, rows: usize, input: &[f32], outputs: &mut [&mut [f32]]) = forward_body
}

#[inline(always)]
fn forward_body<const FMA: bool, const MR: usize, const NR: usize>(
    perceptron: &Perceptron<'_>,
    rows: usize,
    input: &[f32],
    outputs: &mut [&mut [f32]],
) {
    for (i, layer) in perceptron.layers.iter().enumerate() {
        let (before, rest) = outputs.split_at_mut(i);
        let input = before.last().map_or(input, |input| &**input);
        let output = &mut *rest[0];
        match perceptron.after(i) {
            None => linear::<FMA, MR, NR>(layer, rows, input, output, |x| x),
            // Not `max`, which would turn a NaN into a 0 that nobody sees.
            Some(Activation::Relu) => {
                linear::<FMA, MR, NR>(layer, rows, input, output, |x| if x < 0.0 { 0.0 } else { x });
            }
            Some(Activation::Tanh) => linear::<FMA, MR, NR>(layer, rows, input, output, f32::tanh),
        }
    }
}

#[inline(always)]
fn linear<const FMA: bool, const MR: usize, const NR: usize>(
    layer: &Layer<'_>,
    rows: usize,
    input: &[f32],
    output: &mut [f32],
    activation: impl Fn(f32) -> f32,
) {
    let (k, n) = (layer.inputs(), layer.outputs());
    if n < NARROW {
        let mut columns = Buffer::new(n * k);
        transpose(layer.weight, [k, n], &mut columns);
        for (x, y) in input.chunks_exact(k).zip(output.chunks_exact_mut(n)) {
            for ((y, column), &bias) in y.iter_mut().zip(columns.chunks_exact(k)).zip(layer.bias) {
                *y = activation(dot::<FMA>(x, column) + bias);
            }
        }
        return;
    }
    let (x, w) = (Factor::plain(input, k), Factor::plain(layer.weight, n));
    product::<FMA, MR, NR>([rows, n, k], x, w, output, |_, column, y| {
        let bias = &layer.bias[column..][..y.len()];
        for (y, &bias) in y.iter_mut().zip(bias) {
            *y = activation(*y + bias);
        }
    });
}

/// Computes the gradients of a loss from its gradient in the output, by the chain rule from the last layer to the first.
///
/// `outputs` are those of [`forward`]; only those that have an activation are read.
pub(crate) fn backward(
    perceptron: &Perceptron<'_>,
    rows: usize,
    input: &[f32],
    outputs: &[&[f32]],
    output_gradient: &[f32],
    gradients: Gradients<'_>,
) {
    let share = rows.div_ceil(parts(rows, rows * perceptron.weights())).max(1);

    // δ of each layer, the gradient before its activation, and that of the input: each row for itself.
    let mut deltas: Vec<Buffer> = perceptron.layers.iter().map(|layer| Buffer::new(rows * layer.outputs())).collect();
    let mut delta_pieces: Vec<_> = deltas
        .iter_mut()
        .zip(perceptron.layers)
        .map(|(delta, layer)| delta.chunks_mut(share * layer.outputs()))
        .collect();
    let mut output_pieces: Vec<_> =
        outputs.iter().zip(perceptron.layers).map(|(output, layer)| output.chunks(share * layer.outputs())).collect();
    let mut input_pieces: Vec<_> = (gradients.inputs.iter_mut())
        .map(|(columns, gradient)| (columns.clone(), gradient.chunks_mut(share * columns.len())))
        .collect();
    let width = perceptron.layers[perceptron.layers.len() - 1].outputs();
    let parts = output_gradient.chunks(share * width).map(|output_gradient| DeltaRows {
        rows: output_gradient.len() / width,
        outputs: output_pieces.iter_mut().map(|pieces| pieces.next().unwrap_or_default()).collect(),
        output_gradient,
        deltas: delta_pieces.iter_mut().map(|pieces| pieces.next().unwrap_or_default()).collect(),
        inputs: (input_pieces.iter_mut())
            .map(|(columns, pieces)| (columns.clone(), pieces.next().unwrap_or_default()))
            .collect(),
    });
    for_each(parts.collect(), |part| delta_rows(perceptron, part));

    // The gradients of the parameters, sums over all rows: each weight for itself.
    let Some(layers) = gradients.layers else { return };
    for (i, (layer, gradient)) in perceptron.layers.iter().zip(layers).enumerate() {
        let (before, delta) = (if i == 0 { input } else { outputs[i - 1] }, &deltas[i]);
        column_sums(delta, &mut gradient.bias);
        let (k, n) = (layer.inputs(), layer.outputs());
        let share = if n < NARROW { k } else { k.div_ceil(self::parts(k, rows * k * n)) };
        let parts = gradient.weight.chunks_mut(share * n).enumerate().map(|(part, weight)| (part * share, weight));
        for_each(parts.collect(), |(start, weight)| weight_gradient(rows, [k, n], before, delta, start, weight));
    }
}

/// Some rows of the backward pass.
struct DeltaRows<'a> {
    rows: usize,
    outputs: Vec<&'a [f32]>,
    output_gradient: &'a [f32],
    deltas: Vec<&'a mut [f32]>,
    /// The gradient of some columns of the input.
    inputs: Vec<(Range<usize>, &'a mut [f32])>,
}

per_instruction_set! {
    fn delta_rows(perceptron: &Perceptron<'_>, part: DeltaRows<'_>) = delta_body
}

#[inline(always)]
fn delta_body<const FMA: bool, const MR: usize, const NR: usize>(perceptron: &Perceptron<'_>, part: DeltaRows<'_>) {
    let DeltaRows { rows, outputs, output_gradient, mut deltas, inputs } = part;
    let last = perceptron.layers.len() - 1;
    deltas[last].copy_from_slice(output_gradient);
    if let Some(activation) = perceptron.after(last) {
        chain(activation, deltas[last], outputs[last]);
    }
    for (i, layer) in perceptron.layers.iter().enumerate().skip(1).rev() {
        let k = layer.inputs();
        let (before, rest) = deltas.split_at_mut(i);
        let (to, from, output) = (&mut *before[i - 1], &*rest[0], outputs[i - 1]);
        // One loop for each activation, so that none decides anew at every piece.
        macro_rules! through {
            ($activation:expr) => {
                input_gradient::<FMA, MR, NR>(layer, rows, from, to, |row, column, piece| {
                    chain($activation, piece, &output[row * k + column..][..piece.len()]);
                })
            };
        }
        match perceptron.activation {
            Activation::Relu => through!(Activation::Relu),
            Activation::Tanh => through!(Activation::Tanh),
        }
    }
    let first = &perceptron.layers[0];
    let n = first.outputs();
    for (columns, gradient) in inputs {
        let part = Layer { weight: &first.weight[columns.start * n..columns.end * n], bias: first.bias };
        input_gradient::<FMA, MR, NR>(&part, rows, deltas[0], gradient, |_, _, _| ());
    }
}

/// Multiplies a gradient by the slope of the activation that gave `outputs`.
#[inline(always)]
fn chain(activation: Activation, gradient: &mut [f32], outputs: &[f32]) {
    match activation {
        Activation::Relu => {
            for (gradient, &output) in gradient.iter_mut().zip(outputs) {
                // Read before the question, or a branch is made of it.
                let value = *gradient;
                *gradient = if output > 0.0 { value } else { 0.0 };
            }
        }
        Activation::Tanh => {
            for (gradient, &output) in gradient.iter_mut().zip(outputs) {
                *gradient *= 1.0 - output * output;
            }
        }
    }
}

per_instruction_set! {
    fn column_sums(matrix: &[f32], sums: &mut [f32]) = column_sums_body
}

#[inline(always)]
fn column_sums_body<const FMA: bool, const MR: usize, const NR: usize>(matrix: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for row in matrix.chunks_exact(sums.len()) {
        for (sum, &term) in sums.iter_mut().zip(row) {
            *sum += term;
        }
    }
}

per_instruction_set! {
    /// Computes the rows of `xᵀ δ` from `start` on, as many as `weight` holds.
    fn weight_gradient(rows: usize, widths: [usize; 2], input: &[f32], delta: &[f32], start: usize, weight: &mut [f32])
        = weight_gradient_body
}

#[inline(always)]
fn weight_gradient_body<const FMA: bool, const MR: usize, const NR: usize>(
    rows: usize,
    [k, n]: [usize; 2],
    input: &[f32],
    delta: &[f32],
    start: usize,
    weight: &mut [f32],
) {
    if n < NARROW {
        // The transpose, `δᵀ x`, has few rows instead of few columns.
        let mut columns = Buffer::new(n * k);
        let (delta, x) = (Factor::transposed(delta, n), Factor::plain(input, k));
        product::<FMA, MR, NR>([n, k, rows], delta, x, &mut columns, |_, _, _| ());
        transpose(&columns, [n, k], weight);
    } else {
        let (x, delta) = (Factor::transposed(input, k).skip_rows(start), Factor::plain(delta, n));
        product::<FMA, MR, NR>([weight.len() / n, n, rows], x, delta, weight, |_, _, _| ());
    }
}

/// Computes `δ Wᵀ`.
#[inline(always)]
fn input_gradient<const FMA: bool, const MR: usize, const NR: usize>(
    layer: &Layer<'_>,
    rows: usize,
    delta: &[f32],
    input: &mut [f32],
    mut finish: impl FnMut(usize, usize, &mut [f32]),
) {
    let (k, n) = (layer.inputs(), layer.outputs());
    if k < NARROW {
        for (row, (x, y)) in input.chunks_exact_mut(k).zip(delta.chunks_exact(n)).enumerate() {
            for (x, weights) in x.iter_mut().zip(layer.weight.chunks_exact(n)) {
                *x = dot::<FMA>(y, weights);
            }
            finish(row, 0, x);
        }
    } else {
        let (delta, w) = (Factor::plain(delta, n), Factor::transposed(layer.weight, n));
        product::<FMA, MR, NR>([rows, k, n], delta, w, input, finish);
    }
}

/// Writes the transpose of a matrix of few columns or few rows.
#[inline(always)]
fn transpose(matrix: &[f32], [rows, columns]: [usize; 2], to: &mut [f32]) {
    for (row, from) in matrix.chunks_exact(columns).enumerate() {
        for (column, &value) in from.iter().enumerate() {
            to[column * rows + row] = value;
        }
    }
}
