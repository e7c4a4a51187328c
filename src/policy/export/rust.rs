//! A policy as one module of Rust that needs `core` alone.

use std::fmt::Write;

use super::exported::Exported;
use super::recording::Recording;
use super::text::{head, numbers};
use crate::boundary::CLIP;
use crate::fused::{NORM_EPSILON, Operation};
use crate::nn::Activation;
use crate::space::MAX_MAGNITUDE;

/// `core` has no exponential. The product with 355/512 is exact: 9 bits times 5 bits of n.
const EXP: &str = "\
/// exp z - 1 for z from 0 to 18.5, to within two roundings.
fn exp_minus_1(z: f32) -> f32 {
    // z = n ln 2 + r with |r| <= ln 2 / 2, and ln 2 = 355/512 - 2.12194440e-4. `as` makes 0 of NaN.
    let n = (z * core::f32::consts::LOG2_E + 0.5) as i32;
    let r = (z - n as f32 * (355.0 / 512.0)) + n as f32 * 2.121_944_4e-4;
    let t = 1.0 / 5040.0 + r * (1.0 / 40320.0);
    let t = 1.0 / 120.0 + r * (1.0 / 720.0 + r * t);
    let t = r + r * r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * t)));
    let power = (1_i32 << n) as f32;
    t * power + (power - 1.0)
}
";

/// `core` has no tanh either.
const TANH: &str = "\
/// tanh x = t / (t + 2) with t = exp(2|x|) - 1, to within three roundings. NaN stays NaN.
fn squash(x: f32) -> f32 {
    let z = if x < 0.0 { -2.0 * x } else { 2.0 * x };
    if z >= 18.5 {
        return if x < 0.0 { -1.0 } else { 1.0 };
    }
    let t = exp_minus_1(z);
    let t = t / (t + 2.0);
    if x < 0.0 { -t } else { t }
}
";

const ELU: &str = "\
/// x, or exp x - 1 = -t / (t + 1) below 0, with t = exp(-x) - 1.
fn elu(x: f32) -> f32 {
    if x < 0.0 {
        let t = if x > -18.5 { exp_minus_1(-x) } else { 1e8 };
        -t / (t + 1.0)
    } else {
        x
    }
}
";

/// Below −18.5 the function is within 2e-7 of 0.
const SILU: &str = "\
/// x / (1 + exp(-x)), with t = exp|x| - 1.
fn silu(x: f32) -> f32 {
    if x < -18.5 {
        0.0
    } else if x < 0.0 {
        x / (exp_minus_1(-x) + 2.0)
    } else if x < 18.5 {
        let t = exp_minus_1(x);
        x * (t + 1.0) / (t + 2.0)
    } else {
        x
    }
}
";

/// A row of weights at a time: the compiler makes vectors of it without having to change the order of a sum.
const LINEAR: &str = "\
/// x W + b.
fn linear<const I: usize, const O: usize>(weight: &[[f32; O]; I], bias: &[f32; O], x: &[f32; I]) -> [f32; O] {
    let mut y = [0.0; O];
    for (x, row) in x.iter().zip(weight) {
        for (y, weight) in y.iter_mut().zip(row) {
            *y += x * weight;
        }
    }
    for (y, bias) in y.iter_mut().zip(bias) {
        *y += bias;
    }
    y
}
";

/// `core` has no square root.
const LAYER_NORM: &str = "\
/// (x - mean) / sqrt(variance + epsilon) * gamma + beta.
fn layer_norm<const N: usize>(gamma: &[f32; N], beta: &[f32; N], x: &[f32; N]) -> [f32; N] {
    let mean = x.iter().sum::<f32>() / N as f32;
    let variance = x.iter().fold(0.0, |sum, x| sum + (x - mean) * (x - mean)) / N as f32;
    let scale = 1.0 / square_root(variance + NORM_EPSILON);
    let mut y = *x;
    for ((y, gamma), beta) in y.iter_mut().zip(gamma).zip(beta) {
        *y = (*y - mean) * scale * gamma + beta;
    }
    y
}

/// The square root of a positive number, by Heron: half the exponent is right to 6 %, and each step squares the error.
fn square_root(x: f32) -> f32 {
    let mut root = f32::from_bits((x.to_bits() >> 1) + 0x1fc0_0000);
    for _ in 0..3 {
        root = 0.5 * (root + x / root);
    }
    root
}
";

const SELF_TEST: &str = "\
/// Returns the number of the first recorded observation whose action is not as recorded; `None` if all are.
#[allow(dead_code)]
pub fn self_test() -> Option<usize> {
    let recorded = numbers::RECORDED_OBSERVATIONS.iter().zip(&numbers::RECORDED_ACTIONS);
    recorded.enumerate().find(|(_, (observation, expected))| !is_near(observation, expected)).map(|(row, _)| row)
}

fn is_near(observation: &[f32; OBSERVATIONS], expected: &[f32; ACTIONS]) -> bool {
    let action = match act(observation) {
        Some(action) => action,
        None => return false,
    };
    let axes = action.iter().zip(expected).zip(&numbers::TOLERANCES);
    axes.map(|((action, expected), tolerance)| (action - expected, tolerance))
        .all(|(difference, tolerance)| -tolerance <= difference && difference <= *tolerance)
}

#[cfg(test)]
mod tests {
    #[test]
    fn actions_are_as_recorded() {
        assert_eq!(super::self_test(), None);
    }
}
";

/// Returns the text of the file.
pub(super) fn source(exported: &Exported<'_>, recording: &Recording) -> String {
    let mut text = comment(exported);
    act(&mut text, exported);
    for (function, is_needed) in [
        (EXP, true),
        (TANH, true),
        (ELU, exported.has(Activation::Elu)),
        (SILU, exported.has(Activation::Silu)),
        (LINEAR, exported.has_linear()),
        (LAYER_NORM, exported.has_layer_norm()),
        (SELF_TEST, true),
    ] {
        if is_needed {
            text.push('\n');
            text += function;
        }
    }
    constants(&mut text, exported, recording);
    text
}

/// Returns the comment at the head of the file, and its two public constants.
fn comment(exported: &Exported<'_>) -> String {
    let mut text = String::new();
    for line in head(exported) {
        write(&mut text, format_args!("{}", format!("// {line}").trim_end()));
    }
    let (observations, actions) = (exported.spaces.observation().dim(), exported.spaces.action().dim());
    write(
        &mut text,
        format_args!(
            "//\n// A module: save it as policy.rs beside your code and write `mod policy;`. It needs `core` alone.\n\n\
             /// Numbers of an observation.\npub const OBSERVATIONS: usize = {observations};\n\
             /// Numbers of an action.\npub const ACTIONS: usize = {actions};"
        ),
    );
    if exported.has_layer_norm() {
        write(
            &mut text,
            format_args!(
                "/// Keeps the normalisation of a constant row finite.\nconst NORM_EPSILON: f32 = {NORM_EPSILON:?};"
            ),
        );
    }
    text
}

/// Writes the function.
fn act(text: &mut String, exported: &Exported<'_>) {
    let limit = MAX_MAGNITUDE;
    write(
        text,
        format_args!(
            "\n/// Returns the action for an observation; `None` if an observation is not finite or beyond {limit:e}, or if the network\n\
             /// gave NaN.\n\
             pub fn act(observation: &[f32; OBSERVATIONS]) -> Option<[f32; ACTIONS]> {{\n    \
             if !observation.iter().all(|x| (-{limit:e}..={limit:e}).contains(x)) {{\n        return None;\n    }}"
        ),
    );
    for (place, node) in exported.nodes() {
        let width = node.width;
        let function = node.operation.activation();
        let mutable = if function.is_some() { "mut " } else { "" };
        match &node.operation {
            Operation::Input => input(text, place, exported.normalization.is_some()),
            Operation::Activate { of, .. } => write(text, format_args!("    let {mutable}x{place} = x{of};")),
            Operation::Affine { of, .. } => write(
                text,
                format_args!(
                    "    let mut x{place} = x{of};\n    \
                     for ((x, factor), offset) in x{place}.iter_mut().zip(&numbers::FACTOR_{place}).zip(&numbers::OFFSET_{place}) {{\n        \
                     *x = *x * factor + offset;\n    }}"
                ),
            ),
            Operation::Join { left, right } => {
                let middle = exported.width(*left);
                write(
                    text,
                    format_args!(
                        "    let mut x{place} = [0.0; {width}];\n    \
                         x{place}[..{middle}].copy_from_slice(&x{left});\n    x{place}[{middle}..].copy_from_slice(&x{right});"
                    ),
                );
            }
            Operation::Sum { left, right } => write(
                text,
                format_args!(
                    "    let mut x{place} = x{left};\n    \
                     for (x, y) in x{place}.iter_mut().zip(&x{right}) {{\n        *x += y;\n    }}"
                ),
            ),
            Operation::Linear { of, .. } => write(
                text,
                format_args!(
                    "    let {mutable}x{place} = linear(&numbers::WEIGHT_{place}, &numbers::BIAS_{place}, &x{of});"
                ),
            ),
            Operation::LayerNorm { of, .. } => write(
                text,
                format_args!(
                    "    let {mutable}x{place} = layer_norm(&numbers::GAMMA_{place}, &numbers::BETA_{place}, &x{of});"
                ),
            ),
        }
        // Not `max`, which would turn a NaN into a 0.
        let function = match function {
            Some(Activation::Relu) => "if *x < 0.0 { 0.0 } else { *x }",
            Some(Activation::Tanh) => "squash(*x)",
            Some(Activation::Elu) => "elu(*x)",
            Some(Activation::Silu) => "silu(*x)",
            None => continue,
        };
        write(text, format_args!("    for x in &mut x{place} {{\n        *x = {function};\n    }}"));
    }
    let last = exported.last();
    write(
        text,
        format_args!(
            "    if x{last}.iter().any(|x| x.is_nan()) {{\n        return None;\n    }}\n    \
             let mut action = [0.0; ACTIONS];\n    \
             for (axis, a) in action.iter_mut().enumerate() {{\n        \
             let x = squash(x{last}[axis]) * numbers::HALF_RANGE[axis] + numbers::CENTER[axis];\n        \
             *a = x.clamp(numbers::LOW[axis], numbers::HIGH[axis]);\n    }}\n    Some(action)\n}}"
        ),
    );
}

/// Writes what the network sees of the observation.
fn input(text: &mut String, place: usize, is_normalized: bool) {
    if !is_normalized {
        return write(text, format_args!("    let x{place} = *observation;"));
    }
    write(
        text,
        format_args!(
            "    let mut x{place} = *observation;\n    \
             for ((x, mean), scale) in x{place}.iter_mut().zip(&numbers::MEAN).zip(&numbers::SCALE) {{\n        \
             *x = ((*x - mean) * scale).clamp(-{CLIP:?}, {CLIP:?});\n    }}"
        ),
    );
}

/// Writes weights, normalisation, bounds and the recording, as a module that no lint and no formatter reads.
fn constants(text: &mut String, exported: &Exported<'_>, recording: &Recording) {
    *text += "\n#[rustfmt::skip]\n#[allow(dead_code, clippy::all, clippy::pedantic)]\nmod numbers {\n";
    if let Some(map) = exported.normalization {
        row(text, "MEAN", map.mean());
        row(text, "SCALE", map.scale());
    }
    for (place, node) in exported.nodes() {
        let [first, second] = node.operation.numbers();
        match &node.operation {
            Operation::Input | Operation::Activate { .. } | Operation::Join { .. } | Operation::Sum { .. } => (),
            Operation::Affine { .. } => {
                row(text, &format!("FACTOR_{place}"), first);
                row(text, &format!("OFFSET_{place}"), second);
            }
            Operation::Linear { .. } => {
                rows(text, &format!("WEIGHT_{place}"), first, node.width);
                row(text, &format!("BIAS_{place}"), second);
            }
            Operation::LayerNorm { .. } => {
                row(text, &format!("GAMMA_{place}"), first);
                row(text, &format!("BETA_{place}"), second);
            }
        }
    }
    let space = exported.spaces.action();
    row(text, "CENTER", &space.center());
    row(text, "HALF_RANGE", &space.half_range());
    row(text, "LOW", space.low());
    row(text, "HIGH", space.high());
    rows(text, "RECORDED_OBSERVATIONS", &recording.observations, exported.spaces.observation().dim());
    rows(text, "RECORDED_ACTIONS", &recording.actions, space.dim());
    row(text, "TOLERANCES", &recording.tolerances);
    *text += "}\n";
}

/// Writes an array of constants.
fn row(text: &mut String, name: &str, values: &[f32]) {
    let (count, values) = (values.len(), numbers(values, 8, "        ", number));
    write(text, format_args!("    pub static {name}: [f32; {count}] = [\n{values}\n    ];"));
}

/// Writes a matrix of constants, row by row.
fn rows(text: &mut String, name: &str, values: &[f32], columns: usize) {
    let count = values.len() / columns;
    write(text, format_args!("    pub static {name}: [[f32; {columns}]; {count}] = ["));
    for row in values.chunks_exact(columns) {
        write(text, format_args!("        [\n{}\n        ],", numbers(row, 8, "            ", number)));
    }
    *text += "    ];\n";
}

/// Returns a finite number as the shortest text that reads back with all its bits.
fn number(value: f32) -> String {
    format!("{value:?}")
}

/// Writes a line.
fn write(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string can be written to");
}
