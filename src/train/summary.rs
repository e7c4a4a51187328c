//! The results of a step, of an episode and of an evaluation.

use std::time::Duration;

/// The results of one step of the trainer: one environment step in each environment.
///
/// Two reports are equal if everything except [`evaluation_time`](Self::evaluation_time) is equal. So the same run gives the same reports.
#[derive(Debug, Clone, Default)]
pub struct StepReport {
    /// Environment steps so far.
    pub environment_steps: usize,
    /// Updates so far.
    pub updates: usize,
    /// Whether the actions were random ones of the warm-up, not the agent's.
    pub is_warmup: bool,
    /// The step of each environment, without environments that failed.
    pub environments: Vec<EnvironmentStep>,
    /// Metrics of the last update in this step; `None` before learning starts.
    pub metrics: Option<Vec<f64>>,
    /// The episodes that this step ended: at most one for each environment. After a failed step, its episodes too.
    pub episodes: Vec<EpisodeSummary>,
    /// The evaluation after this step, if there was one; before it, an overdue evaluation that had failed.
    pub evaluations: Vec<EvaluationSummary>,
    /// Time of the evaluations, including failed ones. No other number here depends on the clock.
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
    /// The action, in environment units.
    pub action: Vec<f32>,
    /// The observation after the action.
    pub observation: Vec<f32>,
    /// The reward, undiscounted.
    pub reward: f32,
    /// Whether the state after it has no future.
    pub terminated: bool,
    /// Whether the episode was cut off from outside.
    pub truncated: bool,
}

/// The results of an evaluation of the greedy policy during a run.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationSummary {
    /// Environment steps so far, without those of the evaluation.
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

/// The results of one episode.
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodeSummary {
    /// Index of the episode, from 0.
    pub episode: usize,
    /// Its length in environment steps.
    pub steps: usize,
    /// The sum of its rewards, undiscounted, exploration included.
    pub episode_return: f64,
    /// Mean of `episode_return` over the last [`average_window`](super::TrainerConfig::average_window) episodes.
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
