//! Agents: choose an algorithm and its settings, and make an agent.
//!
//! | Setting | [`DdpgConfig`] | lab | [`SacConfig`] | lab | [`Td3Config`] |
//! |---|---|---|---|---|---|
//! | `discount` γ | 0.99 | 0.99 | 0.99 | 0.99 | 0.99 |
//! | `tau` τ | 0.005 | 0.005 | 0.005 | 0.005 | 0.005 |
//! | `actor_learning_rate` | 1e-3 | 1e-3 | 3e-4 | 1e-3 | 1e-3 |
//! | `critic_learning_rate` | 1e-3 | 2e-3 | 3e-4 | 1e-3 | 1e-3 |
//! | noise (half-ranges) | Gaussian 0.1 | Ornstein-Uhlenbeck 0.1 | its own | its own | Gaussian 0.1 |
//! | temperature α | | | learned from 1 | fixed 0.1 | |
//! | Adam's ε | 1e-8 | 1e-8 | 1e-8 | 1e-8 | 1e-8 |
//! | `normalize_observations` | on | off | on | off | on |
//! | `scale_rewards` | off | off | off | off | off |
//!
//! [`SacConfig::recommended`] is the setting to start with; the guide [Choose an algorithm](crate::_docs::choose_an_algorithm) compares the others. [`SacConfig::tqc`], [`SacConfig::redq`] and
//! [`SacConfig::droq`] are named variants. The defaults are those of Stable-Baselines3, except the noise of DDPG
//! and TD3, and the normalisation, which are off there. "Lab" is a course exercise whose runs the examples reproduce ([Lab](crate::_docs::lab)).
//! [Units](crate::_docs::units) explains the last two rows.

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

/// Which numbers an agent normalises before its networks see them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Normalizes {
    /// Whether it normalises observations.
    pub observations: bool,
    /// Whether it scales rewards.
    pub rewards: bool,
}

/// A learning agent: explores, and updates its networks from batches.
///
/// An agent owns its networks, optimizers and exploration. Environment, replay and the number of updates belong to the
/// [`Trainer`](crate::train::Trainer) or to a loop of your own.
///
/// # Contract
///
/// - Actions lie inside the action space of [`Act::spaces`].
/// - A call that returns an error because of its argument leaves the agent as it was.
pub trait Agent: Act {
    /// What an update reports.
    type Metrics: Metrics;

    /// Returns the device that the networks are on.
    fn device(&self) -> &Device;

    /// Returns the action to learn from for each of several environments, in the order of their numbers: with exploration noise, in
    /// environment units.
    ///
    /// # Errors
    ///
    /// As [`Act::act`], or [`ActError::NonFiniteNoise`] if a noise process of your own breaks its contract.
    fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError>;

    /// Writes the actions to learn from of n environments into `actions`, `[n, A]` row by row, from their observations, `[n, O]` row by row.
    ///
    /// Calls [`explore`](Self::explore) by default. Implement it where actions need no memory of their own.
    ///
    /// # Errors
    ///
    /// As [`explore`](Self::explore), or [`ActError::ActionShape`] if it does not give as many actions as fit into `actions`.
    fn explore_into(&mut self, observations: &[f32], actions: &mut [f32]) -> Result<(), ActError> {
        let (dim, axes) = (self.spaces().observation().dim(), self.spaces().action().dim());
        let rows: Vec<&[f32]> = observations.chunks(dim).collect();
        write_rows(&self.explore(&rows)?, axes, actions)
    }

    /// Called with the first observation of each episode of a training run. Does nothing unless the agent keeps statistics.
    ///
    /// # Errors
    ///
    /// [`ActError::Observation`] if the observation has the wrong length or is not finite.
    fn observe(&mut self, observation: &[f32]) -> Result<(), ActError> {
        let _ = observation;
        Ok(())
    }

    /// Called with every step of an environment of a training run, by its number. Does nothing unless the agent keeps statistics.
    ///
    /// # Errors
    ///
    /// As [`observe`](Self::observe), also for the reward.
    fn observe_step(&mut self, environment: usize, step: &Step) -> Result<(), ActError> {
        let _ = (environment, step);
        Ok(())
    }

    /// Returns what the agent normalises by itself, for a [`Diagnosis`](crate::train::Diagnosis). Nothing by default.
    fn normalizes(&self) -> Normalizes {
        Normalizes::default()
    }

    /// Returns the weight of the future γ. Whoever draws a batch passes it to the replay, which computes the [discounts](Batch::discounts).
    fn discount(&self) -> f64;

    /// Takes one update: a gradient step on the critics, and on the actor when its turn has come.
    ///
    /// The batch is in environment units; the agent normalises it.
    ///
    /// # Errors
    ///
    /// - [`AgentError::Batch`] if the batch is empty, or its transitions are of other spaces; nothing is changed. Its numbers were
    ///   checked when it was made
    /// - [`AgentError::Diverged`] if a loss is not finite; networks that come before it in the update have moved, the one
    ///   it belongs to has not
    /// - [`AgentError::Parameter`] if a weight or a gradient is not finite, or too large; its network may have moved
    fn update(&mut self, batch: &Batch) -> Result<Update<Self::Metrics>, AgentError>;

    /// Called at the end of every episode of an environment. Does nothing unless the agent keeps something for each episode.
    fn end_episode(&mut self, environment: usize) {
        let _ = environment;
    }
}

/// The result of an update.
#[derive(Debug, Clone, PartialEq)]
pub struct Update<M> {
    /// Losses and other measures, in environment units.
    pub metrics: M,
    /// Temporal difference error of each transition before the step: `|y − Q(o, a)|`, the mean over critics, in the units that critics
    /// learn. `None` unless the batch has [`weights`](Batch::weights).
    pub td_errors: Option<Vec<f32>>,
}

/// The numbers that an update reports, for observers that do not know the algorithm.
pub trait Metrics {
    /// Names, in the order of [`values`](Self::values).
    const NAMES: &'static [&'static str];

    /// Returns one value per name.
    fn values(&self) -> impl Iterator<Item = f64>;
}
