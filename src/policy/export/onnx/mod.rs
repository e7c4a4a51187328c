//! A policy as an ONNX model.

use prost::Message;

use super::exported::Exported;
use crate::boundary::CLIP;
use crate::fused::{NORM_EPSILON, Operation};
use crate::nn::Activation;
use crate::policy::file::Bounds;
use crate::space::BoxSpace;
use schema::{Attribute, Entry, Graph, Model, Node, OperatorSet, Tensor, ValueInfo};

mod schema;

/// The opset: the first one with `LayerNormalization`.
const OPSET: i64 = 17;

/// The version of the file format that came with that opset.
const IR_VERSION: i64 = 8;

/// Names of the input and of the output.
const OBSERVATIONS: &str = "observations";
const ACTIONS: &str = "actions";

/// Returns the bytes of the model.
pub(super) fn model(exported: &Exported<'_>) -> Vec<u8> {
    let spaces = exported.spaces;
    let metadata = [
        ("actor-critic.observation", bounds(spaces.observation())),
        ("actor-critic.action", bounds(spaces.action())),
        ("actor-critic.units", "those of the environment, axes in its order".to_owned()),
    ];
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "actor-critic".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: "The best action of a policy for each observation, in environment units and inside the bounds. \
                     Normalisation, squashing and bounds are part of the graph."
            .to_owned(),
        graph: Some(graph(exported)),
        operators: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata: metadata.map(|(key, value)| Entry { key: key.to_owned(), value }).to_vec(),
    };
    model.encode_to_vec()
}

/// Returns bounds as JSON, null where infinite, as in a policy file.
fn bounds(space: &BoxSpace) -> String {
    serde_json::to_string(&Bounds::of(space)).expect("bounds are numbers")
}

fn graph(exported: &Exported<'_>) -> Graph {
    let spaces = exported.spaces;
    let (observations, actions) = (spaces.observation().dim(), spaces.action().dim());
    let doc = |axes: usize| format!("[batch, {axes}], in environment units");
    let mut writer = Writer::default();
    let mut outputs: Vec<String> = Vec::new();
    for (place, node) in exported.nodes() {
        let output = writer.operation(exported, &node.operation, &outputs, place);
        outputs.push(match node.operation.activation() {
            Some(Activation::Relu) => writer.node("Relu", &[&output], format!("x{place}_relu")),
            Some(Activation::Tanh) => writer.node("Tanh", &[&output], format!("x{place}_tanh")),
            // Its α is 1 by default.
            Some(Activation::Elu) => writer.node("Elu", &[&output], format!("x{place}_elu")),
            Some(Activation::Silu) => {
                let sigmoid = writer.node("Sigmoid", &[&output], format!("x{place}_sigmoid"));
                writer.node("Mul", &[&output, &sigmoid], format!("x{place}_silu"))
            }
            None => output,
        });
    }
    let space = spaces.action();
    let squashed = writer.node("Tanh", &[&outputs[exported.last()]], "squashed".to_owned());
    let scaled = writer.with("Mul", &squashed, "half_range", &space.half_range(), "scaled".to_owned());
    let shifted = writer.with("Add", &scaled, "center", &space.center(), "shifted".to_owned());
    let raised = writer.with("Max", &shifted, "low", space.low(), "raised".to_owned());
    writer.with("Min", &raised, "high", space.high(), ACTIONS.to_owned());
    Graph {
        nodes: writer.nodes,
        name: "policy".to_owned(),
        initializers: writer.constants,
        inputs: vec![ValueInfo::rows(OBSERVATIONS, observations, doc(observations))],
        outputs: vec![ValueInfo::rows(ACTIONS, actions, doc(actions))],
    }
}

/// The nodes and constants so far.
#[derive(Debug, Default)]
struct Writer {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
}

impl Writer {
    /// Adds the part of an operation before its activation, and returns the name of its output.
    fn operation(
        &mut self,
        exported: &Exported<'_>,
        operation: &Operation,
        outputs: &[String],
        place: usize,
    ) -> String {
        let output = format!("x{place}");
        match operation {
            Operation::Input => self.input(exported),
            Operation::Activate { of, .. } => outputs[*of].clone(),
            Operation::Affine { of, factor, offset, .. } => {
                let scaled =
                    self.with("Mul", &outputs[*of], &format!("factor_{place}"), factor, format!("{output}_scaled"));
                self.with("Add", &scaled, &format!("offset_{place}"), offset, output)
            }
            Operation::Join { left, right } => {
                let output = self.node("Concat", &[&outputs[*left], &outputs[*right]], output);
                self.attribute(Attribute::int("axis", 1));
                output
            }
            Operation::Sum { left, right } => self.node("Add", &[&outputs[*left], &outputs[*right]], output),
            Operation::Linear { of, weight, bias, .. } => {
                let weight = self.constant(&format!("weight_{place}"), &[exported.width(*of), bias.len()], weight);
                let bias = self.constant(&format!("bias_{place}"), &[bias.len()], bias);
                self.node("Gemm", &[&outputs[*of], &weight, &bias], output)
            }
            Operation::LayerNorm { of, gamma, beta, .. } => {
                let gamma = self.constant(&format!("gamma_{place}"), &[gamma.len()], gamma);
                let beta = self.constant(&format!("beta_{place}"), &[beta.len()], beta);
                let output = self.node("LayerNormalization", &[&outputs[*of], &gamma, &beta], output);
                self.attribute(Attribute::int("axis", -1));
                self.attribute(Attribute::float("epsilon", NORM_EPSILON));
                output
            }
        }
    }

    /// Adds the normalisation of the observation.
    fn input(&mut self, exported: &Exported<'_>) -> String {
        let Some(map) = exported.normalization else { return OBSERVATIONS.to_owned() };
        let centered = self.with("Sub", OBSERVATIONS, "mean", map.mean(), "centered".to_owned());
        let normalized = self.with("Mul", &centered, "scale", map.scale(), "normalized".to_owned());
        let low = self.constant("clip_low", &[], &[-CLIP]);
        let high = self.constant("clip_high", &[], &[CLIP]);
        self.node("Clip", &[&normalized, &low, &high], "clipped".to_owned())
    }

    /// Adds a node and returns the name of its output.
    fn node(&mut self, operator: &str, inputs: &[&str], output: String) -> String {
        self.nodes.push(Node {
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs: vec![output.clone()],
            operator: operator.to_owned(),
            attributes: Vec::new(),
        });
        output
    }

    /// Adds a node with one input and one constant for each column.
    fn with(&mut self, operator: &str, input: &str, name: &str, values: &[f32], output: String) -> String {
        let constant = self.constant(name, &[values.len()], values);
        self.node(operator, &[input, &constant], output)
    }

    /// Adds an attribute to the last node.
    fn attribute(&mut self, attribute: Attribute) {
        self.nodes.last_mut().expect("a node has just been added").attributes.push(attribute);
    }

    fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        self.constants.push(Tensor::new(name, dims, values));
        name.to_owned()
    }
}

#[cfg(test)]
mod tests;
