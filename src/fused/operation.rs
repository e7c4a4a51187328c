//! The operations for which burn's dispatch calls a kernel.

use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Backend, BackendTensor, BackendTypes, Dispatch, DispatchAutodiffContext, DispatchTensor, DispatchTensorKind,
    ExtensionType, TensorMetadata, backend_extension,
};
use burn::nn::Linear;
use burn::tensor::{DType, Tensor};

use super::{AdamStep, MlpShape};

/// Perceptrons with more layers use burn's operations: the number of inputs of a node is part of its type.
pub(super) const MAX_LAYERS: usize = 5;

/// A list of tensors as one argument of an operation.
pub struct Tensors<B: BackendTypes>(pub(super) Vec<FloatTensor<B>>);

impl<B: Backend> ExtensionType<B> for Tensors<B> {
    type Target = Tensors<Dispatch>;

    fn map_to_dispatch<F>(self, map_kind: F, autodiff: DispatchAutodiffContext) -> Self::Target
    where
        F: Fn(BackendTensor<B>) -> DispatchTensorKind,
    {
        let wrap = |tensor| DispatchTensor { kind: map_kind(BackendTensor::Float(tensor)), autodiff };
        Tensors(self.0.into_iter().map(wrap).collect())
    }

    fn map_from_dispatch<F>(target: Self::Target, unwrap_kind: F) -> Self
    where
        F: Fn(DispatchTensor) -> BackendTensor<B>,
    {
        Self(target.0.into_iter().map(|tensor| unwrap_kind(tensor).float()).collect())
    }

    fn routing_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn routing_float_tensor(target: &Self::Target) -> Option<&DispatchTensor> {
        target.0.first()
    }

    fn autodiff_context(target: &Self::Target) -> DispatchAutodiffContext {
        target.0.iter().fold(DispatchAutodiffContext::Disabled, |context, tensor| context.merge(tensor.autodiff))
    }
}

/// Networks as single nodes of the autodiff graph.
#[backend_extension(Flex, Autodiff)]
pub(super) trait NetworkOps: Backend {
    /// Computes a perceptron, from one or two inputs side by side, and the weight and bias of each layer in turn.
    fn perceptron(
        #[extension_type] inputs: Tensors<Self>,
        #[extension_type] parameters: Tensors<Self>,
        shape: MlpShape,
    ) -> FloatTensor<Self>;

    /// Returns A actions and their log-density in each row.
    fn squash(
        distribution: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        log_std_range: (f32, f32),
        constant: f32,
    ) -> FloatTensor<Self>;
}

/// Operations on the parameters of a network, without autodiff.
#[backend_extension(Flex)]
pub(super) trait ParameterOps: Backend {
    /// Returns the parameter and its two moments.
    fn adam(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    fn blend(target: FloatTensor<Self>, source: FloatTensor<Self>, tau: f64) -> FloatTensor<Self>;
}

/// Returns the output of a perceptron, or the inputs if there is no kernel for it.
pub(crate) fn perceptron<'a, const I: usize>(
    inputs: [Tensor<2>; I],
    layers: impl Iterator<Item = &'a Linear>,
    shape: MlpShape,
) -> Result<Tensor<2>, [Tensor<2>; I]> {
    if !super::enabled() {
        return Err(inputs);
    }
    let mut parameters = Vec::with_capacity(2 * MAX_LAYERS);
    let mut widths = Vec::with_capacity(MAX_LAYERS);
    for layer in layers {
        let Some(bias) = &layer.bias else { return Err(inputs) };
        let (weight, bias) = (layer.weight.val(), bias.val());
        let [from, to] = weight.dims();
        if bias.dims() != [to] {
            return Err(inputs);
        }
        widths.push([from, to]);
        parameters.extend([weight.into_dispatch(), bias.into_dispatch()]);
    }
    let [rows, _] = inputs[0].dims();
    let columns: usize = inputs.iter().map(|input| input.dims()[1]).sum();
    let known = rows > 0 && widths.len() <= MAX_LAYERS && connected(columns, &widths, shape.heads);
    let inputs = inputs.map(Tensor::into_dispatch);
    if !known || !parameters.iter().chain(&inputs).all(is_flex) {
        return Err(inputs.map(Tensor::from_dispatch));
    }
    let output = <Dispatch as NetworkOps>::perceptron(Tensors(inputs.into()), Tensors(parameters), shape);
    Ok(Tensor::from_dispatch(output))
}

/// Returns whether the widths of successive layers match, and those of the heads.
fn connected(columns: usize, widths: &[[usize; 2]], heads: usize) -> bool {
    let Some(first_head) = widths.len().checked_sub(heads) else { return false };
    let (layers, heads) = widths.split_at(first_head);
    let mut outputs = columns;
    for &[from, to] in layers {
        if from != outputs {
            return false;
        }
        outputs = to;
    }
    heads.iter().all(|&[from, _]| from == outputs)
}

/// Returns A actions and their log-density in each row.
pub(crate) fn squash(distribution: Tensor<2>, noise: Tensor<2>, log_std_range: (f64, f64), constant: f64) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as NetworkOps>::squash(
        distribution.into_dispatch(),
        noise.into_dispatch(),
        (log_std_range.0 as f32, log_std_range.1 as f32),
        constant as f32,
    ))
}

/// Takes one step of Adam in place. Returns the parameter and its two moments.
pub(crate) fn adam<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    [first, second]: [Tensor<D>; 2],
    step: AdamStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let (parameter, first, second) = <Dispatch as ParameterOps>::adam(
        parameter.into_dispatch(),
        gradient.into_dispatch(),
        first.into_dispatch(),
        second.into_dispatch(),
        step,
    );
    (Tensor::from_dispatch(parameter), [Tensor::from_dispatch(first), Tensor::from_dispatch(second)])
}

/// Moves a target towards a source, in place: `θ′ ← τ θ + (1 − τ) θ′`.
pub(crate) fn blend<const D: usize>(target: Tensor<D>, source: Tensor<D>, tau: f64) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as ParameterOps>::blend(target.into_dispatch(), source.into_dispatch(), tau))
}

/// Returns whether a tensor is on flex in single precision, with or without autodiff.
pub(super) fn is_flex(tensor: &DispatchTensor) -> bool {
    let kind = match &tensor.kind {
        DispatchTensorKind::Autodiff(inner) => inner,
        kind => kind,
    };
    matches!(kind, DispatchTensorKind::Flex(_)) && tensor.dtype() == DType::F32
}
