//! What most programs need: `use actor_critic::prelude::*;`.

pub use crate::agent::{
    Agent, AgentConfig, Ddpg, DdpgConfig, LearnedTemperatureConfig, Sac, SacConfig, Td3, Td3Config, TemperatureConfig,
};
pub use crate::checkpoint::Checkpoints;
pub use crate::env::{
    Environment, EnvironmentError, Pendulum, Spaces, Step, TimeLimit, check_environment, check_saved_state,
};
pub use crate::error::Error;
pub use crate::experiment::{Cell, Experiment, Results, Scoring, Shard};
pub use crate::nn::{ActionSample, Actor, Critic, Ensemble, StochasticActor};
pub use crate::noise::{ActionNoise, NoiseConfig};
pub use crate::policy::{Act, Policy};
pub use crate::preset::{Preset, Task};
pub use crate::replay::{Batch, ReplayBuffer, Transition};
pub use crate::rng::{Seed, Stream};
pub use crate::space::BoxSpace;
pub use crate::state::SaveState;
#[cfg(feature = "progress")]
pub use crate::train::Progress;
#[cfg(feature = "tensorboard")]
pub use crate::train::TensorBoard;
#[cfg(feature = "tracing")]
pub use crate::train::TracingEvents;
#[cfg(feature = "plot")]
pub use crate::train::plot::LearningCurve;
pub use crate::train::{
    CheckpointEvery, Console, CsvEvaluations, CsvHistory, Diagnosis, EvaluateEvery, JsonLines, Observer, Schedule,
    StopAt, StopAtEvaluation, StopWithoutImprovement, TimeBudget, Trainer, TrainerConfig, evaluate,
    evaluate_on_pendulum_grid,
};
pub use burn::tensor::Device;
