//! Tables of results, as CSV and JSON.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::cell::CellId;
use super::error::{ExperimentError, failed};
use super::file::write_whole;
use super::record::Identity;
use super::results::Results;
use super::scoring::{RunMeasures, Scoring};
use super::summary::Estimate;

#[derive(Serialize)]
struct EvaluationRow<'a> {
    environment_steps: usize,
    updates: usize,
    returns: &'a [f64],
}

#[derive(Serialize)]
struct RunRow<'a> {
    #[serde(flatten)]
    cell: &'a CellId,
    #[serde(flatten)]
    measures: RunMeasures,
    evaluations: Vec<EvaluationRow<'a>>,
}

#[derive(Serialize)]
struct ResultsForm<'a> {
    #[serde(flatten)]
    identity: &'a Identity,
    missing: &'a [CellId],
    runs: Vec<RunRow<'a>>,
}

#[derive(Serialize)]
struct SummaryForm<'a> {
    #[serde(flatten)]
    identity: &'a Identity,
    missing: &'a [CellId],
    estimates: &'a [Estimate],
}

impl Results {
    /// Writes the tables into a folder, replacing older ones.
    ///
    /// | File | A row or an entry for |
    /// |---|---|
    /// | `results.csv` | each evaluation: steps, updates, mean, lowest and highest return |
    /// | `runs.csv` | each cell, including missing ones: its [`RunMeasures`] |
    /// | `results.json` | both, with settings and every return |
    /// | `summary.csv`, `summary.json` | each [`Estimate`] |
    ///
    /// Numbers have enough digits to read back the same bits. A missing value is empty, or null in JSON.
    /// The same results give the same bytes. No value depends on the clock.
    ///
    /// # Errors
    ///
    /// As [`summary`](Self::summary), and [`ExperimentError::Io`] if a file cannot be written.
    pub fn write(&self, folder: impl AsRef<Path>, scoring: &Scoring) -> Result<(), ExperimentError> {
        let folder = folder.as_ref();
        let estimates = self.summary(scoring)?;
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        write_csv(&folder.join("results.csv"), &self.evaluation_rows())?;
        write_csv(&folder.join("runs.csv"), &self.run_rows(scoring))?;
        write_csv(&folder.join("summary.csv"), &estimate_rows(&estimates))?;
        let runs = self.runs().iter().map(|run| {
            let evaluations = run.evaluations.iter().map(|evaluation| EvaluationRow {
                environment_steps: evaluation.environment_steps,
                updates: evaluation.updates,
                returns: &evaluation.returns,
            });
            RunRow { cell: &run.cell, measures: run.measures(scoring), evaluations: evaluations.collect() }
        });
        let (identity, missing) = (&self.identity, self.missing());
        write_json(&folder.join("results.json"), &ResultsForm { identity, missing, runs: runs.collect() })?;
        write_json(&folder.join("summary.json"), &SummaryForm { identity, missing, estimates: &estimates })
    }

    fn evaluation_rows(&self) -> Vec<Vec<String>> {
        let header = [
            "algorithm",
            "task",
            "seed",
            "environment_steps",
            "updates",
            "episodes",
            "mean_return",
            "min_return",
            "max_return",
        ];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        for run in self.runs() {
            for evaluation in &run.evaluations {
                let returns = evaluation.returns.iter().copied();
                let mut row = cell_columns(&run.cell);
                row.extend([evaluation.environment_steps, evaluation.updates, evaluation.returns.len()].map(text));
                row.push(text(evaluation.mean_return()));
                row.push(text(returns.clone().fold(f64::INFINITY, f64::min)));
                row.push(text(returns.fold(f64::NEG_INFINITY, f64::max)));
                rows.push(row);
            }
        }
        rows
    }

    fn run_rows(&self, scoring: &Scoring) -> Vec<Vec<String>> {
        let header = [
            "algorithm",
            "task",
            "seed",
            "status",
            "final_score",
            "regret",
            "normalized_score",
            "area_under_curve",
            "first_step",
            "failed",
        ];
        let finished = self.runs().iter().map(|run| {
            let measures = run.measures(scoring);
            let mut row = cell_columns(&run.cell);
            row.extend([
                "finished".to_owned(),
                text(measures.final_score),
                optional(measures.regret),
                optional(measures.normalized_score),
                text(measures.area_under_curve),
                optional(measures.first_step),
                optional(measures.failed),
            ]);
            (&run.cell, row)
        });
        let missing = self.missing().iter().map(|cell| {
            let mut row = cell_columns(cell);
            row.push("missing".to_owned());
            row.resize(header.len(), String::new());
            (cell, row)
        });
        let mut rows: Vec<(&CellId, Vec<String>)> = finished.chain(missing).collect();
        rows.sort_unstable_by(|a, b| a.0.cmp(b.0));
        std::iter::once(header.map(str::to_owned).to_vec()).chain(rows.into_iter().map(|(_, row)| row)).collect()
    }
}

fn estimate_rows(estimates: &[Estimate]) -> Vec<Vec<String>> {
    let header = ["algorithm", "other", "task", "measure", "value", "low", "high", "runs", "missing"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(estimates.iter().map(|estimate| {
        vec![
            estimate.algorithm.clone(),
            estimate.other.clone().unwrap_or_default(),
            estimate.task.clone().unwrap_or_default(),
            estimate.measure.name().to_owned(),
            optional(estimate.value),
            optional(estimate.interval.map(|interval| interval.low)),
            optional(estimate.interval.map(|interval| interval.high)),
            text(estimate.runs),
            text(estimate.missing),
        ]
    }));
    rows
}

fn cell_columns(cell: &CellId) -> Vec<String> {
    vec![cell.algorithm.clone(), cell.task.clone(), text(cell.seed)]
}

fn text(value: impl ToString) -> String {
    value.to_string()
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, text)
}

fn write_csv(path: &Path, rows: &[Vec<String>]) -> Result<(), ExperimentError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| failed("write", path)(error.into()))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed("write", path)(error.into_error()))?;
    write_whole(path, &bytes)
}

fn write_json(path: &Path, form: &impl Serialize) -> Result<(), ExperimentError> {
    let mut bytes = serde_json::to_vec(form).map_err(|error| failed("write", path)(error.into()))?;
    bytes.push(b'\n');
    write_whole(path, &bytes)
}
