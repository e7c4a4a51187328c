//! What may go wrong in an experiment.

use std::io;
use std::path::{Path, PathBuf};

use super::CellId;
use crate::config::ConfigError;
use crate::statistics::StatisticsError;

/// Why an experiment could not be run or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// An axis of the grid without an entry.
    #[error("an experiment needs at least one {axis}, got none")]
    EmptyAxis {
        /// `"algorithm"`, `"task"` or `"seed"`.
        axis: &'static str,
    },
    /// A name that is not safe in the name of a file.
    #[error(
        "each {axis} must have a name of 1 to 64 characters out of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or digit at either end, got {name:?}"
    )]
    Name {
        /// `"algorithm"` or `"task"`.
        axis: &'static str,
        /// The name.
        name: String,
    },
    /// Two entries that would share a folder, on some file systems at least.
    #[error("each {axis} must be given once{}, got {name} twice", if *axis == "seed" { "" } else { ", upper and lower case alike" })]
    Repeated {
        /// `"algorithm"`, `"task"` or `"seed"`.
        axis: &'static str,
        /// The second of them.
        name: String,
    },
    /// A share that is not one of its number of shares.
    #[error("a shard i/n must have i below n, since the first is 0/n, got {index}/{count}")]
    Shard {
        /// Its number.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A text that is no share.
    #[error("a shard must be of the form i/n, such as 0/8, got {text:?}")]
    ShardText {
        /// The text.
        text: String,
    },
    /// A count out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// A file that is not what this experiment would have written; it is left as it is.
    #[error("{} {defect}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        defect: FileDefect,
    },
    /// Another process has what is needed.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The file that is locked.
        path: PathBuf,
    },
    /// Evaluations that cannot be the outcome of a run.
    #[error(transparent)]
    Evaluations(#[from] EvaluationsDefect),
    /// Results that say different things of the same cell.
    #[error("{} and {} must hold the same results, since both are of {cell}; keep the right one", first.display(), second.display())]
    Contradiction {
        /// The cell.
        cell: CellId,
        /// One file.
        first: PathBuf,
        /// The other file.
        second: PathBuf,
    },
    /// Cells that failed, after all others were run.
    #[error("{} of {} cells failed: {}", failures.len(), failures.len() + finished, list(failures))]
    Cells {
        /// Cells of this run that have results now.
        finished: usize,
        /// The others, in canonical order.
        failures: Vec<CellFailure>,
    },
    /// A scale whose ends are not two numbers in order.
    #[error("the scale of {task} must ascend from one finite score to another, got {zero} to {one}")]
    Scale {
        /// The task.
        task: String,
        /// The score that counts as 0.
        zero: f64,
        /// The score that counts as 1.
        one: f64,
    },
    /// A threshold that is no number.
    #[error("the threshold of {task} must be finite, got {threshold}")]
    Threshold {
        /// The task.
        task: String,
        /// The threshold.
        threshold: f64,
    },
    /// A named score that is no number.
    #[error("the score {label:?} of {task} must be finite, got {score}")]
    Reference {
        /// The task.
        task: String,
        /// Its name.
        label: String,
        /// The score.
        score: f64,
    },
    /// A task or an algorithm that the results do not have.
    #[error("the results have no {axis} {name:?}; they have {}", known.join(", "))]
    Unknown {
        /// `"algorithm"` or `"task"`.
        axis: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Scores without statistics.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// A picture that could not be drawn.
    #[cfg(feature = "plot")]
    #[error(transparent)]
    Plot(#[from] crate::train::plot::PlotError),
    /// A report that could not be made.
    #[cfg(feature = "report")]
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
}

impl From<ExperimentError> for crate::Error {
    fn from(error: ExperimentError) -> Self {
        Self::Experiment(error.into())
    }
}

/// A cell without results, and why.
#[derive(Debug, thiserror::Error)]
#[error("{cell}: {cause}")]
#[non_exhaustive]
pub struct CellFailure {
    /// The cell.
    pub cell: CellId,
    /// Why it failed.
    #[source]
    pub cause: CellError,
}

/// Why a cell failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CellError {
    /// Its run returned an error.
    #[error("{0}")]
    Run(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its run panicked.
    #[error("panicked: {0}")]
    Panic(String),
    /// Its results could not be kept.
    #[error(transparent)]
    Experiment(Box<ExperimentError>),
}

impl From<ExperimentError> for CellError {
    fn from(error: ExperimentError) -> Self {
        Self::Experiment(Box::new(error))
    }
}

fn list(failures: &[CellFailure]) -> String {
    failures.iter().map(CellFailure::to_string).collect::<Vec<_>>().join("; ")
}

/// What is wrong with a file of an experiment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileDefect {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// A link, a pipe, a directory.
    #[error("must be a regular file")]
    NotAFile,
    /// A file of a cell whose name is no seed.
    #[error("must be named after its seed, such as 3.json")]
    Name,
    /// It is longer than any that is written.
    #[error("must be at most {limit} bytes long, got {found}")]
    TooLong {
        /// The limit.
        limit: u64,
        /// Its length.
        found: u64,
    },
    /// It is no JSON, or of another form.
    #[error("must be a file that an experiment has written: {0}; remove it to run its cell again")]
    Json(#[source] serde_json::Error),
    /// Another version of the format.
    #[error("must have format {expected}, which this version of the crate reads, got {found}")]
    Format {
        /// The format that is read.
        expected: u64,
        /// The format that was found.
        found: u64,
    },
    /// It belongs to something else.
    #[error("must have {what} {expected}, got {found}; give each experiment a folder of its own")]
    Identity {
        /// What differs.
        what: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// It is not what was written.
    #[error("is damaged: its SHA-256 must be {expected}, got {found}; remove it to run its cell again")]
    Damaged {
        /// Digest that was noted when it was written.
        expected: String,
        /// Digest of what is there.
        found: String,
    },
    /// Its evaluations cannot be those of a run.
    #[error("must hold the evaluations of a run: {0}")]
    Evaluations(#[source] EvaluationsDefect),
}

/// Why evaluations cannot be the outcome of a run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationsDefect {
    /// There is none.
    #[error("a run must have at least one evaluation, got none")]
    Empty,
    /// They are not in order.
    #[error("environment steps must ascend, got {found} after {before} in evaluation {index}")]
    Order {
        /// Index of the evaluation.
        index: usize,
        /// Its steps.
        found: usize,
        /// Steps of the one before.
        before: usize,
    },
    /// One without an episode.
    #[error("evaluation {index} must have at least one return, got none")]
    NoReturns {
        /// Index of the evaluation.
        index: usize,
    },
    /// A NaN, an infinity or a return whose sums overflow.
    #[error("return {episode} of evaluation {index} must be finite and at most 1e300 in magnitude, got {value}")]
    Return {
        /// Index of the evaluation.
        index: usize,
        /// Index of the episode.
        episode: usize,
        /// The return.
        value: f64,
    },
}

/// Says what was to be done with which path when the file system refused.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExperimentError {
    let path = path.to_owned();
    move |source| ExperimentError::Io { action, path, source }
}

/// Says which file has a defect.
pub(super) fn defective(path: &Path) -> impl Fn(FileDefect) -> ExperimentError {
    let path = path.to_owned();
    move |defect| ExperimentError::File { path: path.clone(), defect }
}
