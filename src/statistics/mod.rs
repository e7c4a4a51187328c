//! Statistics for few runs: aggregates, intervals, comparisons, measures of a learning curve.
//!
//! Two seeds of the same algorithm differ more than many two algorithms do. So a mean over a handful of runs says little
//! without an interval, and a single bad run changes it a lot. This module has what Agarwal et al. recommend[^1]: the
//! interquartile mean instead of mean and median, intervals by a bootstrap that is stratified by task, performance profiles, and
//! the probability that one algorithm does better than another.
//!
//! Pass scores as one `Vec` of runs for each task (the strata). A score is any number where more is better, such as the
//! mean return of a run's last evaluation. Only scores on one scale can be pooled over tasks:
//! [`Scoring`](crate::experiment::Scoring) has a scale for each task. Functions are pure; a
//! [`Seed`](crate::rng::Seed) decides all random draws.
//!
//! # Examples
//!
//! ```
//! use actor_critic::statistics::{Bootstrap, interquartile_mean, pooled};
//!
//! let tasks = vec![vec![0.9, 0.8, 0.1, 0.85], vec![0.5, 0.6, 0.55, 0.4]];
//! let statistic = |tasks: &[Vec<f64>]| interquartile_mean(&pooled(tasks));
//! let interval = Bootstrap::default().interval(&tasks, statistic)?;
//! let value = statistic(&tasks);
//! assert!((value - 0.6125).abs() < 1e-12); // of 0.5, 0.55, 0.6, 0.8
//! assert!(interval.low < value && value < interval.high);
//! # Ok::<(), actor_critic::statistics::StatisticsError>(())
//! ```
//!
//! [^1]: R. Agarwal et al. (2021). *Deep Reinforcement Learning at the Edge of the Statistical Precipice*.
//!     arXiv:2108.13264.

mod aggregate;
mod bootstrap;
mod comparison;
mod error;
mod learning;
mod profile;

pub use aggregate::{interquartile_mean, mean, median, optimality_gap, pooled, task_means};
pub use bootstrap::{Bootstrap, Interval};
pub use comparison::{PermutationTest, permutation_test, probability_of_improvement};
pub use error::StatisticsError;
pub use learning::{area_under_curve, final_score, first_step_at};
pub use profile::{ProfilePoint, performance_profile};
