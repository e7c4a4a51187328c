//! Pictures of results: learning curves and performance profiles.

use std::path::Path;

use super::error::{ExperimentError, failed};
use super::results::{Results, Run};
use super::scoring::{Scoring, unknown};
use crate::statistics::performance_profile;
use crate::train::plot::{Curve, Plot};

/// Thresholds of a profile, evenly spaced over the scores.
const THRESHOLDS: usize = 101;

impl Results {
    /// Plots the learning curves on a task: each seed thin, their interquartile mean thick, with its interval as a band.
    ///
    /// The references of the task are dashed lines.
    ///
    /// # Errors
    ///
    /// As [`Scoring::validate`], and [`ExperimentError::Unknown`] if there is no such task.
    pub fn plot_learning_curves(&self, task: &str, scoring: &Scoring) -> Result<Plot, ExperimentError> {
        scoring.validate(self)?;
        self.check_task(task)?;
        let mut plot = Plot::new(task).with_labels("environment steps", "mean return");
        let (mut thin, mut thick) = (Vec::new(), Vec::new());
        for (color, algorithm) in self.algorithms().into_iter().enumerate() {
            let points =
                |run: &Run| run.curve().into_iter().map(|(steps, score)| (steps as f64, score)).collect::<Vec<_>>();
            thin.extend(self.runs_of(algorithm, task).map(|run| Curve::thin("", points(run)).with_color(color)));
            let aggregate = self.learning_curve(algorithm, task, &scoring.bootstrap)?;
            let at = |steps: usize| steps as f64;
            let label = format!("{algorithm}, {} seeds", self.runs_of(algorithm, task).count());
            let curve = Curve::new(label, aggregate.iter().map(|point| (at(point.environment_steps), point.value)));
            let band = aggregate.iter().filter_map(|point| {
                point.interval.map(|interval| (at(point.environment_steps), interval.low, interval.high))
            });
            thick.push(curve.with_band(band).with_color(color));
        }
        // Thick ones last, which lie over the others.
        for curve in thin.into_iter().chain(thick) {
            plot = plot.with_curve(curve);
        }
        Ok(scoring.references(task).iter().fold(plot, |plot, (label, score)| plot.with_reference(label, *score)))
    }

    /// Plots the performance profiles of all algorithms: on a task by final score, on all tasks by normalised score.
    ///
    /// # Errors
    ///
    /// - as [`Scoring::validate`]
    /// - [`ExperimentError::Unknown`] if there is no such task
    /// - [`ExperimentError::Statistics`] over all tasks, if one of them has no scale
    pub fn plot_performance_profiles(&self, task: Option<&str>, scoring: &Scoring) -> Result<Plot, ExperimentError> {
        scoring.validate(self)?;
        if let Some(task) = task {
            self.check_task(task)?;
        }
        let scores_of = |algorithm: &str| match task {
            Some(task) => vec![self.runs_of(algorithm, task).map(Run::final_score).collect()],
            None => self.normalized_scores(algorithm, scoring),
        };
        let sides: Vec<(&str, Vec<Vec<f64>>)> =
            self.algorithms().into_iter().map(|algorithm| (algorithm, scores_of(algorithm))).collect();
        let all = || sides.iter().flat_map(|(_, tasks)| tasks.iter().flatten().copied());
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        // A little further on either side, so that every profile begins at 1 and ends at 0.
        let room = if high > low { 0.05 * (high - low) } else { 1.0 };
        let step = (high - low + 2.0 * room) / (THRESHOLDS - 1) as f64;
        let thresholds: Vec<f64> = (0..THRESHOLDS).map(|i| low - room + i as f64 * step).collect();
        let (title, label) = match task {
            Some(task) => (task, "final score"),
            None => ("all tasks", "normalised score"),
        };
        let mut plot = Plot::new(title).with_labels(label, "share of runs above it").with_y_range(0.0, 1.0);
        for (color, (algorithm, tasks)) in sides.into_iter().enumerate() {
            if tasks.iter().all(Vec::is_empty) {
                continue;
            }
            let profile = performance_profile(&tasks, &thresholds, &scoring.bootstrap)?;
            let runs: usize = tasks.iter().map(Vec::len).sum();
            let curve = Curve::new(
                format!("{algorithm}, {runs} runs"),
                profile.iter().map(|point| (point.threshold, point.fraction)),
            );
            let band = profile
                .iter()
                .filter_map(|point| point.interval.map(|interval| (point.threshold, interval.low, interval.high)));
            plot = plot.with_curve(curve.with_band(band).with_color(color));
        }
        Ok(plot)
    }

    /// Writes all pictures into a folder, as SVG and PNG: `learning_curves_TASK` and `performance_profiles_TASK` for each task with
    /// results, and `performance_profiles` over all tasks if each has results and a scale.
    ///
    /// # Errors
    ///
    /// As the two methods before, and [`ExperimentError::Plot`] if a file cannot be written.
    pub fn write_pictures(&self, folder: impl AsRef<Path>, scoring: &Scoring) -> Result<(), ExperimentError> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let tasks = self.tasks();
        let has_runs = |task: &str| self.runs().iter().any(|run| run.cell.task == task);
        for task in tasks.iter().filter(|task| has_runs(task)) {
            self.plot_learning_curves(task, scoring)?.write(folder.join(format!("learning_curves_{task}")))?;
            let profiles = self.plot_performance_profiles(Some(task), scoring)?;
            profiles.write(folder.join(format!("performance_profiles_{task}")))?;
        }
        if tasks.iter().all(|task| has_runs(task) && scoring.normalized(task, 0.0).is_some()) {
            self.plot_performance_profiles(None, scoring)?.write(folder.join("performance_profiles"))?;
        }
        Ok(())
    }

    fn check_task(&self, task: &str) -> Result<(), ExperimentError> {
        let known = self.tasks();
        if known.contains(&task) { Ok(()) } else { Err(unknown("task", task, &known)) }
    }
}
