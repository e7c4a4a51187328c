//! A network without gradients, in one of two forms: flat parameters for the kernels, or a burn module.

use std::sync::OnceLock;

use burn::module::Module;

use crate::fused::{Flat, Members};
use crate::matrix::{Matrix, Place};
use crate::nn::{Actor, Critic, Ensemble, StochasticActor};

/// A network for forward passes.
pub(crate) enum Network<'a, M> {
    Flat(&'a Flat),
    Module(&'a M),
}

/// Sampled actions, and the log-density of each if the policy has a density.
pub(crate) struct Sample {
    /// `[n, A]`
    pub(crate) actions: Matrix,
    /// `[n, 1]`
    pub(crate) log_probs: Option<Matrix>,
}

impl<A: Actor> Network<'_, A> {
    /// Returns the greedy action for each observation.
    pub(crate) fn act(&self, observations: &Matrix, place: &Place) -> Matrix {
        match self {
            Self::Flat(flat) => {
                let outputs = flat.run(&Members::up_to(1), [observations.host().values(), &[]]);
                Matrix::Host(flat.head().greedy(&outputs))
            }
            Self::Module(actor) => place.take(actor.act(place.tensor(observations))),
        }
    }
}

impl<A: StochasticActor> Network<'_, A> {
    /// Samples an action for each observation.
    pub(crate) fn sample(&self, observations: &Matrix, noise: &Matrix, place: &Place) -> Sample {
        match self {
            Self::Flat(flat) => {
                let outputs = flat.run(&Members::up_to(1), [observations.host().values(), &[]]);
                let (actions, log_probs) = flat.head().sample(&outputs, noise.host());
                Sample { actions: Matrix::Host(actions), log_probs: log_probs.map(Matrix::Host) }
            }
            Self::Module(actor) => {
                let sample = actor.sample(place.tensor(observations), place.tensor(noise));
                let log_probs = sample.log_probs.map(|log_probs| place.take(log_probs));
                Sample { actions: place.take(sample.actions), log_probs }
            }
        }
    }
}

impl<C: Critic> Network<'_, Ensemble<C>> {
    /// Returns Q(o, a) of some critics, side by side, `[n, critics]`.
    pub(crate) fn q_values(&self, members: &Members, observations: &Matrix, actions: &Matrix, place: &Place) -> Matrix {
        match self {
            Self::Flat(flat) => {
                let inputs = [observations.host().values(), actions.host().values()];
                Matrix::Host(flat.run(members, inputs))
            }
            Self::Module(ensemble) => {
                let (observations, actions) = (place.tensor(observations), place.tensor(actions));
                place.take(ensemble.side_by_side(members, observations, actions, place))
            }
        }
    }
}

/// A burn module that is created from flat parameters on demand.
pub(crate) struct View<M> {
    /// A module of the same shape. Its parameters may be old.
    template: M,
    module: OnceLock<M>,
}

impl<M: Module> View<M> {
    pub(crate) fn new(template: M) -> Self {
        Self { template, module: OnceLock::new() }
    }

    pub(crate) fn module(&self, flat: &Flat) -> &M {
        self.module.get_or_init(|| flat.store(self.template.clone()))
    }

    /// Drops the module, since the parameters have changed.
    pub(crate) fn moved(&mut self) {
        self.module.take();
    }
}
