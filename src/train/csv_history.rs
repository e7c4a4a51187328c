//! The history of a run as CSV.

use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use super::{EpisodeSummary, LogError, Observer, ObserverError, RunInfo};
use crate::log_file;

/// Writes one row per episode to a CSV file, at once, so that an interrupted run keeps its history.
///
/// Columns: `episode`, `steps`, `environment_steps`, `updates`, `return`, `average_return`, `terminated`, `truncated`, and
/// the mean of each metric over the updates of the episode (empty if there were none). Numbers have enough digits to read back
/// the same bits. No value depends on the clock: the same run gives the same file. After a resume
/// from a checkpoint, the file starts with the rows of earlier episodes, so it is complete.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("sac.csv");
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let env = Pendulum::v1();
/// # let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// # let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?;
/// trainer.run(&mut [&mut CsvHistory::create(&path)?])?;
/// let header = std::fs::read_to_string(&path)?;
/// assert!(header.starts_with("episode,steps,environment_steps,updates,return,average_return"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CsvHistory<W: Write> {
    writer: csv::Writer<W>,
    /// Number of metric columns, once the header is written.
    metrics: Option<usize>,
    /// Number of rows that are written.
    rows: usize,
}

impl CsvHistory<File> {
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

impl<W: Write> CsvHistory<W> {
    /// Writes to `out`.
    pub fn to(out: W) -> Self {
        Self { writer: csv::Writer::from_writer(out), metrics: None, rows: 0 }
    }
}

impl<W: Write> Observer for CsvHistory<W> {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        let columns =
            ["episode", "steps", "environment_steps", "updates", "return", "average_return", "terminated", "truncated"];
        // A run that was ended and continues has its header already.
        if self.metrics.is_none() {
            self.metrics = Some(run.metric_names.len());
            self.writer.write_record(columns.iter().chain(run.metric_names))?;
            self.writer.flush()?;
        }
        run.history.iter().skip(self.rows).try_for_each(|episode| self.write(&episode))
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.write(episode)?;
        Ok(ControlFlow::Continue(()))
    }
}

impl<W: Write> CsvHistory<W> {
    fn write(&mut self, episode: &EpisodeSummary) -> Result<(), ObserverError> {
        let mut row = vec![
            episode.episode.to_string(),
            episode.steps.to_string(),
            episode.environment_steps.to_string(),
            episode.updates.to_string(),
            episode.episode_return.to_string(),
            episode.average_return.to_string(),
            episode.terminated.to_string(),
            episode.truncated.to_string(),
        ];
        match &episode.metrics {
            Some(metrics) => row.extend(metrics.iter().map(f64::to_string)),
            None => row.extend(std::iter::repeat_n(String::new(), self.metrics.unwrap_or(0))),
        }
        self.writer.write_record(row)?;
        self.writer.flush()?;
        self.rows += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{EpisodeHistory, TrainerConfig, episode};

    #[test]
    fn a_row_reads_back_as_the_same_bits_and_missing_metrics_stay_empty() {
        let mut out = Vec::new();
        let mut history = CsvHistory::to(&mut out);
        let config = TrainerConfig::new(2);
        history
            .on_start(&RunInfo {
                config: &config,
                metric_names: &["critic_loss", "actor_loss"],
                history: &EpisodeHistory::default(),
                evaluations: &[],
                agent: crate::train::AgentInfo::for_tests(),
            })
            .unwrap();
        let first = episode::summary_for_tests(0, -0.1 - 0.2, -0.3);
        let second = EpisodeSummary { metrics: Some(vec![1e-17, 2.5]), ..episode::summary_for_tests(1, -1.0, -0.65) };
        assert!(history.on_episode(&first).unwrap().is_continue());
        // The run was ended and continues: no second header, and no row twice.
        let before = [first.clone()].into_iter().collect();
        history
            .on_start(&RunInfo {
                config: &config,
                metric_names: &["critic_loss", "actor_loss"],
                history: &before,
                evaluations: &[],
                agent: crate::train::AgentInfo::for_tests(),
            })
            .unwrap();
        assert!(history.on_episode(&second).unwrap().is_continue());
        drop(history);
        let mut reader = csv::Reader::from_reader(out.as_slice());
        assert_eq!(
            reader.headers().unwrap(),
            vec![
                "episode",
                "steps",
                "environment_steps",
                "updates",
                "return",
                "average_return",
                "terminated",
                "truncated",
                "critic_loss",
                "actor_loss"
            ]
        );
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows[0][4].parse::<f64>().unwrap().to_bits(), (-0.1_f64 - 0.2).to_bits());
        assert_eq!(rows.len(), 2);
        assert_eq!((&rows[0][8], &rows[0][9]), ("", ""));
        assert_eq!(rows[1][8].parse::<f64>().unwrap(), 1e-17);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(CsvHistory::create(file.join("history.csv")).is_err());
        assert!(CsvHistory::create(folder.path().join("new/folder/history.csv")).is_ok());
    }
}
