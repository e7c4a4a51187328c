//! The error type of programs that use this crate.

use std::fmt;

use crate::agent::{ActError, AgentError};
use crate::checkpoint::CheckpointError;
use crate::config::ConfigError;
use crate::env::pendulum::PendulumError;
use crate::env::remote::RemoteError;
use crate::env::{ContractViolation, EnvironmentError, Spaces};
use crate::log_file::LogError;
use crate::policy::PolicyError;
use crate::replay::ReplayError;
use crate::space::{SpaceError, count};
use crate::state::StateError;
use crate::statistics::StatisticsError;
use crate::target::TargetError;

/// Every error of this crate, for [`Trainer`](crate::train::Trainer) and for `main`.
///
/// A `main` that returns `Result<(), Error>` prints the message: `Debug` writes what `Display` writes.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A space that cannot be used.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A configuration out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An environment that failed or broke its contract.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// One of several environments failed or broke its contract.
    #[error("{error}, in environment {number}")]
    EnvironmentNumber {
        /// Number of the environment, from 0.
        number: usize,
        /// The error of the environment.
        #[source]
        error: Box<EnvironmentError>,
    },
    /// An environment that breaks the contract, found by
    /// [`check_environment`](crate::env::check_environment).
    #[error(transparent)]
    Contract(#[from] ContractViolation),
    /// A pendulum with constants out of range.
    #[error(transparent)]
    Pendulum(#[from] PendulumError),
    /// A replay that cannot do what was requested.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// An agent that could not act or learn.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// A policy that could not act.
    #[error(transparent)]
    Act(#[from] ActError),
    /// A target that does not belong to its source.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A policy that could not be made, written or read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// An error in a step of a [`Trainer`](crate::train::Trainer).
    #[error("{error}, at environment step {environment_step} after {}", count(*updates, "update", "updates"))]
    Step {
        /// Number of the step, from 1.
        environment_step: usize,
        /// Updates before the one that failed.
        updates: usize,
        /// The error itself.
        #[source]
        error: Box<Error>,
    },
    /// A checkpoint that could not be written or restored.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An experiment that could not be run or read: an [`ExperimentError`](crate::experiment::ExperimentError), which `downcast_ref`
    /// returns.
    // Boxed, and converted there: experiments are made of trainings, so what a training returns cannot name their error.
    #[error(transparent)]
    Experiment(Box<dyn std::error::Error + Send + Sync>),
    /// Statistics that could not be computed.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// A state that does not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// An agent built for another environment.
    #[error(
        "agent and environment must have the same spaces, but {}; build the agent from `Spaces::of(&env)`, or load a policy of this environment",
        environment.difference(agent, ["in the environment", "in the agent"]).unwrap_or_else(|| "they differ".to_owned())
    )]
    SpacesDiffer {
        /// Spaces of the environment.
        environment: Box<Spaces>,
        /// Spaces the agent was built for.
        agent: Box<Spaces>,
    },
    /// The file of an observer that could not be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An observer that failed.
    #[error("an observer failed: {0}")]
    Observer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The message, as `Display`: Rust prints the error that `main` returns by `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A simulator that could not be started or reached.
impl From<RemoteError> for Error {
    fn from(error: RemoteError) -> Self {
        Self::Environment(error.into())
    }
}

impl Error {
    /// Adds the number of the environment that failed, if there are several.
    pub(crate) fn of_environment(number: usize, environments: usize, error: EnvironmentError) -> Self {
        match environments {
            1 => error.into(),
            _ => Self::EnvironmentNumber { number, error: Box::new(error) },
        }
    }

    pub(crate) fn spaces_differ(environment: Spaces, agent: &Spaces) -> Self {
        Self::SpacesDiffer { environment: Box::new(environment), agent: Box::new(agent.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_prints_the_message() {
        let error = Error::from(ConfigError::Negative { field: "tau", value: -1.0 });
        let error = Error::Step { environment_step: 7, updates: 1, error: Box::new(error) };
        assert_eq!(
            format!("{error:?}"),
            "tau must be at least 0 and finite, got -1, at environment step 7 after 1 update"
        );
    }
}
