//! Deep deterministic policy gradient.

use burn::tensor::{Device, Tensor};

use super::agent_config::{critics, deterministic_actor};
use super::core::Core;
use super::deterministic::{Deterministic, deterministic_agent, deterministic_methods};
use super::settings::agent_config;
use super::{ActError, Agent, AgentConfig, AgentError, Metrics, Normalizes, Update};
use crate::config::ConfigError;
use crate::env::{Spaces, Step};
use crate::nn::{Actor, Critic, DeterministicActor, Ensemble, QNetwork};
use crate::noise::{GaussianNoiseConfig, NoiseConfig};
use crate::replay::Batch;
use crate::rng::Seed;
use crate::state::{SaveState, State, StateError};

agent_config! {
    /// Settings of [`Ddpg`]. See the table in [`crate::agent`] for sources and the lab's values.
    pub struct DdpgConfig {
        learning_rate: 1e-3,
        /// Noise on the actions taken in the environment.
        #[config(default = "NoiseConfig::Gaussian(GaussianNoiseConfig::new())")]
        pub noise: NoiseConfig,
    }
}

impl DdpgConfig {
    /// Checks every range. Called by every constructor that takes this config.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.shared().validate()?;
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

impl AgentConfig for DdpgConfig {
    type Agent = Ddpg<DeterministicActor, QNetwork>;

    fn init_with(
        &self,
        hidden_dims: &[usize],
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Self::Agent, ConfigError> {
        let actor = deterministic_actor(hidden_dims, spaces, device, seed)?;
        let critic = critics::<1>(hidden_dims, spaces, device, seed)?.critics.remove(0);
        Ddpg::new(actor, critic, spaces, self, device, seed)
    }

    fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError> {
        agent.set_learning_rate_factor(factor)
    }
}

/// What one [`Ddpg`] update reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DdpgMetrics {
    /// Mean of `(Q(o, a) − y)²` before the step, in squared units of the reward.
    pub critic_loss: f64,
    /// Mean of `−Q(o, μ(o))` before the step of the actor, after that of the critic, in units of the reward.
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
pub struct Ddpg<A, C: Critic> {
    inner: Deterministic<A, C>,
    config: DdpgConfig,
}

deterministic_methods!(Ddpg, DdpgConfig);

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
        let settings = (config.shared(), &config.noise);
        let inner = Deterministic::new(actor, Ensemble::new(vec![critic])?, spaces, settings, device, seed)?;
        Ok(Self { inner, config: config.clone() })
    }

    /// Computes `y = r + γ (1 − d) Q′(o′, μ′(o′))`, without a tape.
    ///
    /// # Shapes
    ///
    /// - `batch`: in environment units; returns `[n, 1]`, in the units that critics learn
    pub fn targets(&self, batch: &Batch) -> Tensor<2> {
        self.targets_inside(&self.core().boundary.inside(batch))
    }

    fn targets_inside(&self, batch: &Batch) -> Tensor<2> {
        let next_actions = self.target_actor().act(batch.next_observations.clone());
        let next_values = self.target_critics().q_value(batch.next_observations.clone(), next_actions);
        self.core().targets(batch, next_values)
    }

    /// Computes the critic's loss, on the tape of the critic's parameters.
    ///
    /// # Shapes
    ///
    /// - `batch`: in environment units; `targets`: `[n, 1]`, as [`targets`](Self::targets) returns them; returns `[1]`
    pub fn critic_loss(&self, batch: &Batch, targets: Tensor<2>) -> Tensor<1> {
        let [loss] = <[_; 1]>::try_from(self.core().critic_losses(&self.core().boundary.inside(batch), &targets))
            .expect("there is one critic");
        loss
    }

    /// Returns the critic, its parameters on the tape.
    pub fn critic(&self) -> &C {
        &self.critics().critics[0]
    }

    /// Returns the target of the critic, Q′, without autodiff.
    pub fn target_critic(&self) -> &C {
        &self.target_critics().critics[0]
    }
}

impl<A: Actor, C: Critic> SaveState for Ddpg<A, C> {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = self.core().save_state("ddpg", &self.config)?;
        state.put_state("target_actor", self.inner.target_actor.save_state()?);
        state.put_state("exploration", self.inner.exploration.save_state()?);
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        let core = self.core().loaded("ddpg", &self.config, &mut state)?;
        let target_actor = self.inner.target_actor.loaded("target_actor", &mut state)?;
        let exploration = self.inner.exploration.loaded("exploration", &mut state)?;
        state.finish()?;
        self.inner = Deterministic { core, target_actor, exploration };
        Ok(())
    }
}

impl<A: Actor, C: Critic> Agent for Ddpg<A, C> {
    type Metrics = DdpgMetrics;

    deterministic_agent!();

    fn update(&mut self, batch: &Batch) -> Result<Update<DdpgMetrics>, AgentError> {
        self.core().boundary.check_batch(batch)?;
        let batch = &self.core().boundary.inside(batch);
        let factor = self.core().boundary.reward_factor();

        let targets = self.targets_inside(batch);
        let critics = self.inner.core.step_critics(batch, &targets).map_err(|error| self.inner.cause(error))?;
        let actor_loss = self.inner.step_actor_and_targets(batch)?;

        let metrics = DdpgMetrics { critic_loss: critics.loss / factor.powi(2), actor_loss: actor_loss / factor };
        Ok(Update { metrics, td_errors: critics.td_errors })
    }
}
