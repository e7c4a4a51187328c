//! The grid of an experiment.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cell::{Cell, CellId, Settings, is_safe};
use super::error::{ExperimentError, failed};
use super::file::Lock;
use super::record::{Identity, PLAN, Plan};
use super::results::Results;
use super::shard::Shard;
use crate::config::at_least;

/// Name of the file that is locked while a shared file is written.
const LOCK: &str = "lock";

/// A grid of algorithms, tasks and seeds. Each combination is a cell: one run.
///
/// # Examples
///
/// Twenty runs of a function that stands in for training, on two threads:
///
/// ```
/// use actor_critic::experiment::{Cell, Experiment, Scoring};
/// use actor_critic::rand::RngExt;
/// use actor_critic::rng::Stream;
/// use actor_critic::train::EvaluationSummary;
/// use actor_critic::Error;
///
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let runs = folder.path();
/// let experiment = Experiment::new(runs.join("study"))
///     .algorithms(["sac", "td3"])
///     .tasks(["pendulum"])
///     .seeds(0..10)
///     .setting("steps", 1_000)
///     .threads(2);
/// let finished = experiment.run(|cell: &Cell| {
///     let luck: f64 = cell.seed().stream(Stream::Exploration).random();
///     let score = if cell.algorithm() == "sac" { luck } else { luck - 0.5 };
///     Ok::<_, Error>(vec![EvaluationSummary { environment_steps: 1_000, updates: 900, returns: vec![score] }])
/// })?;
/// assert_eq!((finished.ran, finished.skipped), (20, 0));
///
/// // Results, statistics and tables; the same for the folders of several machines.
/// let results = experiment.results()?;
/// assert!(results.missing().is_empty());
/// results.write(runs.join("study"), &Scoring::new())?;
/// assert!(runs.join("study/summary.csv").exists());
/// # Ok::<(), actor_critic::experiment::ExperimentError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Experiment {
    folder: PathBuf,
    algorithms: Vec<String>,
    tasks: Vec<String>,
    seeds: Vec<u64>,
    settings: Settings,
    pub(super) threads: usize,
    shard: Shard,
}

impl Experiment {
    /// Starts an empty grid, with one thread and one share. Results go to `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            algorithms: Vec::new(),
            tasks: Vec::new(),
            seeds: Vec::new(),
            settings: Settings::new(),
            threads: 1,
            shard: Shard::WHOLE,
        }
    }

    /// Sets the names of the algorithms.
    ///
    /// Names are part of file names: letters, digits, `-`, `_` and `.`, at most 64 of them.
    #[must_use]
    pub fn algorithms<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.algorithms = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the names of the tasks, with the same rules.
    #[must_use]
    pub fn tasks<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.tasks = names.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the seeds.
    #[must_use]
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = u64>) -> Self {
        self.seeds = seeds.into_iter().collect();
        self
    }

    /// Records a setting, such as the number of steps or a config. Results with other settings are then refused.
    ///
    /// A value that displays as JSON is stored as JSON, any other as text. The version of this crate is always recorded.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        let text = value.to_string();
        self.settings.insert(name.into(), serde_json::from_str(&text).unwrap_or(Value::String(text)));
        self
    }

    /// Sets how many cells run at a time. Each runs in one thread, so the results do not depend on this number.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Restricts this process to one share; other processes run the others.
    #[must_use]
    pub fn shard(mut self, shard: Shard) -> Self {
        self.shard = shard;
        self
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the cells of this share in the order in which they start.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate).
    pub fn cells(&self) -> Result<Vec<Cell>, ExperimentError> {
        let plan = self.plan()?;
        let cells = plan.cells().enumerate().filter(|(place, _)| self.shard.contains(*place));
        Ok(cells.map(|(_, id)| self.cell(id)).collect())
    }

    /// Reads the results that exist.
    ///
    /// # Errors
    ///
    /// As [`Results::read`].
    pub fn results(&self) -> Result<Results, ExperimentError> {
        Results::read([&self.folder])
    }

    /// Checks the grid. Called by every method that uses it.
    ///
    /// # Errors
    ///
    /// - [`ExperimentError::EmptyAxis`] without an algorithm, a task or a seed
    /// - [`ExperimentError::Name`] for a name that is not safe as part of a file name
    /// - [`ExperimentError::Repeated`] for a name that differs from another one in case at most, or a repeated seed
    /// - [`ExperimentError::Config`] without a thread
    pub fn validate(&self) -> Result<(), ExperimentError> {
        check_names("algorithm", &self.algorithms)?;
        check_names("task", &self.tasks)?;
        check_axis("seed", self.seeds.iter().map(u64::to_string))?;
        at_least("threads", 1, self.threads)?;
        Ok(())
    }

    pub(super) fn identity(&self) -> Identity {
        Identity::new(self.settings.clone())
    }

    fn plan(&self) -> Result<Plan, ExperimentError> {
        self.validate()?;
        Ok(Plan::new(self.identity(), &self.algorithms, &self.tasks, &self.seeds))
    }

    fn cell(&self, id: CellId) -> Cell {
        Cell { folder: id.folder(&self.folder), id, settings: self.settings.clone() }
    }

    /// Creates the folder with its plan, or checks the settings of the plan that exists.
    pub(super) fn begin(&self) -> Result<(), ExperimentError> {
        let plan = self.plan()?;
        fs::create_dir_all(&self.folder).map_err(failed("create", &self.folder))?;
        let _lock = self.lock()?;
        let path = self.folder.join(PLAN);
        let before = Plan::read(&path)?;
        if let Some(before) = &before {
            before.identity.check(&plan.identity).map_err(super::error::defective(&path))?;
        }
        // A grid may grow or shrink: the latest plan decides which cells count as missing.
        if before.as_ref() == Some(&plan) { Ok(()) } else { plan.write(&path) }
    }

    /// Locks the files that several processes write.
    pub(super) fn lock(&self) -> Result<Lock, ExperimentError> {
        Lock::acquire(self.folder.join(LOCK))
    }
}

fn check_axis(axis: &'static str, entries: impl Iterator<Item = String>) -> Result<(), ExperimentError> {
    let mut seen = HashSet::new();
    for name in entries {
        // Some file systems do not tell `SAC` from `sac`.
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(ExperimentError::Repeated { axis, name });
        }
    }
    if seen.is_empty() { Err(ExperimentError::EmptyAxis { axis }) } else { Ok(()) }
}

fn check_names(axis: &'static str, names: &[String]) -> Result<(), ExperimentError> {
    match names.iter().find(|name| !is_safe(name)) {
        Some(name) => Err(ExperimentError::Name { axis, name: name.clone() }),
        None => check_axis(axis, names.iter().cloned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn experiment() -> Experiment {
        Experiment::new("never written").algorithms(["td3", "sac"]).tasks(["pendulum"]).seeds([1, 0])
    }

    #[test]
    fn cells_are_in_canonical_order_however_they_were_named() {
        let names: Vec<String> = experiment().cells().unwrap().iter().map(Cell::to_string).collect();
        assert_eq!(names, ["sac/pendulum/0", "sac/pendulum/1", "td3/pendulum/0", "td3/pendulum/1"]);
        let folder = experiment().cells().unwrap()[3].folder().to_owned();
        assert_eq!(folder, Path::new("never written").join("cells").join("td3").join("pendulum").join("1"));
    }

    #[test]
    fn a_grid_that_cannot_be_kept_apart_in_files_is_an_error() {
        let message = |experiment: Experiment| experiment.cells().unwrap_err().to_string();
        let none: [&str; 0] = [];
        assert_eq!(message(experiment().algorithms(none)), "an experiment needs at least one algorithm, got none");
        assert_eq!(message(experiment().tasks(none)), "an experiment needs at least one task, got none");
        assert_eq!(message(experiment().seeds([])), "an experiment needs at least one seed, got none");
        assert_eq!(
            message(experiment().algorithms(["sac", "SAC"])),
            "each algorithm must be given once, upper and lower case alike, got SAC twice"
        );
        assert_eq!(message(experiment().seeds([3, 3])), "each seed must be given once, got 3 twice");
        assert_eq!(message(experiment().threads(0)), "threads must be at least 1, got 0");
        let long = "a".repeat(65);
        for name in ["", ".", "..", "a/b", "a\\b", ".hidden", "end.", "-x", "två", "a b", "a:b", &long] {
            let rule = "each task must have a name of 1 to 64 characters out of A-Z, a-z, 0-9, `-`, `_` and `.`, \
                        with a letter or digit at either end";
            assert_eq!(message(experiment().tasks([name])), format!("{rule}, got {name:?}"));
        }
        let unnamed = message(experiment().algorithms([""]));
        assert!(unnamed.starts_with("each algorithm must have a name of 1 to 64 characters"), "{unnamed}");
        for name in ["a", "Pendulum-v1", "sac_0.5", "7", &long[1..]] {
            assert!(experiment().tasks([name]).validate().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_setting_is_json_if_it_displays_as_json() {
        let cell = |value: &dyn fmt::Display| experiment().setting("x", value).cells().unwrap().remove(0);
        assert_eq!(cell(&5000).setting("x"), Some(&Value::from(5000)));
        assert_eq!(cell(&serde_json::json!({"b": [1.5]})).setting("x"), Some(&serde_json::json!({"b": [1.5]})));
        assert_eq!(cell(&f64::NAN).setting("x"), Some(&Value::from("NaN")));
        assert_eq!(cell(&"a word").setting("y"), None);
        let config = crate::agent::SacConfig::new();
        assert_eq!(cell(&config).setting("x").unwrap()["discount"], Value::from(0.99));
    }

    proptest::proptest! {
        #[test]
        fn every_cell_is_in_exactly_one_share(
            algorithms in 1_usize..4, tasks in 1_usize..4, seeds in 1_u64..9, count in 1_usize..12,
        ) {
            let grid = Experiment::new("never written")
                .algorithms((0..algorithms).map(|i| format!("a{i}")))
                .tasks((0..tasks).map(|i| format!("t{i}")))
                .seeds(0..seeds);
            let all = grid.cells().unwrap();
            proptest::prop_assert_eq!(all.len(), algorithms * tasks * seeds as usize);
            let shares: Vec<Vec<Cell>> =
                (0..count).map(|i| grid.clone().shard(Shard::new(i, count).unwrap()).cells().unwrap()).collect();
            // No share is more than one cell larger than another.
            let sizes = shares.iter().map(Vec::len);
            proptest::prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
            let mut dealt = shares.concat();
            dealt.sort_by(|a, b| a.id.cmp(&b.id));
            proptest::prop_assert_eq!(dealt, all);
        }
    }
}
