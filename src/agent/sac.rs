//! Soft actor-critic.

use burn::tensor::Device;
use rand::rngs::ChaCha8Rng;

use super::agent_config::DefaultNetworks;
use super::agent_macro::agent;
use super::core::{Core, CriticStep};
use super::evaluate::Of;
use super::maximum_entropy::{ActorGradient, ActorStep, check_density, maximum_entropy_agent};
use super::network::Sample;
use super::policy_noise::{ExplorationNoise, PolicyNoise};
use super::settings::{agent_config, agent_metrics};
use super::temperature::{LearnedTemperatureConfig, Temperature, TemperatureConfig};
use super::{AgentError, Update};
use crate::boundary::Inside;
use crate::config::{ConfigError, at_least};
use crate::env::Spaces;
use crate::matrix::Matrix;
use crate::nn::{Critic, Ensemble, GaussianActor, QNetwork, Reduction, StochasticActor};
use crate::replay::Batch;
use crate::rng::{Seed, Stream};

agent_config! {
    /// Settings of [`Sac`]. The table in [`crate::agent`] has the sources of the defaults, and the lab's values.
    ///
    /// # Examples
    ///
    /// ```
    /// # use actor_critic::prelude::*;
    /// let config = SacConfig::new().with_temperature(TemperatureConfig::Fixed(0.1));
    /// assert_eq!((config.critic_count, config.tau), (2, 0.005));
    /// ```
    pub struct SacConfig for Sac<GaussianActor, QNetwork> {
        learning_rate: 3e-4,
        policy_delay: 1,
        /// The temperature: the weight of the entropy, fixed or learned.
        #[config(default = "TemperatureConfig::Learned(LearnedTemperatureConfig::new())")]
        pub temperature: TemperatureConfig,
        /// Number of critics that [`init`](Self::init) creates, at least 1. Default: 2.
        #[config(default = 2)]
        pub critic_count: usize,
        /// How the noise of an action depends on the steps before. Default: white noise, which does not.
        #[config(default = "ExplorationNoise::White")]
        pub exploration_noise: ExplorationNoise,
        /// Updates between two moves of the target critics, at least 1. Default: 1. With [`tau`](Self::tau) 1: copies.
        #[config(default = 1)]
        pub target_update_interval: usize,
        /// How the values of the target critics are reduced to one in the targets. Default: the minimum.
        #[config(default = "Reduction::Minimum")]
        pub target_reduction: Reduction,
        /// How the values of the critics are reduced to one in the loss of the actor. Default: the minimum.
        #[config(default = "Reduction::Minimum")]
        pub actor_reduction: Reduction,
    }
}

impl SacConfig {
    fn validate_own(&self) -> Result<(), ConfigError> {
        self.temperature.validate()?;
        self.exploration_noise.check(&self.temperature)?;
        at_least("critic_count", 1, self.critic_count)
    }

    fn build(&self, networks: &DefaultNetworks<'_>) -> Result<Sac<GaussianActor, QNetwork>, ConfigError> {
        let (actor, critics) = (networks.gaussian_actor()?, networks.critics(self.critic_count)?);
        Sac::new(actor, critics, networks.spaces, self, networks.device, networks.seed)
    }

    /// Checks the settings that depend on the networks.
    fn check<A: StochasticActor, C: Critic>(&self, core: &Core<A, C>) -> Result<(), ConfigError> {
        self.target_reduction.check("target_reduction", core.critic_count)?;
        self.actor_reduction.check("actor_reduction", core.critic_count)?;
        check_density(core, &self.temperature)
    }
}

agent_metrics! {
    /// The metrics of a [`Sac`] update. All but `critic_loss` are of the latest step of the actor, 0 before the first.
    pub struct SacMetrics {
        /// Mean of `(Qᵢ(o, a) − y)²` over batch and critics, before the step, in squared units of the reward.
        critic_loss,
        /// Mean of `α log π(a∣o) − min Q(o, a)` before the actor's step and after the critics', in units of the reward.
        actor_loss,
        /// Mean of `−log π(a∣o)` for actions in `[−1, 1]`, in nats (natural logarithm); 0 for policies without density.
        entropy,
        /// The temperature α after the update, in units of the reward per nat.
        temperature,
        /// Mean of `−log α (log π(a∣o) + H̄)` before the step of the temperature; 0 if it is fixed.
        temperature_loss,
    }
}

/// Soft actor-critic[^1], with any stochastic actor and any critics.
///
/// [`docs/algorithms/sac.md`](crate::_docs::sac) lists every detail and where it differs from the papers.
///
/// [^1]: T. Haarnoja et al. (2018). *Soft Actor-Critic Algorithms and Applications*. arXiv:1812.05905.
pub struct Sac<A, C: Critic> {
    pub(super) core: Core<A, C>,
    temperature: Temperature,
    exploration: PolicyNoise,
    update_rng: ChaCha8Rng,
    latest: ActorStep,
    config: SacConfig,
}

agent!(Sac, SacConfig, SacMetrics, StochasticActor, "sac", [temperature, exploration, update_rng, latest]);
maximum_entropy_agent!(Sac, SacConfig);

impl<A: StochasticActor, C: Critic> Sac<A, C> {
    /// Creates an agent from networks, which are moved to `device`; the target begins as a copy of the critics.
    ///
    /// # Errors
    ///
    /// - as [`SacConfig::validate`]
    /// - [`ConfigError::TooLarge`] if a reduction asks for more critics than there are
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
        let core = Core::new(actor, critics, spaces, config.shared(), device, seed)?;
        config.check(&core)?;
        Ok(Self {
            temperature: Temperature::new(&config.temperature, &core.boundary, config.shared().adam),
            core,
            exploration: PolicyNoise::new(config.exploration_noise, spaces.action().dim(), seed)?,
            update_rng: seed.stream(Stream::Update),
            latest: ActorStep::default(),
            config: config.clone(),
        })
    }

    /// Computes `y = r + γ (1 − d) (min Q′(o′, a′) − α log π(a′∣o′))`.
    pub(super) fn targets(&mut self, batch: &Inside, next_noise: &Matrix) -> Matrix {
        let Sample { actions, log_probs } =
            self.core.actor.network().sample(&batch.next_observations, next_noise, &self.core.boundary.place);
        let reduction = &self.config.target_reduction;
        let members = self.core.members(reduction, batch.len(), &mut self.update_rng);
        let mut next_values = self.core.next_values((reduction, &members), batch, &actions);
        if let Some(log_probs) = log_probs {
            next_values = next_values - &(log_probs * self.temperature.value());
        }
        next_values * &batch.discounts + &batch.rewards
    }

    /// Computes `J = mean (α log π − min Q)` and its gradient: `∂J/∂Q = −1/n` of the minimum, `∂J/∂log π = α/n`.
    pub(super) fn actor_gradient(&mut self, batch: &Inside, noise: &Matrix) -> Result<ActorGradient, AgentError> {
        let (n, alpha, reduction) = (batch.len() as f64, self.temperature.value(), &self.config.actor_reduction);
        let members = self.core.members(reduction, batch.len(), &mut self.update_rng);
        let Core { actor, critics, boundary, settings, .. } = &mut self.core;
        let mut policy = actor.sample(&batch.observations, noise, &boundary.place);
        let log_prob = policy.log_probs.take().map(|log_probs| log_probs.mean()).transpose()?;
        let q = critics.evaluate(&members, [&batch.observations, &policy.actions], Of::Actions, &boundary.place);
        let values = settings.value_head.expectations(&q.values);
        let gradient = settings.value_head.pull_back(&q.values, reduction.pull_back(&values, -1.0 / n));
        let loss = alpha * log_prob.unwrap_or(0.0) - reduction.reduce(values).mean()?;
        let actions = q.pull_to_actions(&gradient);
        Ok(ActorGradient { loss, gradients: policy.pull_to_parameters(&actions, alpha / n), log_prob })
    }

    fn learn(&mut self, batch: &Inside) -> Result<Update<SacMetrics>, AgentError> {
        let [next_noise, noise] = [(); 2].map(|()| self.core.boundary.normal(batch.len(), &mut self.update_rng));
        self.learn_with(batch, &next_noise, &noise)
    }

    /// Takes an update: the critics towards y, the actor, the temperature towards the target entropy, and the targets.
    pub(super) fn learn_with(
        &mut self,
        batch: &Inside,
        next_noise: &Matrix,
        noise: &Matrix,
    ) -> Result<Update<SacMetrics>, AgentError> {
        let targets = self.targets(batch, next_noise);
        let CriticStep { loss: critic_loss, td_errors } = self.core.step_critics(batch, &targets)?;
        if self.core.moves_actor() {
            let ActorGradient { loss, gradients, log_prob } = self.actor_gradient(batch, noise)?;
            let loss = self.core.step_actor(loss, gradients)?;
            let temperature_loss = self.temperature.update(log_prob)?;
            self.latest = ActorStep { loss, entropy: -log_prob.unwrap_or(0.0), temperature_loss };
        }
        self.core.follow()?;
        let ActorStep { loss: actor_loss, entropy, temperature_loss } = self.latest;
        let temperature = self.temperature();
        let metrics = SacMetrics { critic_loss, actor_loss, entropy, temperature, temperature_loss };
        Ok(Update { metrics, td_errors })
    }
}
