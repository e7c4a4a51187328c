//! Deep deterministic policy gradient.

use burn::tensor::Device;

use super::agent_config::DefaultNetworks;
use super::agent_macro::agent;
use super::core::{Core, CriticStep};
use super::deterministic::{ActorLoss, deterministic_agent};
use super::exploration::Exploration;
use super::settings::{agent_config, agent_metrics};
use super::{AgentError, Update};
use crate::boundary::Inside;
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::fused::Members;
use crate::matrix::Matrix;
use crate::nn::{Actor, Critic, DeterministicActor, Ensemble, QNetwork, Reduction};
use crate::noise::{GaussianNoiseConfig, NoiseConfig};
use crate::replay::Batch;
use crate::rng::{Seed, Stream};

agent_config! {
    /// Settings of [`Ddpg`]. The table in [`crate::agent`] has the sources of the defaults, and the lab's values.
    ///
    /// # Examples
    ///
    /// ```
    /// # use actor_critic::prelude::*;
    /// let config = DdpgConfig::new().with_actor_learning_rate(1e-4);
    /// assert_eq!((config.discount, config.tau), (0.99, 0.005));
    /// ```
    pub struct DdpgConfig for Ddpg<DeterministicActor, QNetwork> {
        learning_rate: 1e-3,
        policy_delay: 1,
        /// Exploration noise: added to the actions in the environment, not to those of an evaluation.
        #[config(default = "NoiseConfig::Gaussian(GaussianNoiseConfig::new())")]
        pub noise: NoiseConfig,
        /// Updates between two moves of the targets, at least 1. Default: 1. With a [`tau`](Self::tau) of 1, the
        /// targets are copies of the networks, renewed at this interval.
        #[config(default = 1)]
        pub target_update_interval: usize,
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
    /// The metrics of one [`Ddpg`] update.
    pub struct DdpgMetrics {
        /// Mean of `(Q(o, a) − y)²` before the step, in squared units of the reward.
        critic_loss,
        /// Mean of `−Q(o, μ(o))` at the latest step of the actor, in units of the reward: before that step and after
        /// the critic's. 0 before the first.
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
    actor_loss: ActorLoss,
    config: DdpgConfig,
}

agent!(Ddpg, DdpgConfig, DdpgMetrics, Actor, "ddpg", [exploration, actor_loss]);
deterministic_agent!(Ddpg, DdpgConfig);

impl<A: Actor, C: Critic> Ddpg<A, C> {
    /// Creates an agent from networks and moves them to `device`. The targets start as copies.
    ///
    /// # Errors
    ///
    /// - as [`DdpgConfig::validate`]
    /// - [`ConfigError::OutputShape`] if a network returns the wrong shape for a batch
    ///
    /// # Panics
    ///
    /// Panics if a network panics on a batch of the right shape.
    pub fn new(
        actor: A,
        critic: C,
        spaces: &Spaces,
        config: &DdpgConfig,
        device: &Device,
        seed: Seed,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let core = Core::new(actor, Ensemble::new(vec![critic])?, spaces, config.shared(), device, seed)?;
        let noise = config.noise.init(spaces.action().dim())?;
        Ok(Self {
            core: core.with_target_actor(),
            exploration: Exploration::new(noise, seed.stream(Stream::Exploration)),
            actor_loss: ActorLoss::default(),
            config: config.clone(),
        })
    }

    /// Computes `y = r + γ (1 − d) Q′(o′, μ′(o′))`.
    pub(super) fn targets(&mut self, batch: &Inside) -> Matrix {
        let next_actions = self.core.target_actions(&batch.next_observations);
        let only = self.core.dropping(Members::up_to(1), batch.len());
        let next_values = self.core.next_values((&Reduction::First, &only), batch, &next_actions);
        next_values * &batch.discounts + &batch.rewards
    }

    /// Takes an update: the critic towards y, the actor towards larger Q, the targets towards their networks; actor and
    /// targets only if it is their turn.
    fn learn(&mut self, batch: &Inside) -> Result<Update<DdpgMetrics>, AgentError> {
        let targets = self.targets(batch);
        let CriticStep { loss: critic_loss, td_errors } = self.core.step_critics(batch, &targets)?;
        if self.core.moves_actor() {
            let (loss, gradients) = self.core.deterministic_actor_gradient(batch)?;
            self.actor_loss.0 = self.core.step_actor(loss, gradients)?;
        }
        self.core.follow()?;
        Ok(Update { metrics: DdpgMetrics { critic_loss, actor_loss: self.actor_loss.0 }, td_errors })
    }

    /// Returns the critic, without autodiff. See [`actor`](Self::actor).
    pub fn critic(&self) -> &C {
        &self.critics().critics[0]
    }

    /// Returns the target critic, Q′, without autodiff. See [`actor`](Self::actor).
    pub fn target_critic(&self) -> &C {
        &self.target_critics().critics[0]
    }
}
