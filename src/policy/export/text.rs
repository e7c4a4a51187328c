//! Texts that exported files share, and the layout of their numbers.

use super::exported::Exported;
use crate::fused::Operation;
use crate::nn::Activation;
use crate::space::{BoxSpace, count};

/// Most axes whose bounds are listed.
const LISTED: usize = 32;

/// Returns the head of a file, line by line, without comment marks, in ASCII.
pub(super) fn head(exported: &Exported<'_>) -> Vec<String> {
    let mut lines = vec![
        format!("A policy, written by the Rust crate actor-critic {}.", env!("CARGO_PKG_VERSION")),
        "A program made this file: do not edit it, write it again from the policy.".to_owned(),
        String::new(),
    ];
    for (name, space) in [("Observation", exported.spaces.observation()), ("Action", exported.spaces.action())] {
        lines.push(format!(
            "{name}: {}, in the units and the order of the environment.",
            count(space.dim(), "number", "numbers")
        ));
        lines.extend(axes(space));
        lines.push(String::new());
    }
    let normalization = match exported.normalization {
        Some(_) => "The file normalises observations itself: pass them as the environment gives them.",
        None => "The policy takes observations as they are, without normalisation.",
    };
    lines.extend([
        "The action is the best one that the policy knows, without noise, and lies inside the bounds.".to_owned(),
        normalization.to_owned(),
        format!("Network: {}, tanh.", layers(exported).join(", ")),
        format!("Numbers: {}, of 4 bytes each.", exported.constants()),
        format!("Stack: about {} bytes.", 4 * exported.intermediate_numbers()),
        "Nothing is allocated, and no state is kept: threads may share the function.".to_owned(),
        "Compile with strict floating point (not -ffast-math): NaN must be recognised.".to_owned(),
    ]);
    lines
}

/// Returns the bounds of each axis, one in each line.
fn axes(space: &BoxSpace) -> Vec<String> {
    let mut lines: Vec<_> =
        (0..space.dim().min(LISTED)).map(|axis| format!("  [{axis}] in {}", space.interval(axis))).collect();
    if space.dim() > LISTED {
        lines.push(format!("  and {} more", space.dim() - LISTED));
    }
    lines
}

/// Returns what each node computes, in words.
fn layers(exported: &Exported<'_>) -> Vec<String> {
    let word = |operation: &Operation, width: usize| {
        let name = match operation {
            Operation::Input => return format!("{width} inputs"),
            Operation::Activate { .. } => "number by number",
            Operation::Affine { .. } => "a factor and an offset",
            Operation::Join { .. } => "two outputs joined",
            Operation::Sum { .. } => "two outputs added",
            Operation::Linear { .. } => "linear",
            Operation::LayerNorm { .. } => "layer normalisation",
        };
        let function = match operation.activation() {
            Some(Activation::Relu) => " with ReLU",
            Some(Activation::Tanh) => " with tanh",
            Some(Activation::Elu) => " with ELU",
            Some(Activation::Silu) => " with SiLU",
            None => "",
        };
        format!("{name} to {width}{function}")
    };
    exported.nodes().map(|(_, node)| word(&node.operation, node.width)).collect()
}

/// Returns numbers as text between commas, some on each line after `indent`.
pub(super) fn numbers(values: &[f32], per_line: usize, indent: &str, number: impl Fn(f32) -> String) -> String {
    let line = |values: &[f32]| {
        let line: Vec<_> = values.iter().map(|&value| number(value)).collect();
        format!("{indent}{}", line.join(", "))
    };
    values.chunks(per_line).map(line).collect::<Vec<_>>().join(",\n")
}
