//! Soft actor-critic.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::rngs::ChaCha8Rng;

use super::crossing::Crossing;
use super::learner::{ACTOR, CRITIC, Learner, StepRule, unsound_weight};
use super::temperature::{LearnedTemperatureConfig, Temperature, TemperatureConfig};
use super::{
    ActionMode, Agent, AgentConfig, AgentError, Metrics, Normalizes, batch_loss, batch_target, expect_identity,
    identity, only, read_td_errors,
};
use crate::config::{ConfigError, adam_epsilon, at_least, in_unit_interval, non_negative, positive};
use crate::env::Spaces;
use crate::nn::{ActionSample, Critic, Ensemble, GaussianActor, QNetwork, StochasticActor};
use crate::objective::{deterministic_actor_loss, soft_actor_loss, soft_value};
use crate::policy::{Policy, PolicyError, PolicyNetwork};
use crate::replay::Batch;
use crate::rng::{Seed, Stream};
use crate::state::{SaveState, State, StateError};
use crate::target::Target;

/// Settings of [`Sac`]. See the table in [`crate::agent`] for sources and the lab's values.
#[derive(Config, Debug, PartialEq)]
pub struct SacConfig {
    /// Weight of the future γ, in `[0, 1]`.
    #[config(default = 0.99)]
    pub discount: f64,
    /// Share τ of the source that is copied into the target per update, in `[0, 1]`.
    #[config(default = 0.005)]
    pub tau: f64,
    /// Adam's step for the actor, `(0, ∞)`.
    #[config(default = 3e-4)]
    pub actor_learning_rate: f64,
    /// Adam's step for the critics, `(0, ∞)`.
    #[config(default = 3e-4)]
    pub critic_learning_rate: f64,
    /// The weight of the entropy, fixed or learned.
    #[config(default = "TemperatureConfig::Learned(LearnedTemperatureConfig::new())")]
    pub temperature: TemperatureConfig,
    /// Updates between two steps of the target, at least 1.
    #[config(default = 1)]
    pub target_update_interval: usize,
    /// Adam's ε, `[1e-30, ∞)`. PyTorch's default; burn's is 1e-5.
    #[config(default = 1e-8)]
    pub adam_epsilon: f64,
    /// Largest norm of the gradient of the actor, and of both critics together, `(0, ∞)`. Off by default.
    pub max_gradient_norm: Option<f64>,
    /// Whether the networks see observations in units of their own spread, which is measured along the run.
    #[config(default = false)]
    pub normalize_observations: bool,
}

impl SacConfig {
    /// Checks every range. Called by every constructor that takes this config.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_unit_interval("discount", self.discount)?;
        in_unit_interval("tau", self.tau)?;
        positive("actor_learning_rate", self.actor_learning_rate)?;
        positive("critic_learning_rate", self.critic_learning_rate)?;
        self.temperature.validate()?;
        at_least("target_update_interval", 1, self.target_update_interval)?;
        adam_epsilon(self.adam_epsilon)?;
        self.max_gradient_norm.map_or(Ok(()), |norm| positive("max_gradient_norm", norm))
    }

    /// Creates an agent with the default networks: two hidden layers of 256 each.
    ///
    /// [`AgentConfig::init_with`] makes them of other widths.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub fn init(
        &self,
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Sac<GaussianActor, QNetwork>, ConfigError> {
        self.init_with(&[256, 256], spaces, device, seed)
    }
}

/// What one [`Sac`] update reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SacMetrics {
    /// Mean of `(Qᵢ(o, a) − y)²` over batch and critics, before the step.
    pub critic_loss: f64,
    /// Mean of `α log π(a∣o) − min Q(o, a)` before the step of the actor, after that of the critics.
    pub actor_loss: f64,
    /// Mean of `−log π(a∣o)`, in nats, for the actions in environment units; 0 for a policy without a density.
    pub entropy: f64,
    /// The temperature α after the update.
    pub temperature: f64,
    /// Mean of `−log α (log π(a∣o) + H̄)` before the step of the temperature; 0 if it is fixed.
    pub temperature_loss: f64,
}

impl Metrics for SacMetrics {
    const NAMES: &'static [&'static str] = &["critic_loss", "actor_loss", "entropy", "temperature", "temperature_loss"];

    fn values(&self) -> Vec<f64> {
        vec![self.critic_loss, self.actor_loss, self.entropy, self.temperature, self.temperature_loss]
    }
}

/// Soft actor-critic[^1], with any stochastic actor and any critics.
///
/// [`docs/algorithms/sac.md`](crate::_docs::sac) lists every detail and where it differs from the papers.
///
/// [^1]: T. Haarnoja et al. (2018). *Soft Actor-Critic Algorithms and Applications*. arXiv:1812.05905.
pub struct Sac<A, C: Critic> {
    actor: Learner<A>,
    critics: Learner<Ensemble<C>>,
    target_critics: Target<Ensemble<C>>,
    temperature: Temperature,
    exploration_rng: ChaCha8Rng,
    update_rng: ChaCha8Rng,
    updates: usize,
    td_errors: Option<Vec<f32>>,
    crossing: Crossing,
    config: SacConfig,
}

impl<A, C: Critic> std::fmt::Debug for Sac<A, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sac").field("config", &self.config).field("updates", &self.updates).finish_non_exhaustive()
    }
}

impl<A: StochasticActor, C: Critic> Sac<A, C> {
    /// Creates an agent from networks, which are moved to `device`; the target begins as a copy of the critics.
    ///
    /// # Errors
    ///
    /// - as [`SacConfig::validate`]
    /// - [`ConfigError::OutputShape`] if a network answers a batch with the wrong shape
    /// - [`ConfigError::TemperatureWithoutDensity`] if the temperature is to be learned from a policy without a density
    ///
    /// # Panics
    ///
    /// Panics if a network refuses a batch of the right shape.
    pub fn new(
        actor: A,
        critics: Ensemble<C>,
        spaces: &Spaces,
        config: &SacConfig,
        device: &Device,
        seed: Seed,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        at_least("number of critics", 1, critics.critics.len())?;
        let crossing = Crossing::new(spaces, device).normalizing(config.normalize_observations);
        let (actor, critics) = (actor.valid().fork(&crossing.device), critics.valid().fork(&crossing.device));
        let has_density = crossing.check_stochastic_actor(&actor)?;
        critics.critics.iter().try_for_each(|critic| crossing.check_critic(critic))?;
        if !has_density && matches!(config.temperature, TemperatureConfig::Learned(_)) {
            return Err(ConfigError::TemperatureWithoutDensity);
        }
        let rule = StepRule { adam_epsilon: config.adam_epsilon, max_gradient_norm: config.max_gradient_norm };
        Ok(Self {
            target_critics: Target::new(&critics),
            actor: Learner::new(actor, ACTOR, config.actor_learning_rate, rule),
            critics: Learner::new(critics, CRITIC, config.critic_learning_rate, rule),
            temperature: Temperature::new(&config.temperature, spaces.action().dim(), rule, &crossing.device),
            exploration_rng: seed.stream(Stream::Exploration),
            update_rng: seed.stream(Stream::Update),
            updates: 0,
            td_errors: None,
            crossing,
            config: config.clone(),
        })
    }

    /// Computes `y = r + γ (1 − d) (min Q′(o′, a′) − α log π(a′∣o′))`, without a tape.
    ///
    /// # Shapes
    ///
    /// - `next_noise`: `[n, A]`, draws from 𝒩(0, 1) that make a′; returns `[n, 1]`
    pub fn targets(&self, batch: &Batch, next_noise: Tensor<2>) -> Tensor<2> {
        let next_observations = batch.next_observations.clone();
        let ActionSample { actions, log_probs } = self.actor.plain().sample(next_observations.clone(), next_noise);
        let next_values = self.target_critics.module().q_value(next_observations, actions);
        let next_values = match log_probs {
            Some(log_probs) => soft_value(next_values, log_probs, self.temperature()),
            None => next_values,
        };
        batch_target(batch, next_values, self.config.discount)
    }

    /// Computes the loss of each critic, on the tape of its parameters.
    ///
    /// # Shapes
    ///
    /// - `targets`: `[n, 1]`; returns one `[1]` a critic
    pub fn critic_losses(&self, batch: &Batch, targets: Tensor<2>) -> Vec<Tensor<1>> {
        self.critic_values(batch).into_iter().map(|values| batch_loss(batch, values, targets.clone())).collect()
    }

    /// Computes what each critic makes of the batch, `[n, 1]`, on the tape of its parameters.
    fn critic_values(&self, batch: &Batch) -> Vec<Tensor<2>> {
        self.critics.tracked().q_values(batch.observations.clone(), batch.actions.clone())
    }

    /// Computes the actor's loss, on the tape of the actor's parameters, and the sample it was made of.
    ///
    /// The critics' parameters are constants here, and their smallest value counts.
    ///
    /// # Shapes
    ///
    /// - `noise`: `[n, A]`, draws from 𝒩(0, 1) that make a; returns `[1]`
    pub fn actor_loss(&self, batch: &Batch, noise: Tensor<2>) -> (Tensor<1>, ActionSample) {
        let sample = self.actor.tracked().sample(batch.observations.clone(), noise);
        let values = self.critics.plain().q_value(batch.observations.clone(), sample.actions.clone());
        let loss = match sample.log_probs.clone() {
            Some(log_probs) => soft_actor_loss(values, log_probs, self.temperature()),
            None => deterministic_actor_loss(values),
        };
        (loss, sample)
    }

    /// Takes one gradient step on each network with noise that is given, for tests against another implementation.
    ///
    /// [`Agent::update`] draws the noise itself, first `next_noise`, then `noise`.
    ///
    /// # Shapes
    ///
    /// - `next_noise`, `noise`: `[n, A]`
    ///
    /// # Errors
    ///
    /// As [`Agent::update`].
    pub fn update_with_noise(
        &mut self,
        batch: &Batch,
        next_noise: Tensor<2>,
        noise: Tensor<2>,
    ) -> Result<SacMetrics, AgentError> {
        self.crossing.check_batch(batch)?;
        self.crossing.check_normal("next noise", &next_noise, batch.len())?;
        self.crossing.check_normal("noise", &noise, batch.len())?;

        let targets = self.targets(batch, next_noise);
        let values = self.critic_values(batch);
        self.td_errors = read_td_errors(batch, &values, &targets)?;
        let losses = values.into_iter().map(|values| batch_loss(batch, values, targets.clone())).collect();
        let critic_loss = self.critics.minimize_all(losses);
        let critic_loss = critic_loss.map_err(|error| self.cause(error))?;

        let (loss, ActionSample { log_probs, .. }) = self.actor_loss(batch, noise);
        let actor_loss = self.actor.minimize(loss).map_err(|error| self.cause(error))?;

        let (mut entropy, mut temperature_loss) = (0.0, 0.0);
        if let Some(log_probs) = log_probs.map(Tensor::inner) {
            entropy = -f64::from(log_probs.clone().mean().try_into_scalar::<f32>()?);
            temperature_loss = self.temperature.update(log_probs)?.unwrap_or(0.0);
        }

        self.updates += 1;
        if self.updates.is_multiple_of(self.config.target_update_interval) {
            self.target_critics.follow(self.critics.plain(), self.config.tau)?;
        }
        Ok(SacMetrics { critic_loss, actor_loss, entropy, temperature: self.temperature(), temperature_loss })
    }

    /// Names the weight that made a loss diverge, if that is what did.
    fn cause(&self, error: AgentError) -> AgentError {
        let AgentError::Diverged { .. } = error else { return error };
        (self.critics.unsound_weight())
            .or_else(|| self.actor.unsound_weight())
            .or_else(|| unsound_weight("target critic", self.target_critics.module()))
            .unwrap_or(error)
    }

    /// Returns the temperature α.
    #[doc(alias = "alpha")]
    pub fn temperature(&self) -> f64 {
        self.temperature.value()
    }

    /// Returns the policy as it is deployed: off the tape, with the normalisation of observations if there is one.
    ///
    /// # Errors
    ///
    /// None, for an actor that is in use: it fits its spaces.
    pub fn policy(&self) -> Result<Policy, PolicyError>
    where
        A: Clone + Into<PolicyNetwork>,
    {
        Policy::deployed(self.actor.plain().clone(), &self.crossing)
    }

    /// Returns the actor off the tape; it takes observations as networks see them.
    pub fn plain_actor(&self) -> &A {
        self.actor.plain()
    }

    /// Multiplies the configured learning rates by `factor` from now on, in `[0, ∞)`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Negative`].
    pub fn set_learning_rate_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
        non_negative("learning rate factor", factor)?;
        self.actor.set_learning_rate_factor(factor);
        self.critics.set_learning_rate_factor(factor);
        self.temperature.set_learning_rate_factor(factor);
        Ok(())
    }

    /// Returns the actor, its parameters on the tape.
    pub fn actor(&self) -> &A {
        self.actor.tracked()
    }

    /// Returns the critics, their parameters on the tape.
    pub fn critics(&self) -> &Ensemble<C> {
        self.critics.tracked()
    }

    /// Returns the target of the critics, Q′, without autodiff.
    pub fn target_critics(&self) -> &Ensemble<C> {
        self.target_critics.module()
    }

    /// Returns the settings.
    pub fn config(&self) -> &SacConfig {
        &self.config
    }
}

impl<A: StochasticActor, C: Critic> SaveState for Sac<A, C> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = identity("sac", &self.config, &self.crossing.spaces);
        state.put_state("observations", self.crossing.save_state());
        state.put_state("actor", self.actor.save_state()?);
        state.put_state("critics", self.critics.save_state()?);
        state.put_state("target_critics", self.target_critics.save_state()?);
        state.put_state("temperature", self.temperature.save_state()?);
        state.put_rng("exploration_rng", &self.exploration_rng);
        state.put_rng("update_rng", &self.update_rng);
        state.put("updates", self.updates as u64);
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        expect_identity(&mut state, "sac", &self.config, &self.crossing.spaces)?;
        let crossing = self.crossing.loaded("observations", &mut state)?;
        let actor = self.actor.loaded("actor", &mut state)?;
        let critics = self.critics.loaded("critics", &mut state)?;
        let target_critics = self.target_critics.loaded("target_critics", &mut state)?;
        let temperature = self.temperature.loaded("temperature", &mut state)?;
        let exploration_rng = state.take_rng("exploration_rng", &self.exploration_rng)?;
        let update_rng = state.take_rng("update_rng", &self.update_rng)?;
        let updates = state.take_count("updates")?;
        state.finish()?;
        (self.actor, self.critics) = (actor, critics);
        (self.target_critics, self.temperature) = (target_critics, temperature);
        (self.crossing, self.exploration_rng, self.update_rng) = (crossing, exploration_rng, update_rng);
        self.updates = updates;
        Ok(())
    }
}

impl<A: StochasticActor, C: Critic> Agent for Sac<A, C> {
    type Metrics = SacMetrics;

    fn spaces(&self) -> &Spaces {
        &self.crossing.spaces
    }

    fn device(&self) -> &Device {
        &self.crossing.device
    }

    fn select_action(&mut self, observation: &[f32], mode: ActionMode) -> Result<Vec<f32>, AgentError> {
        self.select_actions(&[observation], mode).map(only)
    }

    fn select_actions(&mut self, observations: &[&[f32]], mode: ActionMode) -> Result<Vec<Vec<f32>>, AgentError> {
        let n = observations.len();
        let observations = self.crossing.observations(observations)?;
        let actor = self.actor.plain();
        let actions = match mode {
            ActionMode::Explore => {
                let noise = self.crossing.normal(n, &mut self.exploration_rng);
                actor.sample(observations, noise).actions
            }
            ActionMode::Greedy => actor.act(observations),
        };
        self.crossing.actions(n, actions, None)
    }

    fn observe(&mut self, observation: &[f32]) -> Result<(), AgentError> {
        self.crossing.observe(observation)
    }

    fn normalizes(&self) -> Normalizes {
        Normalizes { observations: self.config.normalize_observations, rewards: false }
    }

    fn discount(&self) -> f64 {
        self.config.discount
    }

    fn update(&mut self, batch: &Batch) -> Result<SacMetrics, AgentError> {
        // Checked before the draw, so that a batch that is refused takes no random number.
        self.crossing.check_batch(batch)?;
        let next_noise = self.crossing.normal(batch.len(), &mut self.update_rng);
        let noise = self.crossing.normal(batch.len(), &mut self.update_rng);
        self.update_with_noise(&self.crossing.normalized(batch), next_noise, noise)
    }

    fn td_errors(&self) -> Option<&[f32]> {
        self.td_errors.as_deref()
    }
}
