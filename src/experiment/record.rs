//! The files of an experiment: its plan, and the results of each cell.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cell::{CellId, Settings};
use super::error::{EvaluationsDefect, ExperimentError, FileDefect, defective};
use super::file::{MAX_BYTES, read_whole, write_whole};
use crate::digest::Digest;
use crate::train::EvaluationSummary;

/// Version of the format: the only one that is written and read.
const FORMAT: u64 = 1;

/// Largest magnitude of a return, so that no sum of returns overflows.
const MAX_RETURN: f64 = 1e300;

/// Fields that all files of an experiment have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Version of this crate: another version may give other numbers.
    pub(super) crate_version: String,
    pub(super) settings: Settings,
}

impl Identity {
    pub(super) fn new(settings: Settings) -> Self {
        Self { crate_version: env!("CARGO_PKG_VERSION").to_owned(), settings }
    }

    /// Returns the first difference from the expected fields.
    pub(super) fn check(&self, expected: &Self) -> Result<(), FileDefect> {
        same("crate_version", &expected.crate_version, &self.crate_version)?;
        let shown = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
        for name in expected.settings.keys().chain(self.settings.keys()) {
            let (expected, found) = (expected.settings.get(name), self.settings.get(name));
            if expected != found {
                let what = format!("setting {name}");
                return Err(FileDefect::Identity { what, expected: shown(expected), found: shown(found) });
            }
        }
        Ok(())
    }
}

fn same(what: &str, expected: &str, found: &str) -> Result<(), FileDefect> {
    if expected == found {
        return Ok(());
    }
    let (what, expected, found) = (what.to_owned(), expected.to_owned(), found.to_owned());
    Err(FileDefect::Identity { what, expected, found })
}

/// The content of `plan.json`: the cells of the experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    format: u64,
    pub(super) identity: Identity,
    pub(super) algorithms: Vec<String>,
    pub(super) tasks: Vec<String>,
    pub(super) seeds: Vec<u64>,
}

/// Name of the plan in the folder of the experiment.
pub(super) const PLAN: &str = "plan.json";

impl Plan {
    /// Makes the plan of a grid, whose axes are sorted.
    pub(super) fn new(identity: Identity, algorithms: &[String], tasks: &[String], seeds: &[u64]) -> Self {
        let (mut algorithms, mut tasks, mut seeds) = (algorithms.to_vec(), tasks.to_vec(), seeds.to_vec());
        algorithms.sort_unstable();
        tasks.sort_unstable();
        seeds.sort_unstable();
        Self { format: FORMAT, identity, algorithms, tasks, seeds }
    }

    /// Returns the cells in canonical order.
    pub(super) fn cells(&self) -> impl Iterator<Item = CellId> {
        self.algorithms.iter().flat_map(move |algorithm| {
            self.tasks.iter().flat_map(move |task| {
                self.seeds.iter().map(move |&seed| CellId { algorithm: algorithm.clone(), task: task.clone(), seed })
            })
        })
    }

    pub(super) fn read(path: &Path) -> Result<Option<Self>, ExperimentError> {
        let bytes = read_whole(path).map_err(defective(path))?;
        bytes.map(|bytes| parse(&bytes)).transpose().map_err(defective(path))
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), ExperimentError> {
        let text = serde_json::to_string_pretty(self).expect("a plan is numbers and text") + "\n";
        check_readable::<Self>(text.as_bytes()).map_err(defective(path))?;
        write_whole(path, text.as_bytes())
    }
}

/// The results of a cell, as they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    format: u64,
    pub(super) identity: Identity,
    pub(super) cell: CellId,
    pub(super) evaluations: Vec<EvaluationForm>,
    /// The digest of the same record with this field empty.
    pub(super) sha256: String,
}

/// An [`EvaluationSummary`] as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvaluationForm {
    environment_steps: usize,
    updates: usize,
    returns: Vec<f64>,
}

impl Record {
    /// Makes a record of evaluations, after checking that they can be the result of a run.
    pub(super) fn new(
        identity: Identity,
        cell: CellId,
        evaluations: &[EvaluationSummary],
    ) -> Result<Self, EvaluationsDefect> {
        check_evaluations(evaluations)?;
        let form = |EvaluationSummary { environment_steps, updates, returns }: &EvaluationSummary| EvaluationForm {
            environment_steps: *environment_steps,
            updates: *updates,
            returns: returns.clone(),
        };
        let evaluations = evaluations.iter().map(form).collect();
        let mut record = Self { format: FORMAT, identity, cell, evaluations, sha256: String::new() };
        record.sha256 = record.digest();
        Ok(record)
    }

    fn digest(&self) -> String {
        let unsigned = Self { sha256: String::new(), ..self.clone() };
        Digest::of(&serde_json::to_vec(&unsigned).expect("a record is numbers and text")).to_string()
    }

    pub(super) fn evaluations(&self) -> Vec<EvaluationSummary> {
        let summary = |EvaluationForm { environment_steps, updates, returns }: &EvaluationForm| EvaluationSummary {
            environment_steps: *environment_steps,
            updates: *updates,
            returns: returns.clone(),
        };
        self.evaluations.iter().map(summary).collect()
    }

    /// Reads and checks the record of a cell; `None` if there is none.
    pub(super) fn read(path: &Path, identity: &Identity, cell: &CellId) -> Result<Option<Self>, ExperimentError> {
        let Some(bytes) = read_whole(path).map_err(defective(path))? else { return Ok(None) };
        let record = parse::<Self>(&bytes).and_then(|record| record.check(identity, cell).map(|()| record));
        record.map(Some).map_err(defective(path))
    }

    fn check(&self, identity: &Identity, cell: &CellId) -> Result<(), FileDefect> {
        let found = self.digest();
        if self.sha256 != found {
            return Err(FileDefect::Damaged { expected: self.sha256.clone(), found });
        }
        same("cell", &cell.to_string(), &self.cell.to_string())?;
        self.identity.check(identity)?;
        check_evaluations(&self.evaluations()).map_err(FileDefect::Evaluations)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), ExperimentError> {
        let text = serde_json::to_string(self).expect("a record is numbers and text") + "\n";
        check_readable::<Self>(text.as_bytes()).map_err(defective(path))?;
        write_whole(path, text.as_bytes())
    }
}

/// Requires evaluations in order, with finite numbers.
fn check_evaluations(evaluations: &[EvaluationSummary]) -> Result<(), EvaluationsDefect> {
    if evaluations.is_empty() {
        return Err(EvaluationsDefect::Empty);
    }
    for (index, evaluation) in evaluations.iter().enumerate() {
        let found = evaluation.environment_steps;
        let before = index.checked_sub(1).map(|index| evaluations[index].environment_steps);
        if let Some(before) = before.filter(|before| *before >= found) {
            return Err(EvaluationsDefect::Order { index, found, before });
        }
        if evaluation.returns.is_empty() {
            return Err(EvaluationsDefect::NoReturns { index });
        }
        let is_bad = |value: f64| value.is_nan() || value.abs() > MAX_RETURN;
        let bad = evaluation.returns.iter().enumerate().find(|(_, value)| is_bad(**value));
        if let Some((episode, &value)) = bad {
            return Err(EvaluationsDefect::Return { index, episode, value });
        }
    }
    Ok(())
}

/// Reads a file of this version of the format.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FileDefect> {
    /// The fields that a file of any version has.
    #[derive(Deserialize)]
    struct Version {
        format: u64,
    }
    let Version { format } = serde_json::from_slice(bytes).map_err(FileDefect::Json)?;
    if format != FORMAT {
        return Err(FileDefect::Format { expected: FORMAT, found: format });
    }
    serde_json::from_slice(bytes).map_err(FileDefect::Json)
}

/// Requires a file to be within the limits of reading. A file that nothing can read is an error instead.
fn check_readable<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), FileDefect> {
    let found = bytes.len() as u64;
    if found > MAX_BYTES {
        return Err(FileDefect::TooLong { limit: MAX_BYTES, found });
    }
    parse::<T>(bytes).map(drop)
}
