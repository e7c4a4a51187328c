//! Schedules: factors that change during a run.

use crate::config::{ConfigError, at_least, non_negative};

/// A factor that changes with the number of environment steps.
///
/// The factor depends on the step alone, so a resumed run has the same factor. Attach a schedule to a trainer by
/// [`Trainer::with_schedule`](super::Trainer::with_schedule).
///
/// # Examples
///
/// ```
/// use actor_critic::train::Schedule;
///
/// let schedule = Schedule::linear(1.0, 0.1, 1_000)?;
/// assert_eq!([0, 500, 1_000, 5_000].map(|step| schedule.factor(step)), [1.0, 0.55, 0.1, 0.1]);
/// # Ok::<(), actor_critic::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    first: f64,
    last: f64,
    steps: usize,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Linear,
    Cosine,
    Jump,
}

impl Schedule {
    /// Makes a schedule that changes linearly from `first` to `last` over `steps` environment steps, and then stays.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a factor is negative or not finite, or `steps` is 0.
    pub fn linear(first: f64, last: f64, steps: usize) -> Result<Self, ConfigError> {
        Self::new(first, last, steps, Shape::Linear)
    }

    /// Makes a schedule that follows half a cosine from `first` to `last` over `steps` environment steps, and then stays[^1].
    ///
    /// # Errors
    ///
    /// As [`linear`](Self::linear).
    ///
    /// [^1]: I. Loshchilov, F. Hutter (2017). *SGDR: Stochastic Gradient Descent with Warm Restarts*. arXiv:1608.03983, eq. 5.
    pub fn cosine(first: f64, last: f64, steps: usize) -> Result<Self, ConfigError> {
        Self::new(first, last, steps, Shape::Cosine)
    }

    /// Makes a schedule that is `first` for `steps` environment steps, then `last`.
    ///
    /// # Errors
    ///
    /// As [`linear`](Self::linear).
    pub fn jump(first: f64, last: f64, steps: usize) -> Result<Self, ConfigError> {
        Self::new(first, last, steps, Shape::Jump)
    }

    fn new(first: f64, last: f64, steps: usize, shape: Shape) -> Result<Self, ConfigError> {
        non_negative("first factor of a schedule", first)?;
        non_negative("last factor of a schedule", last)?;
        at_least("steps of a schedule", 1, steps)?;
        Ok(Self { first, last, steps, shape })
    }

    /// Returns the factor after `environment_steps` steps.
    pub fn factor(&self, environment_steps: usize) -> f64 {
        if environment_steps >= self.steps {
            return self.last;
        }
        let done = environment_steps as f64 / self.steps as f64;
        match self.shape {
            Shape::Linear => self.first + (self.last - self.first) * done,
            Shape::Cosine => {
                let half_cosine = 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done));
                self.last + (self.first - self.last) * half_cosine
            }
            Shape::Jump => self.first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_begins_and_ends_where_it_should() {
        let at = |schedule: Schedule| [0, 2, 3, 4, 9].map(|step| schedule.factor(step));
        assert_eq!(at(Schedule::linear(2.0, 1.0, 4).unwrap()), [2.0, 1.5, 1.25, 1.0, 1.0]);
        assert_eq!(at(Schedule::jump(2.0, 1.0, 4).unwrap()), [2.0, 2.0, 2.0, 1.0, 1.0]);
        let cosine = at(Schedule::cosine(2.0, 0.0, 4).unwrap());
        assert_eq!((cosine[0], cosine[3 + 1]), (2.0, 0.0));
        assert!((cosine[1] - 1.0).abs() < 1e-15, "half way at half the time");
        assert!((cosine[2] - (1.0 - 0.5_f64.sqrt())).abs() < 1e-15); // 1 + cos(3π/4)
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let text = |schedule: Result<Schedule, ConfigError>| schedule.unwrap_err().to_string();
        let error = text(Schedule::linear(-1.0, 0.0, 1));
        assert_eq!(error, "first factor of a schedule must be at least 0 and finite, got -1");
        let error = text(Schedule::cosine(1.0, f64::NAN, 1));
        assert_eq!(error, "last factor of a schedule must be at least 0 and finite, got NaN");
        assert_eq!(text(Schedule::jump(1.0, 0.0, 0)), "steps of a schedule must be at least 1, got 0");
    }
}
