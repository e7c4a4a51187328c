//! Watching a run without taking part in it.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{EpisodeHistory, TrainerConfig};
use crate::agent::Normalizes;
use crate::env::Spaces;

/// A failure of an observer's own, such as a full disk.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Something that is told how a run goes: a console, a file, a picture, a rule to stop.
///
/// Observers see numbers and change none: a run gives the same bits with them and without.
pub trait Observer {
    /// Called once, before the first step of a [`Trainer::run`](super::Trainer::run).
    ///
    /// # Errors
    ///
    /// Stops the run before it begins.
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        let _ = run;
        Ok(())
    }

    /// Returns whether the rule by which this observer ends a run has been met already; asked after [`on_start`](Self::on_start) of all
    /// observers. The run then ends before its first step.
    ///
    /// So a command that is repeated after the run was ended does nothing more. An observer that answers `Break` by what the run has brought
    /// so far should answer here by [`history`](RunInfo::history) and [`evaluations`](RunInfo::evaluations).
    fn is_over(&self, run: &RunInfo<'_>) -> bool {
        let _ = run;
        false
    }

    /// Called after every environment step; `Break` ends the run there, in mid-episode.
    ///
    /// Also called when something fails after the step was taken, such as an update or an evaluation: the step stands, and the run
    /// ends after its observers have heard of it.
    ///
    /// # Errors
    ///
    /// Stops the run, after the other observers have heard of the step.
    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        let _ = step;
        Ok(ControlFlow::Continue(()))
    }

    /// Called after every episode; `Break` ends the run as if it had been the last.
    ///
    /// # Errors
    ///
    /// Stops the run.
    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        let _ = episode;
        Ok(ControlFlow::Continue(()))
    }

    /// Called after every evaluation of the greedy policy; `Break` ends the run.
    ///
    /// # Errors
    ///
    /// Stops the run.
    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        let _ = evaluation;
        Ok(ControlFlow::Continue(()))
    }

    /// Called once, when the run is over, even if by an error.
    ///
    /// # Errors
    ///
    /// Becomes the run's own, unless it has one already.
    fn on_finish(&mut self) -> Result<(), ObserverError> {
        Ok(())
    }
}

/// Watches nothing.
impl Observer for () {}

/// What is known before the first step.
#[derive(Debug, Clone)]
pub struct RunInfo<'a> {
    /// The schedule.
    pub config: &'a TrainerConfig,
    /// Names of the metrics in every [`StepReport`] and [`EpisodeSummary`].
    pub metric_names: &'static [&'static str],
    /// What the agent was built for.
    pub agent: AgentInfo<'a>,
    /// The episodes that have ended before: none, unless the run was ended or interrupted and goes on.
    pub history: &'a EpisodeHistory,
    /// The evaluations before, likewise.
    pub evaluations: &'a [EvaluationSummary],
}

/// What is known of an agent whose type is not.
#[derive(Debug, Clone, Copy)]
pub struct AgentInfo<'a> {
    /// Its spaces.
    pub spaces: &'a Spaces,
    /// The weight of the future γ, `[0, 1]`.
    pub discount: f64,
    /// What it normalises.
    pub normalizes: Normalizes,
}

#[cfg(test)]
impl AgentInfo<'static> {
    /// One axis each, actions in [-1, 1].
    pub(crate) fn for_tests() -> Self {
        static SPACES: std::sync::LazyLock<Spaces> = std::sync::LazyLock::new(|| {
            let [observation, action] =
                [crate::space::BoxSpace::unbounded(1), crate::space::BoxSpace::symmetric(1.0, 1)];
            Spaces::new(observation.unwrap(), action.unwrap()).unwrap()
        });
        Self { spaces: &SPACES, discount: 0.99, normalizes: Normalizes::default() }
    }
}

/// What one environment step brought.
///
/// Two reports are equal if all but [`evaluation_time`](Self::evaluation_time) is: the same run gives the same reports.
#[derive(Debug, Clone, Default)]
pub struct StepReport {
    /// Environment steps so far.
    pub environment_steps: usize,
    /// Updates so far.
    pub updates: usize,
    /// Whether the actions were random ones of the warm-up, and not the agent's.
    pub is_warmup: bool,
    /// What each environment was given and has answered; an environment that failed is left out.
    pub environments: Vec<EnvironmentStep>,
    /// Metrics of the last update in this step; `None` before learning starts.
    pub metrics: Option<Vec<f64>>,
    /// The episodes that this step ended: at most one for each environment. After a step that failed, its episodes too.
    pub episodes: Vec<EpisodeSummary>,
    /// The evaluation after this step, if there was one. After one that failed, also the one that makes up for it.
    pub evaluations: Vec<EvaluationSummary>,
    /// How long the evaluations took, those that failed included: the only number here that the clock decides.
    pub evaluation_time: Duration,
}

impl PartialEq for StepReport {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            environment_steps,
            updates,
            is_warmup,
            environments,
            metrics,
            episodes,
            evaluations,
            evaluation_time: _,
        } = self;
        (environment_steps, updates, is_warmup) == (&other.environment_steps, &other.updates, &other.is_warmup)
            && *environments == other.environments
            && *metrics == other.metrics
            && *episodes == other.episodes
            && *evaluations == other.evaluations
    }
}

/// One step of one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentStep {
    /// Number of the environment, from 0.
    pub environment: usize,
    /// What it was given, in environment units.
    pub action: Vec<f32>,
    /// What it has answered: the observation that follows.
    pub observation: Vec<f32>,
    /// The reward, undiscounted.
    pub reward: f32,
    /// Whether there is no future after it.
    pub terminated: bool,
    /// Whether the episode was cut off from outside.
    pub truncated: bool,
}

/// What an evaluation of the greedy policy in mid-run brought.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationSummary {
    /// Environment steps so far; those of the evaluation do not count.
    pub environment_steps: usize,
    /// Updates so far.
    pub updates: usize,
    /// Undiscounted return of each episode.
    pub returns: Vec<f64>,
}

impl EvaluationSummary {
    /// Returns the mean return; NaN without episodes.
    pub fn mean_return(&self) -> f64 {
        self.returns.iter().sum::<f64>() / self.returns.len() as f64
    }
}

/// What one episode brought.
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodeSummary {
    /// Index of the episode, from 0.
    pub episode: usize,
    /// Its length in environment steps.
    pub steps: usize,
    /// The sum of its rewards, undiscounted, exploration included.
    pub episode_return: f64,
    /// Mean of `episode_return` over the last [`average_window`](TrainerConfig::average_window) episodes.
    pub average_return: f64,
    /// Whether it reached a state without a future.
    pub terminated: bool,
    /// Whether it was cut off from outside.
    pub truncated: bool,
    /// Environment steps so far.
    pub environment_steps: usize,
    /// Updates so far.
    pub updates: usize,
    /// Mean of each metric over the updates of this episode; `None` if there was none.
    pub metrics: Option<Vec<f64>>,
}
