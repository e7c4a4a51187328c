//! Rewards that are 1 at a target and decrease with the distance from it.

/// Returns 1 at distance 0, 0.1 at `margin`, and 0.1^(x²) at x margins.
///
/// The Gaussian `tolerance` of dm_control, with its default value at the margin.
pub(in crate::env) fn gaussian_tolerance(distance: f64, margin: f64) -> f64 {
    let margins = distance / margin;
    libm::exp(-std::f64::consts::LN_10 * margins * margins)
}

/// Returns `1 − x²` at x margins, and 0 beyond one: the quadratic `tolerance` of dm_control with the value 0 at the margin.
pub(in crate::env) fn quadratic_tolerance(distance: f64, margin: f64) -> f64 {
    let margins = distance / margin;
    (1.0 - margins * margins).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_left_at_the_margin() {
        assert_eq!(gaussian_tolerance(0.0, 2.0), 1.0);
        assert!((gaussian_tolerance(2.0, 2.0) - 0.1).abs() < 1e-15);
        assert!((gaussian_tolerance(-4.0, 2.0) - 1e-4).abs() < 1e-15);
    }

    #[test]
    fn nothing_is_left_beyond_the_margin_of_a_parabola() {
        assert_eq!([0.0, 0.5, -1.0, 7.0].map(|x| quadratic_tolerance(x, 1.0)), [1.0, 0.75, 0.0, 0.0]);
    }
}
