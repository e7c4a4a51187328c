//! A cell: one run of an experiment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rng::Seed;

/// Settings by their names.
pub(super) type Settings = BTreeMap<String, Value>;

/// Longest name of an algorithm or a task.
const LONGEST_NAME: usize = 64;

/// What identifies a cell; ordered by algorithm, task and seed, the canonical order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CellId {
    /// Name of the algorithm.
    pub algorithm: String,
    /// Name of the task.
    pub task: String,
    /// The seed.
    pub seed: u64,
}

impl CellId {
    /// Returns the folder of the cell in that of the experiment.
    pub(super) fn folder(&self, experiment: &Path) -> PathBuf {
        experiment.join(CELLS).join(&self.algorithm).join(&self.task).join(self.seed.to_string())
    }

    /// Returns the file of its results.
    pub(super) fn file(&self, experiment: &Path) -> PathBuf {
        // Not `with_extension`, for which a name with a dot would have one already.
        let mut path = self.folder(experiment).into_os_string();
        path.push(".json");
        path.into()
    }
}

/// Folder of the cells in that of the experiment.
pub(super) const CELLS: &str = "cells";

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.algorithm, self.task, self.seed)
    }
}

/// Returns whether a name is safe as part of a file name, on any system.
pub(super) fn is_safe(name: &str) -> bool {
    let ends = [name.bytes().next(), name.bytes().next_back()];
    name.len() <= LONGEST_NAME
        && ends.into_iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// One run: an algorithm on a task with a seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub(super) id: CellId,
    pub(super) folder: PathBuf,
    pub(super) settings: Settings,
}

impl Cell {
    /// Returns what identifies the cell.
    pub fn id(&self) -> &CellId {
        &self.id
    }

    /// Returns the name of the algorithm.
    pub fn algorithm(&self) -> &str {
        &self.id.algorithm
    }

    /// Returns the name of the task.
    pub fn task(&self) -> &str {
        &self.id.task
    }

    /// Returns the seed. Draw every random number of the run from it.
    pub fn seed(&self) -> Seed {
        Seed(self.id.seed)
    }

    /// Returns a folder for this cell alone, for checkpoints and histories.
    ///
    /// The folder exists when the run starts, with the files of an interrupted run.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a setting of the experiment; `None` if there is none of that name.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}
