//! Forward and backward passes of a program.

use std::ops::Range;

use super::kernel::{self, Layer};
use super::program::{MASK, Program, Source, Step};
use crate::matrix::Buffer;

/// The memory of a program for a number of rows: the output of each step and its gradient.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    rows: usize,
    outputs: Vec<Vec<f32>>,
    /// Gradients of the outputs. For a step that only feeds one layer, of its output before the activation.
    gradients: Vec<Vec<f32>>,
    /// Whether a step has already added to this gradient.
    reached: Vec<bool>,
}

impl Workspace {
    /// Resizes the memory. It allocates nothing for the same program with as many rows as before.
    fn prepare(&mut self, program: &Program, rows: usize) {
        self.rows = rows;
        let steps = program.steps.len();
        self.outputs.resize_with(steps.max(self.outputs.len()), Vec::new);
        for ((step, &width), output) in program.steps.iter().zip(&program.widths).zip(&mut self.outputs) {
            let len = if matches!(step, Step::Input(_)) { 0 } else { rows * width };
            output.resize(len, 0.0);
        }
    }

    fn prepare_backward(&mut self, program: &Program) {
        let steps = program.steps.len();
        self.gradients.resize_with(steps.max(self.gradients.len()), Vec::new);
        for (gradient, width) in self.gradients.iter_mut().zip(&program.widths) {
            gradient.resize(self.rows * width, 0.0);
        }
        self.reached.clear();
        self.reached.resize(steps, false);
    }

    /// Returns the output of the latest forward pass.
    pub(super) fn output(&self, program: &Program) -> &[f32] {
        &self.outputs[program.steps.len() - 1]
    }
}

/// Which gradient is needed.
pub(super) enum Wanted<'a> {
    /// That of all parameters.
    Parameters(&'a mut [f32]),
    /// That of one input.
    Input(usize, &'a mut [f32]),
}

impl Wanted<'_> {
    /// Returns whether the gradient of a step's output is needed.
    fn needs(&self, program: &Program, source: Source) -> bool {
        let [parameters, first, second] = program.matters[source.0];
        match self {
            Self::Parameters(_) => parameters,
            Self::Input(0, _) => first,
            Self::Input(..) => second,
        }
    }
}

impl Program {
    /// Computes the output for the rows of the inputs.
    pub(super) fn forward(&self, parameters: &[f32], inputs: [&[f32]; 3], workspace: &mut Workspace) {
        let rows = inputs[0].len() / self.widths[0];
        workspace.prepare(self, rows);
        for (i, step) in self.steps.iter().enumerate() {
            let (before, rest) = workspace.outputs.split_at_mut(i);
            let output = &mut rest[0];
            let value = |source: Source| self.value(source, inputs, before);
            match step {
                Step::Input(which) => assert_eq!(inputs[*which].len(), rows * self.widths[i], "rows of input {which}"),
                Step::Affine { of, factor, offset } => affine(value(*of), factor, offset, output),
                Step::Join(sources) => {
                    let [left, right] = sources.map(|source| (value(source), self.widths[source.0]));
                    join(left, right, output);
                }
                Step::Sum([left, right]) => {
                    let terms = value(*left).iter().zip(value(*right));
                    output.iter_mut().zip(terms).for_each(|(sum, (left, right))| *sum = left + right);
                }
                Step::Linear { of, weight, activation } => {
                    let layer = self.layer(parameters, *of, *weight, self.widths[i]);
                    kernel::linear_forward(&layer, *activation, rows, value(*of), output);
                }
                Step::LayerNorm { of, gamma, activation } => {
                    let (gamma, beta) = parameters[*gamma..][..2 * self.widths[i]].split_at(self.widths[i]);
                    kernel::layer_norm(value(*of), gamma, beta, output);
                    activation.iter().for_each(|&activation| kernel::activate(activation, output));
                }
                Step::Dropout { of, start, activation } => {
                    masked(value(*of), (inputs[MASK], rows), *start..*start + self.widths[i], output);
                    activation.iter().for_each(|&activation| kernel::activate(activation, output));
                }
                Step::Silu { of } => kernel::silu(value(*of), output),
            }
        }
    }

    fn value<'a>(&self, source: Source, inputs: [&'a [f32]; 3], outputs: &'a [Vec<f32>]) -> &'a [f32] {
        match self.steps[source.0] {
            Step::Input(which) => inputs[which],
            _ => &outputs[source.0],
        }
    }

    fn layer<'a>(&self, parameters: &'a [f32], of: Source, weight: usize, outputs: usize) -> Layer<'a> {
        let bias = weight + self.widths[of.0] * outputs;
        Layer { weight: &parameters[weight..bias], bias: &parameters[bias..bias + outputs] }
    }

    /// Backpropagates the gradient of the output. The workspace and the inputs must be those of the last
    /// [`forward`](Self::forward).
    pub(super) fn backward(
        &self,
        parameters: &[f32],
        inputs: [&[f32]; 3],
        output_gradient: &[f32],
        workspace: &mut Workspace,
        mut wanted: Wanted<'_>,
    ) {
        workspace.prepare_backward(self);
        let Workspace { rows, outputs, gradients, reached } = workspace;
        let rows = *rows;
        gradients[self.steps.len() - 1].copy_from_slice(output_gradient);
        for (i, step) in self.steps.iter().enumerate().rev() {
            if !wanted.needs(self, Source(i)) {
                continue;
            }
            let (before, rest) = gradients.split_at_mut(i);
            let gradient = &mut *rest[0];
            if let Some(activation) = step.activation()
                && !self.into_layer[i]
            {
                kernel::activation_gradient(activation, &outputs[i], gradient);
            }
            let gradient = &*gradient;
            let mut to = To { program: self, wanted: &wanted, gradients: before, reached };
            match step {
                Step::Input(which) => {
                    if let Wanted::Input(input, to) = &mut wanted
                        && input == which
                    {
                        to.copy_from_slice(gradient);
                    }
                }
                Step::Affine { of, factor, .. } => to.add(*of, |to| {
                    let rows = to.chunks_exact_mut(factor.len()).zip(gradient.chunks_exact(factor.len()));
                    for (to, from) in rows {
                        to.iter_mut().zip(from).zip(factor).for_each(|((to, from), factor)| *to = from * factor);
                    }
                }),
                // The layer has added the gradient of each part.
                Step::Join(_) if self.into_layer[i] => {}
                Step::Join([left, right]) => {
                    let (width, middle) = (self.widths[i], self.widths[left.0]);
                    to.add(*left, |to| columns_of(gradient, width, 0..middle, to));
                    to.add(*right, |to| columns_of(gradient, width, middle..width, to));
                }
                Step::Sum(sources) => sources.iter().for_each(|&of| to.add(of, |to| to.copy_from_slice(gradient))),
                Step::Linear { of, weight, .. } => {
                    let layer = self.layer(parameters, *of, *weight, self.widths[i]);
                    let input = self.value(*of, inputs, outputs);
                    to.through_layer(&layer, *of, 0..self.widths[of.0], rows, gradient, input);
                    if let Wanted::Parameters(to) = &mut wanted {
                        let (weight, rest) = to[*weight..].split_at_mut(layer.weight.len());
                        let (widths, bias) = ([self.widths[of.0], self.widths[i]], &mut rest[..self.widths[i]]);
                        kernel::linear_parameter_gradient(rows, widths, input, gradient, weight, bias);
                    }
                }
                Step::LayerNorm { of, gamma, .. } => {
                    let (input, width) = (self.value(*of, inputs, outputs), self.widths[i]);
                    let scale = &parameters[*gamma..][..width];
                    to.add(*of, |to| kernel::layer_norm_input_gradient(input, scale, gradient, to));
                    if let Wanted::Parameters(to) = &mut wanted {
                        let (gamma, beta) = to[*gamma..][..2 * width].split_at_mut(width);
                        kernel::layer_norm_parameter_gradient(input, gradient, gamma, beta);
                    }
                }
                Step::Dropout { of, start, .. } => {
                    let columns = *start..*start + self.widths[i];
                    to.add(*of, |to| masked(gradient, (inputs[MASK], rows), columns, to));
                }
                Step::Silu { of } => {
                    let input = self.value(*of, inputs, outputs);
                    to.add(*of, |to| kernel::silu_gradient(input, gradient, to));
                }
            }
        }
    }
}

/// The gradients of earlier steps.
struct To<'a, 'w> {
    program: &'a Program,
    wanted: &'a Wanted<'w>,
    gradients: &'a mut [Vec<f32>],
    reached: &'a mut [bool],
}

impl To<'_, '_> {
    /// Adds a contribution to the gradient of a step's output, if that is needed. `write` computes the contribution.
    fn add(&mut self, source: Source, write: impl FnOnce(&mut [f32])) {
        if !self.wanted.needs(self.program, source) {
            return;
        }
        let gradient = &mut self.gradients[source.0];
        if !std::mem::replace(&mut self.reached[source.0], true) {
            return write(gradient);
        }
        let mut more = Buffer::new(gradient.len());
        write(&mut more);
        gradient.iter_mut().zip(&*more).for_each(|(sum, x)| *sum += x);
    }

    /// Adds the contribution of a layer to columns of its input. The input is one step or a join of several.
    fn through_layer(
        &mut self,
        layer: &Layer<'_>,
        source: Source,
        columns: Range<usize>,
        rows: usize,
        gradient: &[f32],
        input: &[f32],
    ) {
        let program = self.program;
        if let Step::Join([left, right]) = program.steps[source.0]
            && program.into_layer[source.0]
        {
            let middle = columns.start + program.widths[left.0];
            self.through_layer(layer, left, columns.start..middle, rows, gradient, input);
            self.through_layer(layer, right, middle..columns.end, rows, gradient, input);
            return;
        }
        let activation = program.steps[source.0].activation().filter(|_| program.into_layer[source.0]);
        let through = activation.map(|activation| (activation, input));
        self.add(source, |to| kernel::linear_input_gradient(layer, columns, rows, gradient, through, to));
    }
}

fn affine(input: &[f32], factor: &[f32], offset: &[f32], output: &mut [f32]) {
    for (to, from) in output.chunks_exact_mut(factor.len()).zip(input.chunks_exact(factor.len())) {
        for (((to, from), factor), offset) in to.iter_mut().zip(from).zip(factor).zip(offset) {
            *to = from * factor + offset;
        }
    }
}

fn join((left, left_width): (&[f32], usize), (right, right_width): (&[f32], usize), output: &mut [f32]) {
    let rows = left.chunks_exact(left_width).zip(right.chunks_exact(right_width));
    for (to, (left, right)) in output.chunks_exact_mut(left_width + right_width).zip(rows) {
        let (to_left, to_right) = to.split_at_mut(left_width);
        to_left.copy_from_slice(left);
        to_right.copy_from_slice(right);
    }
}

/// Multiplies a matrix by columns of a mask with that many rows. An empty mask drops nothing.
fn masked(matrix: &[f32], (mask, rows): (&[f32], usize), columns: Range<usize>, to: &mut [f32]) {
    if mask.is_empty() {
        return to.copy_from_slice(matrix);
    }
    let pieces = matrix.chunks_exact(columns.len()).zip(mask.chunks_exact(mask.len() / rows));
    for (to, (from, mask)) in to.chunks_exact_mut(columns.len()).zip(pieces) {
        to.iter_mut().zip(from).zip(&mask[columns.clone()]).for_each(|((to, from), keep)| *to = from * keep);
    }
}

fn columns_of(matrix: &[f32], width: usize, columns: Range<usize>, to: &mut [f32]) {
    for (to, from) in to.chunks_exact_mut(columns.len()).zip(matrix.chunks_exact(width)) {
        to.copy_from_slice(&from[columns.clone()]);
    }
}
