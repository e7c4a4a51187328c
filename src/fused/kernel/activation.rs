//! Activation functions and their slopes.

use super::per_instruction_set;
use crate::activation::Activation;

/// Not `max`: it would silently turn NaN into 0.
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn elu(x: f32) -> f32 {
    if x > 0.0 { x } else { x.exp_m1() }
}

#[inline(always)]
fn silu_of(x: f32) -> f32 {
    x / (1.0 + (-x).exp())
}

per_instruction_set! {
    /// Applies an activation in place.
    pub(crate) fn activate(activation: Activation, values: &mut [f32]) = activate_body
}

#[inline(always)]
pub(super) fn activate_body<const FMA: bool, const MR: usize, const NR: usize>(
    activation: Activation,
    values: &mut [f32],
) {
    // One loop for each activation, so that no loop decides at every number.
    macro_rules! each {
        ($function:expr) => {
            values.iter_mut().for_each(|x| *x = $function(*x))
        };
    }
    match activation {
        Activation::Relu => each!(relu),
        Activation::Tanh => each!(f32::tanh),
        Activation::Elu => each!(elu),
        Activation::Silu => each!(silu_of),
    }
}

per_instruction_set! {
    /// Multiplies a gradient by the slope of the activation with these `outputs`.
    ///
    /// # Panics
    ///
    /// Panics for `Silu`, whose outputs do not determine the slope.
    pub(crate) fn activation_gradient(activation: Activation, outputs: &[f32], gradient: &mut [f32])
        = activation_gradient_body
}

#[inline(always)]
fn activation_gradient_body<const FMA: bool, const MR: usize, const NR: usize>(
    activation: Activation,
    outputs: &[f32],
    gradient: &mut [f32],
) {
    macro_rules! times {
        ($slope:ident) => {
            for (gradient, &output) in gradient.iter_mut().zip(outputs) {
                *gradient = $slope(*gradient, output);
            }
        };
    }
    match activation {
        Activation::Relu => times!(relu_gradient),
        Activation::Tanh => times!(tanh_gradient),
        Activation::Elu => times!(elu_gradient),
        Activation::Silu => unreachable!("SiLU is a step of its own"),
    }
}

#[inline(always)]
pub(super) fn relu_gradient(gradient: f32, output: f32) -> f32 {
    if output > 0.0 { gradient } else { 0.0 }
}

#[inline(always)]
pub(super) fn tanh_gradient(gradient: f32, output: f32) -> f32 {
    gradient * (1.0 - output * output)
}

/// Below 0 the slope is eˣ, which is the output plus 1.
#[inline(always)]
pub(super) fn elu_gradient(gradient: f32, output: f32) -> f32 {
    if output > 0.0 { gradient } else { gradient * (output + 1.0) }
}

per_instruction_set! {
    /// Computes `x σ(x)`, element by element.
    pub(crate) fn silu(input: &[f32], output: &mut [f32]) = silu_body
}

#[inline(always)]
fn silu_body<const FMA: bool, const MR: usize, const NR: usize>(input: &[f32], output: &mut [f32]) {
    for (y, &x) in output.iter_mut().zip(input) {
        *y = silu_of(x);
    }
}

per_instruction_set! {
    /// Computes the gradient of the input of [`silu`] from `δ`, that of its output: `δ σ(x) (1 + x (1 − σ(x)))`.
    pub(crate) fn silu_gradient(input: &[f32], delta: &[f32], gradient: &mut [f32]) = silu_gradient_body
}

#[inline(always)]
fn silu_gradient_body<const FMA: bool, const MR: usize, const NR: usize>(
    input: &[f32],
    delta: &[f32],
    gradient: &mut [f32],
) {
    for ((to, &x), delta) in gradient.iter_mut().zip(input).zip(delta) {
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        *to = delta * sigmoid * (1.0 + x * (1.0 - sigmoid));
    }
}
