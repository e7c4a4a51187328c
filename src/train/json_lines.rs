//! A log of a run as one JSON object per line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::logged::{Logged, Record};
use super::{EpisodeSummary, EvaluationSummary, LogError, Observer, ObserverError, RunInfo, TrainerConfig};
use crate::log_file;

/// Writes one JSON object per line, at once: the run, then its episodes and evaluations.
///
/// The field `kind` names the kind of line:
///
/// | `kind` | Other fields |
/// |---|---|
/// | `run` | `schedule`: the [`TrainerConfig`]; `settings`: those of [`with_settings`](Self::with_settings) |
/// | `episode` | `episode`, `steps`, `environment_steps`, `updates`, `return`, `average_return`, `terminated`, `truncated`, `metrics`: an object of means by name, null if the episode had no update |
/// | `evaluation` | `environment_steps`, `updates`, `mean_return`, `returns` |
///
/// Numbers have enough digits to read back the same bits; values that are not finite are null. No value depends on the
/// clock: the same run gives the same file, also after a resume from a checkpoint.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let env = Pendulum::v1();
/// let config = SacConfig::new();
/// let agent = config.init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let mut log = Vec::new();
/// let mut lines = JsonLines::to(&mut log).with_settings("agent", &config)?;
/// Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?.run(&mut [&mut lines])?;
///
/// let log = String::from_utf8(log)?;
/// assert_eq!(log.lines().count(), 2);
/// assert!(log.lines().last().unwrap().starts_with(r#"{"kind":"episode","episode":0,"steps":200,"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    out: W,
    settings: BTreeMap<String, Value>,
    /// Names of the metrics, once the first line is written.
    metric_names: Option<&'static [&'static str]>,
    logged: Logged,
}

impl JsonLines<File> {
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

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn to(out: W) -> Self {
        Self { out, settings: BTreeMap::new(), metric_names: None, logged: Logged::default() }
    }

    /// Adds settings to the line of the run, such as the config of the agent.
    ///
    /// # Errors
    ///
    /// If the settings cannot be written as JSON, for example because of a map whose keys are not texts.
    pub fn with_settings(
        mut self,
        name: impl Into<String>,
        settings: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        self.settings.insert(name.into(), serde_json::to_value(settings)?);
        Ok(self)
    }

    fn write(&mut self, line: &Line<'_>) -> Result<(), ObserverError> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        // At once, so that a run that is cut off leaves no half of a line behind.
        self.out.write_all(&text)?;
        Ok(self.out.flush()?)
    }

    fn episode(&mut self, episode: &EpisodeSummary) -> Result<(), ObserverError> {
        let names = self.metric_names.unwrap_or_default();
        let metrics = episode.metrics.as_deref().map(|values| Metrics { names, values });
        self.write(&Line::Episode {
            episode: episode.episode,
            steps: episode.steps,
            environment_steps: episode.environment_steps,
            updates: episode.updates,
            episode_return: episode.episode_return,
            average_return: episode.average_return,
            terminated: episode.terminated,
            truncated: episode.truncated,
            metrics,
        })?;
        self.logged.episodes += 1;
        Ok(())
    }

    fn evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<(), ObserverError> {
        self.write(&Line::Evaluation {
            environment_steps: evaluation.environment_steps,
            updates: evaluation.updates,
            mean_return: evaluation.mean_return(),
            returns: &evaluation.returns,
        })?;
        self.logged.evaluations += 1;
        Ok(())
    }
}

impl<W: Write> Observer for JsonLines<W> {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        // A run that was ended and continues has its first line already.
        if self.metric_names.replace(run.metric_names).is_none() {
            let settings = std::mem::take(&mut self.settings);
            self.write(&Line::Run { schedule: run.config, settings: &settings })?;
        }
        self.logged.missing(run).try_for_each(|record| match record {
            Record::Episode(episode) => self.episode(&episode),
            Record::Evaluation(evaluation) => self.evaluation(evaluation),
        })
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

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Run {
        schedule: &'a TrainerConfig,
        settings: &'a BTreeMap<String, Value>,
    },
    Episode {
        episode: usize,
        steps: usize,
        environment_steps: usize,
        updates: usize,
        #[serde(rename = "return")]
        episode_return: f64,
        average_return: f64,
        terminated: bool,
        truncated: bool,
        metrics: Option<Metrics<'a>>,
    },
    Evaluation {
        environment_steps: usize,
        updates: usize,
        mean_return: f64,
        returns: &'a [f64],
    },
}

struct Metrics<'a> {
    names: &'a [&'static str],
    values: &'a [f64],
}

impl Serialize for Metrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{EpisodeHistory, episode::summary_for_tests};

    const NAMES: &[&str] = &["critic_loss", "actor_loss"];

    #[test]
    fn a_line_reads_back_as_the_same_bits_in_the_order_of_the_run() {
        let config = TrainerConfig::new(2);
        let episodes = [
            summary_for_tests(0, -0.1 - 0.2, -0.3),
            EpisodeSummary { metrics: Some(vec![1e-17, f64::NAN]), ..summary_for_tests(1, -1.0, -0.65) },
        ];
        let evaluation = EvaluationSummary { environment_steps: 200, updates: 0, returns: vec![-2.0, -1.0] };
        let evaluations = std::slice::from_ref(&evaluation);
        let run = |history, evaluations| RunInfo {
            config: &config,
            metric_names: NAMES,
            history,
            evaluations,
            agent: crate::train::AgentInfo::for_tests(),
        };

        let mut out = Vec::new();
        let mut lines = JsonLines::to(&mut out).with_settings("agent", &serde_json::json!({ "tau": 0.005 })).unwrap();
        let (none, one) = (EpisodeHistory::default(), episodes[..1].iter().cloned().collect());
        lines.on_start(&run(&none, &[])).unwrap();
        assert!(lines.on_episode(&episodes[0]).unwrap().is_continue());
        assert!(lines.on_evaluation(&evaluation).unwrap().is_continue());
        // The run was ended and continues: no second first line, and nothing twice.
        lines.on_start(&run(&one, evaluations)).unwrap();
        assert!(lines.on_episode(&episodes[1]).unwrap().is_continue());
        drop(lines);
        let text = String::from_utf8(out).unwrap();
        let values: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<_> = values.iter().map(|value| value["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["run", "episode", "evaluation", "episode"]);
        assert_eq!(
            (&values[0]["schedule"]["batch_size"], &values[0]["settings"]["agent"]["tau"]),
            (&256.into(), &0.005.into())
        );
        assert_eq!(values[1]["return"].as_f64().unwrap().to_bits(), (-0.1_f64 - 0.2).to_bits());
        assert_eq!(values[1]["metrics"], Value::Null);
        assert_eq!(values[2]["mean_return"], -1.5);
        assert!(text.ends_with("\"metrics\":{\"critic_loss\":1e-17,\"actor_loss\":null}}\n"), "{text}");

        // Another program that resumes the run writes the same file.
        let mut out = Vec::new();
        let mut lines = JsonLines::to(&mut out).with_settings("agent", &serde_json::json!({ "tau": 0.005 })).unwrap();
        lines.on_start(&run(&episodes.into_iter().collect(), evaluations)).unwrap();
        drop(lines);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn settings_that_json_cannot_hold_are_an_error() {
        let map = BTreeMap::from([(vec![1], 2)]);
        let error = JsonLines::to(Vec::new()).with_settings("map", &map).unwrap_err();
        assert_eq!(error.to_string(), "key must be a string");
    }
}
