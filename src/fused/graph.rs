//! The computation of a policy with its weights, for exporters.

use burn::module::Module;

use super::policy::PolicyProgram;
use super::program::{Program, Step};
use crate::activation::Activation;

/// The operation of a node. `of`, `left` and `right` are the positions of earlier nodes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operation {
    /// The observation, in the units of the network.
    Input,
    /// `activation(x)`, element by element.
    Activate { of: usize, activation: Option<Activation> },
    /// `activation(x · factor + offset)`, axis by axis.
    Affine { of: usize, factor: Vec<f32>, offset: Vec<f32>, activation: Option<Activation> },
    /// Two outputs side by side.
    Join { left: usize, right: usize },
    /// The sum of two outputs.
    Sum { left: usize, right: usize },
    /// `activation(x W + b)`, with W of shape `[inputs, outputs]`, row by row.
    Linear { of: usize, weight: Vec<f32>, bias: Vec<f32>, activation: Option<Activation> },
    /// `activation((x − mean)/√(var + ε) · γ + β)`, with ε of [`NORM_EPSILON`](super::NORM_EPSILON) and the biased
    /// variance.
    LayerNorm { of: usize, gamma: Vec<f32>, beta: Vec<f32>, activation: Option<Activation> },
}

impl Operation {
    /// Returns the activation after the operation.
    pub(crate) fn activation(&self) -> Option<Activation> {
        match self {
            Self::Input | Self::Join { .. } | Self::Sum { .. } => None,
            Self::Activate { activation, .. }
            | Self::Affine { activation, .. }
            | Self::Linear { activation, .. }
            | Self::LayerNorm { activation, .. } => *activation,
        }
    }

    /// Returns the two lists of weights of the operation.
    pub(crate) fn numbers(&self) -> [&[f32]; 2] {
        match self {
            Self::Input | Self::Activate { .. } | Self::Join { .. } | Self::Sum { .. } => [&[], &[]],
            Self::Affine { factor: first, offset: second, .. }
            | Self::Linear { weight: first, bias: second, .. }
            | Self::LayerNorm { gamma: first, beta: second, .. } => [first, second],
        }
    }
}

/// An operation and the width of its output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) operation: Operation,
    pub(crate) width: usize,
}

/// The computation from an observation to the greedy action before tanh. The last node has the output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
}

impl Graph {
    /// Creates the graph of a policy; `None` if its output cannot be reduced to the means.
    pub(crate) fn new<M: Module>(policy: PolicyProgram, module: &M) -> Option<Self> {
        let PolicyProgram { program, head } = policy;
        let programs = [program];
        let values = Program::load(&programs, module);
        let [program] = programs;
        let take = |start: usize, len: usize| values[start..start + len].to_vec();
        let steps = program.steps.iter().zip(&program.widths);
        let mut nodes: Vec<Node> = steps
            .map(|(step, &width)| {
                let operation = match step {
                    Step::Input(_) => Operation::Input,
                    Step::Affine { of, factor, offset } => {
                        Operation::Affine { of: of.0, factor: factor.clone(), offset: offset.clone(), activation: None }
                    }
                    // There is no dropout when a policy acts.
                    Step::Dropout { of, activation, .. } => Operation::Activate { of: of.0, activation: *activation },
                    Step::Silu { of } => Operation::Activate { of: of.0, activation: Some(Activation::Silu) },
                    Step::Join([left, right]) => Operation::Join { left: left.0, right: right.0 },
                    Step::Sum([left, right]) => Operation::Sum { left: left.0, right: right.0 },
                    Step::Linear { of, weight, activation } => {
                        let weights = program.widths[of.0] * width;
                        Operation::Linear {
                            of: of.0,
                            weight: take(*weight, weights),
                            bias: take(weight + weights, width),
                            activation: *activation,
                        }
                    }
                    Step::LayerNorm { of, gamma, activation } => Operation::LayerNorm {
                        of: of.0,
                        gamma: take(*gamma, width),
                        beta: take(gamma + width, width),
                        activation: *activation,
                    },
                };
                Node { operation, width }
            })
            .collect();
        nodes.last_mut()?.keep(head.axes(program.outputs()))?;
        Some(Self { nodes })
    }
}

impl Node {
    /// Keeps the first columns of the output: the greedy action of a Gaussian policy does not depend on its standard
    /// deviation.
    fn keep(&mut self, columns: usize) -> Option<()> {
        if columns == self.width {
            return Some(());
        }
        let Operation::Linear { weight, bias, .. } = &mut self.operation else { return None };
        *weight = weight.chunks_exact(self.width).flat_map(|row| &row[..columns]).copied().collect();
        bias.truncate(columns);
        self.width = columns;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_deviation_is_cut_off() {
        let operation = |weight: &[f32], bias: &[f32]| Operation::Linear {
            of: 0,
            weight: weight.to_vec(),
            bias: bias.to_vec(),
            activation: None,
        };
        let mut node = Node { operation: operation(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0]), width: 2 };
        assert_eq!(node.keep(1), Some(()));
        assert_eq!(node, Node { operation: operation(&[1.0, 3.0], &[5.0]), width: 1 });
        let mut input = Node { operation: Operation::Input, width: 2 };
        assert_eq!(input.keep(1), None);
    }
}
