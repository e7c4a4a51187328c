//! Flat networks: their parameters are in one array.

use std::cell::RefCell;
use std::ops::Range;

use burn::module::Module;

use super::execute::{Wanted, Workspace};
use super::kernel;
use super::policy::{Head, PolicyProgram};
use super::program::{Program, size};
use crate::matrix::{Buffer, HostMatrix, Matrix};

thread_local! {
    /// For forward passes without a backward pass.
    static WORKSPACE: RefCell<Workspace> = RefCell::default();
}

/// Some networks of an ensemble, each with a mask if it has dropout.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    which: Which,
    /// `[n, D]` each; empty without dropout.
    masks: Vec<Matrix>,
}

#[derive(Debug, Clone)]
enum Which {
    /// The first networks, by their number.
    UpTo(usize),
    /// These networks, in ascending order.
    Only(Vec<usize>),
}

impl Members {
    /// Selects the first `count` networks.
    pub(crate) fn up_to(count: usize) -> Self {
        Self { which: Which::UpTo(count), masks: Vec::new() }
    }

    /// Selects these networks, which are in ascending order.
    pub(crate) fn only(members: Vec<usize>) -> Self {
        Self { which: Which::Only(members), masks: Vec::new() }
    }

    /// Adds a mask for each network.
    pub(crate) fn with_masks(self, masks: Vec<Matrix>) -> Self {
        debug_assert_eq!(masks.len(), self.len(), "a mask for each");
        Self { masks, ..self }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.which {
            Which::UpTo(count) => *count,
            Which::Only(members) => members.len(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let (count, only) = match &self.which {
            Which::UpTo(count) => (*count, &[][..]),
            Which::Only(members) => (0, &members[..]),
        };
        (0..count).chain(only.iter().copied())
    }

    /// Returns the mask of the network at a position of the selection.
    pub(crate) fn mask(&self, place: usize) -> Option<&Matrix> {
        self.masks.get(place)
    }

    /// Returns the inputs of the network at a position of the selection, with its mask.
    fn inputs<'a>(&'a self, place: usize, [first, second]: [&'a [f32]; 2]) -> [&'a [f32]; 3] {
        [first, second, self.mask(place).map_or(&[], |mask| mask.host().values())]
    }
}

/// A policy, or the critics of an ensemble, in flat form.
#[derive(Debug, Clone)]
pub(crate) struct Flat {
    pub(super) programs: Vec<Program>,
    pub(super) parameters: Vec<f32>,
    /// Converts the output to actions; `None` for critics.
    head: Option<Head>,
}

impl Flat {
    /// Creates the flat form of a policy.
    pub(crate) fn policy<M: Module>(PolicyProgram { program, head }: PolicyProgram, module: &M) -> Self {
        let programs = vec![program];
        Self { parameters: Program::load(&programs, module), programs, head: Some(head) }
    }

    /// Creates the flat form of an ensemble, with one program for each critic; `None` if their outputs differ in width.
    pub(crate) fn critics<M: Module>(programs: Vec<Program>, module: &M) -> Option<Self> {
        let outputs = programs.first()?.outputs();
        let alike = programs.iter().all(|program| program.outputs() == outputs);
        alike.then(|| Self { parameters: Program::load(&programs, module), programs, head: None })
    }

    pub(crate) fn head(&self) -> Head {
        self.head.expect("a policy has a head")
    }

    /// Replaces the parameters by those of a module.
    pub(crate) fn load<M: Module>(&mut self, module: &M) {
        self.parameters = Program::load(&self.programs, module);
    }

    /// Returns a module with these parameters.
    pub(crate) fn store<M: Module>(&self, module: M) -> M {
        Program::store(&self.programs, &self.parameters, module)
    }

    /// Returns the number of outputs of one network.
    fn columns(&self) -> usize {
        self.programs[0].outputs()
    }

    fn network(&self, member: usize) -> (&Program, &[f32]) {
        (&self.programs[member], &self.parameters[self.range(member)])
    }

    /// Returns the range of the parameters of a network.
    fn range(&self, member: usize) -> Range<usize> {
        let start = size(&self.programs[..member]);
        start..start + self.programs[member].parameters
    }

    /// Computes the outputs of some networks side by side.
    pub(crate) fn run(&self, members: &Members, inputs: [&[f32]; 2]) -> HostMatrix {
        WORKSPACE.with_borrow_mut(|workspace| {
            let mut outputs = SideBySide::new(members.len(), self.columns());
            for (place, member) in members.iter().enumerate() {
                let (program, parameters) = self.network(member);
                program.forward(parameters, members.inputs(place, inputs), workspace);
                outputs.push(workspace.output(program));
            }
            outputs.finish()
        })
    }

    /// Moves towards the parameters of `source`: `θ′ ← τ θ + (1 − τ) θ′`.
    pub(crate) fn follow(&mut self, source: &Self, tau: f64) {
        if tau == 1.0 {
            self.parameters.copy_from_slice(&source.parameters);
        } else if tau != 0.0 {
            kernel::blend(&mut self.parameters, &source.parameters, tau);
        }
    }
}

/// Flat networks with what learning needs: the gradient, Adam's moments (running averages of the gradient and its
/// square), and the memory of passes.
#[derive(Debug)]
pub(crate) struct FlatLearner {
    pub(crate) flat: Flat,
    pub(super) gradient: Vec<f32>,
    pub(super) first_moments: Vec<f32>,
    pub(super) second_moments: Vec<f32>,
    /// One for each network.
    workspaces: Vec<Workspace>,
}

impl FlatLearner {
    pub(crate) fn new(flat: Flat) -> Self {
        let zeros = || vec![0.0; flat.parameters.len()];
        Self {
            gradient: zeros(),
            first_moments: zeros(),
            second_moments: zeros(),
            workspaces: flat.programs.iter().map(|_| Workspace::default()).collect(),
            flat,
        }
    }

    /// As [`Flat::run`], but keeps what a backward pass needs.
    pub(crate) fn evaluate(&mut self, members: &Members, inputs: [&[f32]; 2]) -> HostMatrix {
        let mut outputs = SideBySide::new(members.len(), self.flat.columns());
        for (place, member) in members.iter().enumerate() {
            let (program, parameters) = self.flat.network(member);
            let workspace = &mut self.workspaces[member];
            program.forward(parameters, members.inputs(place, inputs), workspace);
            outputs.push(workspace.output(program));
        }
        outputs.finish()
    }

    /// Backpropagates the gradient of the outputs of the last [`evaluate`](Self::evaluate), of `all` networks, to their
    /// parameters.
    pub(crate) fn pull_to_parameters(&mut self, all: &Members, inputs: [&[f32]; 2], outputs: &HostMatrix) {
        for member in all.iter() {
            let range = self.flat.range(member);
            let (program, parameters) = self.flat.network(member);
            let output = part_of(outputs, member, self.flat.columns());
            let wanted = Wanted::Parameters(&mut self.gradient[range]);
            program.backward(parameters, all.inputs(member, inputs), &output, &mut self.workspaces[member], wanted);
        }
    }

    /// Backpropagates the gradient of the outputs of the last [`evaluate`](Self::evaluate) to the second input, which
    /// has `columns` columns.
    pub(crate) fn pull_to_actions(
        &mut self,
        members: &Members,
        inputs: [&[f32]; 2],
        outputs: &HostMatrix,
        columns: usize,
    ) -> HostMatrix {
        let mut sum: Option<Buffer> = None;
        for (i, member) in members.iter().enumerate() {
            let (program, parameters) = self.flat.network(member);
            let output = part_of(outputs, i, self.flat.columns());
            let mut actions = Buffer::new(inputs[1].len());
            let wanted = Wanted::Input(1, &mut actions);
            let inputs = members.inputs(i, inputs);
            program.backward(parameters, inputs, &output, &mut self.workspaces[member], wanted);
            match &mut sum {
                Some(sum) => sum.iter_mut().zip(&*actions).for_each(|(sum, action)| *sum += action),
                None => sum = Some(actions),
            }
        }
        HostMatrix::new(sum.expect("an ensemble has at least one critic"), columns)
    }
}

/// The outputs of several networks, side by side in each row.
struct SideBySide {
    values: Buffer,
    members: usize,
    columns: usize,
    pushed: usize,
}

impl SideBySide {
    fn new(members: usize, columns: usize) -> Self {
        Self { values: Buffer::new(0), members, columns, pushed: 0 }
    }

    fn push(&mut self, output: &[f32]) {
        let width = self.members * self.columns;
        if self.pushed == 0 {
            self.values = Buffer::new(output.len() * self.members);
        }
        let start = self.pushed * self.columns;
        for (to, from) in self.values.chunks_exact_mut(width).zip(output.chunks_exact(self.columns)) {
            to[start..start + self.columns].copy_from_slice(from);
        }
        self.pushed += 1;
    }

    fn finish(self) -> HostMatrix {
        HostMatrix::new(self.values, self.members * self.columns)
    }
}

/// Returns the columns of the network at a position of the selection.
fn part_of(outputs: &HostMatrix, place: usize, columns: usize) -> Buffer {
    let [rows, width] = outputs.dims();
    let mut part = Buffer::new(rows * columns);
    let start = place * columns;
    for (to, from) in part.chunks_exact_mut(columns).zip(outputs.values().chunks_exact(width)) {
        to.copy_from_slice(&from[start..start + columns]);
    }
    part
}
