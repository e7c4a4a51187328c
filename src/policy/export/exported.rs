//! All numbers of a policy, in the order in which an action is computed.

use crate::boundary::{CLIP, Normalization};
use crate::env::Spaces;
use crate::fused::{Graph, NORM_EPSILON, Node, Operation};
use crate::nn::Activation;
use crate::policy::PolicyError;
use crate::space::first_non_finite;

/// A policy as an exporter sees it: normalisation, then the graph, then tanh, then the bounds.
#[derive(Debug)]
pub(super) struct Exported<'a> {
    pub(super) spaces: &'a Spaces,
    pub(super) normalization: Option<&'a Normalization>,
    graph: Graph,
}

impl<'a> Exported<'a> {
    /// Checks that every number is finite.
    pub(super) fn new(
        spaces: &'a Spaces,
        normalization: Option<&'a Normalization>,
        graph: Graph,
    ) -> Result<Self, PolicyError> {
        let normalized = normalization.into_iter().flat_map(|map| [map.mean(), map.scale()]);
        let mut lists = graph.nodes.iter().flat_map(|node| node.operation.numbers()).chain(normalized);
        let found = lists.find_map(first_non_finite);
        drop(lists);
        match found {
            Some((_, value)) => Err(PolicyError::NonFiniteNumber { value }),
            None => Ok(Self { spaces, normalization, graph }),
        }
    }

    /// Returns the nodes, each with its index.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.graph.nodes.iter().enumerate()
    }

    /// Returns the index of the output.
    pub(super) fn last(&self) -> usize {
        self.graph.nodes.len() - 1
    }

    /// Returns the width of a node.
    pub(super) fn width(&self, place: usize) -> usize {
        self.graph.nodes[place].width
    }

    /// Returns the sum of the widths of the outputs.
    pub(super) fn intermediate_numbers(&self) -> usize {
        self.nodes().map(|(_, node)| node.width).sum()
    }

    /// Returns how many numbers the file has for weights, normalisation and bounds.
    pub(super) fn constants(&self) -> usize {
        let normalization = self.normalization.map_or(0, |map| 2 * map.mean().len());
        let graph: usize = self.nodes().flat_map(|(_, node)| node.operation.numbers()).map(<[f32]>::len).sum();
        graph + normalization + 4 * self.spaces.action().dim()
    }

    /// Returns whether a node computes layer normalisation.
    pub(super) fn has_layer_norm(&self) -> bool {
        self.nodes().any(|(_, node)| matches!(node.operation, Operation::LayerNorm { .. }))
    }

    /// Returns whether a node computes a linear layer.
    pub(super) fn has_linear(&self) -> bool {
        self.nodes().any(|(_, node)| matches!(node.operation, Operation::Linear { .. }))
    }

    /// Returns whether a node has this activation.
    pub(super) fn has(&self, wanted: Activation) -> bool {
        self.nodes().any(|(_, node)| node.operation.activation() == Some(wanted))
    }

    /// Computes the best action in double precision, before clipping.
    pub(super) fn action_in_double(&self, observation: &[f32]) -> Vec<f64> {
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
        let mut input = wide(observation);
        if let Some(map) = self.normalization {
            for ((x, &mean), &scale) in input.iter_mut().zip(map.mean()).zip(map.scale()) {
                *x = ((*x - f64::from(mean)) * f64::from(scale)).clamp(f64::from(-CLIP), f64::from(CLIP));
            }
        }
        let mut outputs: Vec<Vec<f64>> = Vec::new();
        for (_, node) in self.nodes() {
            let mut output = match &node.operation {
                Operation::Input => input.clone(),
                Operation::Activate { of, .. } => outputs[*of].clone(),
                Operation::Affine { of, factor, offset, .. } => {
                    let of = outputs[*of].iter().zip(factor).zip(offset);
                    of.map(|((x, &factor), &offset)| x * f64::from(factor) + f64::from(offset)).collect()
                }
                Operation::Join { left, right } => [outputs[*left].as_slice(), &outputs[*right]].concat(),
                Operation::Sum { left, right } => {
                    outputs[*left].iter().zip(&outputs[*right]).map(|(left, right)| left + right).collect()
                }
                Operation::Linear { of, weight, bias, .. } => {
                    let mut sums = wide(bias);
                    for (x, row) in outputs[*of].iter().zip(weight.chunks_exact(bias.len())) {
                        sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += x * f64::from(weight));
                    }
                    sums
                }
                Operation::LayerNorm { of, gamma, beta, .. } => {
                    let (x, n) = (&outputs[*of], gamma.len() as f64);
                    let mean = x.iter().sum::<f64>() / n;
                    let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
                    let scale = 1.0 / (variance + f64::from(NORM_EPSILON)).sqrt();
                    let axes = x.iter().zip(gamma).zip(beta);
                    axes.map(|((x, &gamma), &beta)| (x - mean) * scale * f64::from(gamma) + f64::from(beta)).collect()
                }
            };
            match node.operation.activation() {
                Some(Activation::Relu) => output.iter_mut().for_each(|x| *x = x.max(0.0)),
                Some(Activation::Tanh) => output.iter_mut().for_each(|x| *x = x.tanh()),
                Some(Activation::Elu) => output.iter_mut().for_each(|x| *x = if *x > 0.0 { *x } else { x.exp_m1() }),
                Some(Activation::Silu) => output.iter_mut().for_each(|x| *x /= 1.0 + (-*x).exp()),
                None => (),
            }
            outputs.push(output);
        }
        let axes = outputs[self.last()].iter().zip(self.spaces.action().axes());
        axes.map(|(x, (center, half_range))| x.tanh() * f64::from(half_range) + f64::from(center)).collect()
    }
}
