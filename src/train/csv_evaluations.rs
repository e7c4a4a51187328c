//! The evaluations of a run as CSV.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use super::{EvaluationSummary, LogError, Observer, ObserverError, RunInfo};
use crate::log_file;

const COLUMNS: [&str; 6] = ["environment_steps", "updates", "mean_return", "min_return", "max_return", "episodes"];

/// Writes one row per evaluation of the greedy policy to a CSV file, at once. [`CsvHistory`](super::CsvHistory) writes the episodes.
///
/// Columns: `environment_steps`, `updates`, `mean_return`, `min_return`, `max_return`, `episodes`; the returns are empty if
/// the evaluation had no episode. Numbers have enough digits to read back the same bits. After a resume from a checkpoint,
/// the file starts with the rows of earlier evaluations, so it is complete.
///
/// # Examples
///
/// ```no_run
/// use actor_critic::train::CsvEvaluations;
/// use actor_critic::prelude::*;
///
/// # fn run<E: Environment, A: Agent>(mut trainer: Trainer<E, A>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut evaluations = CsvEvaluations::create("runs/sac_evaluations.csv")?;
/// trainer.run(&mut [&mut evaluations])?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CsvEvaluations<W: Write> {
    writer: csv::Writer<W>,
    started: bool,
    /// Number of rows that are written.
    rows: usize,
}

impl CsvEvaluations<File> {
    /// Creates the file, and its parent folders; replaces an older file.
    ///
    /// The file is locked until this observer is dropped, so that two runs do not mix their lines.
    ///
    /// # Errors
    ///
    /// - [`LogError::InUse`] if another observer writes the file, in this process or in another; nothing is changed then
    /// - [`LogError::Io`] if the file cannot be created
    pub fn create(path: impl AsRef<Path>) -> Result<Self, LogError> {
        Ok(Self::to(log_file::create(path.as_ref())?))
    }
}

impl<W: Write> CsvEvaluations<W> {
    /// Writes to `out`.
    pub fn to(out: W) -> Self {
        Self { writer: csv::Writer::from_writer(out), started: false, rows: 0 }
    }

    fn write(&mut self, evaluation: &EvaluationSummary) -> Result<(), ObserverError> {
        let returns = &evaluation.returns;
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        self.writer.write_record([
            evaluation.environment_steps.to_string(),
            evaluation.updates.to_string(),
            number((!returns.is_empty()).then(|| evaluation.mean_return())),
            number(returns.iter().copied().reduce(f64::min)),
            number(returns.iter().copied().reduce(f64::max)),
            returns.len().to_string(),
        ])?;
        self.writer.flush()?;
        self.rows += 1;
        Ok(())
    }
}

impl<W: Write> Observer for CsvEvaluations<W> {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        // A run that was ended and continues has its header already.
        if !std::mem::replace(&mut self.started, true) {
            self.writer.write_record(COLUMNS)?;
            self.writer.flush()?;
        }
        run.evaluations.iter().skip(self.rows).try_for_each(|evaluation| self.write(evaluation))
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.write(evaluation)?;
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{EpisodeHistory, TrainerConfig};

    #[test]
    fn a_row_has_mean_least_and_greatest_and_a_run_that_goes_on_repeats_none() {
        let config = TrainerConfig::new(1);
        let first = EvaluationSummary { environment_steps: 400, updates: 3, returns: vec![-0.3, -0.1] };
        let second = EvaluationSummary { environment_steps: 800, updates: 7, returns: vec![] };
        let both = [first, second];
        let history = EpisodeHistory::default();
        let run = |evaluations| RunInfo {
            config: &config,
            metric_names: &[],
            history: &history,
            evaluations,
            agent: crate::train::AgentInfo::for_tests(),
        };
        let mut out = Vec::new();
        let mut csv = CsvEvaluations::to(&mut out);
        csv.on_start(&run(&[])).unwrap();
        assert!(csv.on_evaluation(&both[0]).unwrap().is_continue());
        csv.on_start(&run(&both[..1])).unwrap();
        assert!(csv.on_evaluation(&both[1]).unwrap().is_continue());
        drop(csv);
        let whole = "environment_steps,updates,mean_return,min_return,max_return,episodes\n\
                     400,3,-0.2,-0.3,-0.1,2\n\
                     800,7,,,,0\n";
        assert_eq!(String::from_utf8(out).unwrap(), whole);

        // Another program that resumes the run writes the same file.
        let mut out = Vec::new();
        let mut csv = CsvEvaluations::to(&mut out);
        csv.on_start(&run(&both)).unwrap();
        drop(csv);
        assert_eq!(String::from_utf8(out).unwrap(), whole);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(CsvEvaluations::create(file.join("evaluations.csv")).is_err());
        assert!(CsvEvaluations::create(folder.path().join("new/folder/evaluations.csv")).is_ok());
    }
}
