//! The one place where gradients meet parameters.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::AgentError;
use super::adam::{Adam, AdamConfig, ParameterOutOfRange};
use super::gradient_norm::clip_gradient_norm;
use crate::fused::OutOfRange;
use crate::space::is_in_range;
use crate::state::{State, StateError, parameters};

/// A network being trained, with its optimizer.
pub(crate) struct Learner<M> {
    networks: Option<Networks<M>>,
    optimizer: Adam,
    max_gradient_norm: Option<f64>,
    names: Names,
}

/// What a network and its loss are called in an error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) network: &'static str,
    pub(crate) loss: &'static str,
}

pub(crate) const ACTOR: Names = Names { network: "actor", loss: "actor loss" };
pub(crate) const CRITIC: Names = Names { network: "critic", loss: "critic loss" };
pub(crate) const TEMPERATURE: Names = Names { network: "temperature", loss: "temperature loss" };

/// The same weights twice: on the tape, and off it for everything that needs no gradient of theirs.
struct Networks<M> {
    tracked: M,
    plain: M,
}

/// What the learners of an agent have in common.
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
    pub(crate) fn new(module: M, names: Names, learning_rate: f64, rule: StepRule) -> Self {
        Self {
            networks: Some(Networks::of(module.train())),
            optimizer: Adam::new(learning_rate, rule.adam),
            max_gradient_norm: rule.max_gradient_norm,
            names,
        }
    }

    /// Returns the network whose parameters are leaves of the tape.
    pub(crate) fn tracked(&self) -> &M {
        &self.networks().tracked
    }

    /// Returns the network off the tape: to act, to form targets, and to pass gradients through to its inputs only.
    pub(crate) fn plain(&self) -> &M {
        &self.networks().plain
    }

    /// Steps down `loss`, moving this network only, and returns its value.
    ///
    /// The value is read before the step, so a loss that is not finite changes nothing.
    pub(crate) fn minimize(&mut self, loss: Tensor<1>) -> Result<f64, AgentError> {
        let value = f64::from(loss.clone().inner().try_into_scalar::<f32>()?);
        if !value.is_finite() {
            return Err(AgentError::Diverged { quantity: self.names.loss, value });
        }
        let mut gradients = GradientsParams::from_grads(loss.backward(), self.tracked());
        if let Some(max_norm) = self.max_gradient_norm {
            gradients = clip_gradient_norm(gradients, self.tracked(), max_norm)?;
        }
        // Moved, not cloned, and without the plain copy: a parameter with a single owner is updated in place.
        let Networks { tracked, plain } = self.networks.take().expect("the networks are only away during a step");
        drop(plain);
        let (moved, out_of_range) = self.optimizer.step(tracked, gradients);
        self.networks = Some(Networks::of(moved));
        match out_of_range {
            Some(ParameterOutOfRange { id, what, value }) => Err(AgentError::Parameter {
                quantity: what.name(),
                network: self.names.network,
                parameter: parameters::path_of(self.plain(), id),
                value,
            }),
            None => Ok(value),
        }
    }

    /// Takes another learning rate and other rules; the moments of the optimizer stay.
    pub(crate) fn reconfigure(&mut self, learning_rate: f64, rule: StepRule) {
        self.optimizer.reconfigure(learning_rate, rule.adam);
        self.max_gradient_norm = rule.max_gradient_norm;
    }

    /// Multiplies the configured learning rate from now on.
    pub(crate) fn set_learning_rate_factor(&mut self, factor: f64) {
        self.optimizer.learning_rate_factor = factor;
    }

    /// Returns the first weight that is not a number, or beyond all measure.
    pub(crate) fn weight_out_of_range(&self) -> Option<AgentError> {
        weight_out_of_range(self.names.network, self.plain())
    }

    /// Steps down several losses at once and returns their mean.
    ///
    /// The losses of an ensemble share no parameter, so one backward pass through the sum gives each its own gradient.
    pub(crate) fn minimize_all(&mut self, losses: Vec<Tensor<1>>) -> Result<f64, AgentError> {
        let count = losses.len() as f64;
        let sum = losses.into_iter().reduce(|sum, loss| sum + loss).expect("an ensemble has at least one critic");
        Ok(self.minimize(sum)? / count)
    }

    /// Returns network and optimizer.
    pub(crate) fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put_state("network", parameters::save_parameters(self.plain())?);
        state.put_state("optimizer", self.optimizer.save_state(self.plain())?);
        state.put("learning_rate_factor", self.optimizer.learning_rate_factor);
        Ok(state)
    }

    /// Returns the same learner with network and optimizer of the part `part` of a state.
    pub(crate) fn restored(&self, part: &str, state: &mut State) -> Result<Self, StateError> {
        let load = |mut state: State| {
            let network = parameters::load_parameters(self.plain(), state.take_state("network"));
            let network = network.map_err(|error| error.within("network"))?;
            let optimizer = self.optimizer.restored(&network, state.take_state("optimizer"));
            let mut optimizer = optimizer.map_err(|error| error.within("optimizer"))?;
            optimizer.learning_rate_factor = state.take("learning_rate_factor")?;
            state.finish()?;
            let factor = optimizer.learning_rate_factor;
            if factor < 0.0 {
                return Err(StateError::invalid("learning_rate_factor", "at least 0", factor));
            }
            Ok(Self { networks: Some(Networks::of(network.train())), optimizer, ..*self })
        };
        load(state.take_state(part)).map_err(|error: StateError| error.within(part))
    }

    fn networks(&self) -> &Networks<M> {
        self.networks.as_ref().expect("the networks are only away during a step")
    }
}

/// Returns an error that names the first weight of `module` that is not a number, or beyond all measure.
pub(crate) fn weight_out_of_range<M: Module>(network: &'static str, module: &M) -> Option<AgentError> {
    let (parameter, value) = parameters::find(module, |value| !is_in_range(value))?;
    let quantity = OutOfRange::Weight.name();
    Some(AgentError::Parameter { quantity, network, parameter, value: value.into() })
}

impl<M: Module> Networks<M> {
    fn of(tracked: M) -> Self {
        let plain = tracked.valid();
        Self { tracked, plain }
    }
}
