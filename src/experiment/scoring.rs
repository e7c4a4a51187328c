//! Scores: the scale and the threshold of each task, and the measures of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::ExperimentError;
use super::results::{Results, Run};
use crate::statistics::{Bootstrap, area_under_curve, final_score, first_step_at};

/// The scale and the threshold of each task, and how intervals are drawn.
///
/// Returns of different tasks have different units. A scale turns them into normalised scores, which can be pooled over
/// tasks. Aggregates over all tasks need a scale for every task.
///
/// # Examples
///
/// ```
/// use actor_critic::env::pendulum::GRID_OPTIMUM;
/// use actor_critic::experiment::Scoring;
///
/// let scoring = Scoring::new()
///     .with_scale("pendulum", -1_220.0, GRID_OPTIMUM) // from doing nothing to the optimum
///     .with_threshold("pendulum", -200.0);
/// assert_eq!(scoring.normalized("pendulum", GRID_OPTIMUM), Some(1.0));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scoring {
    scales: BTreeMap<String, (f64, f64)>,
    thresholds: BTreeMap<String, f64>,
    references: BTreeMap<String, Vec<(String, f64)>>,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
}

impl Scoring {
    /// Makes a scoring without scales and thresholds.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scores of a task that count as 0 and 1, such as those of a random policy and of the best possible one.
    #[must_use]
    pub fn with_scale(mut self, task: impl Into<String>, zero: f64, one: f64) -> Self {
        self.scales.insert(task.into(), (zero, one));
        self
    }

    /// Sets the final score from which a run of a task counts as solved.
    #[must_use]
    pub fn with_threshold(mut self, task: impl Into<String>, threshold: f64) -> Self {
        self.thresholds.insert(task.into(), threshold);
        self
    }

    /// Names a score of a task, such as that of a random policy. Learning curves show it as a dashed line.
    #[must_use]
    pub fn with_reference(mut self, task: impl Into<String>, label: impl Into<String>, score: f64) -> Self {
        self.references.entry(task.into()).or_default().push((label.into(), score));
        self
    }

    /// Sets how intervals are drawn.
    #[must_use]
    pub fn with_bootstrap(mut self, bootstrap: Bootstrap) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Returns a score on the scale of its task; `None` without a scale.
    pub fn normalized(&self, task: &str, score: f64) -> Option<f64> {
        self.scales.get(task).map(|(zero, one)| (score - zero) / (one - zero))
    }

    /// Returns the distance of a score below the upper end of the scale; `None` without a scale.
    pub fn regret(&self, task: &str, score: f64) -> Option<f64> {
        self.scales.get(task).map(|(_, one)| one - score)
    }

    /// Returns the threshold of a task.
    pub(super) fn threshold(&self, task: &str) -> Option<f64> {
        self.thresholds.get(task).copied()
    }

    /// Returns the named scores of a task, in the order in which they were added.
    #[cfg(feature = "plot")]
    pub(super) fn references(&self, task: &str) -> &[(String, f64)] {
        self.references.get(task).map_or(&[], Vec::as_slice)
    }

    /// Checks every number, and that every task is one of the results. Called by every method that takes a scoring.
    ///
    /// # Errors
    ///
    /// [`ExperimentError::Scale`], [`ExperimentError::Threshold`], [`ExperimentError::Reference`], [`ExperimentError::Unknown`]
    /// or [`ExperimentError::Statistics`].
    pub fn validate(&self, results: &Results) -> Result<(), ExperimentError> {
        self.bootstrap.validate()?;
        for (task, &(zero, one)) in &self.scales {
            // Written as a negation so that NaN is rejected too.
            if !(zero < one && (one - zero).is_finite()) {
                return Err(ExperimentError::Scale { task: task.clone(), zero, one });
            }
        }
        if let Some((task, &threshold)) = self.thresholds.iter().find(|(_, threshold)| !threshold.is_finite()) {
            return Err(ExperimentError::Threshold { task: task.clone(), threshold });
        }
        for (task, references) in &self.references {
            if let Some((label, score)) = references.iter().find(|(_, score)| !score.is_finite()) {
                return Err(ExperimentError::Reference { task: task.clone(), label: label.clone(), score: *score });
            }
        }
        let known = results.tasks();
        let mut named = self.scales.keys().chain(self.thresholds.keys()).chain(self.references.keys());
        match named.find(|task| !known.contains(&task.as_str())) {
            Some(task) => Err(unknown("task", task, &known)),
            None => Ok(()),
        }
    }
}

pub(super) fn unknown(axis: &'static str, name: &str, known: &[&str]) -> ExperimentError {
    let known = known.iter().map(|name| (*name).to_owned()).collect();
    ExperimentError::Unknown { axis, name: name.to_owned(), known }
}

/// The measures of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RunMeasures {
    /// Mean return of the last evaluation.
    pub final_score: f64,
    /// The distance below the upper end of the scale, such as the optimum; `None` without a scale.
    pub regret: Option<f64>,
    /// The final score on the scale; `None` without one.
    pub normalized_score: Option<f64>,
    /// Mean height of the learning curve: [`area_under_curve`].
    pub area_under_curve: f64,
    /// Environment steps from which on the score stays at or above the threshold; `None` if the score is below it at the end, or
    /// without a threshold.
    pub first_step: Option<usize>,
    /// Whether the final score is below the threshold; `None` without one.
    pub failed: Option<bool>,
}

impl Run {
    /// Measures the run.
    pub fn measures(&self, scoring: &Scoring) -> RunMeasures {
        let (curve, task) = (self.curve(), self.cell.task.as_str());
        let score = final_score(&curve).unwrap_or(f64::NAN);
        let threshold = scoring.threshold(task);
        RunMeasures {
            final_score: score,
            regret: scoring.regret(task, score),
            normalized_score: scoring.normalized(task, score),
            area_under_curve: area_under_curve(&curve).unwrap_or(f64::NAN),
            first_step: threshold.and_then(|threshold| first_step_at(&curve, threshold)),
            failed: threshold.map(|threshold| score < threshold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::CellId;
    use crate::train::EvaluationSummary;

    #[test]
    fn a_run_is_measured_against_scale_and_threshold() {
        let at = |environment_steps, returns: [f64; 2]| EvaluationSummary {
            environment_steps,
            updates: environment_steps,
            returns: returns.to_vec(),
        };
        let cell = CellId { algorithm: "sac".to_owned(), task: "tank".to_owned(), seed: 0 };
        // Scores −100, −20, −40.
        let evaluations = vec![at(100, [-150.0, -50.0]), at(200, [-20.0, -20.0]), at(300, [-10.0, -70.0])];
        let run = Run { cell, evaluations };
        let scoring = Scoring::new().with_scale("tank", -110.0, -10.0).with_threshold("tank", -50.0);
        let expected = RunMeasures {
            final_score: -40.0,
            regret: Some(30.0),
            normalized_score: Some(0.7),
            area_under_curve: -45.0, // −60 and −30, equally long
            first_step: Some(200),
            failed: Some(false),
        };
        assert_eq!(run.measures(&scoring), expected);
        let strict = run.measures(&Scoring::new().with_threshold("tank", -30.0));
        assert_eq!((strict.first_step, strict.failed, strict.regret), (None, Some(true), None));
        assert_eq!(run.measures(&Scoring::new()).failed, None);
    }
}
