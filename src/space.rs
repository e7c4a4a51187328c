//! Spaces: the bounds of observations and actions.

use rand::{Rng, RngExt};

mod error;
mod text;

pub use error::SpaceError;
pub(crate) use text::{Difference, abbreviated, count, first_difference, interval, number};

/// Smallest width of an action axis, as a share of the larger magnitude of its bounds: 2⁻¹³, about 1.2e-4.
///
/// Single precision holds at least 1,024 different actions on such an axis. An axis whose bounds have different signs, or of which
/// one bound is 0, is always wide enough.
pub const MIN_RELATIVE_WIDTH: f32 = 1024.0 * f32::EPSILON;

/// A box in ℝⁿ: one closed interval per axis. Describes observations or actions.
///
/// An observation space may have infinite bounds, and constant axes (`low` equal to `high`), such as a constant of the task. An
/// action space may have neither; [`Spaces::new`](crate::env::Spaces::new) checks it.
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
    /// - [`SpaceError::EmptyInterval`] if a lower bound is above its upper bound, or either is NaN
    /// - [`SpaceError::NoFiniteValue`] if both bounds are the same infinity
    pub fn new(low: Vec<f32>, high: Vec<f32>) -> Result<Self, SpaceError> {
        if low.len() != high.len() {
            return Err(SpaceError::LengthMismatch { low: low.len(), high: high.len() });
        }
        if low.is_empty() {
            return Err(SpaceError::NoAxes);
        }
        for (axis, (&low, &high)) in low.iter().zip(&high).enumerate() {
            if low > high || low.is_nan() || high.is_nan() {
                return Err(SpaceError::EmptyInterval { axis, low, high });
            }
            if low == high && low.is_infinite() {
                return Err(SpaceError::NoFiniteValue { axis, low, high });
            }
        }
        Ok(Self { low, high })
    }

    /// Creates `[−bound, bound]` on each of `dim` axes.
    ///
    /// # Errors
    ///
    /// As [`BoxSpace::new`]; `bound` must not be negative.
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

    /// Checks that an agent can act on every axis.
    ///
    /// Bounds must be finite and at most [`MAX_MAGNITUDE`] in magnitude, and each axis wide enough: see [`MIN_RELATIVE_WIDTH`].
    /// [`Spaces::new`](crate::env::Spaces::new) calls this.
    ///
    /// # Errors
    ///
    /// [`SpaceError::Unbounded`], [`SpaceError::ConstantAction`], [`SpaceError::ActionTooLarge`], [`SpaceError::ActionTooNarrow`] or
    /// [`SpaceError::ActionTooSmall`], with the first axis on which it cannot.
    pub fn require_actions(&self) -> Result<(), SpaceError> {
        self.require_finite()?;
        for (axis, (&low, &high)) in self.low.iter().zip(&self.high).enumerate() {
            if !(is_in_range(low) && is_in_range(high)) {
                return Err(SpaceError::ActionTooLarge { axis, low, high });
            }
        }
        self.require_resolution()?;
        match self.half_range().iter().position(|half| !half.is_normal()) {
            Some(axis) => Err(SpaceError::ActionTooSmall { axis, low: self.low[axis], high: self.high[axis] }),
            None => Ok(()),
        }
    }

    /// Checks that each axis holds different actions, whatever their unit.
    pub(crate) fn require_resolution(&self) -> Result<(), SpaceError> {
        for (axis, (&low, &high)) in self.low.iter().zip(&self.high).enumerate() {
            if low == high {
                return Err(SpaceError::ConstantAction { axis, value: low });
            }
            // In f64, where the difference of two f32 neither overflows nor rounds to 0.
            let width = f64::from(high) - f64::from(low);
            if width < f64::from(MIN_RELATIVE_WIDTH) * f64::from(low.abs().max(high.abs())) {
                return Err(SpaceError::ActionTooNarrow { axis, low, high });
            }
        }
        Ok(())
    }

    /// Returns the first axis on which `point` lies outside, or is NaN.
    pub(crate) fn first_outside(&self, point: &[f32]) -> Option<usize> {
        (self.low.iter().zip(&self.high).zip(point)).position(|((low, high), x)| !(low..=high).contains(&x))
    }

    /// Returns an axis as text, `[-2, 2]`.
    pub(crate) fn interval(&self, axis: usize) -> String {
        interval(self.low[axis], self.high[axis])
    }

    /// Returns half the length of each interval: the scale that maps `[−1, 1]` onto it.
    pub fn half_range(&self) -> Vec<f32> {
        self.axes().map(|(_, half_range)| half_range).collect()
    }

    /// Returns the middle of each interval: the shift that maps `[−1, 1]` onto it.
    pub fn center(&self) -> Vec<f32> {
        self.axes().map(|(center, _)| center).collect()
    }

    /// Returns center and half-range of each axis.
    pub(crate) fn axes(&self) -> impl Iterator<Item = (f32, f32)> + Clone + '_ {
        self.low.iter().zip(&self.high).map(|(low, high)| (high / 2.0 + low / 2.0, high / 2.0 - low / 2.0))
    }

    /// Draws a point uniformly from the box, one draw per axis in order.
    ///
    /// # Panics
    ///
    /// Panics if a bound is infinite.
    pub fn sample(&self, rng: &mut impl Rng) -> Vec<f32> {
        let mut point = vec![0.0; self.dim()];
        self.sample_into(rng, &mut point);
        point
    }

    /// As [`sample`](Self::sample), into `point`.
    ///
    /// # Panics
    ///
    /// Panics if a bound is infinite, or if `point` does not have [`dim`](Self::dim) components.
    pub fn sample_into(&self, rng: &mut impl Rng, point: &mut [f32]) {
        assert_eq!(point.len(), self.dim(), "point must have one component per axis");
        for ((&low, &high), x) in self.low.iter().zip(&self.high).zip(point) {
            assert!(low.is_finite() && high.is_finite(), "only a finite box has a uniform distribution");
            // In f64 the width cannot overflow; rounding to f32 cannot leave the interval.
            let (low, high) = (f64::from(low), f64::from(high));
            *x = (low + (high - low) * rng.random::<f64>()) as f32;
        }
    }
}

/// Largest magnitude of a number in training: beyond it, a sum of squares overflows single precision.
///
/// A larger observation, reward or weight is an error, like NaN and infinity, at the place where it enters.
pub const MAX_MAGNITUDE: f32 = 1e18;

/// Returns whether a number is usable: finite, and not beyond [`MAX_MAGNITUDE`].
pub(crate) fn is_in_range(value: f32) -> bool {
    value.abs() <= MAX_MAGNITUDE
}

/// Returns the index and value of the first component that is NaN, infinite, or beyond [`MAX_MAGNITUDE`].
pub(crate) fn first_out_of_range(values: &[f32]) -> Option<(usize, f32)> {
    values.iter().copied().enumerate().find(|&(_, value)| !is_in_range(value))
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
    fn inverted_and_nan_intervals_are_rejected() {
        for (low, high) in [(2.0, 1.0), (f32::NAN, 1.0), (0.0, f32::NAN)] {
            let error = BoxSpace::new(vec![0.0, low], vec![1.0, high]).unwrap_err();
            let expected = format!("axis 1: low must not be above high, and neither may be NaN, got [{low}, {high}]");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn an_interval_at_infinity_is_rejected() {
        for bound in [f32::INFINITY, f32::NEG_INFINITY] {
            let error = BoxSpace::new(vec![0.0, bound], vec![1.0, bound]).unwrap_err();
            let expected = format!("axis 1: the interval must contain a finite number, got [{bound}, {bound}]");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn an_axis_may_be_constant() {
        let space = BoxSpace::new(vec![-1.0, 9.81], vec![1.0, 9.81]).unwrap();
        assert!(space.contains(&[0.5, 9.81]));
        assert!(!space.contains(&[0.5, 9.8]));
        assert_eq!(space.clip(&[2.0, -3.0]), [1.0, 9.81]);
        assert_eq!((space.half_range(), space.center()), (vec![1.0, 0.0], vec![0.0, 9.81]));
        assert_eq!(space.sample(&mut Seed(7).stream(Stream::WarmUp))[1], 9.81);
        assert_eq!(BoxSpace::symmetric(0.0, 1).unwrap().clip(&[1.0]), [0.0]);
    }

    #[test]
    fn an_action_axis_that_no_agent_can_act_on_is_rejected() {
        let text = |low, high| {
            let space = BoxSpace::new(vec![-1.0, low], vec![1.0, high]).unwrap();
            space.require_actions().unwrap_err().to_string()
        };
        assert_eq!(
            text(9.81, 9.81),
            "axis 1 of an action space must have low below high, got 9.81 for both; leave out an axis with a single value"
        );
        let too_large = "axis 1 of an action space must have bounds of at most 1e18 in magnitude, got";
        assert!(text(-1e30, 1.0).starts_with(&format!("{too_large} [-1e30, 1]; give the agent smaller units")));
        assert!(text(-3e38, 3e38).starts_with(too_large));
        assert_eq!(
            text(1e6, 1_000_100.0),
            "axis 1 of an action space must be at least 1.2207031e-4 of its larger bound wide, so that single precision can \
             tell actions apart, got [1000000, 1000100]; take actions relative to the middle of the interval"
        );
        let too_small = "axis 1 of an action space must be at least 2.3509887e-38 wide, got";
        assert!(text(0.0, 1e-38).starts_with(&format!("{too_small} [0, 1e-38]; give the agent larger units")));
        assert!(text(-1e-45, 1e-45).starts_with(too_small));
        for (low, high) in [(-1e18, 1e18), (40.0, 50.0), (-1000.0, 3000.0), (0.0, 1e-30), (1e6, 1_000_123.0)] {
            assert_eq!(BoxSpace::new(vec![low], vec![high]).unwrap().require_actions(), Ok(()), "[{low}, {high}]");
        }
    }

    #[test]
    fn infinite_bounds_are_for_observations_only() {
        let space = BoxSpace::unbounded(2).unwrap();
        assert!(space.contains(&[1e30, -1e30]));
        assert_eq!(
            space.require_finite().unwrap_err().to_string(),
            "axis 0 of an action space must have finite bounds, got [-inf, inf]"
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

        #[test]
        fn an_accepted_action_axis_has_a_thousand_actions_and_a_finite_scale(low: f32, ratio in -2_f32..2.0) {
            let high = low * ratio;
            prop_assume!(low <= high && low.is_finite() && high.is_finite());
            let space = BoxSpace::new(vec![low], vec![high]).unwrap();
            if space.require_actions().is_ok() {
                let half = space.half_range()[0];
                prop_assert!(half.is_normal() && (1.0 / half).is_finite() && space.center()[0].is_finite());
                // Floats of one sign are in the order of their bits.
                let floats = if low.signum() == high.signum() { low.to_bits().abs_diff(high.to_bits()) } else { u32::MAX };
                prop_assert!(floats >= 1024, "{} floats in [{}, {}]", floats, low, high);
            }
        }
    }
}
