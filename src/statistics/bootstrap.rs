//! Intervals by the bootstrap.

use rand::RngExt;

use super::StatisticsError;
use super::error::check_scores;
use crate::config::at_least;
use crate::rng::{Seed, Stream};

/// An interval that contains the true value with some confidence.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The stratified percentile bootstrap: the uncertainty of a statistic, without assuming a distribution.
///
/// Each resample draws, for every task separately, as many runs with replacement as there are. The interval lies between
/// the percentiles of the statistic over the resamples. It describes what other seeds would give on *these* tasks, not what
/// other tasks would give. With few runs it is too narrow: with ten runs of each of three tasks, a 95 % interval
/// contained the true value for 91 % of 400 data sets with the mean, 94 % with the interquartile mean (this module's tests).
///
/// # Examples
///
/// ```
/// use actor_critic::rng::Seed;
/// use actor_critic::statistics::{Bootstrap, mean};
///
/// let bootstrap = Bootstrap::default().with_resamples(500).with_seed(Seed(1));
/// let runs = vec![vec![1.0, 2.0, 3.0, 4.0]];
/// let interval = bootstrap.interval(&runs, |tasks| mean(&tasks[0]))?;
/// assert!(interval.low < 2.0 && interval.high > 3.0);
/// # Ok::<(), actor_critic::statistics::StatisticsError>(())
/// ```
///
/// # References
///
/// - R. Agarwal et al. (2021). *Deep Reinforcement Learning at the Edge of the Statistical Precipice*, section 4.1.
///   arXiv:2108.13264.
/// - B. Efron (1979). *Bootstrap Methods: Another Look at the Jackknife*. The Annals of Statistics 7(1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples, at least 1.
    pub resamples: usize,
    /// Share of the resamples inside the interval, in (0, 1).
    pub level: f64,
    /// Seed of the draws; each interval starts from it again.
    pub seed: Seed,
}

impl Default for Bootstrap {
    /// 2,000 resamples, a level of 0.95, the seed 0.
    fn default() -> Self {
        Self { resamples: 2_000, level: 0.95, seed: Seed(0) }
    }
}

impl Bootstrap {
    /// Sets the number of resamples.
    #[must_use]
    pub fn with_resamples(mut self, resamples: usize) -> Self {
        self.resamples = resamples;
        self
    }

    /// Sets the level.
    #[must_use]
    pub fn with_level(mut self, level: f64) -> Self {
        self.level = level;
        self
    }

    /// Sets the seed.
    #[must_use]
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Checks every range. Called by every method that resamples.
    ///
    /// # Errors
    ///
    /// [`StatisticsError::Level`] or [`StatisticsError::Config`].
    pub fn validate(&self) -> Result<(), StatisticsError> {
        at_least("resamples", 1, self.resamples)?;
        // Written as a negation so that NaN is rejected too.
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(StatisticsError::Level { level: self.level });
        }
        Ok(())
    }

    /// Returns the interval of `statistic`, which gets the runs of each task.
    ///
    /// For a comparison of two algorithms, pass the tasks of both, one after the other, and split them in `statistic`.
    ///
    /// # Errors
    ///
    /// - [`StatisticsError::Empty`] or [`StatisticsError::TooFewRuns`] if there are too few runs to resample
    /// - [`StatisticsError::Score`] for a score that is not finite
    /// - [`StatisticsError::Statistic`] if `statistic` returns NaN or infinity
    /// - as [`validate`](Self::validate)
    pub fn interval(
        &self,
        tasks: &[Vec<f64>],
        statistic: impl Fn(&[Vec<f64>]) -> f64,
    ) -> Result<Interval, StatisticsError> {
        Ok(self.intervals(tasks, |tasks| [statistic(tasks)])?[0])
    }

    /// Returns the intervals of several statistics, from the same resamples.
    ///
    /// # Errors
    ///
    /// As [`interval`](Self::interval).
    pub(super) fn intervals<V: AsRef<[f64]>>(
        &self,
        tasks: &[Vec<f64>],
        statistics: impl Fn(&[Vec<f64>]) -> V,
    ) -> Result<Vec<Interval>, StatisticsError> {
        self.validate()?;
        if tasks.is_empty() {
            return Err(StatisticsError::Empty);
        }
        if let Some((task, runs)) = tasks.iter().map(Vec::len).enumerate().find(|(_, runs)| *runs < 2) {
            return Err(StatisticsError::TooFewRuns { task, runs });
        }
        check_scores(tasks)?;
        let mut rng = self.seed.stream(Stream::Resampling);
        let mut resample = tasks.to_vec();
        let mut drawn: Vec<Vec<f64>> = Vec::new();
        for _ in 0..self.resamples {
            for (resampled, runs) in resample.iter_mut().zip(tasks) {
                resampled.iter_mut().for_each(|score| *score = runs[rng.random_range(0..runs.len())]);
            }
            let values = statistics(&resample);
            drawn.resize(values.as_ref().len(), Vec::new());
            for (drawn, &value) in drawn.iter_mut().zip(values.as_ref()) {
                if !value.is_finite() {
                    return Err(StatisticsError::Statistic { value });
                }
                drawn.push(value);
            }
        }
        let tail = (1.0 - self.level) / 2.0;
        Ok(drawn
            .into_iter()
            .map(|mut values| {
                values.sort_unstable_by(f64::total_cmp);
                Interval { low: quantile(&values, tail), high: quantile(&values, 1.0 - tail) }
            })
            .collect())
    }
}

/// Returns the quantile of sorted values, interpolated linearly.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor();
    let (low, high) = (sorted[below as usize], sorted[position.ceil() as usize]);
    low + (high - low) * (position - below)
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, Normal};

    use super::*;
    use crate::statistics::{interquartile_mean, mean, pooled};

    fn of_mean(tasks: &[Vec<f64>]) -> f64 {
        mean(&pooled(tasks))
    }

    #[test]
    fn a_quantile_lies_on_the_line_between_its_neighbours() {
        let values = [0.0, 10.0, 20.0, 40.0];
        assert_eq!(quantile(&values, 0.0), 0.0);
        assert_eq!(quantile(&values, 0.5), 15.0); // position 1.5
        assert_eq!(quantile(&values, 0.75), 25.0); // position 2.25: a quarter of the way from 20 to 40
        assert_eq!(quantile(&values, 1.0), 40.0);
        assert_eq!(quantile(&[3.0], 0.975), 3.0);
    }

    #[test]
    fn runs_that_agree_give_an_interval_without_width() {
        let interval = Bootstrap::default().interval(&[vec![2.5; 4], vec![-1.5; 3]], |tasks| tasks[0][0] + tasks[1][2]);
        assert_eq!(interval, Ok(Interval { low: 1.0, high: 1.0 }));
    }

    #[test]
    fn two_runs_give_the_whole_range_and_its_middle_half() {
        // The mean of a resample of 0 and 1 is 0, ½ or 1 with probabilities ¼, ½, ¼: its 2.5th percentile is 0, and the
        // 30th and the 70th are ½.
        let runs = [vec![0.0, 1.0]];
        assert_eq!(Bootstrap::default().interval(&runs, of_mean), Ok(Interval { low: 0.0, high: 1.0 }));
        let narrow = Bootstrap::default().with_level(0.4).interval(&runs, of_mean);
        assert_eq!(narrow, Ok(Interval { low: 0.5, high: 0.5 }));
    }

    #[test]
    fn runs_are_never_drawn_from_another_task() {
        // Mixed strata would give sums other than 101 + k.
        let tasks = [vec![1.0, 2.0], vec![100.0, 200.0]];
        let interval = Bootstrap::default().interval(&tasks, |tasks| {
            assert!(tasks[0].iter().all(|score| *score < 3.0) && tasks[1].iter().all(|score| *score > 99.0));
            of_mean(tasks)
        });
        assert_eq!(interval, Ok(Interval { low: 50.5, high: 101.0 }));
    }

    #[test]
    fn draws_are_stable() {
        // Recorded at 0.1.0. If this changes, the changelog needs a value-breaking entry.
        let interval = Bootstrap { resamples: 20, level: 0.8, seed: Seed(7) }
            .interval(&[vec![0.0, 1.0, 2.0, 4.0, 8.0]], of_mean)
            .unwrap();
        assert_eq!((interval.low, interval.high), (1.3399999999999996, 4.440000000000001));
    }

    #[test]
    fn another_seed_gives_another_interval_and_the_same_seed_the_same() {
        let runs = [vec![0.3, 0.1, 0.7, 0.2, 0.9, 0.4]];
        let interval =
            |seed| Bootstrap::default().with_resamples(100).with_seed(Seed(seed)).interval(&runs, of_mean).unwrap();
        assert_eq!(interval(1), interval(1));
        assert_ne!(interval(1), interval(2));
    }

    /// The share of 400 data sets, three tasks of ten normal runs each, whose interval holds the true value 0.
    fn coverage(statistic: fn(&[Vec<f64>]) -> f64) -> f64 {
        let normals = [0.5, 1.0, 3.0].map(|deviation| Normal::new(0.0, deviation).unwrap());
        let mut rng = Seed(3).stream(Stream::Exploration);
        let bootstrap = Bootstrap::default().with_resamples(400);
        let held = (0..400).filter(|_| {
            let tasks = normals.map(|normal| (0..10).map(|_| normal.sample(&mut rng)).collect::<Vec<f64>>());
            let interval = bootstrap.interval(&tasks, statistic).unwrap();
            interval.low <= 0.0 && 0.0 <= interval.high
        });
        held.count() as f64 / 400.0
    }

    #[test]
    fn nine_in_ten_intervals_hold_the_true_value() {
        // The task that varies most decides. Its ten runs make the interval of the mean √(9/10) · 1.96 standard errors wide
        // either way, and t with nine degrees of freedom is within that in 90 % of the cases. The standard error of 400
        // data sets is 1.5 %.
        let of_means = coverage(of_mean);
        assert!((0.87..=0.95).contains(&of_means), "{of_means}");
        let of_interquartile_means = coverage(|tasks| interquartile_mean(&pooled(tasks)));
        assert!((0.89..=0.98).contains(&of_interquartile_means), "{of_interquartile_means}");
    }

    #[test]
    fn what_cannot_be_resampled_is_an_error_that_says_why() {
        let message =
            |bootstrap: Bootstrap, tasks: &[Vec<f64>]| bootstrap.interval(tasks, of_mean).unwrap_err().to_string();
        let bootstrap = Bootstrap::default();
        assert_eq!(message(bootstrap, &[]), "statistics need scores of at least one task, got none");
        assert_eq!(
            message(bootstrap, &[vec![1.0, 2.0], vec![1.0]]),
            "an interval needs at least 2 runs of each task, got 1 of task 1; run more seeds"
        );
        assert_eq!(
            message(bootstrap, &[vec![1.0, f64::NAN]]),
            "score 1 of task 0 must be finite and at most 1e300 in magnitude, got NaN"
        );
        assert_eq!(
            message(bootstrap.with_level(1.0), &[vec![1.0, 2.0]]),
            "the level of an interval must be between 0 and 1, got 1"
        );
        assert_eq!(message(bootstrap.with_resamples(0), &[vec![1.0, 2.0]]), "resamples must be at least 1, got 0");
        let infinite = bootstrap.interval(&[vec![1.0, 2.0]], |_| f64::INFINITY).unwrap_err();
        assert_eq!(infinite.to_string(), "the statistic must be finite for every resample, got inf");
    }
}
