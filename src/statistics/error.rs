//! Errors of statistics.

use crate::config::ConfigError;

/// Largest magnitude of a score, so that no sum of scores overflows.
pub(super) const MAX_SCORE: f64 = 1e300;

/// Why a statistic could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// There are no scores.
    #[error("statistics need scores of at least one task, got none")]
    Empty,
    /// Too few runs to resample.
    #[error("an interval needs at least 2 runs of each task, got {runs} of task {task}; run more seeds")]
    TooFewRuns {
        /// Index of the task.
        task: usize,
        /// How many runs there are.
        runs: usize,
    },
    /// One of two groups is empty.
    #[error("a comparison needs at least 1 run on either side, got {first} and {second}")]
    EmptySide {
        /// Runs of the first.
        first: usize,
        /// Runs of the second.
        second: usize,
    },
    /// A score that is NaN, infinite, or too large.
    #[error("score {index} of task {task} must be finite and at most 1e300 in magnitude, got {value}")]
    Score {
        /// Index of the task, or of the side of a comparison.
        task: usize,
        /// Index of the run.
        index: usize,
        /// The score.
        value: f64,
    },
    /// A statistic that is not finite for a resample.
    #[error("the statistic must be finite for every resample, got {value}")]
    Statistic {
        /// The value.
        value: f64,
    },
    /// A level outside (0, 1).
    #[error("the level of an interval must be between 0 and 1, got {level}")]
    Level {
        /// The level.
        level: f64,
    },
    /// Too few resamples.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Requires every score to be finite and not too large.
pub(super) fn check_scores(strata: &[Vec<f64>]) -> Result<(), StatisticsError> {
    for (task, scores) in strata.iter().enumerate() {
        let is_bad = |score: f64| score.is_nan() || score.abs() > MAX_SCORE;
        if let Some((index, &value)) = scores.iter().enumerate().find(|(_, score)| is_bad(**score)) {
            return Err(StatisticsError::Score { task, index, value });
        }
    }
    Ok(())
}
