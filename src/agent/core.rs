//! What all agents are made of: an actor, critics, their targets, and the boundary to the environment.

use std::fmt::Display;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::Rng;
use rand::rngs::ChaCha8Rng;

use super::AgentError;
use super::learner::{ACTOR, CRITIC, Learner, weight_out_of_range};
use super::settings::Shared;
use crate::boundary::{ActError, Boundary};
use crate::config::{ConfigError, at_least, non_negative};
use crate::env::Spaces;
use crate::nn::{Actor, Critic, Ensemble, StochasticActor};
use crate::objective::{td_loss, weighted_td_loss};
use crate::replay::Batch;
use crate::state::{State, StateError, expect_same_config};
use crate::target::Target;

/// Actor and critics with their optimizers and targets, and the boundary. Batches are those of the inside: [`Boundary::inside`].
pub(crate) struct Core<A, C: Critic> {
    pub(crate) actor: Learner<A>,
    /// μ′; `None` where next actions come from the actor itself.
    pub(crate) target_actor: Option<Target<A>>,
    pub(crate) critics: Learner<Ensemble<C>>,
    pub(crate) target_critics: Target<Ensemble<C>>,
    pub(crate) boundary: Boundary,
    pub(crate) settings: Shared,
}

/// What a step of the critics has brought.
pub(crate) struct CriticStep {
    /// Mean over the critics, in squared units of the reward.
    pub(crate) loss: f64,
    pub(crate) td_errors: Option<Vec<f32>>,
}

impl<A: Actor, C: Critic> Core<A, C> {
    /// Joins networks; the critics must have `value_dim` values for each pair.
    pub(crate) fn new(
        actor: A,
        critics: Ensemble<C>,
        value_dim: usize,
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
        critics.critics.iter().try_for_each(|critic| boundary.check_critic(critic, value_dim))?;
        let rule = settings.step_rule();
        Ok(Self {
            target_critics: Target::new(&critics),
            target_actor: None,
            actor: Learner::new(actor, ACTOR, settings.actor_learning_rate, rule),
            critics: Learner::new(critics, CRITIC, settings.critic_learning_rate, rule),
            boundary,
            settings,
        })
    }

    /// Gives the actor a target of its own.
    pub(crate) fn with_target_actor(self) -> Self {
        Self { target_actor: Some(Target::new(self.actor.plain())), ..self }
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

    /// Returns μ′, or the actor if it has no target.
    pub(crate) fn target_actor(&self) -> &A {
        self.target_actor.as_ref().map_or(self.actor.plain(), Target::module)
    }

    #[cfg(test)]
    /// Computes the loss of each critic, the mean of `(Q(o, a) − y)²` or of its weighted form, on the tape of its parameters.
    pub(crate) fn critic_losses(&self, batch: &Batch, targets: &Tensor<2>) -> Vec<Tensor<1>> {
        losses(batch, self.critic_values(batch), targets)
    }

    /// Computes Q(o, a) of each critic, on the tape of its parameters.
    pub(crate) fn critic_values(&self, batch: &Batch) -> Vec<Tensor<2>> {
        self.critics.tracked().q_values(batch.observations.clone(), batch.actions.clone())
    }

    /// Takes one gradient step on the critics, towards the targets y.
    pub(crate) fn step_critics(&mut self, batch: &Batch, targets: &Tensor<2>) -> Result<CriticStep, AgentError> {
        let values = self.critic_values(batch);
        let td_errors = read_td_errors(batch, &values, targets)?;
        let loss = self.minimize_critics(losses(batch, values, targets))?;
        Ok(CriticStep { loss: loss / self.boundary.reward_factor().powi(2), td_errors })
    }

    /// Takes one gradient step on the critics, down the loss of each; returns the mean before it, in the units that critics learn.
    pub(crate) fn minimize_critics(&mut self, losses: Vec<Tensor<1>>) -> Result<f64, AgentError> {
        self.critics.minimize_all(losses).map_err(|error| self.cause(error))
    }

    /// Takes one gradient step on the actor; returns the loss before it, in units of the reward.
    pub(crate) fn step_actor(&mut self, loss: Tensor<1>) -> Result<f64, AgentError> {
        let loss = self.actor.minimize(loss).map_err(|error| self.cause(error))?;
        Ok(loss / self.boundary.reward_factor())
    }

    /// Moves every target a share τ of the way: `θ′ ← τ θ + (1 − τ) θ′`.
    pub(crate) fn follow(&mut self) -> Result<(), AgentError> {
        self.target_critics.follow(self.critics.plain(), self.settings.tau)?;
        if let Some(target) = &mut self.target_actor {
            target.follow(self.actor.plain(), self.settings.tau)?;
        }
        Ok(())
    }

    /// Names the weight that made a loss diverge, if that is what did.
    fn cause(&self, error: AgentError) -> AgentError {
        let AgentError::Diverged { .. } = error else { return error };
        (self.critics.weight_out_of_range())
            .or_else(|| self.actor.weight_out_of_range())
            .or_else(|| weight_out_of_range("target critic", self.target_critics.module()))
            .or_else(|| weight_out_of_range("target actor", self.target_actor.as_ref()?.module()))
            .unwrap_or(error)
    }

    /// Returns the state, which begins with what must be the same wherever it is restored.
    pub(crate) fn save_state(&self, algorithm: &str, config: &impl Display) -> Result<State, StateError> {
        let mut state = State::new();
        state.put_text("algorithm", algorithm);
        state.put_text("config", config.to_string());
        state.put_text("spaces", self.boundary.spaces.to_string());
        state.put_state("boundary", self.boundary.save_state());
        state.put_state("actor", self.actor.save_state()?);
        state.put_state("critics", self.critics.save_state()?);
        state.put_state("target_critics", self.target_critics.save_state()?);
        if let Some(target) = &self.target_actor {
            state.put_state("target_actor", target.save_state()?);
        }
        Ok(state)
    }

    /// Takes what [`save_state`](Self::save_state) has put, and returns the core that it describes.
    ///
    /// A setting that the saved configuration lacks is newer than the file, and had its value of `default`.
    pub(crate) fn restored<D: Display>(
        &self,
        algorithm: &str,
        (config, default): (&D, &D),
        state: &mut State,
    ) -> Result<Self, StateError> {
        state.expect_text("algorithm", algorithm)?;
        let [config, default] = [config, default].map(ToString::to_string);
        expect_same_config("config", &state.take_text("config")?, &config, &default)?;
        self.boundary.spaces.expect_saved("spaces", &state.take_text("spaces")?)?;
        Ok(Self {
            boundary: self.boundary.restored("boundary", state)?,
            actor: self.actor.restored("actor", state)?,
            critics: self.critics.restored("critics", state)?,
            target_critics: self.target_critics.restored("target_critics", state)?,
            target_actor: match &self.target_actor {
                Some(target) => Some(target.restored("target_actor", state)?),
                None => None,
            },
            settings: self.settings,
        })
    }
}

impl<A: StochasticActor, C: Critic> Core<A, C> {
    /// Draws an action for each observation.
    pub(crate) fn draw(
        &self,
        observations: &[&[f32]],
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Vec<Vec<f32>>, ActError> {
        let n = observations.len();
        let observations = self.boundary.observations(observations)?;
        let sample = self.actor.plain().sample(observations, self.boundary.normal(n, rng));
        self.boundary.actions(n, sample.actions, None)
    }
}

fn losses(batch: &Batch, values: Vec<Tensor<2>>, targets: &Tensor<2>) -> Vec<Tensor<1>> {
    let loss = |values| match &batch.weights {
        Some(weights) => weighted_td_loss(values, targets.clone(), weights.clone()),
        None => td_loss(values, targets.clone()),
    };
    values.into_iter().map(loss).collect()
}

/// Reads `|y − Q(o, a)|` of each transition, the mean over critics, if the batch has weights.
fn read_td_errors(batch: &Batch, values: &[Tensor<2>], targets: &Tensor<2>) -> Result<Option<Vec<f32>>, AgentError> {
    if batch.weights.is_none() {
        return Ok(None);
    }
    let errors = values.iter().map(|values| (values.clone().inner() - targets.clone()).abs());
    let sum = errors.reduce(|sum, errors| sum + errors).expect("there is at least one critic");
    Ok(Some((sum / values.len() as f64).try_into_vec_as()?))
}

/// One field of an agent's state.
pub(crate) trait Saved: Sized {
    /// Puts it under a name.
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError>;

    /// Takes it from under a name; `self` is what it will replace.
    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError>;
}

impl Saved for ChaCha8Rng {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        state.put_rng(name, self);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        state.take_rng(name, self)
    }
}

impl Saved for usize {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        state.put(name, *self as u64);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        state.take_count(name)
    }
}

impl Saved for f64 {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        state.put(name, *self);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        state.take(name)
    }
}

/// Implements what every agent is, once, for a struct of `core`, `config` and the fields in brackets, which are saved in this order.
///
/// The algorithm brings three methods: `learn` (an update, of a batch as networks see it), `act_exploring` and `forget_episode`.
macro_rules! agent {
    ($agent:ident, $config:ident, $metrics:ident, $actor:ident, $name:literal, [$($field:ident),*]) => {
        impl<A, C: Critic> std::fmt::Debug for $agent<A, C> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($agent)).field("config", &self.config).finish_non_exhaustive()
            }
        }

        impl<A: $actor, C: Critic> $agent<A, C> {
            /// Returns the policy for deployment: the actor without autodiff, and its normalisation of observations.
            ///
            /// # Errors
            ///
            /// None, for an actor that is in use: it fits its spaces.
            pub fn policy(&self) -> Result<$crate::policy::Policy, $crate::policy::PolicyError>
            where
                A: Clone + Into<$crate::policy::PolicyNetwork>,
            {
                $crate::policy::Policy::deployed(self.plain_actor().clone(), &self.core.boundary)
            }

            /// Returns the normalisation of observations; `None` if networks see them as they are.
            pub fn normalization(&self) -> Option<&$crate::policy::Normalization> {
                self.core.boundary.normalization.as_ref()
            }

            /// Returns the actor without autodiff.
            ///
            /// It takes normalised observations and returns actions in `[−1, 1]`. To train on with other settings, use
            /// [`with_config`](Self::with_config), which keeps all that belongs to it.
            pub fn plain_actor(&self) -> &A {
                self.core.actor.plain()
            }

            /// Returns the actor, its parameters on the tape.
            pub fn actor(&self) -> &A {
                self.core.actor.tracked()
            }

            /// Returns the critics, their parameters on the tape.
            pub fn critics(&self) -> &$crate::nn::Ensemble<C> {
                self.core.critics.tracked()
            }

            /// Returns the targets of the critics, Q′, without autodiff.
            pub fn target_critics(&self) -> &$crate::nn::Ensemble<C> {
                self.core.target_critics.module()
            }

            /// Returns the settings.
            pub fn config(&self) -> &$config {
                &self.config
            }
        }

        impl<A: $actor, C: Critic> $crate::policy::Act for $agent<A, C> {
            fn spaces(&self) -> &$crate::env::Spaces {
                &self.core.boundary.spaces
            }

            fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, $crate::agent::ActError> {
                let boundary = &self.core.boundary;
                let actions = self.plain_actor().act(boundary.observations(observations)?);
                boundary.actions(observations.len(), actions, None)
            }
        }

        impl<A: $actor, C: Critic> $crate::agent::Agent for $agent<A, C> {
            type Metrics = $metrics;

            fn device(&self) -> &Device {
                &self.core.boundary.device
            }

            fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, $crate::agent::ActError> {
                self.act_exploring(observations)
            }

            fn observe(&mut self, observation: &[f32]) -> Result<(), $crate::agent::ActError> {
                self.core.boundary.observe(observation)
            }

            fn observe_step(
                &mut self,
                environment: usize,
                step: &$crate::env::Step,
            ) -> Result<(), $crate::agent::ActError> {
                self.core.boundary.observe_step(environment, step)
            }

            fn normalizes(&self) -> $crate::agent::Normalizes {
                let (observations, rewards) = (self.config.normalize_observations, self.config.scale_rewards);
                $crate::agent::Normalizes { observations, rewards }
            }

            fn discount(&self) -> f64 {
                self.config.discount
            }

            fn update(&mut self, batch: &Batch) -> Result<Update<$metrics>, AgentError> {
                self.core.boundary.check_batch(batch)?;
                let batch = self.core.boundary.inside(batch);
                self.learn(&batch)
            }

            fn end_episode(&mut self, environment: usize) {
                self.core.boundary.end_episode(environment);
                self.forget_episode(environment);
            }
        }

        impl<A: $actor, C: Critic> $crate::state::SaveState for $agent<A, C> {
            fn save_state(&self) -> Result<$crate::state::State, $crate::state::StateError> {
                use $crate::agent::core::Saved;
                let mut state = self.core.save_state($name, &self.config)?;
                $(self.$field.put(stringify!($field), &mut state)?;)*
                Ok(state)
            }

            fn load_state(&mut self, mut state: $crate::state::State) -> Result<(), $crate::state::StateError> {
                use $crate::agent::core::Saved;
                let core = self.core.restored($name, (&self.config, &$config::new()), &mut state)?;
                $(let $field = self.$field.restored(stringify!($field), &mut state)?;)*
                state.finish()?;
                *self = Self { core, $($field,)* config: self.config.clone() };
                Ok(())
            }
        }
    };
}

pub(super) use agent;
