//! The learner: a network with its optimizer, and the step that changes its parameters.

use burn::module::Module;
use burn::optim::GradientsParams;

use super::AgentError;
use super::adam::{Adam, AdamConfig, Moments};
use super::form::InForm;
use super::gradient_norm::{clip_factor, clip_gradient_norm};
use super::network::{Network, View};
use crate::fused::{Flat, FlatLearner, OutOfRange};
use crate::space::is_in_range;
use crate::state::{State, StateError, parameters};

/// A network being trained, with its optimizer.
pub(crate) struct Learner<M> {
    pub(super) networks: Networks<M>,
    adam: Adam,
    max_gradient_norm: Option<f64>,
    names: Names,
}

/// The weights of a network, in one of two forms.
pub(super) enum Networks<M> {
    /// In one array, for the kernels.
    Flat { learner: FlatLearner, view: View<M> },
    /// As a burn module.
    Module(Modules<M>),
}

/// The same weights twice: tracked by autodiff, and without autodiff for everything that needs no gradient of them.
pub(super) struct Modules<M> {
    /// Both are `None` only during a step.
    pub(super) tracked: Option<M>,
    pub(super) plain: Option<M>,
    moments: Moments,
}

/// The gradient of a loss with respect to the parameters of a network.
pub(crate) enum Gradients {
    /// It is in the memory of the learner.
    Flat,
    Module(GradientsParams),
}

/// Names of a network and its loss in errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) network: &'static str,
    pub(crate) loss: &'static str,
}

pub(crate) const ACTOR: Names = Names { network: "actor", loss: "actor loss" };
pub(crate) const CRITIC: Names = Names { network: "critic", loss: "critic loss" };

/// Settings that the learners of an agent share.
#[derive(Clone, Copy)]
pub(crate) struct StepRule {
    pub(crate) adam: AdamConfig,
    pub(crate) max_gradient_norm: Option<f64>,
}

impl<M> std::fmt::Debug for Learner<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Learner").field("names", &self.names).finish_non_exhaustive()
    }
}

impl<M: Module> Learner<M> {
    /// Creates a learner with the weights of a network, in flat form if there is one.
    pub(crate) fn new(weights: InForm<M>, names: Names, learning_rate: f64, rule: StepRule) -> Self {
        let (networks, adam) = (Networks::new(weights), Adam::new(learning_rate, rule.adam));
        Self { networks, adam, max_gradient_norm: rule.max_gradient_norm, names }
    }

    /// Replaces the weights and resets the moments of the optimizer. The settings stay.
    pub(crate) fn begin_anew(&mut self, weights: InForm<M>) {
        self.networks = Networks::new(weights);
        self.adam.begin_anew();
    }

    /// Returns the network as a module without autodiff.
    pub(crate) fn module(&self) -> &M {
        match &self.networks {
            Networks::Flat { learner, view } => view.module(&learner.flat),
            Networks::Module(modules) => modules.plain(),
        }
    }

    /// Returns the network for forward passes.
    pub(crate) fn network(&self) -> Network<'_, M> {
        match &self.networks {
            Networks::Flat { learner, .. } => Network::Flat(&learner.flat),
            Networks::Module(modules) => Network::Module(modules.plain()),
        }
    }

    /// Returns the flat parameters; `None` in module form.
    pub(crate) fn flat(&self) -> Option<&Flat> {
        match &self.networks {
            Networks::Flat { learner, .. } => Some(&learner.flat),
            Networks::Module(_) => None,
        }
    }

    /// Checks that a loss is finite.
    pub(crate) fn check_loss(&self, value: f64) -> Result<(), AgentError> {
        if value.is_finite() { Ok(()) } else { Err(AgentError::Diverged { quantity: self.names.loss, value }) }
    }

    /// Takes a step of Adam.
    pub(crate) fn step(&mut self, gradients: Gradients) -> Result<(), AgentError> {
        let out_of_range = match (&mut self.networks, gradients) {
            (Networks::Flat { learner, view }, Gradients::Flat) => {
                if let Some(max_norm) = self.max_gradient_norm {
                    let factor = clip_factor(learner.squared_norm().sqrt(), max_norm)?;
                    factor.into_iter().for_each(|factor| learner.scale_gradient(factor));
                }
                view.moved();
                learner.step(self.adam.next_step())
            }
            (Networks::Module(modules), Gradients::Module(mut gradients)) => {
                if let Some(max_norm) = self.max_gradient_norm {
                    gradients = clip_gradient_norm(gradients, modules.tracked(), max_norm)?;
                }
                // Moved, not cloned, and without the plain copy: a parameter with a single owner is updated in place.
                let tracked = modules.tracked.take().expect("the network is missing only during a step");
                modules.plain = None;
                let (moved, out_of_range) = modules.moments.step(tracked, gradients, self.adam.next_step());
                *modules = Modules::new(moved, std::mem::take(&mut modules.moments));
                out_of_range
            }
            _ => unreachable!("gradients come from the learner that takes the step"),
        };
        match out_of_range {
            Some((what, id, value)) => Err(AgentError::Parameter {
                quantity: what.name(),
                network: self.names.network,
                parameter: parameters::path_of(self.module(), id),
                value: value.into(),
            }),
            None => Ok(()),
        }
    }

    /// Replaces the learning rate and the other settings. The moments of the optimizer stay.
    pub(crate) fn reconfigure(&mut self, learning_rate: f64, rule: StepRule) {
        self.adam.reconfigure(learning_rate, rule.adam);
        self.max_gradient_norm = rule.max_gradient_norm;
    }

    /// Multiplies the configured learning rate by `factor` from now on.
    pub(crate) fn set_learning_rate_factor(&mut self, factor: f64) {
        self.adam.learning_rate_factor = factor;
    }

    /// Returns an error that names the first weight out of range; `None` if there is none.
    pub(crate) fn weight_out_of_range(&self) -> Option<AgentError> {
        weight_out_of_range(self.names.network, self.module())
    }

    /// Returns the state of network and optimizer.
    pub(crate) fn save_state(&self) -> Result<State, StateError> {
        let (module, mut optimizer) = (self.module(), State::new());
        self.adam.save(&mut optimizer);
        match &self.networks {
            // Before the first step there are no moments.
            Networks::Flat { .. } if !self.adam.has_stepped() => {}
            Networks::Flat { learner, .. } => learner.save_moments(module, &mut optimizer)?,
            Networks::Module(modules) => modules.moments.save(module, &mut optimizer)?,
        }
        let mut state = State::new();
        state.put_state("network", parameters::save_parameters(module)?);
        state.put_state("optimizer", optimizer);
        state.put("learning_rate_factor", self.adam.learning_rate_factor);
        Ok(state)
    }

    /// Returns the same learner with the network and the optimizer in the part `part` of a state.
    pub(crate) fn restored(&self, part: &str, state: &mut State) -> Result<Self, StateError> {
        let load = |mut state: State| {
            let network = parameters::load_parameters(self.module(), state.take_state("network"));
            let network = network.map_err(|error| error.within("network"))?;
            let mut saved = state.take_state("optimizer");
            let optimizer = self.restored_optimizer(network, &mut saved);
            let (mut adam, networks) = optimizer.map_err(|error| error.within("optimizer"))?;
            adam.learning_rate_factor = state.take("learning_rate_factor")?;
            state.finish()?;
            let factor = adam.learning_rate_factor;
            if factor < 0.0 {
                return Err(StateError::invalid("learning_rate_factor", "at least 0", factor));
            }
            Ok(Self { networks, adam, ..*self })
        };
        load(state.take_state(part)).map_err(|error: StateError| error.within(part))
    }

    fn restored_optimizer(&self, network: M, state: &mut State) -> Result<(Adam, Networks<M>), StateError> {
        let adam = self.adam.restored(state)?;
        let networks = match &self.networks {
            Networks::Flat { learner, .. } => {
                let mut flat = learner.flat.clone();
                flat.load(&network);
                let mut learner = FlatLearner::new(flat);
                learner.load_moments(&network, state)?;
                Networks::Flat { learner, view: View::new(network) }
            }
            Networks::Module(_) => {
                let moments = Moments::load(&network, state)?;
                Networks::Module(Modules::new(network, moments))
            }
        };
        std::mem::take(state).finish()?;
        Ok((adam, networks))
    }
}

#[cfg(test)]
impl Gradients {
    /// Returns the gradient of one parameter of the learner.
    pub(crate) fn of<M: Module>(&self, learner: &Learner<M>, id: burn::module::ParamId) -> Vec<f64> {
        let single: Vec<f32> = match (self, &learner.networks) {
            (Self::Flat, Networks::Flat { learner, .. }) => learner.gradient_of(id),
            (Self::Module(gradients), Networks::Module(modules)) => {
                let dims = parameters::dims_of(modules.plain(), id);
                match dims {
                    1 => gradients.get::<1>(id).unwrap().try_into_vec_as().unwrap(),
                    _ => gradients.get::<2>(id).unwrap().try_into_vec_as().unwrap(),
                }
            }
            _ => unreachable!("gradients come from this learner"),
        };
        single.into_iter().map(f64::from).collect()
    }
}

/// Returns an error that names the first weight of `module` that is not finite or larger than
/// [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE).
pub(crate) fn weight_out_of_range<M: Module>(network: &'static str, module: &M) -> Option<AgentError> {
    let (parameter, value) = parameters::find(module, |value| !is_in_range(value))?;
    let quantity = OutOfRange::Weight.name();
    Some(AgentError::Parameter { quantity, network, parameter, value: value.into() })
}

impl<M: Module> Networks<M> {
    fn new((module, flat): InForm<M>) -> Self {
        match flat {
            Some(flat) => Self::Flat { learner: FlatLearner::new(flat), view: View::new(module.valid()) },
            None => Self::Module(Modules::new(module, Moments::default())),
        }
    }
}

impl<M: Module> Modules<M> {
    fn new(module: M, moments: Moments) -> Self {
        let tracked = module.train();
        Self { plain: Some(tracked.valid()), tracked: Some(tracked), moments }
    }

    /// Returns the network with autodiff.
    pub(super) fn tracked(&self) -> &M {
        self.tracked.as_ref().expect("the network is missing only during a step")
    }

    /// Returns the network without autodiff.
    pub(super) fn plain(&self) -> &M {
        self.plain.as_ref().expect("the network is missing only during a step")
    }
}
