//! Results as one HTML file.

use super::error::ExperimentError;
use super::results::Results;
use super::scoring::Scoring;
use super::summary::{Estimate, Measure};
use crate::report::{Report, Table};

impl Results {
    /// Makes a report of estimates with their intervals, comparisons, learning curves, profiles, every run, and settings.
    ///
    /// You can add sections, such as an [`Animation`](crate::report::Animation) of a policy, before you write it.
    ///
    /// # Errors
    ///
    /// As [`Scoring::validate`], or [`ExperimentError::Report`] if a section cannot be drawn.
    pub fn report(&self, title: &str, scoring: &Scoring) -> Result<Report, ExperimentError> {
        let estimates = self.summary(scoring)?;
        let count = |number: usize| number.to_string();
        let mut report = Report::new(title)
            .with_key_figure("Algorithms", count(self.algorithms().len()))
            .with_key_figure("Tasks", count(self.tasks().len()))
            .with_key_figure("Runs", count(self.runs().len()))
            .with_key_figure("Missing", count(self.missing().len()));
        let alone = |estimate: &&Estimate| estimate.other.is_none() && SHOWN.contains(&estimate.measure);
        report = report.with_table("Final scores", &table(estimates.iter().filter(alone)))?;
        let mut compared = estimates.iter().filter(|estimate| estimate.other.is_some()).peekable();
        if compared.peek().is_some() {
            report = report.with_table("Comparisons", &table(compared))?;
        }
        let tasks = self.tasks();
        let has_runs = |task: &&&str| self.runs().iter().any(|run| run.cell.task == ***task);
        let curves = tasks.iter().filter(has_runs).map(|task| self.plot_learning_curves(task, scoring));
        report = report.with_plots("Learning curves", &curves.collect::<Result<Vec<_>, _>>()?)?;
        let profiles = tasks.iter().filter(has_runs).map(|task| self.plot_performance_profiles(Some(task), scoring));
        report = report.with_plots("Performance profiles", &profiles.collect::<Result<Vec<_>, _>>()?)?;
        let mut runs = Table::new(["run", "final score", "regret", "area under the curve", "solved from step"]);
        for run in self.runs() {
            let measures = run.measures(scoring);
            runs = runs.with_row([
                run.cell.to_string(),
                rounded(Some(measures.final_score)),
                rounded(measures.regret),
                rounded(Some(measures.area_under_curve)),
                measures.first_step.map_or(String::new(), count),
            ]);
        }
        report = report.with_table("Every run", &runs)?;
        Ok(match &self.identity.settings {
            settings if settings.is_empty() => report,
            settings => report.with_settings("Settings", settings)?,
        })
    }
}

/// The estimates of a single algorithm that fit on a page.
const SHOWN: [Measure; 6] = [
    Measure::InterquartileMean,
    Measure::Median,
    Measure::Regret,
    Measure::Failed,
    Measure::NormalizedInterquartileMean,
    Measure::OptimalityGap,
];

fn table<'a>(estimates: impl Iterator<Item = &'a Estimate>) -> Table {
    let mut table = Table::new(["task", "algorithm", "measure", "value", "95 % interval", "runs", "missing"]);
    for estimate in estimates {
        let algorithm = match &estimate.other {
            Some(other) => format!("{} over {other}", estimate.algorithm),
            None => estimate.algorithm.clone(),
        };
        let interval = estimate.interval.map(|at| format!("{} to {}", rounded(Some(at.low)), rounded(Some(at.high))));
        table = table.with_row([
            estimate.task.clone().unwrap_or_else(|| "all".to_owned()),
            algorithm,
            estimate.measure.name().replace('_', " "),
            rounded(estimate.value),
            interval.unwrap_or_default(),
            estimate.runs.to_string(),
            estimate.missing.to_string(),
        ]);
    }
    table
}

/// Returns a number with a suitable number of decimals.
fn rounded(value: Option<f64>) -> String {
    match value {
        Some(value) if value.abs() < 10.0 => format!("{value:.3}"),
        Some(value) => format!("{value:.1}"),
        None => String::new(),
    }
}
