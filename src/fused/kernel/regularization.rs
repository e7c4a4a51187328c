//! Layer normalisation, dropout, and the scaling that limits the norm of a gradient.

use super::lanes::{dot, sum};
use super::per_instruction_set;

/// Keeps the layer normalisation of a constant row finite.
pub(crate) const NORM_EPSILON: f32 = 1e-5;

/// Returns the mean of a row, and the inverse of its standard deviation, `1/√(var + ε)`.
#[inline(always)]
fn moments(row: &[f32]) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = sum([row], |[x]| x) / n;
    let variance = sum([row], |[x]| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + NORM_EPSILON).sqrt())
}

per_instruction_set! {
    /// Normalises each row: `(x − mean)/√(var + ε) · γ + β`, with the biased variance.
    pub(crate) fn layer_norm(input: &[f32], gamma: &[f32], beta: &[f32], output: &mut [f32]) = layer_norm_body
}

#[inline(always)]
fn layer_norm_body<const FMA: bool, const MR: usize, const NR: usize>(
    input: &[f32],
    gamma: &[f32],
    beta: &[f32],
    output: &mut [f32],
) {
    assert!(input.len() == output.len() && gamma.len() == beta.len(), "all rows have one length");
    for (x, y) in input.chunks_exact(gamma.len()).zip(output.chunks_exact_mut(gamma.len())) {
        let (mean, scale) = moments(x);
        for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
            *y = (x - mean) * scale * gamma + beta;
        }
    }
}

per_instruction_set! {
    /// Computes the gradient of the input of [`layer_norm`] from `δ`, the gradient of its output.
    ///
    /// With `x̂` the normalised row and `g = δ γ`: `(g − mean(g) − x̂ mean(g x̂))/√(var + ε)`.
    pub(crate) fn layer_norm_input_gradient(input: &[f32], gamma: &[f32], delta: &[f32], gradient: &mut [f32])
        = layer_norm_input_gradient_body
}

#[inline(always)]
fn layer_norm_input_gradient_body<const FMA: bool, const MR: usize, const NR: usize>(
    input: &[f32],
    gamma: &[f32],
    delta: &[f32],
    gradient: &mut [f32],
) {
    assert!(input.len() == delta.len() && input.len() == gradient.len(), "all rows have one length");
    let n = gamma.len();
    let rows = input.chunks_exact(n).zip(delta.chunks_exact(n)).zip(gradient.chunks_exact_mut(n));
    for ((x, delta), gradient) in rows {
        let (mean, scale) = moments(x);
        let level = sum([delta, gamma], |[delta, gamma]| delta * gamma) / n as f32;
        let tilt = sum([delta, gamma, x], |[delta, gamma, x]| delta * gamma * ((x - mean) * scale)) / n as f32;
        for (((to, x), delta), gamma) in gradient.iter_mut().zip(x).zip(delta).zip(gamma) {
            *to = (delta * gamma - level - (x - mean) * scale * tilt) * scale;
        }
    }
}

per_instruction_set! {
    /// Computes the gradients of γ and β of [`layer_norm`]: the sums over all rows of `δ x̂` and of `δ`.
    pub(crate) fn layer_norm_parameter_gradient(input: &[f32], delta: &[f32], gamma: &mut [f32], beta: &mut [f32])
        = layer_norm_parameter_gradient_body
}

#[inline(always)]
fn layer_norm_parameter_gradient_body<const FMA: bool, const MR: usize, const NR: usize>(
    input: &[f32],
    delta: &[f32],
    gamma: &mut [f32],
    beta: &mut [f32],
) {
    assert!(input.len() == delta.len() && gamma.len() == beta.len(), "all rows have one length");
    gamma.fill(0.0);
    beta.fill(0.0);
    for (x, delta) in input.chunks_exact(gamma.len()).zip(delta.chunks_exact(gamma.len())) {
        let (mean, scale) = moments(x);
        for (((gamma, beta), x), delta) in gamma.iter_mut().zip(&mut *beta).zip(x).zip(delta) {
            *gamma += delta * ((x - mean) * scale);
            *beta += delta;
        }
    }
}

per_instruction_set! {
    /// Adds the squares of values to `total`, in double precision.
    pub(crate) fn add_squares(values: &[f32], total: &mut f64) = add_squares_body
}

#[inline(always)]
fn add_squares_body<const FMA: bool, const MR: usize, const NR: usize>(values: &[f32], total: &mut f64) {
    *total += f64::from(dot::<FMA, NR>(values, values));
}

per_instruction_set! {
    /// Multiplies all values by one factor, in place.
    pub(crate) fn scale(values: &mut [f32], factor: f32) = scale_body
}

#[inline(always)]
fn scale_body<const FMA: bool, const MR: usize, const NR: usize>(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}
