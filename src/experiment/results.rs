//! Reading the results of cells.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cell::{CELLS, CellId, is_safe};
use super::error::{ExperimentError, FileDefect, defective, failed};
use super::record::{Identity, PLAN, Plan, Record};
use crate::statistics::{Bootstrap, Interval, StatisticsError, interquartile_mean};
use crate::train::EvaluationSummary;

/// The results of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The cell.
    pub cell: CellId,
    /// Its evaluations, in ascending order of environment steps; at least one.
    pub evaluations: Vec<EvaluationSummary>,
}

impl Run {
    /// Returns the learning curve: environment steps and mean return of each evaluation.
    pub fn curve(&self) -> Vec<(usize, f64)> {
        self.evaluations.iter().map(|evaluation| (evaluation.environment_steps, evaluation.mean_return())).collect()
    }

    /// Returns the score of the run: the mean return of its last evaluation.
    pub fn final_score(&self) -> f64 {
        self.evaluations.last().map_or(f64::NAN, EvaluationSummary::mean_return)
    }
}

/// One point of the aggregate of several learning curves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Environment steps.
    pub environment_steps: usize,
    /// Interquartile mean over the seeds.
    pub value: f64,
    /// Its interval; `None` with a single seed.
    pub interval: Option<Interval>,
}

/// The results of an experiment, from one folder or from those of several machines, in canonical order.
///
/// # Examples
///
/// ```
/// use actor_critic::experiment::{Experiment, Results};
/// use actor_critic::train::EvaluationSummary;
///
/// # let folder = tempfile::tempdir()?;
/// # let study = folder.path().join("study");
/// let experiment = Experiment::new(&study).algorithms(["a"]).tasks(["t"]).seeds(0..2);
/// # experiment.run(|cell| Ok::<_, std::io::Error>(vec![EvaluationSummary {
/// #     environment_steps: 100, updates: 100, returns: vec![cell.seed().0 as f64],
/// # }]))?;
/// // After `experiment.run`, here or on other machines:
/// let results = Results::read([&study])?;
/// for run in results.runs_of("a", "t") {
///     println!("seed {}: {:.1}", run.cell.seed, run.final_score());
/// }
/// # assert_eq!(results.runs().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    pub(super) identity: Identity,
    runs: Vec<Run>,
    missing: Vec<CellId>,
}

impl Results {
    /// Reads the folders of one experiment.
    ///
    /// If several folders have the same cell, its results must be the same in each. Files that do not end in `.json`, and
    /// hidden ones, are ignored.
    ///
    /// # Errors
    ///
    /// - [`ExperimentError::File`] for a file that is damaged, or has other settings than the first folder
    /// - [`ExperimentError::Contradiction`] for two files with different results of the same cell
    /// - [`ExperimentError::Io`] if a folder cannot be read
    pub fn read<P: AsRef<Path>>(folders: impl IntoIterator<Item = P>) -> Result<Self, ExperimentError> {
        let mut identity: Option<Identity> = None;
        let mut found: BTreeMap<CellId, (PathBuf, Record)> = BTreeMap::new();
        let mut planned = Vec::new();
        for folder in folders {
            let folder = folder.as_ref();
            let path = folder.join(PLAN);
            let plan = Plan::read(&path)?.ok_or_else(|| failed("read", &path)(io::ErrorKind::NotFound.into()))?;
            let identity = identity.get_or_insert_with(|| plan.identity.clone());
            plan.identity.check(identity).map_err(defective(&path))?;
            planned.extend(plan.cells());
            for (cell, path) in cell_files(folder)? {
                let Some(record) = Record::read(&path, identity, &cell)? else { continue };
                match found.get(&cell) {
                    // By their digests, which also tell 0 from -0.
                    Some((first, before)) if before.sha256 != record.sha256 => {
                        return Err(ExperimentError::Contradiction { cell, first: first.clone(), second: path });
                    }
                    Some(_) => {}
                    None => drop(found.insert(cell, (path, record))),
                }
            }
        }
        let identity = identity.ok_or(ExperimentError::EmptyAxis { axis: "folder" })?;
        planned.sort_unstable();
        planned.dedup();
        planned.retain(|cell| !found.contains_key(cell));
        let runs = found.into_iter().map(|(cell, (_, record))| Run { cell, evaluations: record.evaluations() });
        Ok(Self { identity, runs: runs.collect(), missing: planned })
    }

    /// Returns the runs in canonical order: by algorithm, task and seed.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Returns the planned cells that have no results, because they failed or have not been run.
    pub fn missing(&self) -> &[CellId] {
        &self.missing
    }

    /// Returns the names of the algorithms, including those without results.
    pub fn algorithms(&self) -> Vec<&str> {
        self.names(|cell| &cell.algorithm)
    }

    /// Returns the names of the tasks, including those without results.
    pub fn tasks(&self) -> Vec<&str> {
        self.names(|cell| &cell.task)
    }

    fn names<'a>(&'a self, name: impl Fn(&'a CellId) -> &'a String) -> Vec<&'a str> {
        let cells = self.runs.iter().map(|run| &run.cell).chain(&self.missing);
        let mut names: Vec<&str> = cells.map(|cell| name(cell).as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns the runs of an algorithm on a task, by seed.
    pub fn runs_of<'a>(&'a self, algorithm: &'a str, task: &'a str) -> impl Iterator<Item = &'a Run> + Clone {
        self.runs.iter().filter(move |run| run.cell.algorithm == algorithm && run.cell.task == task)
    }

    /// Returns the interquartile mean of the learning curves of an algorithm on a task, with its interval.
    ///
    /// It has a point at each number of steps at which every run was evaluated.
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::validate`].
    pub fn learning_curve(
        &self,
        algorithm: &str,
        task: &str,
        bootstrap: &Bootstrap,
    ) -> Result<Vec<CurvePoint>, StatisticsError> {
        let curves: Vec<Vec<(usize, f64)>> = self.runs_of(algorithm, task).map(Run::curve).collect();
        let Some((first, others)) = curves.split_first() else { return Ok(Vec::new()) };
        let score_at = |curve: &[(usize, f64)], steps: usize| {
            curve.binary_search_by_key(&steps, |point| point.0).ok().map(|index| curve[index].1)
        };
        let mut points = Vec::new();
        for &(environment_steps, score) in first {
            let rest: Option<Vec<f64>> = others.iter().map(|curve| score_at(curve, environment_steps)).collect();
            let Some(mut scores) = rest else { continue };
            scores.insert(0, score);
            let value = interquartile_mean(&scores);
            let interval = interval_if_enough(bootstrap, &[scores], |tasks| interquartile_mean(&tasks[0]))?;
            points.push(CurvePoint { environment_steps, value, interval });
        }
        Ok(points)
    }
}

/// Returns the interval of a statistic; `None` if a task has fewer than two runs.
pub(super) fn interval_if_enough(
    bootstrap: &Bootstrap,
    tasks: &[Vec<f64>],
    statistic: impl Fn(&[Vec<f64>]) -> f64,
) -> Result<Option<Interval>, StatisticsError> {
    match bootstrap.interval(tasks, statistic) {
        Ok(interval) => Ok(Some(interval)),
        Err(StatisticsError::TooFewRuns { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the result files in a folder, with the cells that their names give.
fn cell_files(folder: &Path) -> Result<Vec<(CellId, PathBuf)>, ExperimentError> {
    let mut files = Vec::new();
    for (algorithm, path) in entries(&folder.join(CELLS))? {
        for (task, path) in if is_safe(&algorithm) { entries(&path)? } else { Vec::new() } {
            for (name, path) in if is_safe(&task) { entries(&path)? } else { Vec::new() } {
                let Some(stem) = name.strip_suffix(".json").filter(|_| !name.starts_with('.')) else { continue };
                // The same number in other digits is not ours.
                let seed = stem.parse().ok().filter(|seed: &u64| seed.to_string() == stem);
                let seed = seed.ok_or_else(|| defective(&path)(FileDefect::Name))?;
                files.push((CellId { algorithm: algorithm.clone(), task: task.clone(), seed }, path));
            }
        }
    }
    Ok(files)
}

/// Returns names and paths in a folder; none if it is not a folder. Skips names that are not valid text.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, ExperimentError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let read = || -> io::Result<Vec<(String, PathBuf)>> {
        let entries = fs::read_dir(folder)?.map(|entry| {
            let entry = entry?;
            Ok(entry.file_name().into_string().ok().map(|name| (name, entry.path())))
        });
        let entries: io::Result<Vec<Option<_>>> = entries.collect();
        Ok(entries?.into_iter().flatten().collect())
    };
    let mut entries = read().map_err(failed("read", folder))?;
    entries.sort_unstable();
    Ok(entries)
}
