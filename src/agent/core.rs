//! What all agents are made of: an actor, critics with their targets, and the boundary to the environment.

use std::fmt::Display;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::AgentError;
use super::learner::{ACTOR, CRITIC, Learner, StepRule, unsound_weight};
use super::settings::Shared;
use crate::boundary::Boundary;
use crate::config::{ConfigError, at_least, non_negative};
use crate::env::Spaces;
use crate::nn::{Actor, Critic, Ensemble};
use crate::objective::{n_step_target, td_loss, td_target, weighted_td_loss};
use crate::replay::Batch;
use crate::state::{State, StateError, expect_same_config};
use crate::target::Target;

/// Actor and critics with their optimizers, the targets of the critics, and the boundary.
pub(crate) struct Core<A, C: Critic> {
    pub(crate) actor: Learner<A>,
    pub(crate) critics: Learner<Ensemble<C>>,
    pub(crate) target_critics: Target<Ensemble<C>>,
    pub(crate) boundary: Boundary,
    pub(crate) settings: Shared,
}

/// What a step of the critics has brought.
pub(crate) struct CriticStep {
    /// Mean over the critics, in the units of the rewards that they learn.
    pub(crate) loss: f64,
    pub(crate) td_errors: Option<Vec<f32>>,
}

impl<A: Actor, C: Critic> Core<A, C> {
    pub(crate) fn new(
        actor: A,
        critics: Ensemble<C>,
        spaces: &Spaces,
        settings: Shared,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        at_least("number of critics", 1, critics.critics.len())?;
        let mut boundary = Boundary::new(spaces, device)?;
        if settings.normalize_observations {
            boundary = boundary.normalizing_observations();
        }
        if settings.scale_rewards {
            boundary = boundary.scaling_rewards(settings.discount);
        }
        let (actor, critics) = (actor.valid().fork(&boundary.device), critics.valid().fork(&boundary.device));
        boundary.check_actor(&actor)?;
        critics.critics.iter().try_for_each(|critic| boundary.check_critic(critic))?;
        let rule = settings.step_rule();
        Ok(Self {
            target_critics: Target::new(&critics),
            actor: Learner::new(actor, ACTOR, settings.actor_learning_rate, rule),
            critics: Learner::new(critics, CRITIC, settings.critic_learning_rate, rule),
            boundary,
            settings,
        })
    }

    /// Takes other settings; what was learned stays.
    pub(crate) fn reconfigure(&mut self, settings: Shared) -> Result<(), ConfigError> {
        settings.require_same_units(&self.settings)?;
        self.actor.reconfigure(settings.actor_learning_rate, settings.step_rule());
        self.critics.reconfigure(settings.critic_learning_rate, settings.step_rule());
        self.settings = settings;
        Ok(())
    }

    pub(crate) fn set_learning_rate_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
        non_negative("learning rate factor", factor)?;
        self.actor.set_learning_rate_factor(factor);
        self.critics.set_learning_rate_factor(factor);
        Ok(())
    }

    /// Computes the targets `y = r + γ (1 − d) V(o′)` from a value of each next observation.
    pub(crate) fn targets(&self, batch: &Batch, next_values: Tensor<2>) -> Tensor<2> {
        let (rewards, terminated) = (batch.rewards.clone(), batch.terminated.clone());
        match &batch.discounts {
            Some(discounts) => n_step_target(rewards, terminated, next_values, discounts.clone()),
            None => td_target(rewards, terminated, next_values, self.settings.discount),
        }
    }

    /// Computes the loss of each critic, on the tape of its parameters.
    pub(crate) fn critic_losses(&self, batch: &Batch, targets: &Tensor<2>) -> Vec<Tensor<1>> {
        losses(batch, self.critic_values(batch), targets)
    }

    /// Computes Q(o, a) of each critic, `[n, 1]`, on the tape of its parameters.
    fn critic_values(&self, batch: &Batch) -> Vec<Tensor<2>> {
        self.critics.tracked().q_values(batch.observations.clone(), batch.actions.clone())
    }

    /// Takes one gradient step on the critics.
    pub(crate) fn step_critics(&mut self, batch: &Batch, targets: &Tensor<2>) -> Result<CriticStep, AgentError> {
        let values = self.critic_values(batch);
        let td_errors = read_td_errors(batch, &values, targets)?;
        let loss = self.critics.minimize_all(losses(batch, values, targets)).map_err(|error| self.cause(error))?;
        Ok(CriticStep { loss, td_errors })
    }

    /// Takes one gradient step on the actor; returns the loss before it.
    pub(crate) fn step_actor(&mut self, loss: Tensor<1>) -> Result<f64, AgentError> {
        self.actor.minimize(loss).map_err(|error| self.cause(error))
    }

    /// Moves the targets of the critics a share τ of the way.
    pub(crate) fn follow(&mut self) -> Result<(), AgentError> {
        Ok(self.target_critics.follow(self.critics.plain(), self.settings.tau)?)
    }

    /// Names the weight that made a loss diverge, if that is what did.
    fn cause(&self, error: AgentError) -> AgentError {
        let AgentError::Diverged { .. } = error else { return error };
        (self.critics.unsound_weight())
            .or_else(|| self.actor.unsound_weight())
            .or_else(|| unsound_weight("target critic", self.target_critics.module()))
            .unwrap_or(error)
    }

    /// Returns the state, which begins with what must be the same wherever it is loaded.
    pub(crate) fn save_state(&self, algorithm: &str, config: &impl Display) -> Result<State, StateError> {
        let mut state = State::new();
        state.put_text("algorithm", algorithm);
        state.put_text("config", config.to_string());
        state.put_text("spaces", self.boundary.spaces.to_string());
        state.put_state("boundary", self.boundary.save_state());
        state.put_state("actor", self.actor.save_state()?);
        state.put_state("critics", self.critics.save_state()?);
        state.put_state("target_critics", self.target_critics.save_state()?);
        Ok(state)
    }

    /// Takes what [`save_state`](Self::save_state) has put, and returns the core that it describes.
    pub(crate) fn loaded(&self, algorithm: &str, config: &impl Display, state: &mut State) -> Result<Self, StateError> {
        state.expect_text("algorithm", algorithm)?;
        expect_same_config("config", &state.take_text("config")?, &config.to_string(), &[])?;
        self.boundary.spaces.expect_saved("spaces", &state.take_text("spaces")?)?;
        Ok(Self {
            boundary: self.boundary.loaded("boundary", state)?,
            actor: self.actor.loaded("actor", state)?,
            critics: self.critics.loaded("critics", state)?,
            target_critics: self.target_critics.loaded("target_critics", state)?,
            settings: self.settings,
        })
    }
}

impl Shared {
    fn step_rule(&self) -> StepRule {
        StepRule { adam_epsilon: self.adam_epsilon, max_gradient_norm: self.max_gradient_norm }
    }
}

fn losses(batch: &Batch, values: Vec<Tensor<2>>, targets: &Tensor<2>) -> Vec<Tensor<1>> {
    let loss = |values| match &batch.weights {
        Some(weights) => weighted_td_loss(values, targets.clone(), weights.clone()),
        None => td_loss(values, targets.clone()),
    };
    values.into_iter().map(loss).collect()
}

/// Reads `|y − Q(o, a)|` of each transition, the mean over critics, if the batch asks for it by its weights.
fn read_td_errors(batch: &Batch, values: &[Tensor<2>], targets: &Tensor<2>) -> Result<Option<Vec<f32>>, AgentError> {
    if batch.weights.is_none() {
        return Ok(None);
    }
    let errors = values.iter().map(|values| (values.clone().inner() - targets.clone()).abs());
    let sum = errors.reduce(|sum, errors| sum + errors).expect("there is at least one critic");
    Ok(Some((sum / values.len() as f64).try_into_vec_as()?))
}

/// The methods that every agent has: what they do is written here, once. Needs `core`, `core_mut` and a field `config`.
macro_rules! agent_methods {
    ($agent:ident, $config:ident, $bound:ident) => {
        impl<A, C: Critic> std::fmt::Debug for $agent<A, C> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($agent)).field("config", &self.config).finish_non_exhaustive()
            }
        }

        impl<A: $bound, C: Critic> $agent<A, C> {
            /// Returns the policy as it is deployed: off the tape, with the normalisation of observations if there is one.
            ///
            /// # Errors
            ///
            /// None, for an actor that is in use: it fits its spaces.
            pub fn policy(&self) -> Result<$crate::policy::Policy, $crate::policy::PolicyError>
            where
                A: Clone + Into<$crate::policy::PolicyNetwork>,
            {
                $crate::policy::Policy::deployed(self.plain_actor().clone(), &self.core().boundary)
            }

            /// Returns what networks see observations through; `None` if they see them as they are.
            pub fn normalization(&self) -> Option<&$crate::policy::Normalization> {
                self.core().boundary.normalization.as_ref()
            }

            /// Returns the actor off the tape.
            ///
            /// It takes normalised observations and returns actions of `[−1, 1]`. To train on with other settings, use
            /// [`with_config`](Self::with_config), which keeps all that belongs to it.
            pub fn plain_actor(&self) -> &A {
                self.core().actor.plain()
            }

            /// Returns the actor, its parameters on the tape.
            pub fn actor(&self) -> &A {
                self.core().actor.tracked()
            }

            /// Returns the critics, their parameters on the tape.
            pub fn critics(&self) -> &$crate::nn::Ensemble<C> {
                self.core().critics.tracked()
            }

            /// Returns the targets of the critics, Q′, without autodiff.
            pub fn target_critics(&self) -> &$crate::nn::Ensemble<C> {
                self.core().target_critics.module()
            }

            /// Returns the settings.
            pub fn config(&self) -> &$config {
                &self.config
            }
        }

        impl<A: $bound, C: Critic> $crate::policy::Act for $agent<A, C> {
            fn spaces(&self) -> &$crate::env::Spaces {
                &self.core().boundary.spaces
            }

            fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, $crate::agent::ActError> {
                let boundary = &self.core().boundary;
                let actions = self.plain_actor().act(boundary.observations(observations)?);
                boundary.actions(observations.len(), actions, None)
            }
        }
    };
}

pub(super) use agent_methods;
