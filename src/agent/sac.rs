//! Soft actor-critic.

use burn::tensor::{Device, Tensor};
use rand::Rng;
use rand::rngs::ChaCha8Rng;

use super::agent_config::critics;
use super::core::{Core, agent_methods};
use super::settings::agent_config;
use super::temperature::{LearnedTemperatureConfig, Temperature, TemperatureConfig};
use super::{ActError, Agent, AgentConfig, AgentError, Metrics, Normalizes, Update};
use crate::config::{ConfigError, at_least};
use crate::env::{Spaces, Step};
use crate::nn::{ActionSample, Critic, Ensemble, GaussianActor, GaussianActorConfig, QNetwork, StochasticActor};
use crate::objective::{deterministic_actor_loss, soft_actor_loss, soft_value};
use crate::policy::SampleActions;
use crate::replay::Batch;
use crate::rng::{Seed, Stream};
use crate::state::{SaveState, State, StateError};

agent_config! {
    /// Settings of [`Sac`]. See the table in [`crate::agent`] for sources and the lab's values.
    pub struct SacConfig {
        learning_rate: 3e-4,
        /// The weight of the entropy, fixed or learned.
        #[config(default = "TemperatureConfig::Learned(LearnedTemperatureConfig::new())")]
        pub temperature: TemperatureConfig,
        /// Updates between two steps of the target, at least 1.
        #[config(default = 1)]
        pub target_update_interval: usize,
    }
}

impl SacConfig {
    /// Checks every range. Called by every constructor that takes this config.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.shared().validate()?;
        self.temperature.validate()?;
        at_least("target_update_interval", 1, self.target_update_interval)
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

impl AgentConfig for SacConfig {
    type Agent = Sac<GaussianActor, QNetwork>;

    fn init_with(
        &self,
        hidden_dims: &[usize],
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Self::Agent, ConfigError> {
        let actor = GaussianActorConfig::new().with_hidden_dims(hidden_dims.into());
        let actor = actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device)?;
        Sac::new(actor, critics::<2>(hidden_dims, spaces, device, seed)?, spaces, self, device, seed)
    }

    fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError> {
        agent.set_learning_rate_factor(factor)
    }
}

/// What one [`Sac`] update reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SacMetrics {
    /// Mean of `(Qᵢ(o, a) − y)²` over batch and critics, before the step, in squared units of the reward.
    pub critic_loss: f64,
    /// Mean of `α log π(a∣o) − min Q(o, a)` before the step of the actor, after that of the critics, in units of the reward.
    pub actor_loss: f64,
    /// Mean of `−log π(a∣o)`, in nats, for actions in `[−1, 1]`; 0 for a policy without a density.
    pub entropy: f64,
    /// The temperature α after the update, in units of the reward per nat.
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
    core: Core<A, C>,
    temperature: Temperature,
    exploration_rng: ChaCha8Rng,
    update_rng: ChaCha8Rng,
    updates: usize,
    config: SacConfig,
}

agent_methods!(Sac, SacConfig, StochasticActor);

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
        let core = Core::new(actor, critics, spaces, config.shared(), device)?;
        check_density(&core, config)?;
        Ok(Self {
            temperature: Temperature::new(
                &config.temperature,
                spaces.action().dim(),
                config.adam_epsilon,
                &core.boundary.device,
            ),
            core,
            exploration_rng: seed.stream(Stream::Exploration),
            update_rng: seed.stream(Stream::Update),
            updates: 0,
            config: config.clone(),
        })
    }

    fn core(&self) -> &Core<A, C> {
        &self.core
    }

    /// Goes on with other settings: networks, targets, optimizers, a learned temperature and statistics stay.
    ///
    /// # Errors
    ///
    /// - as [`SacConfig::validate`]
    /// - [`ConfigError::Learned`] if the units in which the networks have learned would change
    /// - [`ConfigError::TemperatureWithoutDensity`] as [`new`](Self::new)
    pub fn with_config(mut self, config: &SacConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        check_density(&self.core, config)?;
        self.core.reconfigure(config.shared())?;
        let axes = self.core.boundary.spaces.action().dim();
        self.temperature.reconfigure(&config.temperature, axes, config.adam_epsilon, &self.core.boundary.device);
        self.config = config.clone();
        Ok(self)
    }

    /// Computes `y = r + γ (1 − d) (min Q′(o′, a′) − α log π(a′∣o′))`, without a tape.
    ///
    /// # Shapes
    ///
    /// - `batch`: in environment units; `next_noise`: `[n, A]`, draws from 𝒩(0, 1) that make a′; returns `[n, 1]`, in the units that
    ///   critics learn
    pub fn targets(&self, batch: &Batch, next_noise: Tensor<2>) -> Tensor<2> {
        self.targets_inside(&self.core.boundary.inside(batch), next_noise)
    }

    fn targets_inside(&self, batch: &Batch, next_noise: Tensor<2>) -> Tensor<2> {
        let next_observations = batch.next_observations.clone();
        let ActionSample { actions, log_probs } = self.plain_actor().sample(next_observations.clone(), next_noise);
        let next_values = self.target_critics().q_value(next_observations, actions);
        let next_values = match log_probs {
            Some(log_probs) => soft_value(next_values, log_probs, self.temperature.value()),
            None => next_values,
        };
        self.core.targets(batch, next_values)
    }

    /// Computes the loss of each critic, on the tape of its parameters.
    ///
    /// # Shapes
    ///
    /// - `batch`: in environment units; `targets`: `[n, 1]`, as [`targets`](Self::targets) returns them; returns one `[1]` a critic
    pub fn critic_losses(&self, batch: &Batch, targets: Tensor<2>) -> Vec<Tensor<1>> {
        self.core.critic_losses(&self.core.boundary.inside(batch), &targets)
    }

    /// Computes the actor's loss, on the tape of the actor's parameters, and the sample it was made of.
    ///
    /// The critics' parameters are constants here, and their smallest value counts.
    ///
    /// # Shapes
    ///
    /// - `batch`: in environment units; `noise`: `[n, A]`, draws from 𝒩(0, 1) that make a; returns `[1]`, in the units that critics learn
    pub fn actor_loss(&self, batch: &Batch, noise: Tensor<2>) -> (Tensor<1>, ActionSample) {
        self.actor_loss_inside(&self.core.boundary.inside(batch), noise)
    }

    fn actor_loss_inside(&self, batch: &Batch, noise: Tensor<2>) -> (Tensor<1>, ActionSample) {
        let sample = self.actor().sample(batch.observations.clone(), noise);
        let values = self.core.critics.plain().q_value(batch.observations.clone(), sample.actions.clone());
        let loss = match sample.log_probs.clone() {
            Some(log_probs) => soft_actor_loss(values, log_probs, self.temperature.value()),
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
    ) -> Result<Update<SacMetrics>, AgentError> {
        self.core.boundary.check_batch(batch)?;
        self.core.boundary.check_normal("next noise", &next_noise, batch.len())?;
        self.core.boundary.check_normal("noise", &noise, batch.len())?;
        self.step(batch, next_noise, noise)
    }

    fn step(
        &mut self,
        batch: &Batch,
        next_noise: Tensor<2>,
        noise: Tensor<2>,
    ) -> Result<Update<SacMetrics>, AgentError> {
        let batch = &self.core.boundary.inside(batch);
        let factor = self.core.boundary.reward_factor();

        let targets = self.targets_inside(batch, next_noise);
        let critics = self.core.step_critics(batch, &targets)?;

        let (loss, ActionSample { log_probs, .. }) = self.actor_loss_inside(batch, noise);
        let actor_loss = self.core.step_actor(loss)?;

        let (mut entropy, mut temperature_loss) = (0.0, 0.0);
        if let Some(log_probs) = log_probs.map(Tensor::inner) {
            entropy = -f64::from(log_probs.clone().mean().try_into_scalar::<f32>()?);
            temperature_loss = self.temperature.update(log_probs)?.unwrap_or(0.0);
        }

        self.updates += 1;
        if self.updates.is_multiple_of(self.config.target_update_interval) {
            self.core.follow()?;
        }
        let metrics = SacMetrics {
            critic_loss: critics.loss / factor.powi(2),
            actor_loss: actor_loss / factor,
            entropy,
            temperature: self.temperature(),
            temperature_loss,
        };
        Ok(Update { metrics, td_errors: critics.td_errors })
    }

    /// Returns the temperature α, in units of the reward per nat.
    #[doc(alias = "alpha")]
    pub fn temperature(&self) -> f64 {
        self.temperature.value() / self.core.boundary.reward_factor()
    }

    /// Multiplies the configured learning rates by `factor` from now on, in `[0, ∞)`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Negative`].
    pub fn set_learning_rate_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
        self.core.set_learning_rate_factor(factor)?;
        self.temperature.set_learning_rate_factor(factor);
        Ok(())
    }
}

/// Requires a density of a policy whose entropy decides the temperature.
fn check_density<A: StochasticActor, C: Critic>(core: &Core<A, C>, config: &SacConfig) -> Result<(), ConfigError> {
    let has_density = core.boundary.check_stochastic_actor(core.actor.plain())?;
    match config.temperature {
        TemperatureConfig::Learned(_) if !has_density => Err(ConfigError::TemperatureWithoutDensity),
        _ => Ok(()),
    }
}

/// Draws an action for each observation.
fn draw<A: StochasticActor, C: Critic>(
    Core { actor, boundary, .. }: &Core<A, C>,
    observations: &[&[f32]],
    rng: &mut (impl Rng + ?Sized),
) -> Result<Vec<Vec<f32>>, ActError> {
    let (n, observations) = (observations.len(), boundary.observations(observations)?);
    boundary.actions(n, actor.plain().sample(observations, boundary.normal(n, rng)).actions, None)
}

impl<A: StochasticActor, C: Critic> SampleActions for Sac<A, C> {
    fn sample(&self, observations: &[&[f32]], rng: &mut dyn Rng) -> Result<Vec<Vec<f32>>, ActError> {
        draw(&self.core, observations, rng)
    }
}

impl<A: StochasticActor, C: Critic> SaveState for Sac<A, C> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = self.core.save_state("sac", &self.config)?;
        state.put_state("temperature", self.temperature.save_state()?);
        state.put_rng("exploration_rng", &self.exploration_rng);
        state.put_rng("update_rng", &self.update_rng);
        state.put("updates", self.updates as u64);
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        let core = self.core.loaded("sac", &self.config, &mut state)?;
        let temperature = self.temperature.loaded("temperature", &mut state)?;
        let exploration_rng = state.take_rng("exploration_rng", &self.exploration_rng)?;
        let update_rng = state.take_rng("update_rng", &self.update_rng)?;
        let updates = state.take_count("updates")?;
        state.finish()?;
        *self = Self { core, temperature, exploration_rng, update_rng, updates, config: self.config.clone() };
        Ok(())
    }
}

impl<A: StochasticActor, C: Critic> Agent for Sac<A, C> {
    type Metrics = SacMetrics;

    fn device(&self) -> &Device {
        &self.core.boundary.device
    }

    fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        draw(&self.core, observations, &mut self.exploration_rng)
    }

    fn observe(&mut self, observation: &[f32]) -> Result<(), ActError> {
        self.core.boundary.observe(observation)
    }

    fn observe_step(&mut self, environment: usize, step: &Step) -> Result<(), ActError> {
        self.core.boundary.observe_step(environment, step)
    }

    fn normalizes(&self) -> Normalizes {
        let (observations, rewards) = (self.config.normalize_observations, self.config.scale_rewards);
        Normalizes { observations, rewards }
    }

    fn discount(&self) -> f64 {
        self.config.discount
    }

    fn update(&mut self, batch: &Batch) -> Result<Update<SacMetrics>, AgentError> {
        // Checked before the draw, so that a batch that is refused takes no random number.
        self.core.boundary.check_batch(batch)?;
        let next_noise = self.core.boundary.normal(batch.len(), &mut self.update_rng);
        let noise = self.core.boundary.normal(batch.len(), &mut self.update_rng);
        self.step(batch, next_noise, noise)
    }

    fn end_episode(&mut self, environment: usize) {
        self.core.boundary.end_episode(environment);
    }
}
