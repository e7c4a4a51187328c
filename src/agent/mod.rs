//! Agents: choose an algorithm and its settings, and create an agent.
//!
//! | Setting | [`SacConfig::recommended`] | [`SacConfig`] | lab | [`DdpgConfig`] | lab | [`Td3Config`] |
//! |---|---|---|---|---|---|---|
//! | `discount` γ | 0.99 | 0.99 | 0.99 | 0.99 | 0.99 | 0.99 |
//! | `tau` τ | 0.01 | 0.005 | 0.005 | 0.005 | 0.005 | 0.005 |
//! | `actor_learning_rate` | 1e-3 | 3e-4 | 1e-3 | 1e-3 | 1e-3 | 1e-3 |
//! | `critic_learning_rate` | 1e-3 | 3e-4 | 1e-3 | 1e-3 | 2e-3 | 1e-3 |
//! | hidden layers | 2 × 128 | 2 × 256 | 2 × 256 | 2 × 256 | 2 × 256, its own critic | 2 × 256 |
//! | critics | 2, of 25 quantiles, with layer normalisation | 2 | 2 | 1 | 1 | 2 |
//! | noise (half-ranges) | its own, pink at the smallest temperature | its own | its own | Gaussian 0.1 | Ornstein-Uhlenbeck 0.1 | Gaussian 0.1 |
//! | temperature α | learned from 1, at least 0.01 | learned from 1 | fixed 0.1 | | | |
//! | Adam's ε | 1e-8 | 1e-8 | 1e-8 | 1e-8 | 1e-8 | 1e-8 |
//! | `normalize_observations` | on | on | off | on | off | on |
//! | `scale_rewards` | on | off | off | off | off | off |
//!
//! Start with [`SacConfig::recommended`]; the guide [Choose an algorithm](crate::_docs::choose_an_algorithm) compares
//! the others. [`SacConfig::tqc`], [`SacConfig::redq`] and [`SacConfig::droq`] are named variants.
//!
//! The defaults are those of Stable-Baselines3, except the noise of DDPG and TD3, and the normalisation, which are off
//! there. Noise is in half-ranges: a half-range is half the width of an action axis. "Lab" is a course exercise whose
//! runs the examples reproduce ([Lab](crate::_docs::lab)). [Units](crate::_docs::units) explains the last two rows.

use burn::tensor::Device;

use crate::env::Step;
use crate::policy::{Act, write_rows};
use crate::replay::Batch;

pub(crate) mod adam;
mod agent_config;
mod agent_macro;
mod core;
mod ddpg;
mod deterministic;
mod dropout;
mod error;
mod evaluate;
mod exploration;
mod form;
mod gradient_norm;
mod learner;
mod maximum_entropy;
mod network;
mod policy_noise;
mod resets;
mod sac;
mod saved;
mod settings;
mod target_network;
mod td3;
mod temperature;
#[cfg(test)]
mod tests;
mod variants;

pub use crate::boundary::{ActError, BatchError};
pub use agent_config::{AgentConfig, NetworksConfig};
pub use ddpg::{Ddpg, DdpgConfig, DdpgMetrics};
pub use error::AgentError;
pub use policy_noise::ExplorationNoise;
pub use sac::{Sac, SacConfig, SacMetrics};
pub use td3::{Td3, Td3Config, Td3Metrics};
pub use temperature::{LearnedTemperatureConfig, TemperatureConfig};

/// The numbers that an agent normalises before its networks see them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Normalizes {
    /// Whether it normalises observations.
    pub observations: bool,
    /// Whether it scales rewards.
    pub rewards: bool,
}

/// A learning agent: explores, and updates its networks from batches.
///
/// An agent owns its networks, optimizers and exploration noise. The environment, the replay and the number of updates
/// belong to the [`Trainer`](crate::train::Trainer) or to a loop of your own.
///
/// # Contract
///
/// - Actions lie inside the action space of [`Act::spaces`].
/// - If a call returns an error because of its argument, the agent does not change.
///
/// # Examples
///
/// A training loop without a `Trainer`, within one episode:
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let mut env = Pendulum::v1();
/// let mut agent = Td3Config::new().init_with(&[16], &Spaces::of(&env)?, &device, Seed(0))?;
/// let mut replay = ReplayBuffer::new(1_000, 3, 1)?;
/// let mut rng = Seed(0).stream(Stream::Replay);
/// let mut observation = env.reset(0)?;
/// agent.observe(&observation)?;
/// for _ in 0..20 {
///     let action = agent.explore(&[&observation])?.remove(0);
///     let step = env.step(&action)?;
///     agent.observe_step(0, &step)?;
///     replay.push(&Transition {
///         observation: &observation,
///         action: &action,
///         reward: step.reward,
///         next_observation: &step.observation,
///         terminated: step.terminated,
///     })?;
///     observation = step.observation;
///     if replay.len() >= 8 {
///         let update = agent.update(&replay.sample(8, agent.discount(), &mut rng)?)?;
///         assert!(update.metrics.critic_loss.is_finite());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Agent: Act {
    /// The type of the metrics of an update.
    type Metrics: Metrics;

    /// Returns the device of the networks.
    fn device(&self) -> &Device;

    /// Returns an action with exploration noise for each of several environments, in environment units. The position of
    /// an observation is the number of its environment.
    ///
    /// # Errors
    ///
    /// As [`Act::act`], or [`ActError::NonFiniteNoise`] if a noise process of your own breaks its contract.
    fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError>;

    /// As [`explore`](Self::explore), but writes the actions of n environments into `actions`, `[n, A]`, from their
    /// observations, `[n, O]`, both row by row.
    ///
    /// By default it calls [`explore`](Self::explore). Override it to avoid the allocation of the actions.
    ///
    /// # Errors
    ///
    /// As [`explore`](Self::explore), or [`ActError::ActionShape`] if the number of actions differs from the length of
    /// `actions`.
    fn explore_into(&mut self, observations: &[f32], actions: &mut [f32]) -> Result<(), ActError> {
        let (dim, axes) = (self.spaces().observation().dim(), self.spaces().action().dim());
        let rows: Vec<&[f32]> = observations.chunks(dim).collect();
        write_rows(&self.explore(&rows)?, axes, actions)
    }

    /// Receives the first observation of each episode of a training run. Does nothing by default; an agent that
    /// normalises observations counts it.
    ///
    /// # Errors
    ///
    /// [`ActError::Observation`] if the observation has the wrong length or is not finite.
    fn observe(&mut self, observation: &[f32]) -> Result<(), ActError> {
        let _ = observation;
        Ok(())
    }

    /// Receives every step of a training run, with the number of its environment. Does nothing by default; an agent
    /// that normalises observations or scales rewards counts it.
    ///
    /// # Errors
    ///
    /// As [`observe`](Self::observe), also for the reward.
    fn observe_step(&mut self, environment: usize, step: &Step) -> Result<(), ActError> {
        let _ = (environment, step);
        Ok(())
    }

    /// Returns which numbers the agent normalises, for a [`Diagnosis`](crate::train::Diagnosis). Nothing by default.
    fn normalizes(&self) -> Normalizes {
        Normalizes::default()
    }

    /// Returns the discount γ. Pass it to the replay when you draw a batch, which then has the
    /// [discounts](Batch::discounts).
    fn discount(&self) -> f64;

    /// Takes one update: a gradient step on the critics, and on the actor if it is its turn.
    ///
    /// The batch is in environment units. The agent normalises it.
    ///
    /// # Errors
    ///
    /// - [`AgentError::Batch`] if the batch is empty, or its transitions are of other spaces; nothing is changed. The
    ///   numbers of a batch were checked when it was made
    /// - [`AgentError::Diverged`] if a loss is not finite; its network has not moved, those before it in the update
    ///   have
    /// - [`AgentError::Parameter`] if a weight or a gradient is not finite, or too large; its network may have moved
    fn update(&mut self, batch: &Batch) -> Result<Update<Self::Metrics>, AgentError>;

    /// Receives the end of every episode, with the number of its environment. Does nothing by default.
    fn end_episode(&mut self, environment: usize) {
        let _ = environment;
    }
}

/// The result of an update.
#[derive(Debug, Clone, PartialEq)]
pub struct Update<M> {
    /// Losses and other metrics, in environment units.
    pub metrics: M,
    /// Temporal difference error of each transition before the step: `|y − Q(o, a)|`, the mean over the critics, in the
    /// units of the critics. `None` if the batch has no [`weights`](Batch::weights).
    pub td_errors: Option<Vec<f32>>,
}

/// The metrics of an update by name, for observers that do not know the algorithm.
pub trait Metrics {
    /// Names, in the order of [`values`](Self::values).
    const NAMES: &'static [&'static str];

    /// Returns one value per name.
    fn values(&self) -> impl Iterator<Item = f64>;
}
