//! Training: the loop between an environment and an agent, and everything that watches it.

use burn::config::Config;

use crate::config::{ConfigError, at_least, at_most, positive};

mod checkpoint_every;
mod console;
mod csv_evaluations;
mod csv_history;
mod early_stop;
mod episode;
mod evaluate;
mod evaluate_every;
mod history;
mod json_lines;
mod observer;
mod play;
#[cfg(feature = "plot")]
pub mod plot;
#[cfg(feature = "progress")]
mod progress;
mod resume;
mod run_state;
mod schedule;
#[cfg(feature = "tensorboard")]
mod tensorboard;
mod told;
#[cfg(feature = "tracing")]
mod tracing_events;
mod trainer;

pub use checkpoint_every::CheckpointEvery;
pub use console::Console;
pub use csv_evaluations::CsvEvaluations;
pub use csv_history::CsvHistory;
pub use early_stop::{StopAt, StopAtEvaluation, StopWithoutImprovement, TimeBudget};
pub use evaluate::{Evaluation, evaluate, evaluate_on_pendulum_grid};
pub use evaluate_every::EvaluateEvery;
pub use history::{EpisodeHistory, Episodes};
pub use json_lines::JsonLines;
pub use observer::{EpisodeSummary, EvaluationSummary, Observer, ObserverError, RunInfo, StepReport};
#[cfg(feature = "progress")]
pub use progress::Progress;
pub use resume::Resumed;
pub use schedule::Schedule;
#[cfg(feature = "tensorboard")]
pub use tensorboard::TensorBoard;
#[cfg(feature = "tracing")]
pub use tracing_events::TracingEvents;
pub use trainer::Trainer;

/// The schedule of a [`Trainer`]: everything that is not the agent's.
///
/// | Field | Default | Lab, DDPG | Lab, SAC |
/// |---|---|---|---|
/// | `batch_size` | 256 | 128 | 128 |
/// | `replay_capacity` | 1,000,000 | 50,000 | 50,000 |
/// | `warmup_steps` | 1,000 | 0 | 1,000 |
/// | `learning_starts` | 1,000 | 129 | 129 |
/// | `updates_per_step` | 1 | 1 | 1 |
/// | `n_step` | 1 | 1 | 1 |
#[derive(Config, Debug, PartialEq)]
pub struct TrainerConfig {
    /// Episodes to run, at least 1.
    pub episodes: usize,
    /// Environment steps to run at most, at least 1; no limit by default. A run ends by this or by `episodes`, whichever comes first.
    pub environment_steps: Option<usize>,
    /// Transitions in a batch, n, at least 1.
    #[config(default = 256)]
    pub batch_size: usize,
    /// Transitions that the replay keeps, at least `learning_starts`.
    #[config(default = 1_000_000)]
    pub replay_capacity: usize,
    /// Environment steps with uniformly random actions before the agent acts. Also known as start steps.
    #[config(default = 1_000)]
    pub warmup_steps: usize,
    /// Transitions stored before the first update, at least `batch_size`. Not the same as `warmup_steps`.
    #[config(default = 1_000)]
    pub learning_starts: usize,
    /// Updates for each environment step once learning has started, `(0, ∞)`; with 0.1, one for every ten steps.
    #[config(default = 1.0)]
    pub updates_per_step: f64,
    /// Steps in a return before it is bootstrapped, at least 1: [`ReplayBuffer::with_n_step`](crate::replay::ReplayBuffer::with_n_step).
    #[config(default = 1)]
    pub n_step: usize,
    /// Episodes in the running average of returns, at least 1.
    #[config(default = 100)]
    pub average_window: usize,
}

impl TrainerConfig {
    /// Checks every range. Called by every constructor that takes this config.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        at_least("episodes", 1, self.episodes)?;
        self.environment_steps.map_or(Ok(()), |steps| at_least("environment_steps", 1, steps))?;
        at_least("batch_size", 1, self.batch_size)?;
        at_most("batch_size", self.batch_size, "learning_starts", self.learning_starts)?;
        at_most("learning_starts", self.learning_starts, "replay_capacity", self.replay_capacity)?;
        positive("updates_per_step", self.updates_per_step)?;
        at_least("n_step", 1, self.n_step)?;
        at_least("average_window", 1, self.average_window)
    }
}
