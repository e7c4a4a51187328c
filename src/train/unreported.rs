//! The report of steps that are not reported yet, in reused memory.

use std::time::Duration;

use super::{EnvironmentStep, StepReport};
use crate::env::Step;

/// The report of one step, or of several if some have failed.
#[derive(Debug, Default)]
pub(super) struct Unreported {
    pub(super) report: StepReport,
    /// Whether the report was returned, so that later results belong into another one.
    is_given: bool,
    /// Steps and metrics of earlier reports, to reuse their memory.
    spare_steps: Vec<EnvironmentStep>,
    spare_metrics: Vec<f64>,
}

impl Unreported {
    /// Starts another report if this one was returned.
    pub(super) fn begin(&mut self) {
        if self.is_given {
            self.clear();
        }
    }

    /// Starts another report.
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

    /// Starts another report, which includes the evaluation time of this one.
    pub(super) fn clear_all_but_time(&mut self) {
        let evaluation_time = self.report.evaluation_time;
        self.clear();
        self.report.evaluation_time = evaluation_time;
    }

    /// Returns the report, with the progress of the run.
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

    /// Replaces the metrics by those of an update.
    pub(super) fn set_metrics(&mut self, values: impl Iterator<Item = f64>) -> &[f64] {
        let kept = self.report.metrics.take();
        let metrics = self.report.metrics.insert(kept.unwrap_or_else(|| std::mem::take(&mut self.spare_metrics)));
        metrics.clear();
        metrics.extend(values);
        metrics
    }
}
