//! Programs: networks as lists of steps over matrices, which the kernels run without autodiff.
//!
//! A bundled network describes itself with a [`Builder`]. Its parameters are then in one array, and a step of Adam or
//! of a target is one pass.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{DType, Tensor, TensorData};

use crate::activation::Activation;

/// The position of a step whose output is an input of other steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source(pub(super) usize);

/// One step of a program.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The first input, the second input, or the dropout mask.
    Input(usize),
    /// `x · factor + offset`, column by column.
    Affine { of: Source, factor: Vec<f32>, offset: Vec<f32> },
    /// Two outputs side by side.
    Join([Source; 2]),
    /// The sum of two outputs of the same width.
    Sum([Source; 2]),
    /// `activation(x W + b)`. W starts at `weight` in the parameters, and b follows it.
    Linear { of: Source, weight: usize, activation: Option<Activation> },
    /// `activation((x − mean)/√(var + ε) · γ + β)` of each row. γ starts at `gamma` in the parameters, and β follows
    /// it.
    LayerNorm { of: Source, gamma: usize, activation: Option<Activation> },
    /// `activation(x · k)`. k are the columns of the mask from `start` on.
    Dropout { of: Source, start: usize, activation: Option<Activation> },
    /// `x σ(x)`. It is a step of its own, since its slope needs x: the output does not determine it.
    Silu { of: Source },
}

/// The input with the dropout mask, by which units are multiplied.
pub(super) const MASK: usize = 2;

impl Step {
    /// Returns the steps that this one takes its inputs from.
    pub(super) fn sources(&self) -> &[Source] {
        match self {
            Self::Input(_) => &[],
            Self::Affine { of, .. }
            | Self::Linear { of, .. }
            | Self::LayerNorm { of, .. }
            | Self::Dropout { of, .. }
            | Self::Silu { of } => std::slice::from_ref(of),
            Self::Join(sources) | Self::Sum(sources) => sources,
        }
    }

    /// Returns the activation of the step.
    pub(super) fn activation(&self) -> Option<Activation> {
        match self {
            Self::Linear { activation, .. } | Self::LayerNorm { activation, .. } | Self::Dropout { activation, .. } => {
                *activation
            }
            Self::Input(_) | Self::Affine { .. } | Self::Join(_) | Self::Sum(_) | Self::Silu { .. } => None,
        }
    }

    fn has_parameters(&self) -> bool {
        matches!(self, Self::Linear { .. } | Self::LayerNorm { .. })
    }
}

/// The place of a parameter of the network in the array.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) id: ParamId,
    start: usize,
    /// The columns of the parameter, and the distance from one row to the next.
    columns: usize,
    stride: usize,
    rows: usize,
}

impl Slot {
    /// Returns the places of the elements, in the order of the parameter.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows).flat_map(move |row| {
            let start = self.start + row * self.stride;
            start..start + self.columns
        })
    }
}

/// The steps of a network. The last one has the output.
#[derive(Debug, Clone)]
pub struct Program {
    pub(super) steps: Vec<Step>,
    /// Columns of the output of each step.
    pub(super) widths: Vec<usize>,
    /// Whether a step only feeds one layer, directly or as part of a join. That layer then includes the slope of the
    /// step's activation in its gradient.
    pub(super) into_layer: Vec<bool>,
    /// Whether a step depends on the parameters, the first input, the second input.
    pub(super) matters: Vec<[bool; 3]>,
    pub(super) slots: Vec<Slot>,
    /// Number of parameters.
    pub(super) parameters: usize,
}

impl Program {
    /// Returns the columns of the output.
    pub(super) fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// Copies the parameters of a network.
    pub(super) fn load<M: Module>(programs: &[Self], module: &M) -> Vec<f32> {
        let mut read = Read { slots: Slots::new(programs), values: vec![0.0; size(programs)] };
        module.visit(&mut read);
        read.values
    }

    /// Returns the network with these parameters.
    pub(super) fn store<M: Module>(programs: &[Self], values: &[f32], module: M) -> M {
        module.map(&mut Write { slots: Slots::new(programs), values })
    }
}

/// Returns the number of parameters of several programs, which follow each other in the array.
pub(super) fn size(programs: &[Program]) -> usize {
    programs.iter().map(|program| program.parameters).sum()
}

/// The slots of several programs by the ids of parameters. If an id occurs several times, its slots are used in turn.
pub(super) struct Slots<'a> {
    /// Each slot with the start of its program's parameters; `None` once it is used.
    slots: Vec<Option<(&'a Slot, usize)>>,
}

impl<'a> Slots<'a> {
    pub(super) fn new(programs: &'a [Program]) -> Self {
        let mut start = 0;
        let mut slots = Vec::new();
        for program in programs {
            slots.extend(program.slots.iter().map(|slot| Some((slot, start))));
            start += program.parameters;
        }
        Self { slots }
    }

    /// Returns the places of the elements of a parameter.
    pub(super) fn places(&mut self, id: ParamId) -> impl Iterator<Item = usize> + use<'a> {
        let found = self.slots.iter_mut().find(|slot| slot.is_some_and(|(slot, _)| slot.id == id));
        let (slot, start) = found.and_then(Option::take).expect("a program has a slot for every parameter");
        slot.places().map(move |place| start + place)
    }

    /// Returns the first place that satisfies `is_it`, with the id of its parameter.
    pub(super) fn find(self, is_it: impl Fn(usize) -> bool) -> Option<(ParamId, usize)> {
        self.slots.into_iter().flatten().find_map(|(slot, start)| {
            let place = slot.places().map(|place| start + place).find(|&place| is_it(place))?;
            Some((slot.id, place))
        })
    }
}

struct Read<'a> {
    slots: Slots<'a>,
    values: Vec<f32>,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values: Vec<f32> = param.val().inner().try_into_vec_as().expect("host memory can be read");
        for (place, value) in self.slots.places(param.id).zip(values) {
            self.values[place] = value;
        }
    }
}

struct Write<'a> {
    slots: Slots<'a>,
    values: &'a [f32],
}

impl ModuleMapper for Write<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values: Vec<f32> = self.slots.places(param.id).map(|place| self.values[place]).collect();
        param.map(|tensor| Tensor::from_data(TensorData::new(values, tensor.dims()), &tensor.device()))
    }
}

/// Builds a program step by step.
///
/// If there is no kernel for a step, the result is `None`, and burn runs the network.
#[derive(Debug)]
pub(crate) struct Builder {
    program: Program,
    known: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let program = Program {
            steps: Vec::new(),
            widths: Vec::new(),
            into_layer: Vec::new(),
            matters: Vec::new(),
            slots: Vec::new(),
            parameters: 0,
        };
        Self { program, known: true }
    }

    /// Returns the program. The step that was added last has the output.
    pub(crate) fn finish(mut self) -> Option<Program> {
        if !self.known || self.program.steps.is_empty() {
            return None;
        }
        let takers = |source: usize| {
            let steps = self.program.steps.iter().enumerate();
            steps.filter(move |(_, step)| step.sources().contains(&Source(source))).map(|(taker, _)| taker)
        };
        let single = |source: usize| Some(takers(source)).filter(|takers| takers.clone().count() == 1)?.next();
        let steps = &self.program.steps;
        let is_linear = |taker: usize| matches!(steps[taker], Step::Linear { .. });
        self.program.into_layer = (0..steps.len())
            .map(|source| match single(source) {
                Some(taker) if matches!(steps[taker], Step::Join(_)) => single(taker).is_some_and(is_linear),
                Some(taker) => is_linear(taker),
                None => false,
            })
            .collect();
        Some(self.program)
    }

    fn add(&mut self, step: Step, width: usize) -> Source {
        let of_sources = |what: usize| step.sources().iter().any(|source| self.program.matters[source.0][what]);
        self.program.matters.push([
            step.has_parameters() || of_sources(0),
            matches!(step, Step::Input(0)) || of_sources(1),
            matches!(step, Step::Input(1)) || of_sources(2),
        ]);
        self.program.steps.push(step);
        self.program.widths.push(width);
        Source(self.program.steps.len() - 1)
    }

    /// Adds a step and its activation. The activation is part of the step if its slope follows from its value.
    fn add_activated(
        &mut self,
        step: impl FnOnce(Option<Activation>) -> Step,
        width: usize,
        activation: Option<Activation>,
    ) -> Source {
        let inside = activation.filter(|activation| activation.has_slope_of_value());
        let source = self.add(step(inside), width);
        if inside == activation { source } else { self.add(Step::Silu { of: source }, width) }
    }

    /// Adds the first or the second input, with that many columns.
    pub(crate) fn input(&mut self, which: usize, columns: usize) -> Source {
        self.known &= columns > 0;
        self.add(Step::Input(which), columns)
    }

    pub(crate) fn join(&mut self, left: Source, right: Source) -> Source {
        let width = self.program.widths[left.0] + self.program.widths[right.0];
        self.add(Step::Join([left, right]), width)
    }

    pub(crate) fn sum(&mut self, left: Source, right: Source) -> Source {
        let width = self.program.widths[left.0];
        self.known &= width == self.program.widths[right.0];
        self.add(Step::Sum([left, right]), width)
    }

    /// Adds `x · factor + offset`, column by column.
    pub(crate) fn affine(&mut self, of: Source, factor: Vec<f32>, offset: Vec<f32>) -> Source {
        let width = factor.len();
        self.known &= width == self.program.widths[of.0];
        self.add(Step::Affine { of, factor, offset }, width)
    }

    /// Adds layer normalisation, and an activation after it.
    pub(crate) fn layer_norm(&mut self, of: Source, norm: &LayerNorm, activation: Option<Activation>) -> Source {
        let (width, gamma) = (self.program.widths[of.0], self.program.parameters);
        let Some(beta) = norm.beta.as_ref().filter(|beta| beta.dims() == [width] && norm.gamma.dims() == [width])
        else {
            self.known = false;
            return of;
        };
        let slot = |id, start| Slot { id, start, columns: width, stride: width, rows: 1 };
        self.program.slots.extend([slot(norm.gamma.id, gamma), slot(beta.id, gamma + width)]);
        self.program.parameters += 2 * width;
        self.add_activated(|activation| Step::LayerNorm { of, gamma, activation }, width, activation)
    }

    /// Adds dropout by the columns of the mask from `start` on, and an activation after it.
    pub(crate) fn dropout(&mut self, of: Source, start: usize, activation: Option<Activation>) -> Source {
        let width = self.program.widths[of.0];
        self.add_activated(|activation| Step::Dropout { of, start, activation }, width, activation)
    }

    /// Adds linear layers with the same input as one layer. Their outputs are side by side.
    pub(crate) fn linear(&mut self, of: Source, layers: &[&Linear], activation: Option<Activation>) -> Source {
        let inputs = self.program.widths[of.0];
        let outputs: usize = layers.iter().map(|layer| layer.weight.dims()[1]).sum();
        self.known &= outputs > 0;
        let weight = self.program.parameters;
        let mut column = 0;
        for layer in layers {
            let [from, to] = layer.weight.dims();
            // The kernels compute in single precision.
            self.known &= layer.weight.val().dtype() == DType::F32;
            let Some(bias) = layer.bias.as_ref().filter(|bias| from == inputs && bias.dims() == [to]) else {
                self.known = false;
                return of;
            };
            let start = weight + column;
            self.program.slots.extend([
                Slot { id: layer.weight.id, start, columns: to, stride: outputs, rows: from },
                Slot { id: bias.id, start: start + inputs * outputs, columns: to, stride: to, rows: 1 },
            ]);
            column += to;
        }
        self.program.parameters += (inputs + 1) * outputs;
        self.add_activated(|activation| Step::Linear { of, weight, activation }, outputs, activation)
    }
}
