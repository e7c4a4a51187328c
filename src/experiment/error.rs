//! Errors of experiments.

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
    /// A name that is not safe as part of a file name.
    #[error(
        "each {axis} must have a name of 1 to 64 characters out of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or digit at either end, got {name:?}"
    )]
    Name {
        /// `"algorithm"` or `"task"`.
        axis: &'static str,
        /// The name.
        name: String,
    },
    /// Two entries that would share a folder, at least on some file systems.
    #[error("each {axis} must be given once{}, got {name} twice", if *axis == "seed" { "" } else { ", upper and lower case alike" })]
    Repeated {
        /// `"algorithm"`, `"task"` or `"seed"`.
        axis: &'static str,
        /// The second one.
        name: String,
    },
    /// A share number that is not below the number of shares.
    #[error("a shard i/n must have i below n, since the first is 0/n, got {index}/{count}")]
    Shard {
        /// Its number.
        index: usize,
        /// The number of shares.
        count: usize,
    },
    /// A text that is not a share.
    #[error("a shard must be of the form i/n, such as 0/8, got {text:?}")]
    ShardText {
        /// The text.
        text: String,
    },
    /// A count out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file system returned an error.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action, such as `write`.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// A file that this experiment would not have written; it stays unchanged.
    #[error("{} {defect}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        defect: FileDefect,
    },
    /// Another process has locked a file.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The file that is locked.
        path: PathBuf,
    },
    /// Evaluations that cannot be the result of a run.
    #[error(transparent)]
    Evaluations(#[from] EvaluationsDefect),
    /// Different results for the same cell.
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
        /// The failed cells, in canonical order.
        failures: Vec<CellFailure>,
    },
    /// A scale whose ends are not two finite numbers in order.
    #[error("the scale of {task} must ascend from one finite score to another, got {zero} to {one}")]
    Scale {
        /// The task.
        task: String,
        /// The score that counts as 0.
        zero: f64,
        /// The score that counts as 1.
        one: f64,
    },
    /// A threshold that is not finite.
    #[error("the threshold of {task} must be finite, got {threshold}")]
    Threshold {
        /// The task.
        task: String,
        /// The threshold.
        threshold: f64,
    },
    /// A named score that is not finite.
    #[error("the score {label:?} of {task} must be finite, got {score}")]
    Reference {
        /// The task.
        task: String,
        /// Its name.
        label: String,
        /// The score.
        score: f64,
    },
    /// A task or an algorithm that is not in the results.
    #[error("the results have no {axis} {name:?}; they have {}", known.join(", "))]
    Unknown {
        /// `"algorithm"` or `"task"`.
        axis: &'static str,
        /// The name.
        name: String,
        /// The names in the results.
        known: Vec<String>,
    },
    /// Statistics that could not be computed.
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

/// A cell without results, and the reason.
#[derive(Debug, thiserror::Error)]
#[error("{cell}: {cause}")]
#[non_exhaustive]
pub struct CellFailure {
    /// The cell.
    pub cell: CellId,
    /// The reason.
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
    /// Its results could not be written.
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
    /// It is a link, a pipe or a directory.
    #[error("must be a regular file")]
    NotAFile,
    /// Its name is not a seed.
    #[error("must be named after its seed, such as 3.json")]
    Name,
    /// It is longer than allowed.
    #[error("must be at most {limit} bytes long, got {found}")]
    TooLong {
        /// The limit.
        limit: u64,
        /// Its length.
        found: u64,
    },
    /// It is not JSON, or has another form.
    #[error("must be a file that an experiment has written: {0}; remove it to run its cell again")]
    Json(#[source] serde_json::Error),
    /// It has another version of the format.
    #[error("must have format {expected}, which this version of the crate reads, got {found}")]
    Format {
        /// The format that this version of the crate reads.
        expected: u64,
        /// The format that was found.
        found: u64,
    },
    /// It belongs to another experiment or cell.
    #[error("must have {what} {expected}, got {found}; give each experiment a folder of its own")]
    Identity {
        /// What differs.
        what: String,
        /// The required value.
        expected: String,
        /// The value found.
        found: String,
    },
    /// Its content has changed since it was written.
    #[error("is damaged: its SHA-256 must be {expected}, got {found}; remove it to run its cell again")]
    Damaged {
        /// The digest recorded when it was written.
        expected: String,
        /// The digest of its content.
        found: String,
    },
    /// Its evaluations cannot be the result of a run.
    #[error("must hold the evaluations of a run: {0}")]
    Evaluations(#[source] EvaluationsDefect),
}

/// Why evaluations cannot be the result of a run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationsDefect {
    /// There are no evaluations.
    #[error("a run must have at least one evaluation, got none")]
    Empty,
    /// Environment steps do not ascend.
    #[error("environment steps must ascend, got {found} after {before} in evaluation {index}")]
    Order {
        /// Index of the evaluation.
        index: usize,
        /// Its steps.
        found: usize,
        /// Steps of the evaluation before.
        before: usize,
    },
    /// An evaluation without an episode.
    #[error("evaluation {index} must have at least one return, got none")]
    NoReturns {
        /// Index of the evaluation.
        index: usize,
    },
    /// A return that is NaN, infinite or too large.
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

/// Makes an error of the file system that names the action and the path.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExperimentError {
    let path = path.to_owned();
    move |source| ExperimentError::Io { action, path, source }
}

/// Adds the path of the file to a defect.
pub(super) fn defective(path: &Path) -> impl Fn(FileDefect) -> ExperimentError {
    let path = path.to_owned();
    move |defect| ExperimentError::File { path: path.clone(), defect }
}
