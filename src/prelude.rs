//! What most programs need: `use actor_critic::prelude::*;`.
//!
//! A program that trains a bundled algorithm, logs, evaluates and saves it needs no more. The rest has one path each: other observers and
//! schedules in [`train`](crate::train), grids of runs in [`experiment`](crate::experiment), settings by task in
//! [`preset`](crate::preset), networks in [`nn`](crate::nn).

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
