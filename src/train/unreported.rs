//! The report of what nobody has been told yet, in memory that is used again.

use std::time::Duration;

use super::{EnvironmentStep, StepReport};
use crate::env::Step;

/// The report of one step, or of several if some have failed.
#[derive(Debug, Default)]
pub(super) struct Unreported {
    pub(super) report: StepReport,
    /// Whether the report was given out, so that what comes next belongs into another one.
    is_given: bool,
    /// Steps and metrics of earlier reports, for their memory.
    spare_steps: Vec<EnvironmentStep>,
    spare_metrics: Vec<f64>,
}

impl Unreported {
    /// Begins another report if this one was given out.
    pub(super) fn begin(&mut self) {
        if self.is_given {
            self.clear();
        }
    }

    /// Begins another report.
    pub(super) fn clear(&mut self) {
        let StepReport { is_warmup, environments, metrics, episodes, evaluations, evaluation_time, .. } =
            &mut self.report;
        self.spare_steps.append(environments);
        if let Some(metrics) = metrics.take() {
            self.spare_metrics = metrics;
        }
        episodes.clear();
        evaluations.clear();
        (*is_warmup, *evaluation_time, self.is_given) = (false, Duration::ZERO, false);
    }

    /// Begins another report, which has to tell how long the evaluations of this one took.
    pub(super) fn clear_all_but_time(&mut self) {
        let evaluation_time = self.report.evaluation_time;
        self.clear();
        self.report.evaluation_time = evaluation_time;
    }

    /// Gives the report out, with the progress of the run.
    pub(super) fn give(&mut self, environment_steps: usize, updates: usize) -> &StepReport {
        (self.report.environment_steps, self.report.updates, self.is_given) = (environment_steps, updates, true);
        &self.report
    }

    /// Adds a step of an environment.
    pub(super) fn add_step(&mut self, environment: usize, taken: &[f32], step: &Step) {
        let spare = self.spare_steps.pop().map(|spare| (spare.action, spare.observation));
        let (mut action, mut observation) = spare.unwrap_or_default();
        taken.clone_into(&mut action);
        step.observation.clone_into(&mut observation);
        let Step { reward, terminated, truncated, .. } = *step;
        self.report.environments.push(EnvironmentStep {
            environment,
            action,
            observation,
            reward,
            terminated,
            truncated,
        });
    }

    /// Takes the metrics of an update in place of those before.
    pub(super) fn set_metrics(&mut self, values: impl Iterator<Item = f64>) -> &[f64] {
        let kept = self.report.metrics.take();
        let metrics = self.report.metrics.insert(kept.unwrap_or_else(|| std::mem::take(&mut self.spare_metrics)));
        metrics.clear();
        metrics.extend(values);
        metrics
    }
}
