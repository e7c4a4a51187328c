//! Events of a run for the crate `tracing`.

use std::fmt;
use std::ops::ControlFlow;

use tracing::info;

use super::{EpisodeSummary, EvaluationSummary, Observer, ObserverError, RunInfo};

/// The target of every event, for the filters of subscribers.
const TARGET: &str = "actor_critic";

/// Sends the events of a run to the subscribers of `tracing`: its start, its episodes and evaluations, and its end.
///
/// Every event is at the level info, with the target `actor_critic`:
///
/// | Message | Fields |
/// |---|---|
/// | `run started` | `episodes`, `episodes_before`, `batch_size`, `replay_capacity`, `warmup_steps`, `learning_starts`, `updates_per_step` |
/// | `episode ended` | `episode`, `steps`, `environment_steps`, `updates`, `episode_return`, `average_return`, `terminated`, `truncated`, and `metrics` as a text such as `critic_loss=0.5 actor_loss=-1.25` if there was an update |
/// | `policy evaluated` | `environment_steps`, `updates`, `episodes`, `mean_return` |
/// | `run finished` | `episodes`, `environment_steps`: those of the last episode |
///
/// Events of a run before it was resumed are not sent again.
///
/// # Examples
///
/// ```no_run
/// use actor_critic::train::TracingEvents;
/// use actor_critic::prelude::*;
///
/// # fn run<E: Environment, A: Agent>(mut trainer: Trainer<E, A>) -> Result<(), Error> {
/// // Any subscriber, such as that of the crate `tracing-subscriber`, and then:
/// trainer.run(&mut [&mut TracingEvents::new()])?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct TracingEvents {
    metric_names: &'static [&'static str],
    episodes: usize,
    environment_steps: usize,
}

impl TracingEvents {
    /// Makes an observer for one run.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Observer for TracingEvents {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        self.metric_names = run.metric_names;
        self.episodes = run.history.len();
        self.environment_steps = run.history.last().map_or(0, |episode| episode.environment_steps);
        info!(
            target: TARGET,
            episodes = run.config.episodes,
            episodes_before = self.episodes,
            batch_size = run.config.batch_size,
            replay_capacity = run.config.replay_capacity,
            warmup_steps = run.config.warmup_steps(),
            learning_starts = run.config.learning_starts(),
            updates_per_step = run.config.updates_per_step,
            "run started"
        );
        Ok(())
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.episodes = episode.episode + 1;
        self.environment_steps = episode.environment_steps;
        let metrics = episode.metrics.as_deref().map(|values| Metrics { names: self.metric_names, values });
        info!(
            target: TARGET,
            episode = episode.episode,
            steps = episode.steps,
            environment_steps = episode.environment_steps,
            updates = episode.updates,
            episode_return = episode.episode_return,
            average_return = episode.average_return,
            terminated = episode.terminated,
            truncated = episode.truncated,
            metrics = metrics.map(tracing::field::display),
            "episode ended"
        );
        Ok(ControlFlow::Continue(()))
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        info!(
            target: TARGET,
            environment_steps = evaluation.environment_steps,
            updates = evaluation.updates,
            episodes = evaluation.returns.len(),
            mean_return = evaluation.mean_return(),
            "policy evaluated"
        );
        Ok(ControlFlow::Continue(()))
    }

    fn on_finish(&mut self) -> Result<(), ObserverError> {
        info!(target: TARGET, episodes = self.episodes, environment_steps = self.environment_steps, "run finished");
        Ok(())
    }
}

/// Writes `name=value` with spaces between; the field names of an event are fixed at compile time.
struct Metrics<'a> {
    names: &'a [&'static str],
    values: &'a [f64],
}

impl fmt::Display for Metrics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.names.iter().zip(self.values).enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;
    use crate::train::{TrainerConfig, episode::summary_for_tests};

    /// Keeps every event as a line of its fields, each with its type.
    #[derive(Debug, Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            assert_eq!((event.metadata().target(), *event.metadata().level()), ("actor_critic", Level::INFO));
            let mut fields = Fields(Vec::new());
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.0.join(" "));
        }
    }

    struct Fields(Vec<String>);

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0.push(format!("{field}:text={value:?}"));
        }
        fn record_f64(&mut self, field: &Field, value: f64) {
            self.0.push(format!("{field}:f64={value}"));
        }
        fn record_u64(&mut self, field: &Field, value: u64) {
            self.0.push(format!("{field}:u64={value}"));
        }
        fn record_bool(&mut self, field: &Field, value: bool) {
            self.0.push(format!("{field}:bool={value}"));
        }
    }

    #[test]
    fn a_run_is_told_in_fields_of_the_types_of_its_numbers() {
        let (lines, config) = (Lines::default(), TrainerConfig::new(3));
        let first = summary_for_tests(0, -2.5, -2.5);
        let second = EpisodeSummary { metrics: Some(vec![0.5, -1.25]), ..summary_for_tests(1, -1.0, -1.75) };
        tracing::subscriber::with_default(lines.clone(), || {
            let mut events = TracingEvents::new();
            let names = &["critic_loss", "actor_loss"];
            let history = &[first.clone()].into_iter().collect();
            events
                .on_start(&RunInfo {
                    config: &config,
                    metric_names: names,
                    history,
                    evaluations: &[],
                    agent: crate::train::AgentInfo::for_tests(),
                })
                .unwrap();
            assert!(events.on_episode(&second).unwrap().is_continue());
            let evaluation = EvaluationSummary { environment_steps: 400, updates: 9, returns: vec![-3.0, -1.0] };
            assert!(events.on_evaluation(&evaluation).unwrap().is_continue());
            events.on_finish().unwrap();
        });
        assert_eq!(
            *lines.0.lock().unwrap(),
            [
                "message:text=run started episodes:u64=3 episodes_before:u64=1 batch_size:u64=256 \
                 replay_capacity:u64=1000000 warmup_steps:u64=1000 learning_starts:u64=1000 updates_per_step:f64=1",
                "message:text=episode ended episode:u64=1 steps:u64=200 environment_steps:u64=400 updates:u64=0 \
                 episode_return:f64=-1 average_return:f64=-1.75 terminated:bool=false truncated:bool=true \
                 metrics:text=critic_loss=0.5 actor_loss=-1.25",
                "message:text=policy evaluated environment_steps:u64=400 updates:u64=9 episodes:u64=2 \
                 mean_return:f64=-2",
                "message:text=run finished episodes:u64=2 environment_steps:u64=400",
            ]
        );
    }
}
