//! The target network of an agent.

use burn::module::Module;

use super::learner::Learner;
use super::network::{Network, View};
use crate::fused::Flat;
use crate::state::{State, StateError, parameters};
use crate::target::{TargetError, follow};

/// A target network, in the same form as its network.
pub(crate) enum TargetNetwork<M> {
    Flat {
        flat: Flat,
        view: View<M>,
    },
    /// `None` only while it moves.
    Module(Option<M>),
}

impl<M: Module> TargetNetwork<M> {
    /// Creates a target as a copy.
    pub(crate) fn of(source: &Learner<M>) -> Self {
        let module = source.module().clone();
        match source.flat() {
            Some(flat) => Self::Flat { flat: flat.clone(), view: View::new(module) },
            None => Self::Module(Some(module)),
        }
    }

    pub(crate) fn module(&self) -> &M {
        match self {
            Self::Flat { flat, view } => view.module(flat),
            Self::Module(module) => module.as_ref().expect("the target is missing only while it moves"),
        }
    }

    pub(crate) fn network(&self) -> Network<'_, M> {
        match self {
            Self::Flat { flat, .. } => Network::Flat(flat),
            Self::Module(_) => Network::Module(self.module()),
        }
    }

    /// Moves towards the network: `θ′ ← τ θ + (1 − τ) θ′`.
    pub(crate) fn follow(&mut self, source: &Learner<M>, tau: f64) -> Result<(), TargetError> {
        match (&mut *self, source.flat()) {
            (Self::Flat { flat, view }, Some(source)) => {
                flat.follow(source, tau);
                view.moved();
            }
            // Moved, not cloned: a parameter with a single owner is updated in place.
            (Self::Module(module), _) => *module = follow(module, source.module(), tau)?,
            (Self::Flat { .. }, None) => unreachable!("a target has the form of its source"),
        }
        Ok(())
    }

    pub(crate) fn save_state(&self) -> Result<State, StateError> {
        parameters::save_parameters(self.module())
    }

    /// Returns the same target with the parameters in the part `part` of a state.
    pub(crate) fn restored(&self, part: &str, state: &mut State) -> Result<Self, StateError> {
        let module = parameters::load_parameters(self.module(), state.take_state(part));
        let module = module.map_err(|error| error.within(part))?;
        Ok(match self {
            Self::Flat { flat, .. } => {
                let mut flat = flat.clone();
                flat.load(&module);
                Self::Flat { flat, view: View::new(module) }
            }
            Self::Module(_) => Self::Module(Some(module)),
        })
    }
}
