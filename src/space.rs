//! Boxes: the sets that observations and actions are drawn from.

use rand::{Rng, RngExt};

/// Why a [`BoxSpace`] could not be built or used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// The two bounds have different lengths.
    #[error("low and high must have the same number of axes, got {low} and {high}")]
    LengthMismatch {
        /// Number of lower bounds.
        low: usize,
        /// Number of upper bounds.
        high: usize,
    },
    /// The space has no axis at all.
    #[error("a space must have at least 1 axis, got 0")]
    NoAxes,
    /// An axis admits no interval of values, or a bound is NaN.
    #[error("axis {axis}: low must be less than high, got {low} and {high}")]
    EmptyInterval {
        /// Index of the axis.
        axis: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
    /// An action axis has an infinite bound.
    #[error("axis {axis} of an action space must have finite bounds, got {low} and {high}")]
    Unbounded {
        /// Index of the axis.
        axis: usize,
        /// Its lower bound.
        low: f32,
        /// Its upper bound.
        high: f32,
    },
}

/// A box in ℝⁿ: one closed interval per axis.
///
/// Infinite bounds are allowed, for observations; an action space must be finite on both sides, which
/// [`Spaces::new`](crate::env::Spaces::new) checks.
///
/// # Examples
///
/// ```
/// use actor_critic::space::BoxSpace;
///
/// let torque = BoxSpace::new(vec![-2.0], vec![2.0])?;
/// assert!(torque.contains(&[1.5]));
/// assert_eq!(torque.clip(&[3.0]), [2.0]);
/// # Ok::<(), actor_critic::space::SpaceError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BoxSpace {
    low: Vec<f32>,
    high: Vec<f32>,
}

/// Shows the interval of each axis, `[-2, 2] × [0, 1]`.
impl std::fmt::Display for BoxSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (axis, (low, high)) in self.low.iter().zip(&self.high).enumerate() {
            let times = if axis == 0 { "" } else { " × " };
            write!(f, "{times}[{low}, {high}]")?;
        }
        Ok(())
    }
}

impl BoxSpace {
    /// Creates the box `[low₀, high₀] × [low₁, high₁] × …`.
    ///
    /// # Errors
    ///
    /// - [`SpaceError::LengthMismatch`] if the bounds differ in length
    /// - [`SpaceError::NoAxes`] if both are empty
    /// - [`SpaceError::EmptyInterval`] if a lower bound is not below its upper bound, or either is NaN
    pub fn new(low: Vec<f32>, high: Vec<f32>) -> Result<Self, SpaceError> {
        if low.len() != high.len() {
            return Err(SpaceError::LengthMismatch { low: low.len(), high: high.len() });
        }
        if low.is_empty() {
            return Err(SpaceError::NoAxes);
        }
        for (axis, (&low, &high)) in low.iter().zip(&high).enumerate() {
            // `partial_cmp` gives `None` for NaN, which is rejected with the inverted bounds.
            if low.partial_cmp(&high) != Some(std::cmp::Ordering::Less) {
                return Err(SpaceError::EmptyInterval { axis, low, high });
            }
        }
        Ok(Self { low, high })
    }

    /// Creates `[−bound, bound]` on each of `dim` axes.
    ///
    /// # Errors
    ///
    /// As [`BoxSpace::new`]; `bound` must be positive.
    pub fn symmetric(bound: f32, dim: usize) -> Result<Self, SpaceError> {
        Self::new(vec![-bound; dim], vec![bound; dim])
    }

    /// Creates all of ℝⁿ, for observations without known bounds.
    ///
    /// # Errors
    ///
    /// [`SpaceError::NoAxes`] if `dim` is 0.
    pub fn unbounded(dim: usize) -> Result<Self, SpaceError> {
        Self::symmetric(f32::INFINITY, dim)
    }

    /// Returns the number of axes.
    pub fn dim(&self) -> usize {
        self.low.len()
    }

    /// Returns the lower bound of each axis.
    pub fn low(&self) -> &[f32] {
        &self.low
    }

    /// Returns the upper bound of each axis.
    pub fn high(&self) -> &[f32] {
        &self.high
    }

    /// Returns whether `point` has the right length and lies inside the box; NaN never does.
    pub fn contains(&self, point: &[f32]) -> bool {
        point.len() == self.dim()
            && (self.low.iter().zip(&self.high).zip(point)).all(|((low, high), x)| (low..=high).contains(&x))
    }

    /// Returns the point of the box nearest to `point`.
    ///
    /// # Panics
    ///
    /// Panics if `point` does not have [`dim`](Self::dim) components.
    pub fn clip(&self, point: &[f32]) -> Vec<f32> {
        assert_eq!(point.len(), self.dim(), "point must have one component per axis");
        (self.low.iter().zip(&self.high).zip(point)).map(|((&low, &high), x)| x.clamp(low, high)).collect()
    }

    /// Checks that every bound is finite, as an action space must be.
    ///
    /// # Errors
    ///
    /// [`SpaceError::Unbounded`] names the first axis that is not.
    pub fn require_finite(&self) -> Result<(), SpaceError> {
        for (axis, (&low, &high)) in self.low.iter().zip(&self.high).enumerate() {
            if !(low.is_finite() && high.is_finite()) {
                return Err(SpaceError::Unbounded { axis, low, high });
            }
        }
        Ok(())
    }

    /// Returns half the length of each interval: the scale that maps `[−1, 1]` onto it.
    pub fn half_range(&self) -> Vec<f32> {
        (self.low.iter().zip(&self.high)).map(|(low, high)| high / 2.0 - low / 2.0).collect()
    }

    /// Returns the middle of each interval: the shift that maps `[−1, 1]` onto it.
    pub fn center(&self) -> Vec<f32> {
        (self.low.iter().zip(&self.high)).map(|(low, high)| high / 2.0 + low / 2.0).collect()
    }

    /// Draws a point uniformly from the box, one draw per axis in order.
    ///
    /// # Panics
    ///
    /// Panics if a bound is infinite.
    pub fn sample(&self, rng: &mut impl Rng) -> Vec<f32> {
        (self.low.iter().zip(&self.high))
            .map(|(&low, &high)| {
                assert!(low.is_finite() && high.is_finite(), "only a finite box has a uniform distribution");
                // In f64 the width cannot overflow; rounding to f32 cannot leave the interval.
                let (low, high) = (f64::from(low), f64::from(high));
                (low + (high - low) * rng.random::<f64>()) as f32
            })
            .collect()
    }
}

/// Largest magnitude of a number that takes part in learning: beyond it, a sum of squares leaves single precision.
///
/// An observation, a reward or a weight of that size is a fault, as NaN and infinity are, and is refused where it comes in.
pub const MAX_MAGNITUDE: f32 = 1e18;

/// Returns whether a number can be worked with: not NaN, and not beyond [`MAX_MAGNITUDE`].
pub(crate) fn is_sound(value: f32) -> bool {
    value.abs() <= MAX_MAGNITUDE
}

/// Returns the index and value of the first component that is NaN, infinite, or beyond [`MAX_MAGNITUDE`].
pub(crate) fn first_unsound(values: &[f32]) -> Option<(usize, f32)> {
    values.iter().copied().enumerate().find(|&(_, value)| !is_sound(value))
}

/// Returns the index and value of the first component that is NaN or infinite.
pub(crate) fn first_non_finite(values: &[f32]) -> Option<(usize, f32)> {
    values.iter().copied().enumerate().find(|(_, value)| !value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};
    use proptest::prelude::*;

    #[test]
    fn bounds_of_different_lengths_are_rejected() {
        let error = BoxSpace::new(vec![0.0], vec![1.0, 2.0]).unwrap_err();
        assert_eq!(error.to_string(), "low and high must have the same number of axes, got 1 and 2");
    }

    #[test]
    fn a_space_without_axes_is_rejected() {
        let error = BoxSpace::new(vec![], vec![]).unwrap_err();
        assert_eq!(error.to_string(), "a space must have at least 1 axis, got 0");
    }

    #[test]
    fn empty_inverted_and_nan_intervals_are_rejected() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f32::NAN, 1.0), (0.0, f32::NAN)] {
            let error = BoxSpace::new(vec![0.0, low], vec![1.0, high]).unwrap_err();
            let expected = format!("axis 1: low must be less than high, got {low} and {high}");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn infinite_bounds_are_for_observations_only() {
        let space = BoxSpace::unbounded(2).unwrap();
        assert!(space.contains(&[1e30, -1e30]));
        assert_eq!(
            space.require_finite().unwrap_err().to_string(),
            "axis 0 of an action space must have finite bounds, got -inf and inf"
        );
    }

    #[test]
    fn a_point_of_the_wrong_length_or_with_nan_is_outside() {
        let space = BoxSpace::symmetric(1.0, 2).unwrap();
        assert!(space.contains(&[1.0, -1.0]));
        assert!(!space.contains(&[0.0]));
        assert!(!space.contains(&[0.0, f32::NAN]));
        assert!(!space.contains(&[0.0, 1.001]));
    }

    #[test]
    fn scale_and_shift_map_the_unit_interval_onto_the_axis() {
        let space = BoxSpace::new(vec![-2.0, -0.5], vec![2.0, 1.5]).unwrap();
        assert_eq!(space.half_range(), [2.0, 1.0]);
        assert_eq!(space.center(), [0.0, 0.5]);
    }

    #[test]
    fn draws_are_stable() {
        // Recorded at 0.1.0. A change here is value-breaking and belongs in the changelog.
        let space = BoxSpace::new(vec![-2.0, 0.0], vec![2.0, 1.0]).unwrap();
        let mut rng = Seed(7).stream(Stream::WarmUp);
        assert_eq!(space.sample(&mut rng), [0.757_535_3_f32, 0.790_670_93]);
    }

    proptest! {
        #[test]
        fn samples_and_clipped_points_lie_inside(
            low in -3e38_f32..3e38, width in 1e-3_f32..3e38, x in prop::num::f32::NORMAL, seed: u64,
        ) {
            let high = low + width;
            prop_assume!(low < high && high.is_finite());
            let space = BoxSpace::new(vec![low], vec![high]).unwrap();
            prop_assert!(space.contains(&space.clip(&[x])));
            prop_assert!(space.contains(&space.sample(&mut Seed(seed).stream(Stream::WarmUp))));
        }
    }
}
