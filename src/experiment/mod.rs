//! Experiments: run a grid of algorithms, tasks and seeds over threads and machines, and compare the results.
//!
//! ```text
//! runs/study/
//!   plan.json                    the grid, and the settings that all results share
//!   cells/sac/pendulum/3.json    the results of a cell, written completely or not at all
//!   cells/sac/pendulum/3/        a folder for the cell's own use: checkpoints, histories
//!   timing.csv                   how long each cell took, which is no result
//! ```
//!
//! An [`Experiment`] runs the cells that have no results yet, so the same command continues a stopped experiment.
//! [`Results`] reads the folders of one or several machines and writes tables, which have the same bytes for any number
//! of threads, shards and interruptions. You choose the names of algorithms and tasks; the closure that
//! runs a cell decides what they mean. Start with the guide [Many seeds](crate::_docs::many_seeds); [`docs/experiments.md`](crate::_docs::experiments) has the details, with recipes for clusters.

mod cell;
mod error;
mod file;
#[cfg(feature = "plot")]
mod pictures;
mod plan;
mod record;
#[cfg(feature = "report")]
mod report;
mod results;
mod run;
mod scoring;
mod shard;
mod summary;
mod tables;

pub use cell::{Cell, CellId};
pub use error::{CellError, CellFailure, EvaluationsDefect, ExperimentError, FileDefect};
pub use plan::Experiment;
pub use results::{CurvePoint, Results, Run};
pub use run::Finished;
pub use scoring::{RunMeasures, Scoring};
pub use shard::Shard;
pub use summary::{Estimate, Measure};
