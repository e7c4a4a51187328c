//! Twin delayed deep deterministic policy gradient.

use burn::tensor::Device;
use rand::rngs::ChaCha8Rng;

use super::agent_config::DefaultNetworks;
use super::agent_macro::agent;
use super::core::{Core, CriticStep};
use super::deterministic::{ActorLoss, deterministic_agent};
use super::exploration::Exploration;
use super::settings::{agent_config, agent_metrics};
use super::{AgentError, Update};
use crate::boundary::Inside;
use crate::config::{ConfigError, non_negative};
use crate::env::Spaces;
use crate::fused::Members;
use crate::matrix::Matrix;
use crate::nn::{Actor, Critic, DeterministicActor, Ensemble, QNetwork, Reduction};
use crate::noise::{GaussianNoiseConfig, NoiseConfig};
use crate::replay::Batch;
use crate::rng::{Seed, Stream};

agent_config! {
    /// Settings of [`Td3`]; the defaults are the paper's.
    ///
    /// # Examples
    ///
    /// ```
    /// # use actor_critic::prelude::*;
    /// let config = Td3Config::new().with_policy_delay(3);
    /// assert_eq!((config.smoothing_std, config.target_update_interval), (0.2, None)); // targets move with the actor
    /// ```
    pub struct Td3Config for Td3<DeterministicActor, QNetwork> {
        learning_rate: 1e-3,
        policy_delay: 2,
        /// Exploration noise: added to the actions in the environment, not to those of an evaluation.
        #[config(default = "NoiseConfig::Gaussian(GaussianNoiseConfig::new())")]
        pub noise: NoiseConfig,
        /// Standard deviation of the smoothing noise on target actions, `[0, ∞)`. Its unit is half the width of each
        /// action axis.
        #[config(default = 0.2)]
        pub smoothing_std: f64,
        /// Largest smoothing noise, in the same unit, `[0, ∞)`.
        #[config(default = 0.5)]
        pub smoothing_clip: f64,
        /// Updates between two moves of the targets, at least 1. Default: [`policy_delay`](Self::policy_delay). With a
        /// [`tau`](Self::tau) of 1, the targets are copies.
        #[config(default = "None")]
        pub target_update_interval: Option<usize>,
    }
}

impl Td3Config {
    fn validate_own(&self) -> Result<(), ConfigError> {
        non_negative("smoothing_std", self.smoothing_std)?;
        non_negative("smoothing_clip", self.smoothing_clip)?;
        self.noise.validate()
    }

    fn build(&self, networks: &DefaultNetworks<'_>) -> Result<Td3<DeterministicActor, QNetwork>, ConfigError> {
        let (actor, critics) = (networks.deterministic_actor()?, networks.critics(2)?);
        Td3::new(actor, critics, networks.spaces, self, networks.device, networks.seed)
    }
}

agent_metrics! {
    /// The metrics of one [`Td3`] update.
    pub struct Td3Metrics {
        /// Mean of `(Qᵢ(o, a) − y)²` over batch and critics, before the step, in squared units of the reward.
        critic_loss,
        /// Mean of `−Q₁(o, μ(o))` before the latest step of the actor, in units of the reward; 0 before the first.
        actor_loss,
    }
}

/// Twin delayed deep deterministic policy gradient[^1], with any actor and any critics.
///
/// [`docs/algorithms/td3.md`](crate::_docs::td3) lists every detail and where it differs from the paper.
///
/// [^1]: S. Fujimoto et al. (2018). *Addressing Function Approximation Error in Actor-Critic Methods*.
/// arXiv:1802.09477.
pub struct Td3<A, C: Critic> {
    pub(super) core: Core<A, C>,
    exploration: Exploration,
    update_rng: ChaCha8Rng,
    actor_loss: ActorLoss,
    config: Td3Config,
}

agent!(Td3, Td3Config, Td3Metrics, Actor, "td3", [exploration, update_rng, actor_loss]);
deterministic_agent!(Td3, Td3Config);

impl<A: Actor, C: Critic> Td3<A, C> {
    /// Creates an agent from networks, which it moves to `device`. Targets start as copies.
    ///
    /// # Errors
    ///
    /// - as [`Td3Config::validate`]
    /// - [`ConfigError::OutputShape`] if a network returns the wrong shape for a batch
    ///
    /// # Panics
    ///
    /// Panics if a network panics on a batch of the right shape.
    pub fn new(
        actor: A,
        critics: Ensemble<C>,
        spaces: &Spaces,
        config: &Td3Config,
        device: &Device,
        seed: Seed,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let core = Core::new(actor, critics, spaces, config.shared(), device, seed)?;
        let noise = config.noise.init(spaces.action().dim())?;
        Ok(Self {
            core: core.with_target_actor(),
            exploration: Exploration::new(noise, seed.stream(Stream::Exploration)),
            update_rng: seed.stream(Stream::Update),
            actor_loss: ActorLoss::default(),
            config: config.clone(),
        })
    }

    /// Computes `y = r + γ (1 − d) min Q′(o′, a′)` with `a′ = clamp(μ′(o′) + clamp(std · noise, ±clip), ±1)`.
    pub(super) fn targets(&mut self, batch: &Inside, next_noise: Matrix) -> Matrix {
        let (std, clip) = (self.config.smoothing_std, self.config.smoothing_clip);
        let noise = (next_noise * std).clamp(-clip, clip);
        let next_actions = (self.core.target_actions(&batch.next_observations) + &noise).clamp(-1.0, 1.0);
        let all = self.core.dropping(Members::up_to(self.core.critic_count), batch.len());
        let next_values = self.core.next_values((&Reduction::Minimum, &all), batch, &next_actions);
        next_values * &batch.discounts + &batch.rewards
    }

    fn learn(&mut self, batch: &Inside) -> Result<Update<Td3Metrics>, AgentError> {
        let next_noise = self.core.boundary.normal(batch.len(), &mut self.update_rng);
        self.learn_with(batch, next_noise)
    }

    /// Takes an update: the critics towards y, and, if it is their turn, the actor and the targets.
    pub(super) fn learn_with(&mut self, batch: &Inside, next_noise: Matrix) -> Result<Update<Td3Metrics>, AgentError> {
        let targets = self.targets(batch, next_noise);
        let CriticStep { loss: critic_loss, td_errors } = self.core.step_critics(batch, &targets)?;
        if self.core.moves_actor() {
            let (loss, gradients) = self.core.deterministic_actor_gradient(batch)?;
            self.actor_loss.0 = self.core.step_actor(loss, gradients)?;
        }
        self.core.follow()?;
        Ok(Update { metrics: Td3Metrics { critic_loss, actor_loss: self.actor_loss.0 }, td_errors })
    }
}
