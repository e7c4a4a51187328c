//! The names that most programs need: `use actor_critic::prelude::*;`.
//!
//! It is enough to train a bundled algorithm, log, evaluate and save. Import other names from their module: other observers and
//! schedules from [`train`](crate::train), grids of runs from [`experiment`](crate::experiment), settings by task from
//! [`preset`](crate::preset), networks from [`nn`](crate::nn).

pub use crate::agent::{Agent, AgentConfig, Ddpg, DdpgConfig, Sac, SacConfig, Td3, Td3Config, TemperatureConfig};
pub use crate::checkpoint::Checkpoints;
pub use crate::env::{Environment, EnvironmentError, Pendulum, Spaces, Step, TimeLimit, check_environment};
pub use crate::error::Error;
pub use crate::nn::{Actor, Critic, Ensemble, StochasticActor};
pub use crate::noise::NoiseConfig;
pub use crate::policy::{Act, Policy};
pub use crate::replay::{Batch, ReplayBuffer, Transition};
pub use crate::rng::{Seed, Stream};
pub use crate::space::BoxSpace;
pub use crate::state::SaveState;
#[cfg(feature = "progress")]
pub use crate::train::Progress;
#[cfg(feature = "tensorboard")]
pub use crate::train::TensorBoard;
pub use crate::train::{
    CheckpointEvery, Console, CsvHistory, Diagnosis, EvaluateEvery, JsonLines, Observer, Trainer, TrainerConfig,
    evaluate,
};
pub use burn::tensor::Device;
