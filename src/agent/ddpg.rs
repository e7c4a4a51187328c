//! Deep deterministic policy gradient.

use burn::config::Config;
use burn::tensor::{Device, Tensor};

use super::crossing::Crossing;
use super::exploration::Exploration;
use super::learner::{ACTOR, CRITIC, Learner, StepRule, unsound_weight};
use super::{
    ActionMode, Agent, AgentConfig, AgentError, Metrics, Normalizes, batch_loss, batch_target, expect_identity,
    identity, only, read_td_errors,
};
use crate::config::{ConfigError, adam_epsilon, in_unit_interval, non_negative, positive};
use crate::env::Spaces;
use crate::nn::{Actor, Critic, DeterministicActor, QNetwork};
use crate::noise::{ActionNoise, GaussianNoiseConfig, NoiseConfig};
use crate::objective::deterministic_actor_loss;
use crate::policy::{Policy, PolicyError, PolicyNetwork};
use crate::replay::Batch;
use crate::rng::{Seed, Stream};
use crate::state::{SaveState, State, StateError};
use crate::target::Target;

/// Settings of [`Ddpg`]. See the table in [`crate::agent`] for sources and the lab's values.
#[derive(Config, Debug, PartialEq)]
pub struct DdpgConfig {
    /// Weight of the future γ, in `[0, 1]`.
    #[config(default = 0.99)]
    pub discount: f64,
    /// Share τ of the source that is copied into each target per update, in `[0, 1]`.
    #[config(default = 0.005)]
    pub tau: f64,
    /// Adam's step for the actor, `(0, ∞)`.
    #[config(default = 1e-3)]
    pub actor_learning_rate: f64,
    /// Adam's step for the critic, `(0, ∞)`.
    #[config(default = 1e-3)]
    pub critic_learning_rate: f64,
    /// Noise on the actions taken in the environment.
    #[config(default = "NoiseConfig::Gaussian(GaussianNoiseConfig::new())")]
    pub noise: NoiseConfig,
    /// Adam's ε, `[1e-30, ∞)`. PyTorch's default; burn's is 1e-5.
    #[config(default = 1e-8)]
    pub adam_epsilon: f64,
    /// Largest norm of the gradient of a whole network, `(0, ∞)`. Off by default.
    pub max_gradient_norm: Option<f64>,
    /// Whether the networks see observations in units of their own spread, which is measured along the run.
    #[config(default = false)]
    pub normalize_observations: bool,
}

impl DdpgConfig {
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
    ) -> Result<Ddpg<DeterministicActor, QNetwork>, ConfigError> {
        self.init_with(&[256, 256], spaces, device, seed)
    }
}

/// What one [`Ddpg`] update reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DdpgMetrics {
    /// Mean of `(Q(o, a) − y)²` before the step.
    pub critic_loss: f64,
    /// Mean of `−Q(o, μ(o))` before the step of the actor, after that of the critic.
    pub actor_loss: f64,
}

impl Metrics for DdpgMetrics {
    const NAMES: &'static [&'static str] = &["critic_loss", "actor_loss"];

    fn values(&self) -> Vec<f64> {
        vec![self.critic_loss, self.actor_loss]
    }
}

/// Deep deterministic policy gradient[^1], with any actor and critic.
///
/// [`docs/algorithms/ddpg.md`](crate::_docs::ddpg) lists every detail and where it differs from the paper.
///
/// [^1]: T. Lillicrap et al. (2015). *Continuous control with deep reinforcement learning*. arXiv:1509.02971.
pub struct Ddpg<A, C> {
    actor: Learner<A>,
    critic: Learner<C>,
    target_actor: Target<A>,
    target_critic: Target<C>,
    exploration: Exploration,
    td_errors: Option<Vec<f32>>,
    crossing: Crossing,
    config: DdpgConfig,
}

impl<A, C> std::fmt::Debug for Ddpg<A, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ddpg").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<A: Actor, C: Critic> Ddpg<A, C> {
    /// Creates an agent from networks, which are moved to `device`; its targets begin as copies of them.
    ///
    /// # Errors
    ///
    /// - as [`DdpgConfig::validate`]
    /// - [`ConfigError::OutputShape`] if a network answers a batch with the wrong shape
    ///
    /// # Panics
    ///
    /// Panics if a network refuses a batch of the right shape.
    pub fn new(
        actor: A,
        critic: C,
        spaces: &Spaces,
        config: &DdpgConfig,
        device: &Device,
        seed: Seed,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let crossing = Crossing::new(spaces, device).normalizing(config.normalize_observations);
        let (actor, critic) = (actor.valid().fork(&crossing.device), critic.valid().fork(&crossing.device));
        crossing.check_actor(&actor)?;
        crossing.check_critic(&critic)?;
        let rule = StepRule { adam_epsilon: config.adam_epsilon, max_gradient_norm: config.max_gradient_norm };
        Ok(Self {
            target_actor: Target::new(&actor),
            target_critic: Target::new(&critic),
            actor: Learner::new(actor, ACTOR, config.actor_learning_rate, rule),
            critic: Learner::new(critic, CRITIC, config.critic_learning_rate, rule),
            exploration: Exploration::new(config.noise.init(spaces.action().dim())?, seed.stream(Stream::Exploration)),
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

    /// Computes `y = r + γ (1 − d) Q′(o′, μ′(o′))`, without a tape.
    ///
    /// # Shapes
    ///
    /// - returns `[n, 1]`
    pub fn targets(&self, batch: &Batch) -> Tensor<2> {
        let next_observations = batch.next_observations.clone();
        let next_actions = self.target_actor.module().act(next_observations.clone());
        let next_values = self.target_critic.module().q_value(next_observations, next_actions);
        batch_target(batch, next_values, self.config.discount)
    }

    /// Computes the critic's loss, on the tape of the critic's parameters.
    ///
    /// # Shapes
    ///
    /// - `targets`: `[n, 1]`; returns `[1]`
    pub fn critic_loss(&self, batch: &Batch, targets: Tensor<2>) -> Tensor<1> {
        batch_loss(batch, self.critic_values(batch), targets)
    }

    /// Computes what the critic makes of the batch, `[n, 1]`, on the tape of its parameters.
    fn critic_values(&self, batch: &Batch) -> Tensor<2> {
        self.critic.tracked().q_value(batch.observations.clone(), batch.actions.clone())
    }

    /// Computes the actor's loss, on the tape of the actor's parameters; the critic's are constants here.
    ///
    /// # Shapes
    ///
    /// - returns `[1]`
    pub fn actor_loss(&self, batch: &Batch) -> Tensor<1> {
        let actions = self.actor.tracked().act(batch.observations.clone());
        deterministic_actor_loss(self.critic.plain().q_value(batch.observations.clone(), actions))
    }

    /// Names the weight that made a loss diverge, if that is what did.
    fn cause(&self, error: AgentError) -> AgentError {
        let AgentError::Diverged { .. } = error else { return error };
        (self.critic.unsound_weight())
            .or_else(|| self.actor.unsound_weight())
            .or_else(|| unsound_weight("target critic", self.target_critic.module()))
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
        self.critic.set_learning_rate_factor(factor);
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

    /// Returns the critic, its parameters on the tape.
    pub fn critic(&self) -> &C {
        self.critic.tracked()
    }

    /// Returns the target of the actor, μ′, without autodiff.
    pub fn target_actor(&self) -> &A {
        self.target_actor.module()
    }

    /// Returns the target of the critic, Q′, without autodiff.
    pub fn target_critic(&self) -> &C {
        self.target_critic.module()
    }

    /// Returns the settings.
    pub fn config(&self) -> &DdpgConfig {
        &self.config
    }
}

impl<A: Actor, C: Critic> SaveState for Ddpg<A, C> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = identity("ddpg", &self.config, &self.crossing.spaces);
        state.put_state("observations", self.crossing.save_state());
        state.put_state("actor", self.actor.save_state()?);
        state.put_state("critic", self.critic.save_state()?);
        state.put_state("target_actor", self.target_actor.save_state()?);
        state.put_state("target_critic", self.target_critic.save_state()?);
        state.put_state("exploration", self.exploration.save_state()?);
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        expect_identity(&mut state, "ddpg", &self.config, &self.crossing.spaces)?;
        let crossing = self.crossing.loaded("observations", &mut state)?;
        let actor = self.actor.loaded("actor", &mut state)?;
        let critic = self.critic.loaded("critic", &mut state)?;
        let target_actor = self.target_actor.loaded("target_actor", &mut state)?;
        let target_critic = self.target_critic.loaded("target_critic", &mut state)?;
        let exploration = self.exploration.loaded("exploration", &mut state)?;
        state.finish()?;
        (self.actor, self.critic) = (actor, critic);
        (self.target_actor, self.target_critic) = (target_actor, target_critic);
        (self.crossing, self.exploration) = (crossing, exploration);
        Ok(())
    }
}

impl<A: Actor, C: Critic> Agent for Ddpg<A, C> {
    type Metrics = DdpgMetrics;

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

    fn update(&mut self, batch: &Batch) -> Result<DdpgMetrics, AgentError> {
        self.crossing.check_batch(batch)?;
        let batch = &self.crossing.normalized(batch);

        let targets = self.targets(batch);
        let values = self.critic_values(batch);
        self.td_errors = read_td_errors(batch, std::slice::from_ref(&values), &targets)?;
        let critic_loss = self.critic.minimize(batch_loss(batch, values, targets));
        let critic_loss = critic_loss.map_err(|error| self.cause(error))?;

        let actor_loss = self.actor.minimize(self.actor_loss(batch)).map_err(|error| self.cause(error))?;

        self.target_critic.follow(self.critic.plain(), self.config.tau)?;
        self.target_actor.follow(self.actor.plain(), self.config.tau)?;
        Ok(DdpgMetrics { critic_loss, actor_loss })
    }

    fn td_errors(&self) -> Option<&[f32]> {
        self.td_errors.as_deref()
    }

    fn end_episode(&mut self, environment: usize) {
        self.exploration.end_episode(environment);
    }
}
