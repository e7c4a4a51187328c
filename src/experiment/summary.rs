//! Estimates over the runs, with intervals.

use serde::Serialize;

use super::error::ExperimentError;
use super::results::{Results, Run, interval_if_enough};
use super::scoring::Scoring;
use crate::rng::Seed;
use crate::statistics::{
    Interval, StatisticsError, interquartile_mean, mean, median, optimality_gap, permutation_test, pooled,
    probability_of_improvement, task_means,
};

/// The quantity that an [`Estimate`] estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Measure {
    /// Mean of the final scores.
    Mean,
    /// Median of the final scores.
    Median,
    /// Interquartile mean of the final scores.
    InterquartileMean,
    /// Interquartile mean of the mean heights of the learning curves.
    AreaUnderCurve,
    /// Interquartile mean of the regrets; with a scale only.
    Regret,
    /// Share of the runs that end below the threshold; with a threshold only.
    Failed,
    /// Mean over tasks of the mean normalised score.
    NormalizedMean,
    /// Median over tasks of the mean normalised score.
    NormalizedMedian,
    /// Interquartile mean of the normalised scores.
    NormalizedInterquartileMean,
    /// By how much the normalised scores fall short of 1.
    OptimalityGap,
    /// Probability that a run scores higher than one of the other algorithm; over tasks, the mean.
    ProbabilityOfImprovement,
    /// p-value of a permutation test of equal means.
    PValue,
}

impl Measure {
    /// Returns its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::InterquartileMean => "interquartile_mean",
            Self::AreaUnderCurve => "area_under_curve",
            Self::Regret => "regret",
            Self::Failed => "failed",
            Self::NormalizedMean => "normalized_mean",
            Self::NormalizedMedian => "normalized_median",
            Self::NormalizedInterquartileMean => "normalized_interquartile_mean",
            Self::OptimalityGap => "optimality_gap",
            Self::ProbabilityOfImprovement => "probability_of_improvement",
            Self::PValue => "p_value",
        }
    }
}

/// One number of a summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// The algorithm.
    pub algorithm: String,
    /// The algorithm that it is compared with; `None` without a comparison.
    pub other: Option<String>,
    /// The task; `None` for all tasks together.
    pub task: Option<String>,
    /// What is estimated.
    pub measure: Measure,
    /// The estimate; `None` without runs.
    pub value: Option<f64>,
    /// Its interval; `None` if a task has fewer than two runs, and for a p-value.
    pub interval: Option<Interval>,
    /// Number of runs used.
    pub runs: usize,
    /// Number of planned cells that are missing.
    pub missing: usize,
}

/// A statistic of the runs of one task.
type OfRuns = fn(&[f64]) -> f64;

/// A statistic of the runs of each task.
type OfTasks = fn(&[Vec<f64>]) -> f64;

impl Results {
    /// Estimates every measure: for each algorithm on each task and on all of them, and for each pair of algorithms.
    ///
    /// Intervals describe what other seeds could have given. Missing cells are counted beside each estimate and are part
    /// of none, so an algorithm whose bad runs are missing looks better than it is.
    ///
    /// # Errors
    ///
    /// As [`Scoring::validate`], and [`ExperimentError::Statistics`] if a normalised score is out of range.
    pub fn summary(&self, scoring: &Scoring) -> Result<Vec<Estimate>, ExperimentError> {
        scoring.validate(self)?;
        let tasks = self.tasks();
        let has_scales = tasks.iter().all(|task| scoring.normalized(task, 0.0).is_some());
        let mut estimates = Vec::new();
        for algorithm in self.algorithms() {
            for &task in &tasks {
                self.summarize_task(algorithm, task, scoring, &mut estimates)?;
            }
            if has_scales {
                self.summarize_all_tasks(algorithm, scoring, &mut estimates)?;
            }
        }
        let algorithms = self.algorithms();
        for (index, algorithm) in algorithms.iter().enumerate() {
            for other in &algorithms[index + 1..] {
                self.compare(algorithm, other, scoring, &mut estimates)?;
            }
        }
        Ok(estimates)
    }

    /// Returns a measure of each run of an algorithm on a task.
    fn of_runs(&self, algorithm: &str, task: &str, of: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs_of(algorithm, task).map(of).collect()
    }

    fn missing_of(&self, algorithms: &[&str], task: Option<&str>) -> usize {
        let is_of = |name: &str| algorithms.contains(&name);
        let is_missing = |name: &str| task.is_none_or(|task| task == name);
        self.missing().iter().filter(|cell| is_of(&cell.algorithm) && is_missing(&cell.task)).count()
    }

    fn summarize_task(
        &self,
        algorithm: &str,
        task: &str,
        scoring: &Scoring,
        estimates: &mut Vec<Estimate>,
    ) -> Result<(), StatisticsError> {
        let scores = self.of_runs(algorithm, task, Run::final_score);
        let areas = self.of_runs(algorithm, task, |run| run.measures(scoring).area_under_curve);
        let mut measures: Vec<(Measure, Vec<f64>, OfRuns)> = vec![
            (Measure::Mean, scores.clone(), mean),
            (Measure::Median, scores.clone(), median),
            (Measure::InterquartileMean, scores.clone(), interquartile_mean),
            (Measure::AreaUnderCurve, areas, interquartile_mean),
        ];
        let regrets: Option<Vec<f64>> = scores.iter().map(|&score| scoring.regret(task, score)).collect();
        if let Some(regrets) = regrets.filter(|_| scoring.regret(task, 0.0).is_some()) {
            measures.push((Measure::Regret, regrets, interquartile_mean));
        }
        if let Some(threshold) = scoring.threshold(task) {
            let failed = scores.iter().map(|score| f64::from(u8::from(*score < threshold))).collect();
            measures.push((Measure::Failed, failed, mean));
        }
        let missing = self.missing_of(&[algorithm], Some(task));
        for (measure, values, statistic) in measures {
            let runs = values.len();
            let (value, interval) = if runs == 0 {
                (None, None)
            } else {
                let value = statistic(&values);
                let interval = interval_if_enough(&scoring.bootstrap, &[values], |tasks| statistic(&tasks[0]))?;
                (Some(value), interval)
            };
            let (algorithm, task) = (algorithm.to_owned(), Some(task.to_owned()));
            estimates.push(Estimate { algorithm, other: None, task, measure, value, interval, runs, missing });
        }
        Ok(())
    }

    fn summarize_all_tasks(
        &self,
        algorithm: &str,
        scoring: &Scoring,
        estimates: &mut Vec<Estimate>,
    ) -> Result<(), StatisticsError> {
        let tasks = self.normalized_scores(algorithm, scoring);
        let runs = tasks.iter().map(Vec::len).sum();
        let missing = self.missing_of(&[algorithm], None);
        let measures: [(Measure, OfTasks); 4] = [
            (Measure::NormalizedMean, |tasks| mean(&task_means(tasks))),
            (Measure::NormalizedMedian, |tasks| median(&task_means(tasks))),
            (Measure::NormalizedInterquartileMean, |tasks| interquartile_mean(&pooled(tasks))),
            (Measure::OptimalityGap, |tasks| optimality_gap(&pooled(tasks), 1.0)),
        ];
        for (measure, statistic) in measures {
            // An algorithm that has not been run on a task has no score over all tasks.
            let is_whole = tasks.iter().all(|scores| !scores.is_empty());
            let value = is_whole.then(|| statistic(&tasks));
            let interval = if is_whole { interval_if_enough(&scoring.bootstrap, &tasks, statistic)? } else { None };
            let algorithm = algorithm.to_owned();
            estimates.push(Estimate { algorithm, other: None, task: None, measure, value, interval, runs, missing });
        }
        Ok(())
    }

    /// Returns the final scores of an algorithm on each task, on the scale of the task.
    pub(super) fn normalized_scores(&self, algorithm: &str, scoring: &Scoring) -> Vec<Vec<f64>> {
        let of_task = |task: &&str| {
            self.of_runs(algorithm, task, |run| scoring.normalized(task, run.final_score()).unwrap_or(f64::NAN))
        };
        self.tasks().iter().map(of_task).collect()
    }

    fn compare(
        &self,
        algorithm: &str,
        other: &str,
        scoring: &Scoring,
        estimates: &mut Vec<Estimate>,
    ) -> Result<(), StatisticsError> {
        let tasks = self.tasks();
        let mut push = |task: Option<&str>, measure, value, interval, runs| {
            let missing = self.missing_of(&[algorithm, other], task);
            let (algorithm, other, task) = (algorithm.to_owned(), Some(other.to_owned()), task.map(str::to_owned));
            estimates.push(Estimate { algorithm, other, task, measure, value, interval, runs, missing });
        };
        let scores_on = |task: &&str| [algorithm, other].map(|name| self.of_runs(name, task, Run::final_score));
        let sides: Vec<[Vec<f64>; 2]> = tasks.iter().map(scores_on).collect();
        let runs = |sides: &[Vec<f64>; 2]| sides[0].len() + sides[1].len();
        // Both sides of a task one after the other, so that each is resampled by itself.
        let improvement = |strata: &[Vec<f64>]| {
            let of_tasks = strata.chunks(2).map(|sides| probability_of_improvement(&sides[0], &sides[1]));
            mean(&of_tasks.collect::<Vec<f64>>())
        };
        let is_whole = |sides: &[Vec<f64>; 2]| sides.iter().all(|side| !side.is_empty());
        for (task, sides) in tasks.iter().zip(&sides) {
            let whole = is_whole(sides);
            let value = whole.then(|| improvement(sides));
            let interval = if whole { interval_if_enough(&scoring.bootstrap, sides, improvement)? } else { None };
            push(Some(*task), Measure::ProbabilityOfImprovement, value, interval, runs(sides));
            let seed: Seed = scoring.bootstrap.seed;
            let test = whole.then(|| permutation_test(&sides[0], &sides[1], seed)).transpose()?;
            push(Some(*task), Measure::PValue, test.map(|test| test.p_value), None, runs(sides));
        }
        let whole = sides.iter().all(is_whole);
        let strata: Vec<Vec<f64>> = sides.iter().flatten().cloned().collect();
        let value = whole.then(|| improvement(&strata));
        let interval = if whole { interval_if_enough(&scoring.bootstrap, &strata, improvement)? } else { None };
        push(None, Measure::ProbabilityOfImprovement, value, interval, sides.iter().map(runs).sum());
        Ok(())
    }
}
