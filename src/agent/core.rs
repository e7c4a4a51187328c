//! The parts that all agents have: an actor, critics, target networks, and the conversion of units.

use std::fmt::Display;

use burn::tensor::Device;
use rand::Rng;
use rand::rngs::ChaCha8Rng;

use super::AgentError;
use super::dropout::Masks;
use super::evaluate::Of;
use super::form::in_form;
use super::learner::{ACTOR, CRITIC, Gradients, Learner, weight_out_of_range};
use super::resets::reinitialized;
use super::settings::Shared;
use super::target_network::TargetNetwork;
use crate::boundary::{ActError, Boundary, Inside};
use crate::config::{ConfigError, at_least, non_negative};
use crate::env::Spaces;
use crate::fused::Members;
use crate::matrix::Matrix;
use crate::nn::{Actor, Critic, Ensemble, HeadLoss, Reduction, StochasticActor};
use crate::rng::{Seed, Stream};
use crate::state::{State, StateError, expect_same_config};

/// Actor and critics with their optimizers and targets, and the conversion of units. Batches are in the units of the
/// networks.
pub(crate) struct Core<A, C: Critic> {
    pub(crate) actor: Learner<A>,
    /// μ′; `None` for algorithms without a target actor.
    pub(crate) target_actor: Option<TargetNetwork<A>>,
    pub(crate) critics: Learner<Ensemble<C>>,
    pub(crate) target_critics: TargetNetwork<Ensemble<C>>,
    pub(crate) critic_count: usize,
    /// Number of updates since the agent was created.
    updates: usize,
    /// `None` if the critics have no dropout.
    masks: Option<Masks>,
    seed: Seed,
    /// Number of resets of the networks.
    resets: usize,
    pub(crate) boundary: Boundary,
    pub(crate) settings: Shared,
}

/// The loss of the critics and its gradient.
pub(super) struct CriticGradient {
    /// Mean over the batch and the critics, in the units of the critics.
    pub(super) loss: f64,
    pub(super) gradients: Gradients,
    /// `Qᵢ − y`.
    errors: Matrix,
}

/// The result of a step of the critics.
pub(crate) struct CriticStep {
    /// Mean over the critics, in squared units of the reward.
    pub(crate) loss: f64,
    pub(crate) td_errors: Option<Vec<f32>>,
}

impl<A: Actor, C: Critic> Core<A, C> {
    /// Creates the learners and their targets from networks.
    pub(crate) fn new(
        actor: A,
        critics: Ensemble<C>,
        spaces: &Spaces,
        settings: Shared,
        device: &Device,
        seed: Seed,
    ) -> Result<Self, ConfigError> {
        at_least("number of critics", 1, critics.critics.len())?;
        let mut boundary = Boundary::new(spaces, device)?;
        if settings.normalize_observations {
            boundary = boundary.normalizing_observations();
        }
        if settings.scale_rewards {
            boundary = boundary.scaling_rewards(settings.discount);
        }
        let (actor, critics) = in_form(actor, critics, &boundary, settings.value_head.value_dim())?;
        let critic_count = critics.0.critics.len();
        let dropout = critics.0.critics[0].dropout();
        let rule = settings.step_rule();
        let actor = Learner::new(actor, ACTOR, settings.actor_learning_rate, rule);
        let critics = Learner::new(critics, CRITIC, settings.critic_learning_rate, rule);
        let core = Self {
            critic_count,
            updates: 0,
            masks: dropout.map(|dropout| Masks::new(dropout, seed.stream(Stream::Dropout))),
            seed,
            resets: 0,
            target_critics: TargetNetwork::of(&critics),
            target_actor: None,
            actor,
            critics,
            boundary,
            settings,
        };
        core.check_resets(&core.settings)?;
        Ok(core)
    }

    /// Adds a target of the actor.
    pub(crate) fn with_target_actor(self) -> Self {
        Self { target_actor: Some(TargetNetwork::of(&self.actor)), ..self }
    }

    /// Replaces the settings. Networks, optimizers and statistics stay.
    pub(crate) fn reconfigure(&mut self, settings: Shared) -> Result<(), ConfigError> {
        settings.require_same_units(&self.settings)?;
        self.check_resets(&settings)?;
        self.actor.reconfigure(settings.actor_learning_rate, settings.step_rule());
        self.critics.reconfigure(settings.critic_learning_rate, settings.step_rule());
        self.settings = settings;
        Ok(())
    }

    /// Checks that the networks can be reset, if the settings ask for resets.
    fn check_resets(&self, settings: &Shared) -> Result<(), ConfigError> {
        if settings.reset_at.is_empty() {
            return Ok(());
        }
        self.reinitialized().map(drop)
    }

    /// Draws new initial weights, other ones for each reset.
    fn reinitialized(&self) -> Result<(A, Ensemble<C>), ConfigError> {
        let mut rng = self.seed.stream(Stream::Resets);
        // Each reset has 2⁴⁰ words of the stream, more than any network has weights.
        rng.set_word_pos((self.resets as u128) << 40);
        reinitialized(self.actor.module(), self.critics.module(), &mut rng)
    }

    /// Returns whether the networks are reset after this update.
    pub(crate) fn resets_networks(&self) -> bool {
        self.settings.reset_at.contains(&self.updates)
    }

    /// Resets all networks and the moments of their optimizers.
    pub(crate) fn reset_networks(&mut self) -> Result<(), ConfigError> {
        let (actor, critics) = self.reinitialized()?;
        let (actor, critics) = in_form(actor, critics, &self.boundary, self.settings.value_head.value_dim())?;
        self.actor.begin_anew(actor);
        self.critics.begin_anew(critics);
        self.target_critics = TargetNetwork::of(&self.critics);
        if let Some(target) = &mut self.target_actor {
            *target = TargetNetwork::of(&self.actor);
        }
        self.resets += 1;
        Ok(())
    }

    pub(crate) fn set_learning_rate_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
        non_negative("learning rate factor", factor)?;
        self.actor.set_learning_rate_factor(factor);
        self.critics.set_learning_rate_factor(factor);
        Ok(())
    }

    /// Returns the critics that a reduction uses, with their dropout masks for n rows.
    pub(super) fn members(&mut self, reduction: &Reduction, n: usize, rng: &mut ChaCha8Rng) -> Members {
        self.dropping(reduction.members(self.critic_count, rng), n)
    }

    /// Adds dropout masks for n rows, if the critics have dropout.
    pub(super) fn dropping(&mut self, members: Members, n: usize) -> Members {
        match &mut self.masks {
            Some(masks) => masks.give(members, n, &self.boundary.place),
            None => members,
        }
    }

    /// Computes the values Q′(o′, a′) of some critics, `[n, m]`. The value of a row is the mean of its m numbers.
    pub(super) fn next_values(
        &self,
        (reduction, members): (&Reduction, &Members),
        batch: &Inside,
        next_actions: &Matrix,
    ) -> Matrix {
        let critics = self.target_critics.network();
        let outputs = critics.q_values(members, &batch.next_observations, next_actions, &self.boundary.place);
        self.settings.value_head.next_values(reduction, outputs)
    }

    /// Takes a step of the critics towards the targets y: computes Q(o, a) and the gradient of the mean of
    /// `w (Qᵢ(o, a) − y)²` over the batch, or of the loss of another [`ValueHead`](crate::nn::ValueHead). Counts the
    /// update.
    pub(crate) fn step_critics(&mut self, batch: &Inside, targets: &Matrix) -> Result<CriticStep, AgentError> {
        let CriticGradient { loss, gradients, errors } = self.critic_gradient(batch, targets)?;
        self.minimize_critics(loss, gradients)?;
        self.updates += 1;
        let td_errors = match batch.weights {
            Some(_) => Some(errors.abs().row_means().into_values()?.into_vec()),
            None => None,
        };
        Ok(CriticStep { loss: loss / self.settings.value_head.loss_scale(self.boundary.reward_factor()), td_errors })
    }

    /// Computes the gradient of the loss. For a scalar head: `∂/∂Qᵢ = 2 w (Qᵢ − y) / n`.
    pub(super) fn critic_gradient(&mut self, batch: &Inside, targets: &Matrix) -> Result<CriticGradient, AgentError> {
        let all = self.dropping(Members::up_to(self.critic_count), batch.len());
        let inputs = [&batch.observations, &batch.actions];
        let q = self.critics.evaluate(&all, inputs, Of::Parameters, &self.boundary.place);
        let HeadLoss { loss, gradient, errors } =
            self.settings.value_head.loss(q.values.clone(), targets, batch.weights.as_ref())?;
        Ok(CriticGradient { loss, gradients: q.pull_to_parameters(&gradient), errors })
    }

    /// Takes one gradient step on the critics. `loss` is the loss before the step, in the units of the critics.
    pub(crate) fn minimize_critics(&mut self, loss: f64, gradients: Gradients) -> Result<(), AgentError> {
        let stepped = self.critics.check_loss(loss).and_then(|()| self.critics.step(gradients));
        stepped.map_err(|error| self.cause(error))
    }

    /// Returns whether this update moves the actor.
    pub(crate) fn moves_actor(&self) -> bool {
        self.updates.is_multiple_of(self.settings.policy_delay)
    }

    /// Takes one gradient step on the actor. Returns the loss before the step, in units of the reward.
    pub(crate) fn step_actor(&mut self, loss: f64, gradients: Gradients) -> Result<f64, AgentError> {
        let stepped = self.actor.check_loss(loss).and_then(|()| self.actor.step(gradients));
        stepped.map_err(|error| self.cause(error))?;
        Ok(loss / self.boundary.reward_factor())
    }

    /// Moves every target towards its network, if this update is one that does: `θ′ ← τ θ + (1 − τ) θ′`.
    pub(crate) fn follow(&mut self) -> Result<(), AgentError> {
        if !self.updates.is_multiple_of(self.settings.target_update_interval) {
            return Ok(());
        }
        self.target_critics.follow(&self.critics, self.settings.tau)?;
        if let Some(target) = &mut self.target_actor {
            target.follow(&self.actor, self.settings.tau)?;
        }
        Ok(())
    }

    /// Replaces a diverged loss by the weight that caused it, if there is one.
    fn cause(&self, error: AgentError) -> AgentError {
        let AgentError::Diverged { .. } = error else { return error };
        (self.critics.weight_out_of_range())
            .or_else(|| self.actor.weight_out_of_range())
            .or_else(|| weight_out_of_range("target critic", self.target_critics.module()))
            .or_else(|| weight_out_of_range("target actor", self.target_actor.as_ref()?.module()))
            .unwrap_or(error)
    }

    /// Returns the state. It begins with the values that a restore compares.
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
        state.put("updates", self.updates as u64);
        state.put("resets", self.resets as u64);
        if let Some(masks) = &self.masks {
            state.put_rng("dropout_rng", &masks.rng);
        }
        Ok(state)
    }

    /// Returns the core that [`save_state`](Self::save_state) has saved.
    ///
    /// A setting that the saved configuration does not have was added after the file was written. Its value is that of
    /// `default`.
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
            masks: match &self.masks {
                Some(masks) => Some(masks.with_rng(state.take_rng("dropout_rng", &masks.rng)?)),
                None => None,
            },
            critic_count: self.critic_count,
            updates: count(state, "updates")?,
            resets: count(state, "resets")?,
            seed: self.seed,
            settings: self.settings.clone(),
        })
    }
}

/// Loads a count. It is 0 in files from versions that did not save it.
fn count(state: &mut State, name: &str) -> Result<usize, StateError> {
    if state.shape(name).is_ok() { state.take_count(name) } else { Ok(0) }
}

impl<A: Actor, C: Critic> Core<A, C> {
    /// Writes the greedy action for each observation, with noise if there is any.
    pub(crate) fn act_into(
        &self,
        observations: &[f32],
        noise: Option<&[f32]>,
        actions: &mut [f32],
    ) -> Result<(), ActError> {
        let observations = self.boundary.observations(observations)?;
        let best = self.actor.network().act(&observations, &self.boundary.place);
        self.boundary.write_actions(best, noise, actions)
    }
}

impl<A: StochasticActor, C: Critic> Core<A, C> {
    /// Samples an action for each observation.
    pub(crate) fn draw_into(
        &self,
        observations: &[f32],
        rng: &mut (impl Rng + ?Sized),
        actions: &mut [f32],
    ) -> Result<(), ActError> {
        let observations = self.boundary.observations(observations)?;
        let noise = self.boundary.normal(observations.dims()[0], rng);
        self.draw_with(&observations, &noise, actions)
    }

    /// As [`draw_into`](Self::draw_into), from normalised observations and standard normal noise, `[n, A]`.
    pub(crate) fn draw_with(&self, observations: &Matrix, noise: &Matrix, actions: &mut [f32]) -> Result<(), ActError> {
        let sample = self.actor.network().sample(observations, noise, &self.boundary.place);
        self.boundary.write_actions(sample.actions, None, actions)
    }
}
