//! One linear layer: forward and backward.

use std::ops::Range;

use super::activation::{activate_body, elu_gradient, relu, relu_gradient, tanh_gradient};
use super::matmul::{Factor, Finish, Sums, With, narrow_product, product};
use super::per_instruction_set;
use super::threads::{for_each, share};
use crate::activation::Activation;
use crate::matrix::Buffer;

/// A product with fewer columns consists of dot products instead of tiles.
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

/// Computes `f(x W + b)` for `rows` inputs. f is the activation, if there is one.
pub(crate) fn linear_forward(
    layer: &Layer<'_>,
    activation: Option<Activation>,
    rows: usize,
    input: &[f32],
    output: &mut [f32],
) {
    let (k, n) = (layer.inputs(), layer.outputs());
    let share = share(rows, rows * k * n);
    let parts = input.chunks(share * k).zip(output.chunks_mut(share * n));
    for_each(parts, |(input, output)| forward_rows(layer, activation, input, output));
}

per_instruction_set! {
    fn forward_rows(layer: &Layer<'_>, activation: Option<Activation>, input: &[f32], output: &mut [f32]) = forward_body
}

#[inline(always)]
fn forward_body<const FMA: bool, const MR: usize, const NR: usize>(
    layer: &Layer<'_>,
    activation: Option<Activation>,
    input: &[f32],
    output: &mut [f32],
) {
    // One loop for each activation, so that no loop decides at every piece.
    match activation {
        Some(Activation::Relu) => linear::<FMA, MR, NR>(layer, input, output, relu),
        None => linear::<FMA, MR, NR>(layer, input, output, |x| x),
        // These functions are calls, and a call inside the loop would save all registers.
        Some(activation @ (Activation::Tanh | Activation::Elu | Activation::Silu)) => {
            linear::<FMA, MR, NR>(layer, input, output, |x| x);
            activate_body::<FMA, MR, NR>(activation, output);
        }
    }
}

#[inline(always)]
fn linear<const FMA: bool, const MR: usize, const NR: usize>(
    layer: &Layer<'_>,
    input: &[f32],
    output: &mut [f32],
    activation: impl Fn(f32) -> f32 + Copy,
) {
    let (k, n) = (layer.inputs(), layer.outputs());
    let finish = With { values: layer.bias, stride: 0, combine: |sum, bias| activation(sum + bias) };
    if n < NARROW {
        let mut columns = Buffer::new(n * k);
        transpose(layer.weight, [k, n], &mut columns);
        return narrow_product::<FMA, NR>([n, k], input, &columns, output, finish);
    }
    let (x, w) = (Factor::plain(input, k), Factor::plain(layer.weight, n));
    product::<FMA, MR, NR>([output.len() / n, n, k], x, w, output, finish);
}

/// Computes `δ Wᵀ`, the gradient of some columns of a layer's input, from `δ`, the gradient of its output.
///
/// `through` is the activation that gave the input, and all columns of that input. The result is then the gradient
/// before this activation.
pub(crate) fn linear_input_gradient(
    layer: &Layer<'_>,
    columns: Range<usize>,
    rows: usize,
    delta: &[f32],
    through: Option<(Activation, &[f32])>,
    gradient: &mut [f32],
) {
    if columns.is_empty() {
        return;
    }
    let (n, k, inputs) = (layer.outputs(), columns.len(), layer.inputs());
    let weight = &layer.weight[columns.start * n..columns.end * n];
    let share = share(rows, rows * k * n);
    let parts = delta.chunks(share * n).zip(gradient.chunks_mut(share * k)).enumerate();
    for_each(parts, |(part, (delta, gradient))| {
        let through = through
            .map(|(activation, outputs)| (activation, &outputs[part * share * inputs + columns.start..], inputs));
        input_gradient_rows(weight, [k, n], delta, through, gradient);
    });
}

per_instruction_set! {
    fn input_gradient_rows(
        weight: &[f32],
        widths: [usize; 2],
        delta: &[f32],
        through: Option<(Activation, &[f32], usize)>,
        gradient: &mut [f32],
    ) = input_gradient_body
}

#[inline(always)]
fn input_gradient_body<const FMA: bool, const MR: usize, const NR: usize>(
    weight: &[f32],
    widths: [usize; 2],
    delta: &[f32],
    through: Option<(Activation, &[f32], usize)>,
    gradient: &mut [f32],
) {
    macro_rules! finish {
        ($finish:expr) => {
            input_gradient::<FMA, MR, NR>(weight, widths, delta, gradient, $finish)
        };
    }
    let Some((activation, values, stride)) = through else { return finish!(Sums) };
    match activation {
        Activation::Relu => finish!(With { values, stride, combine: relu_gradient }),
        Activation::Tanh => finish!(With { values, stride, combine: tanh_gradient }),
        Activation::Elu => finish!(With { values, stride, combine: elu_gradient }),
        Activation::Silu => unreachable!("SiLU is a step of its own"),
    }
}

#[inline(always)]
fn input_gradient<const FMA: bool, const MR: usize, const NR: usize>(
    weight: &[f32],
    [k, n]: [usize; 2],
    delta: &[f32],
    gradient: &mut [f32],
    finish: impl Finish,
) {
    if k < NARROW {
        narrow_product::<FMA, NR>([k, n], delta, weight, gradient, finish);
    } else {
        let (delta, w) = (Factor::plain(delta, n), Factor::transposed(weight, n));
        product::<FMA, MR, NR>([gradient.len() / k, k, n], delta, w, gradient, finish);
    }
}

/// Computes the gradients of weight and bias of a layer with k inputs and n outputs: `xᵀ δ`, and the sum of the rows of
/// `δ`.
pub(crate) fn linear_parameter_gradient(
    rows: usize,
    [k, n]: [usize; 2],
    input: &[f32],
    delta: &[f32],
    weight: &mut [f32],
    bias: &mut [f32],
) {
    column_sums(delta, bias);
    // A narrow gradient is not split: it is computed as its transpose, whose rows are the columns of the result.
    let share = if n < NARROW { k } else { share(k, rows * k * n) };
    let parts = weight.chunks_mut(share * n).enumerate();
    for_each(parts, |(part, weight)| weight_gradient(rows, [k, n], input, delta, part * share, weight));
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
    /// Computes rows of `xᵀ δ` from `start` on, until `weight` is full.
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
        product::<FMA, MR, NR>([n, k, rows], delta, x, &mut columns, Sums);
        transpose(&columns, [n, k], weight);
    } else {
        let (x, delta) = (Factor::transposed(input, k).skip_rows(start), Factor::plain(delta, n));
        product::<FMA, MR, NR>([weight.len() / n, n, rows], x, delta, weight, Sums);
    }
}

/// Writes the transpose of a matrix with few columns or few rows.
#[inline(always)]
fn transpose(matrix: &[f32], [rows, columns]: [usize; 2], to: &mut [f32]) {
    for (row, from) in matrix.chunks_exact(columns).enumerate() {
        for (column, &value) in from.iter().enumerate() {
            to[column * rows + row] = value;
        }
    }
}
