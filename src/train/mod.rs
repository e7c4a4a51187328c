//! Training: run the loop between environments and an agent, watch it, evaluate, stop early.
//!
//! - [`Trainer`] runs the loop; [`TrainerConfig`] sets its length and its batches.
//! - [`Observer`]s watch a run: [`Console`], [`CsvHistory`], [`JsonLines`], [`Diagnosis`] and others.
//! - [`evaluate`] judges a policy; [`EvaluateEvery`] does so during a run.
//! - [`CheckpointEvery`] saves a run; [`Schedule`] changes learning rates or noise.
//!
//! The guide starts with [First run](crate::_docs::first_run). [Trainer settings](crate::_docs::training) has the details.

mod attach;
mod behavior;
mod checkpoint_every;
mod checkpointing;
mod collect;
mod console;
mod csv_evaluations;
mod csv_history;
mod diagnosis;
mod early_stop;
mod env_slot;
mod episode;
mod evaluate;
mod evaluate_every;
mod history;
mod json_lines;
mod learn;
mod logged;
mod notify;
mod observer;
#[cfg(feature = "plot")]
pub mod plot;
#[cfg(feature = "progress")]
mod progress;
mod resume;
mod run;
mod run_state;
mod schedule;
mod summary;
#[cfg(feature = "tensorboard")]
mod tensorboard;
#[cfg(feature = "tracing")]
mod tracing_events;
mod trainer;
mod trainer_config;
mod unreported;

pub use crate::log_file::LogError;
pub use checkpoint_every::CheckpointEvery;
pub use console::Console;
pub use csv_evaluations::CsvEvaluations;
pub use csv_history::CsvHistory;
pub use diagnosis::{Diagnosis, Finding};
pub use early_stop::{StopAt, StopAtEvaluation, StopWithoutImprovement, TimeBudget};
pub use evaluate::{Evaluation, evaluate};
pub use evaluate_every::EvaluateEvery;
pub use history::{EpisodeHistory, Episodes};
pub use json_lines::JsonLines;
pub use observer::{AgentInfo, Observer, ObserverError, RunInfo};
#[cfg(feature = "progress")]
pub use progress::Progress;
pub use resume::Resumed;
pub use schedule::Schedule;
pub use summary::{EnvironmentStep, EpisodeSummary, EvaluationSummary, StepReport};
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
#[cfg(feature = "tracing")]
pub use tracing_events::TracingEvents;
pub use trainer::Trainer;
pub use trainer_config::TrainerConfig;
