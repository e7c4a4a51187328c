//! Twin delayed deep deterministic policy gradient.

use burn::tensor::{Device, Tensor};
use rand::rngs::ChaCha8Rng;

use super::agent_config::{critics, deterministic_actor};
use super::core::Core;
use super::deterministic::{Deterministic, deterministic_agent, deterministic_methods};
use super::settings::agent_config;
use super::{ActError, Agent, AgentConfig, AgentError, Metrics, Normalizes, Update};
use crate::config::{ConfigError, at_least, non_negative};
use crate::env::{Spaces, Step};
use crate::nn::{Actor, Critic, DeterministicActor, Ensemble, QNetwork};
use crate::noise::{GaussianNoiseConfig, NoiseConfig};
use crate::objective::smoothed_actions;
use crate::replay::Batch;
use crate::rng::{Seed, Stream};
use crate::state::{SaveState, State, StateError};

agent_config! {
    /// Settings of [`Td3`]; the defaults are the paper's.
    pub struct Td3Config {
        learning_rate: 1e-3,
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
    }
}

impl Td3Config {
    /// Checks every range. Called by every constructor that takes this config.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.shared().validate()?;
        non_negative("smoothing_std", self.smoothing_std)?;
        non_negative("smoothing_clip", self.smoothing_clip)?;
        at_least("policy_delay", 1, self.policy_delay)?;
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

impl AgentConfig for Td3Config {
    type Agent = Td3<DeterministicActor, QNetwork>;

    fn init_with(
        &self,
        hidden_dims: &[usize],
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Self::Agent, ConfigError> {
        let actor = deterministic_actor(hidden_dims, spaces, device, seed)?;
        Td3::new(actor, critics::<2>(hidden_dims, spaces, device, seed)?, spaces, self, device, seed)
    }

    fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError> {
        agent.set_learning_rate_factor(factor)
    }
}

/// What one [`Td3`] update reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Td3Metrics {
    /// Mean of `(Qᵢ(o, a) − y)²` over batch and critics, before the step, in squared units of the reward.
    pub critic_loss: f64,
    /// Mean of `−Q₁(o, μ(o))` before the last step of the actor, in units of the reward; 0 before the first.
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
    inner: Deterministic<A, C>,
    update_rng: ChaCha8Rng,
    updates: usize,
    actor_loss: f64,
    config: Td3Config,
}

deterministic_methods!(Td3, Td3Config);

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
        let inner = Deterministic::new(actor, critics, spaces, (config.shared(), &config.noise), device, seed)?;
        let update_rng = seed.stream(Stream::Update);
        Ok(Self { inner, update_rng, updates: 0, actor_loss: 0.0, config: config.clone() })
    }

    /// Computes `y = r + γ (1 − d) min Q′(o′, a′)` with the smoothed target action a′, without a tape.
    ///
    /// # Shapes
    ///
    /// - `batch`: in environment units; `next_noise`: `[n, A]`, draws from 𝒩(0, 1) that smooth a′; returns `[n, 1]`, in the units
    ///   that critics learn
    pub fn targets(&self, batch: &Batch, next_noise: Tensor<2>) -> Tensor<2> {
        self.targets_inside(&self.core().boundary.inside(batch), next_noise)
    }

    fn targets_inside(&self, batch: &Batch, next_noise: Tensor<2>) -> Tensor<2> {
        let next_actions = self.target_actor().act(batch.next_observations.clone());
        let (std, clip) = (self.config.smoothing_std, self.config.smoothing_clip);
        let next_actions = smoothed_actions(next_actions, next_noise, std, clip);
        let next_values = self.target_critics().q_value(batch.next_observations.clone(), next_actions);
        self.core().targets(batch, next_values)
    }

    /// Computes the loss of each critic, on the tape of its parameters.
    ///
    /// # Shapes
    ///
    /// - `batch`: in environment units; `targets`: `[n, 1]`, as [`targets`](Self::targets) returns them; returns one `[1]` a critic
    pub fn critic_losses(&self, batch: &Batch, targets: Tensor<2>) -> Vec<Tensor<1>> {
        self.core().critic_losses(&self.core().boundary.inside(batch), &targets)
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
    pub fn update_with_noise(
        &mut self,
        batch: &Batch,
        next_noise: Tensor<2>,
    ) -> Result<Update<Td3Metrics>, AgentError> {
        self.core().boundary.check_batch(batch)?;
        self.core().boundary.check_normal("next noise", &next_noise, batch.len())?;
        self.step(batch, next_noise)
    }

    fn step(&mut self, batch: &Batch, next_noise: Tensor<2>) -> Result<Update<Td3Metrics>, AgentError> {
        let batch = &self.core().boundary.inside(batch);
        let factor = self.core().boundary.reward_factor();

        let targets = self.targets_inside(batch, next_noise);
        let critics = self.inner.core.step_critics(batch, &targets).map_err(|error| self.inner.cause(error))?;
        self.updates += 1;
        if self.updates.is_multiple_of(self.config.policy_delay) {
            self.actor_loss = self.inner.step_actor_and_targets(batch)? / factor;
        }

        let metrics = Td3Metrics { critic_loss: critics.loss / factor.powi(2), actor_loss: self.actor_loss };
        Ok(Update { metrics, td_errors: critics.td_errors })
    }
}

impl<A: Actor, C: Critic> SaveState for Td3<A, C> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = self.core().save_state("td3", &self.config)?;
        state.put_state("target_actor", self.inner.target_actor.save_state()?);
        state.put_state("exploration", self.inner.exploration.save_state()?);
        state.put_rng("update_rng", &self.update_rng);
        state.put("updates", self.updates as u64);
        state.put("actor_loss", self.actor_loss);
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        let core = self.core().loaded("td3", &self.config, &mut state)?;
        let target_actor = self.inner.target_actor.loaded("target_actor", &mut state)?;
        let exploration = self.inner.exploration.loaded("exploration", &mut state)?;
        let update_rng = state.take_rng("update_rng", &self.update_rng)?;
        let updates = state.take_count("updates")?;
        let actor_loss = state.take("actor_loss")?;
        state.finish()?;
        let inner = Deterministic { core, target_actor, exploration };
        *self = Self { inner, update_rng, updates, actor_loss, config: self.config.clone() };
        Ok(())
    }
}

impl<A: Actor, C: Critic> Agent for Td3<A, C> {
    type Metrics = Td3Metrics;

    deterministic_agent!();

    fn update(&mut self, batch: &Batch) -> Result<Update<Td3Metrics>, AgentError> {
        // Checked before the draw, so that a batch that is refused takes no random number.
        self.core().boundary.check_batch(batch)?;
        let next_noise = self.inner.core.boundary.normal(batch.len(), &mut self.update_rng);
        self.step(batch, next_noise)
    }
}
