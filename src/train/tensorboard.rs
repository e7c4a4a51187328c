//! Event files for TensorBoard.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;
use serde::Serialize;

use super::logged::{Logged, Record};
use super::{EpisodeSummary, EvaluationSummary, LogError, Observer, ObserverError, RunInfo, StepReport};
use crate::log_file;
use event::{Event, What};

mod event;
mod record;

/// Writes the curves of a run for TensorBoard, over environment steps.
///
/// | Tag | When | What |
/// |---|---|---|
/// | `rollout/return`, `rollout/average_return`, `rollout/length` | each episode | as [`EpisodeSummary`] |
/// | `train/NAME` | each episode with an update | mean of the metric over the updates of the episode |
/// | `step/NAME` | as set by [`every_steps`](Self::every_steps) | the metric of one update |
/// | `evaluation/mean_return`, `evaluation/min_return`, `evaluation/max_return` | each evaluation | over its episodes |
/// | `settings/NAME` | at the start | the settings of the trainer, and those of [`with_settings`](Self::with_settings), as texts |
///
/// Values have single precision, like TensorBoard's own. The file starts with a mark that makes TensorBoard ignore other files in its
/// folder: one folder shows one run. When another program resumes a run, a new file has all of its episodes and
/// evaluations again. Metrics of single steps start again, because no checkpoint holds them.
///
/// Only the time of each record, and the name of the file, depend on the clock;
/// [`create_with_clock`](Self::create_with_clock) takes another clock.
///
/// # Examples
///
/// ```no_run
/// use actor_critic::prelude::*;
///
/// # fn run<E: Environment, A: Agent>(mut trainer: Trainer<E, A>, config: SacConfig) -> Result<(), Box<dyn std::error::Error>> {
/// // Shown by `tensorboard --logdir runs`.
/// let mut log = TensorBoard::create("runs/sac")?.with_settings("agent", &config)?.every_steps(100);
/// trainer.run(&mut [&mut log])?;
/// # Ok(())
/// # }
/// ```
pub struct TensorBoard<W: Write = File> {
    out: W,
    clock: Clock,
    every_steps: Option<usize>,
    settings: Vec<(String, String)>,
    /// Names of the metrics, once the head of the file is written.
    metric_names: Option<&'static [&'static str]>,
    /// Environment steps at the last step before this part of the run.
    last_step: Option<usize>,
    logged: Logged,
}

/// Seconds since 1970.
type Clock = Box<dyn FnMut() -> f64 + Send>;

impl<W: Write> fmt::Debug for TensorBoard<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorBoard")
            .field("every_steps", &self.every_steps)
            .field("logged", &self.logged)
            .finish_non_exhaustive()
    }
}

impl TensorBoard {
    /// Creates an event file in `folder`, and the folder; existing files stay.
    ///
    /// The folder is locked until this observer is dropped: one folder shows one run.
    ///
    /// # Errors
    ///
    /// - [`LogError::InUse`] if another observer writes to the folder, in this process or in another
    /// - [`LogError::Io`] if the file cannot be created
    pub fn create(folder: impl AsRef<Path>) -> Result<Self, LogError> {
        // A clock before 1970 is set wrong, and a wrong time is no reason to lose a run.
        Self::create_with_clock(folder, || {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
        })
    }

    /// As [`create`](Self::create), with `clock` for the seconds since 1970 in each record and in the name of the file.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_with_clock(
        folder: impl AsRef<Path>,
        mut clock: impl FnMut() -> f64 + Send + 'static,
    ) -> Result<Self, LogError> {
        let folder = folder.as_ref();
        log_file::create_folder(folder)?;
        let path = |source| LogError::Io { path: folder.to_path_buf(), source };
        // TensorBoard reads the files of a folder in the order of their names.
        let seconds = clock();
        for index in 0_u32.. {
            let name = format!("events.out.tfevents.{seconds:010.0}.{index:06}{SUFFIX}");
            match File::create_new(folder.join(&name)) {
                Ok(file) => return claim(folder, &name, file).map(|file| Self::to(file, clock)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(path(error)),
            }
        }
        Err(path(ErrorKind::AlreadyExists.into()))
    }
}

/// The suffix of this crate's event files.
const SUFFIX: &str = ".actor-critic";

/// Locks the new file of a folder, unless another file of the folder is locked.
///
/// The new file is locked first: of two observers that start together, at least one sees the other.
fn claim(folder: &Path, name: &str, file: File) -> Result<File, LogError> {
    let path = |source| LogError::Io { path: folder.to_path_buf(), source };
    let locked = log_file::lock(&file, folder).and_then(|()| {
        for entry in std::fs::read_dir(folder).map_err(path)? {
            let other = entry.map_err(path)?.file_name().to_string_lossy().into_owned();
            if other.ends_with(SUFFIX) && other != name {
                // Closed at once, which frees what was only tried.
                log_file::lock(&File::open(folder.join(other)).map_err(path)?, folder)?;
            }
        }
        Ok(())
    });
    if locked.is_err() {
        // An empty file that stays is one that TensorBoard skips.
        let _ = std::fs::remove_file(folder.join(name));
    }
    locked.map(|()| file)
}

impl<W: Write> TensorBoard<W> {
    /// Writes to `out`, with `clock` for the seconds since 1970 in each record.
    pub fn to(out: W, clock: impl FnMut() -> f64 + Send + 'static) -> Self {
        Self {
            out,
            clock: Box::new(clock),
            every_steps: None,
            settings: Vec::new(),
            metric_names: None,
            last_step: None,
            logged: Logged::default(),
        }
    }

    /// Writes the metrics of single steps too, whenever the environment steps pass a multiple of `steps`; 0 counts as 1.
    #[must_use]
    pub fn every_steps(mut self, steps: usize) -> Self {
        self.every_steps = Some(steps.max(1));
        self
    }

    /// Adds settings as a text, such as the config of the agent.
    ///
    /// # Errors
    ///
    /// If the settings cannot be written as JSON, for example because of a map whose keys are not texts.
    pub fn with_settings(
        mut self,
        name: impl Into<String>,
        settings: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        self.settings.push((name.into(), serde_json::to_string_pretty(settings)?));
        Ok(self)
    }

    fn write(&mut self, environment_steps: usize, what: What) -> Result<(), ObserverError> {
        let step = i64::try_from(environment_steps)?;
        let message = Event { wall_time: (self.clock)(), step, what: Some(what) }.encode_to_vec();
        let mut bytes = Vec::new();
        record::append(&mut bytes, &message);
        // Flushed at once, so that TensorBoard does not read half of a record during the run.
        self.out.write_all(&bytes)?;
        Ok(self.out.flush()?)
    }

    fn metrics<'a>(
        &self,
        prefix: &'a str,
        values: Option<&'a [f64]>,
    ) -> impl Iterator<Item = (String, f64)> + use<'a, W> {
        let names = self.metric_names.unwrap_or_default();
        names.iter().zip(values.unwrap_or_default()).map(move |(name, value)| (format!("{prefix}/{name}"), *value))
    }

    fn episode(&mut self, episode: &EpisodeSummary) -> Result<(), ObserverError> {
        let rollout = [
            ("rollout/return", episode.episode_return),
            ("rollout/average_return", episode.average_return),
            ("rollout/length", episode.steps as f64),
        ];
        let rollout = rollout.map(|(tag, value)| (tag.to_owned(), value)).into_iter();
        let scalars = rollout.chain(self.metrics("train", episode.metrics.as_deref()));
        self.write(episode.environment_steps, What::scalars(scalars))?;
        self.logged.episodes += 1;
        Ok(())
    }

    fn evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<(), ObserverError> {
        let returns = evaluation.returns.iter().copied();
        let numbers = [
            ("evaluation/mean_return", Some(evaluation.mean_return())),
            ("evaluation/min_return", returns.clone().reduce(f64::min)),
            ("evaluation/max_return", returns.reduce(f64::max)),
        ];
        let scalars = numbers.into_iter().filter_map(|(tag, value)| Some((tag.to_owned(), value?)));
        self.write(evaluation.environment_steps, What::scalars(scalars))?;
        self.logged.evaluations += 1;
        Ok(())
    }
}

impl<W: Write> Observer for TensorBoard<W> {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        // A run that was ended and continues has its head already.
        if self.metric_names.replace(run.metric_names).is_none() {
            self.write(0, What::file_version())?;
            self.write(0, What::start())?;
            let schedule = ("schedule".to_owned(), serde_json::to_string_pretty(run.config)?);
            for (name, json) in std::iter::once(schedule).chain(std::mem::take(&mut self.settings)) {
                self.write(0, What::text(format!("settings/{name}"), format!("```json\n{json}\n```")))?;
            }
        }
        self.last_step = None;
        self.logged.missing(run).try_for_each(|record| match record {
            Record::Episode(episode) => self.episode(&episode),
            Record::Evaluation(evaluation) => self.evaluation(evaluation),
        })
    }

    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        let now = step.environment_steps;
        let before = self.last_step.replace(now).unwrap_or(now.saturating_sub(1));
        let due = self.every_steps.is_some_and(|every| now / every > before / every);
        if due && let Some(values) = &step.metrics {
            self.write(now, What::scalars(self.metrics("step", Some(values))))?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.episode(episode)?;
        Ok(ControlFlow::Continue(()))
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.evaluation(evaluation)?;
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests;
