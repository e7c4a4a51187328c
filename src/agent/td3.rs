//! Twin delayed deep deterministic policy gradient.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::rngs::ChaCha8Rng;

use super::crossing::Crossing;
use super::exploration::Exploration;
use super::learner::{ACTOR, CRITIC, Learner, StepRule, unsound_weight};
use super::{
    ActionMode, Agent, AgentConfig, AgentError, Metrics, Normalizes, batch_loss, batch_target, expect_identity,
    identity, only, read_td_errors,
};
use crate::config::{ConfigError, adam_epsilon, at_least, in_unit_interval, non_negative, positive};
use crate::env::Spaces;
use crate::nn::{ActionBounds, Actor, Critic, DeterministicActor, Ensemble, QNetwork};
use crate::noise::{ActionNoise, GaussianNoiseConfig, NoiseConfig};
use crate::objective::deterministic_actor_loss;
use crate::policy::{Policy, PolicyError, PolicyNetwork};
use crate::replay::Batch;
use crate::rng::{Seed, Stream};
use crate::state::{SaveState, State, StateError};
use crate::target::Target;

/// Settings of [`Td3`]; the defaults are the paper's.
#[derive(Config, Debug, PartialEq)]
pub struct Td3Config {
    /// Weight of the future γ, in `[0, 1]`.
    #[config(default = 0.99)]
    pub discount: f64,
    /// Share τ of the source that is copied into each target at a time, in `[0, 1]`.
    #[config(default = 0.005)]
    pub tau: f64,
    /// Adam's step for the actor, `(0, ∞)`.
    #[config(default = 1e-3)]
    pub actor_learning_rate: f64,
    /// Adam's step for the critics, `(0, ∞)`.
    #[config(default = 1e-3)]
    pub critic_learning_rate: f64,
    /// Noise on the actions taken in the environment.
    #[config(default = "NoiseConfig::Gaussian(GaussianNoiseConfig::new())")]
    pub noise: NoiseConfig,
    /// Standard deviation of the noise on target actions, in units of the half-range, `[0, ∞)`.
    #[config(default = 0.2)]
    pub smoothing_std: f64,
    /// Largest noise on target actions, in the same units, `[0, ∞)`.
    #[config(default = 0.5)]
    pub smoothing_clip: f64,
    /// Updates of the critics for one of the actor and the targets, at least 1.
    #[config(default = 2)]
    pub policy_delay: usize,
    /// Adam's ε, `[1e-30, ∞)`. PyTorch's default; burn's is 1e-5.
    #[config(default = 1e-8)]
    pub adam_epsilon: f64,
    /// Largest norm of the gradient of the actor, and of both critics together, `(0, ∞)`. Off by default.
    pub max_gradient_norm: Option<f64>,
    /// Whether the networks see observations in units of their own spread, which is measured along the run.
    #[config(default = false)]
    pub normalize_observations: bool,
}

impl Td3Config {
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
        non_negative("smoothing_std", self.smoothing_std)?;
        non_negative("smoothing_clip", self.smoothing_clip)?;
        at_least("policy_delay", 1, self.policy_delay)?;
        adam_epsilon(self.adam_epsilon)?;
        self.max_gradient_norm.map_or(Ok(()), |norm| positive("max_gradient_norm", norm))?;
        self.noise.validate()
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
    ) -> Result<Td3<DeterministicActor, QNetwork>, ConfigError> {
        self.init_with(&[256, 256], spaces, device, seed)
    }
}

/// What one [`Td3`] update reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Td3Metrics {
    /// Mean of `(Qᵢ(o, a) − y)²` over batch and critics, before the step.
    pub critic_loss: f64,
    /// Mean of `−Q₁(o, μ(o))` before the last step of the actor; 0 before the first.
    pub actor_loss: f64,
}

impl Metrics for Td3Metrics {
    const NAMES: &'static [&'static str] = &["critic_loss", "actor_loss"];

    fn values(&self) -> Vec<f64> {
        vec![self.critic_loss, self.actor_loss]
    }
}

/// Twin delayed deep deterministic policy gradient[^1], with any actor and any critics.
///
/// [`docs/algorithms/td3.md`](crate::_docs::td3) lists every detail and where it differs from the paper.
///
/// [^1]: S. Fujimoto et al. (2018). *Addressing Function Approximation Error in Actor-Critic Methods*. arXiv:1802.09477.
pub struct Td3<A, C: Critic> {
    actor: Learner<A>,
    critics: Learner<Ensemble<C>>,
    target_actor: Target<A>,
    target_critics: Target<Ensemble<C>>,
    bounds: ActionBounds,
    exploration: Exploration,
    update_rng: ChaCha8Rng,
    updates: usize,
    actor_loss: f64,
    td_errors: Option<Vec<f32>>,
    crossing: Crossing,
    config: Td3Config,
}

impl<A, C: Critic> std::fmt::Debug for Td3<A, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Td3").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<A: Actor, C: Critic> Td3<A, C> {
    /// Creates an agent from networks, which are moved to `device`; its targets begin as copies of them.
    ///
    /// # Errors
    ///
    /// - as [`Td3Config::validate`]
    /// - [`ConfigError::OutputShape`] if a network answers a batch with the wrong shape
    ///
    /// # Panics
    ///
    /// Panics if a network refuses a batch of the right shape.
    pub fn new(
        actor: A,
        critics: Ensemble<C>,
        spaces: &Spaces,
        config: &Td3Config,
        device: &Device,
        seed: Seed,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        at_least("number of critics", 1, critics.critics.len())?;
        let crossing = Crossing::new(spaces, device).normalizing(config.normalize_observations);
        let (actor, critics) = (actor.valid().fork(&crossing.device), critics.valid().fork(&crossing.device));
        crossing.check_actor(&actor)?;
        critics.critics.iter().try_for_each(|critic| crossing.check_critic(critic))?;
        let rule = StepRule { adam_epsilon: config.adam_epsilon, max_gradient_norm: config.max_gradient_norm };
        Ok(Self {
            target_actor: Target::new(&actor),
            target_critics: Target::new(&critics),
            actor: Learner::new(actor, ACTOR, config.actor_learning_rate, rule),
            critics: Learner::new(critics, CRITIC, config.critic_learning_rate, rule),
            bounds: ActionBounds::new(spaces.action(), &crossing.device)?,
            exploration: Exploration::new(config.noise.init(spaces.action().dim())?, seed.stream(Stream::Exploration)),
            update_rng: seed.stream(Stream::Update),
            updates: 0,
            actor_loss: 0.0,
            td_errors: None,
            crossing,
            config: config.clone(),
        })
    }

    /// Replaces the noise of the configuration by a process of your own.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoiseDim`] if it does not have one axis per action axis.
    pub fn with_noise(mut self, noise: Box<dyn ActionNoise>) -> Result<Self, ConfigError> {
        self.crossing.check_noise(noise.as_ref())?;
        self.exploration.replace(noise);
        Ok(self)
    }

    /// Computes `y = r + γ (1 − d) min Q′(o′, a′)` with the smoothed target action a′, without a tape.
    ///
    /// # Shapes
    ///
    /// - `next_noise`: `[n, A]`, draws from 𝒩(0, 1) that smooth a′; returns `[n, 1]`
    pub fn targets(&self, batch: &Batch, next_noise: Tensor<2>) -> Tensor<2> {
        let next_observations = batch.next_observations.clone();
        let next_actions = self.target_actor.module().act(next_observations.clone());
        let (std, clip) = (self.config.smoothing_std, self.config.smoothing_clip);
        let next_actions = self.bounds.perturb(next_actions, next_noise, std, clip);
        let next_values = self.target_critics.module().q_value(next_observations, next_actions);
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

    /// Computes the actor's loss on the first critic, on the tape of the actor's parameters.
    ///
    /// # Shapes
    ///
    /// - returns `[1]`
    pub fn actor_loss(&self, batch: &Batch) -> Tensor<1> {
        let actions = self.actor.tracked().act(batch.observations.clone());
        let critic = &self.critics.plain().critics[0];
        deterministic_actor_loss(critic.q_value(batch.observations.clone(), actions))
    }

    /// Takes an update with noise that is given, for tests against another implementation.
    ///
    /// # Shapes
    ///
    /// - `next_noise`: `[n, A]`
    ///
    /// # Errors
    ///
    /// As [`Agent::update`].
    pub fn update_with_noise(&mut self, batch: &Batch, next_noise: Tensor<2>) -> Result<Td3Metrics, AgentError> {
        self.crossing.check_batch(batch)?;
        self.crossing.check_normal("next noise", &next_noise, batch.len())?;

        let targets = self.targets(batch, next_noise);
        let values = self.critic_values(batch);
        self.td_errors = read_td_errors(batch, &values, &targets)?;
        let losses = values.into_iter().map(|values| batch_loss(batch, values, targets.clone())).collect();
        let critic_loss = self.critics.minimize_all(losses);
        let critic_loss = critic_loss.map_err(|error| self.cause(error))?;

        self.updates += 1;
        if self.updates.is_multiple_of(self.config.policy_delay) {
            self.actor_loss = self.actor.minimize(self.actor_loss(batch)).map_err(|error| self.cause(error))?;

            self.target_critics.follow(self.critics.plain(), self.config.tau)?;
            self.target_actor.follow(self.actor.plain(), self.config.tau)?;
        }
        Ok(Td3Metrics { critic_loss, actor_loss: self.actor_loss })
    }

    /// Names the weight that made a loss diverge, if that is what did.
    fn cause(&self, error: AgentError) -> AgentError {
        let AgentError::Diverged { .. } = error else { return error };
        (self.critics.unsound_weight())
            .or_else(|| self.actor.unsound_weight())
            .or_else(|| unsound_weight("target critic", self.target_critics.module()))
            .or_else(|| unsound_weight("target actor", self.target_actor.module()))
            .unwrap_or(error)
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
        Ok(())
    }

    /// Multiplies the noise on actions by `factor` from now on, in `[0, ∞)`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Negative`].
    pub fn set_noise_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
        non_negative("noise factor", factor)?;
        self.exploration.set_factor(factor);
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

    /// Returns the target of the actor, μ′, without autodiff.
    pub fn target_actor(&self) -> &A {
        self.target_actor.module()
    }

    /// Returns the target of the critics, Q′, without autodiff.
    pub fn target_critics(&self) -> &Ensemble<C> {
        self.target_critics.module()
    }

    /// Returns the settings.
    pub fn config(&self) -> &Td3Config {
        &self.config
    }
}

impl<A: Actor, C: Critic> SaveState for Td3<A, C> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = identity("td3", &self.config, &self.crossing.spaces);
        state.put_state("observations", self.crossing.save_state());
        state.put_state("actor", self.actor.save_state()?);
        state.put_state("critics", self.critics.save_state()?);
        state.put_state("target_actor", self.target_actor.save_state()?);
        state.put_state("target_critics", self.target_critics.save_state()?);
        state.put_state("exploration", self.exploration.save_state()?);
        state.put_rng("update_rng", &self.update_rng);
        state.put("updates", self.updates as u64);
        state.put("actor_loss", self.actor_loss);
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        expect_identity(&mut state, "td3", &self.config, &self.crossing.spaces)?;
        let crossing = self.crossing.loaded("observations", &mut state)?;
        let actor = self.actor.loaded("actor", &mut state)?;
        let critics = self.critics.loaded("critics", &mut state)?;
        let target_actor = self.target_actor.loaded("target_actor", &mut state)?;
        let target_critics = self.target_critics.loaded("target_critics", &mut state)?;
        let exploration = self.exploration.loaded("exploration", &mut state)?;
        let update_rng = state.take_rng("update_rng", &self.update_rng)?;
        let updates = state.take_count("updates")?;
        let actor_loss = state.take("actor_loss")?;
        state.finish()?;
        (self.actor, self.critics) = (actor, critics);
        (self.target_actor, self.target_critics) = (target_actor, target_critics);
        (self.crossing, self.exploration, self.update_rng) = (crossing, exploration, update_rng);
        (self.updates, self.actor_loss) = (updates, actor_loss);
        Ok(())
    }
}

impl<A: Actor, C: Critic> Agent for Td3<A, C> {
    type Metrics = Td3Metrics;

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
        let actions = self.actor.plain().act(self.crossing.observations(observations)?);
        let noise = (mode == ActionMode::Explore).then(|| self.exploration.sample(n));
        self.crossing.actions(n, actions, noise)
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

    fn update(&mut self, batch: &Batch) -> Result<Td3Metrics, AgentError> {
        // Checked before the draw, so that a batch that is refused takes no random number.
        self.crossing.check_batch(batch)?;
        let next_noise = self.crossing.normal(batch.len(), &mut self.update_rng);
        self.update_with_noise(&self.crossing.normalized(batch), next_noise)
    }

    fn td_errors(&self) -> Option<&[f32]> {
        self.td_errors.as_deref()
    }

    fn end_episode(&mut self, environment: usize) {
        self.exploration.end_episode(environment);
    }
}
