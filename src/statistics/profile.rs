//! Performance profiles: the share of runs above each score.

use super::error::check_scores;
use super::{Bootstrap, Interval, StatisticsError};

/// One point of a performance profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProfilePoint {
    /// The threshold of the score.
    pub threshold: f64,
    /// Share of the runs whose score is above it.
    pub fraction: f64,
    /// Interval of that share, for this threshold alone; `None` if a task has fewer than two runs.
    pub interval: Option<Interval>,
}

/// Returns the share of runs above each threshold, over the runs of all tasks.
///
/// A profile shows what an aggregate hides: how many runs fail, and whether one algorithm is better in all of its runs
/// or in some. Each interval holds for its threshold alone, not for the curve.
///
/// # Errors
///
/// - [`StatisticsError::Empty`] without scores
/// - [`StatisticsError::Score`] for a score that is not finite
/// - as [`Bootstrap::validate`]
///
/// # Examples
///
/// ```
/// use actor_critic::statistics::{Bootstrap, performance_profile};
///
/// let profile = performance_profile(&[vec![0.2, 0.9], vec![0.5, 0.6]], &[0.0, 0.5, 1.0], &Bootstrap::default())?;
/// let fractions: Vec<f64> = profile.iter().map(|point| point.fraction).collect();
/// assert_eq!(fractions, [1.0, 0.5, 0.0]); // 0.5 is not above 0.5
/// # Ok::<(), actor_critic::statistics::StatisticsError>(())
/// ```
///
/// # References
///
/// - R. Agarwal et al. (2021). *Deep Reinforcement Learning at the Edge of the Statistical Precipice*, section 4.2.
///   arXiv:2108.13264.
/// - E. D. Dolan and J. J. Moré (2002). *Benchmarking optimization software with performance profiles*. Mathematical
///   Programming 91.
pub fn performance_profile(
    tasks: &[Vec<f64>],
    thresholds: &[f64],
    bootstrap: &Bootstrap,
) -> Result<Vec<ProfilePoint>, StatisticsError> {
    bootstrap.validate()?;
    check_scores(tasks)?;
    let runs: usize = tasks.iter().map(Vec::len).sum();
    if runs == 0 {
        return Err(StatisticsError::Empty);
    }
    let fractions = |tasks: &[Vec<f64>]| -> Vec<f64> {
        let above = |threshold: &f64| tasks.iter().flatten().filter(|score| *score > threshold).count();
        thresholds.iter().map(|threshold| above(threshold) as f64 / runs as f64).collect()
    };
    let intervals = match bootstrap.intervals(tasks, fractions) {
        Ok(intervals) => intervals.into_iter().map(Some).collect(),
        Err(StatisticsError::TooFewRuns { .. }) => vec![None; thresholds.len()],
        Err(error) => return Err(error),
    };
    Ok(thresholds
        .iter()
        .zip(fractions(tasks))
        .zip(intervals)
        .map(|((&threshold, fraction), interval)| ProfilePoint { threshold, fraction, interval })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_falls_from_one_to_zero_and_a_score_is_not_above_itself() {
        let profile =
            performance_profile(&[vec![1.0, 2.0, 3.0, 4.0]], &[0.0, 1.0, 2.5, 4.0], &Bootstrap::default()).unwrap();
        let fractions: Vec<f64> = profile.iter().map(|point| point.fraction).collect();
        assert_eq!(fractions, [1.0, 0.75, 0.5, 0.0]);
        // Where all runs or none are above, no resample can differ.
        assert_eq!(profile[0].interval, Some(Interval { low: 1.0, high: 1.0 }));
        assert_eq!(profile[3].interval, Some(Interval { low: 0.0, high: 0.0 }));
        // With probability 1/16 each, a resample of four has all or none of its runs above 2.5.
        assert_eq!(profile[2].interval, Some(Interval { low: 0.0, high: 1.0 }));
    }

    #[test]
    fn a_task_with_one_run_has_a_profile_without_interval() {
        let profile = performance_profile(&[vec![1.0, 3.0], vec![2.0]], &[1.5], &Bootstrap::default()).unwrap();
        assert_eq!(profile, [ProfilePoint { threshold: 1.5, fraction: 2.0 / 3.0, interval: None }]);
    }

    #[test]
    fn a_profile_of_nothing_or_of_a_nan_is_an_error() {
        let error = |tasks: &[Vec<f64>]| performance_profile(tasks, &[0.0], &Bootstrap::default()).unwrap_err();
        assert_eq!(error(&[vec![]]), StatisticsError::Empty);
        assert!(matches!(error(&[vec![f64::NAN]]), StatisticsError::Score { task: 0, index: 0, .. }));
    }
}
