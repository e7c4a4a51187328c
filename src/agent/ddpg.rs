//! Deep deterministic policy gradient.

use burn::tensor::{Device, Tensor};

use super::agent_config::DefaultNetworks;
use super::core::{Core, CriticStep, agent};
use super::deterministic::deterministic_agent;
use super::exploration::Exploration;
use super::settings::{agent_config, agent_metrics};
use super::{AgentError, Update};
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::nn::{Actor, Critic, DeterministicActor, Ensemble, QNetwork};
use crate::noise::{GaussianNoiseConfig, NoiseConfig};
use crate::objective::{deterministic_actor_loss, td_target};
use crate::replay::Batch;
use crate::rng::{Seed, Stream};

agent_config! {
    /// Settings of [`Ddpg`]. See the table in [`crate::agent`] for sources and the lab's values.
    pub struct DdpgConfig for Ddpg<DeterministicActor, QNetwork> {
        learning_rate: 1e-3,
        /// Noise on the actions taken in the environment.
        #[config(default = "NoiseConfig::Gaussian(GaussianNoiseConfig::new())")]
        pub noise: NoiseConfig,
    }
}

impl DdpgConfig {
    fn validate_own(&self) -> Result<(), ConfigError> {
        self.noise.validate()
    }

    fn build(&self, networks: &DefaultNetworks<'_>) -> Result<Ddpg<DeterministicActor, QNetwork>, ConfigError> {
        let (actor, critic) = (networks.deterministic_actor()?, networks.critics(1)?.critics.remove(0));
        Ddpg::new(actor, critic, networks.spaces, self, networks.device, networks.seed)
    }
}

agent_metrics! {
    /// What one [`Ddpg`] update reports.
    pub struct DdpgMetrics {
        /// Mean of `(Q(o, a) − y)²` before the step, in squared units of the reward.
        critic_loss,
        /// Mean of `−Q(o, μ(o))` before the step of the actor, after that of the critic, in units of the reward.
        actor_loss,
    }
}

/// Deep deterministic policy gradient[^1], with any actor and critic.
///
/// [`docs/algorithms/ddpg.md`](crate::_docs::ddpg) lists every detail and where it differs from the paper.
///
/// [^1]: T. Lillicrap et al. (2015). *Continuous control with deep reinforcement learning*. arXiv:1509.02971.
pub struct Ddpg<A, C: Critic> {
    pub(super) core: Core<A, C>,
    exploration: Exploration,
    config: DdpgConfig,
}

agent!(Ddpg, DdpgConfig, DdpgMetrics, Actor, "ddpg", [exploration]);
deterministic_agent!(Ddpg, DdpgConfig);

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
        let core = Core::new(actor, Ensemble::new(vec![critic])?, 1, spaces, config.shared(), device)?;
        let noise = config.noise.init(spaces.action().dim())?;
        Ok(Self {
            core: core.with_target_actor(),
            exploration: Exploration::new(noise, seed.stream(Stream::Exploration)),
            config: config.clone(),
        })
    }

    /// Computes `y = r + γ (1 − d) Q′(o′, μ′(o′))`, without a tape.
    pub(super) fn targets(&self, batch: &Batch) -> Tensor<2> {
        let next_actions = self.target_actor().act(batch.next_observations.clone());
        let next_values = self.target_critic().q_value(batch.next_observations.clone(), next_actions);
        td_target(batch.rewards.clone(), batch.discounts.clone(), next_values)
    }

    /// Computes the mean of `−Q(o, μ(o))`, on the tape of the actor; the critic is a constant.
    pub(super) fn actor_loss(&self, batch: &Batch) -> Tensor<1> {
        let actions = self.actor().act(batch.observations.clone());
        let critic = &self.core.critics.plain().critics[0];
        deterministic_actor_loss(critic.q_value(batch.observations.clone(), actions))
    }

    /// Takes an update: the critic towards y, the actor towards larger Q, then the targets a share τ of the way.
    fn learn(&mut self, batch: &Batch) -> Result<Update<DdpgMetrics>, AgentError> {
        let targets = self.targets(batch);
        let CriticStep { loss: critic_loss, td_errors } = self.core.step_critics(batch, &targets)?;
        let actor_loss = self.core.step_actor(self.actor_loss(batch))?;
        self.core.follow()?;
        Ok(Update { metrics: DdpgMetrics { critic_loss, actor_loss }, td_errors })
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
