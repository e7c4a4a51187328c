//! The operations on flex: convert tensors to slices, and add nodes to the autodiff graph.

mod stack;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;

use self::stack::{Input, Stack};
use super::kernel::{self, LayerGradient};
use super::operation::{NetworkOps, ParameterOps, Tensors};
use super::{AdamStep, MlpShape, OutOfRange, report};
use crate::matrix::Buffer;
use crate::matrix::pool::recycle as keep;
use crate::space::is_in_range;

impl NetworkOps for Flex {
    fn perceptron(inputs: Tensors<Self>, parameters: Tensors<Self>, shape: MlpShape) -> FlexTensor {
        forward(inputs.0, parameters.0, shape).0
    }

    fn squash(distribution: FlexTensor, noise: FlexTensor, log_std_range: (f32, f32), constant: f32) -> FlexTensor {
        Sample::new(distribution, noise, log_std_range, constant).draw()
    }
}

impl<C: CheckpointStrategy> NetworkOps for Autodiff<Flex, C> {
    fn perceptron(inputs: Tensors<Self>, parameters: Tensors<Self>, shape: MlpShape) -> FloatTensor<Self> {
        match inputs.0.len() + parameters.0.len() {
            3 => tracked::<C, 3>(inputs, parameters, shape),
            4 => tracked::<C, 4>(inputs, parameters, shape),
            5 => tracked::<C, 5>(inputs, parameters, shape),
            6 => tracked::<C, 6>(inputs, parameters, shape),
            7 => tracked::<C, 7>(inputs, parameters, shape),
            8 => tracked::<C, 8>(inputs, parameters, shape),
            9 => tracked::<C, 9>(inputs, parameters, shape),
            10 => tracked::<C, 10>(inputs, parameters, shape),
            11 => tracked::<C, 11>(inputs, parameters, shape),
            12 => tracked::<C, 12>(inputs, parameters, shape),
            n => unreachable!("a node of {n} inputs was not turned away"),
        }
    }

    fn squash(
        distribution: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        log_std_range: (f32, f32),
        constant: f32,
    ) -> FloatTensor<Self> {
        let (distribution, node) = distribution.into_parts();
        let sample = Sample::new(distribution, noise.into_primitive(), log_std_range, constant);
        let samples = sample.draw();
        match SampleGradient.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(sample, samples),
            OpsKind::UnTracked(prepared) => prepared.finish(samples),
        }
    }
}

/// A sample of the tanh Gaussian: its distribution and its noise.
#[derive(Debug, Clone)]
struct Sample {
    distribution: FlexTensor,
    noise: FlexTensor,
    log_std_range: (f32, f32),
    constant: f32,
}

impl Sample {
    fn new(distribution: FlexTensor, noise: FlexTensor, log_std_range: (f32, f32), constant: f32) -> Self {
        Self { distribution: dense(distribution), noise: dense(noise), log_std_range, constant }
    }

    fn given(&self) -> kernel::Squash<'_> {
        let &Self { log_std_range, constant, .. } = self;
        let (distribution, noise) = (slice(&self.distribution), slice(&self.noise));
        kernel::Squash { distribution, noise, axes: self.noise.shape()[1], log_std_range, constant }
    }

    fn draw(&self) -> FlexTensor {
        let shape = self.noise.shape();
        let mut samples = vec![0.0; shape[0] * (shape[1] + 1)];
        kernel::squash(self.given(), &mut samples);
        tensor(samples, [shape[0], shape[1] + 1])
    }
}

/// The backward pass of a sample.
#[derive(Debug)]
struct SampleGradient;

impl Backward<Flex, 1> for SampleGradient {
    type State = Sample;

    fn backward(self, ops: Ops<Sample, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        unary::<Flex, _>(ops.parents, ops.node, gradients, |samples| {
            let shape = ops.state.distribution.shape();
            let mut distribution = vec![0.0; shape.num_elements()];
            kernel::squash_gradient(ops.state.given(), slice(&dense(samples)), &mut distribution);
            tensor(distribution, [shape[0], shape[1]])
        });
    }
}

/// Adds a perceptron to the autodiff graph, as a node with `N` inputs and parameters.
fn tracked<C: CheckpointStrategy, const N: usize>(
    inputs: Tensors<Autodiff<Flex, C>>,
    parameters: Tensors<Autodiff<Flex, C>>,
    shape: MlpShape,
) -> FloatTensor<Autodiff<Flex, C>> {
    let mut nodes = Vec::with_capacity(N);
    let [inputs, parameters] = [inputs, parameters].map(|tensors| {
        let parts = tensors.0.into_iter().map(|tensor| {
            let (primitive, node) = tensor.into_parts();
            nodes.push(node);
            primitive
        });
        parts.collect::<Vec<_>>()
    });
    let nodes: [_; N] = nodes.try_into().expect("the caller counted inputs and parameters");
    match PerceptronGradient.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (output, saved) = forward(inputs, parameters, shape);
            prepared.finish(saved, output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(forward(inputs, parameters, shape).0),
    }
}

/// What the backward pass needs from the forward pass.
#[derive(Debug, Clone)]
struct Saved {
    input: Input,
    stack: Stack,
    hidden: Vec<Buffer>,
    output: FlexTensor,
}

fn forward(inputs: Vec<FlexTensor>, parameters: Vec<FlexTensor>, shape: MlpShape) -> (FlexTensor, Saved) {
    let input = Input::new(inputs);
    let rows = input.rows;
    let stack = Stack::new(parameters, shape);
    let (hidden, output) = stack.with(|perceptron| {
        let mut outputs: Vec<Buffer> =
            perceptron.layers.iter().map(|layer| Buffer::new(rows * layer.outputs())).collect();
        let mut slices: Vec<&mut [f32]> = outputs.iter_mut().map(|buffer| &mut **buffer).collect();
        kernel::forward(perceptron, rows, input.slice(), &mut slices);
        let output = outputs.pop().expect("a perceptron has a layer").into_vec();
        let columns = output.len() / rows;
        (outputs, tensor(output, [rows, columns]))
    });
    (output.clone(), Saved { input, stack, hidden, output })
}

/// The backward pass of a perceptron.
#[derive(Debug)]
struct PerceptronGradient;

impl<const N: usize> Backward<Flex, N> for PerceptronGradient {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let Saved { input, stack, hidden, output } = ops.state;
        let output_gradient = dense(gradients.consume::<Flex>(&ops.node));
        let (input_nodes, parameter_nodes) = ops.parents.split_at(input.columns.len());

        let tracked =
            || input_nodes.iter().zip(&input.columns).filter_map(|(node, columns)| Some((node.as_ref()?, columns)));
        let mut inputs: Vec<_> =
            tracked().map(|(_, columns)| (columns.clone(), vec![0.0; input.rows * columns.len()])).collect();
        let layers = stack.with(|perceptron| {
            let mut layers: Option<Vec<_>> = (parameter_nodes.iter().any(Option::is_some))
                .then(|| perceptron.layers.iter().map(LayerGradient::of).collect());
            let outputs: Vec<&[f32]> = hidden.iter().map(|buffer| &**buffer).chain([slice(&output)]).collect();
            let wanted = kernel::Gradients { inputs: &mut inputs, layers: layers.as_deref_mut() };
            kernel::backward(perceptron, input.rows, input.slice(), &outputs, slice(&output_gradient), wanted);
            layers
        });

        for ((node, columns), (_, gradient)) in tracked().zip(inputs) {
            gradients.register::<Flex>(node.id, tensor(gradient, [input.rows, columns.len()]));
        }
        for (node, gradient) in parameter_nodes.iter().zip(layers.into_iter().flat_map(|layers| stack.split(layers))) {
            match node {
                Some(node) => gradients.register::<Flex>(node.id, gradient),
                None => recycle(gradient),
            }
        }
    }
}

/// Returns a tensor whose elements are one slice.
fn dense(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }
}

fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("the tensor was made dense")
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Keeps the memory of a tensor for reuse, if it has a single owner.
fn recycle(tensor: FlexTensor) {
    if tensor.is_unique()
        && let Ok(values) = tensor.into_data().try_into_vec()
    {
        keep(values);
    }
}

impl ParameterOps for Flex {
    fn adam(
        mut parameter: FlexTensor,
        gradient: FlexTensor,
        mut first: FlexTensor,
        mut second: FlexTensor,
        step: AdamStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let gradient = dense(gradient);
        let [theta, m, v] = [&mut parameter, &mut first, &mut second].map(in_place);
        let mut in_range = true;
        kernel::adam(theta, slice(&gradient), m, v, step, &mut in_range);
        if !in_range {
            // Report a weight first: a bad gradient follows from it.
            let first = |values: &[f32]| values.iter().copied().find(|&value| !is_in_range(value));
            let weight = first(theta).map(|value| (OutOfRange::Weight, value));
            report(weight.or_else(|| first(slice(&gradient)).map(|value| (OutOfRange::Gradient, value))));
        }
        recycle(gradient);
        (parameter, first, second)
    }

    fn blend(mut target: FlexTensor, source: FlexTensor, tau: f64) -> FlexTensor {
        let source = dense(source);
        kernel::blend(in_place(&mut target), slice(&source), tau);
        target
    }
}

/// Returns the elements of a tensor for writing. Copies them first if the memory is shared.
fn in_place(tensor: &mut FlexTensor) -> &mut [f32] {
    let whole = tensor.as_slice::<f32>().is_some_and(|elements| elements.len() == tensor.storage::<f32>().len());
    if !whole {
        *tensor = tensor.to_contiguous();
    }
    tensor.storage_mut()
}
