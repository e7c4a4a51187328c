//! The soft stop of a joint.

/// Shape of a constraint's impedance, MuJoCo's default `solimp`: it rises from the first to the second over the width.
const MIN_IMPEDANCE: f64 = 0.9;
const MAX_IMPEDANCE: f64 = 0.95;
const WIDTH: f64 = 0.001;

/// A stop at both ends of a joint, as in MuJoCo: a critically damped spring that pushes and never pulls.
///
/// Beyond the stop by p (m or rad) and moving out with v, the joint is to accelerate as
///
/// ```text
/// a* = −b v − k d(p) p    with b = 2 / (d₁ T), k = 1 / (d₁² T²), d₁ = 0.95
/// ```
///
/// MuJoCo's force is the one that minimises its dual problem; with one constraint that is a quotient,
/// `f = max(0, (a* − a₀) / (A + R))` towards the inside, where a₀ is the acceleration without the stop, A the inverse inertia
/// that the force meets, and `R = (1 − d) / d` times that inverse inertia in the model's rest pose.
///
/// # References
///
/// MuJoCo, *Computation*, sections on the constraint model: <https://mujoco.readthedocs.io/en/stable/computation/>.
#[derive(Debug, Clone, Copy)]
pub(in crate::env) struct JointLimit {
    /// Least position, in m or rad.
    pub(in crate::env) low: f64,
    /// Greatest position, in m or rad.
    pub(in crate::env) high: f64,
    /// Time constant T of the spring in s, at least two time steps.
    pub(in crate::env) time_constant: f64,
    /// Inverse of the inertia that a force on the joint meets in the rest pose, in 1/kg or 1/(kg·m²).
    pub(in crate::env) rest_inverse_inertia: f64,
}

impl JointLimit {
    /// Returns the force (N or N·m) of the stop on the joint.
    pub(in crate::env) fn force(
        &self,
        position: f64,
        velocity: f64,
        free_acceleration: f64,
        inverse_inertia: f64,
    ) -> f64 {
        let (beyond, inward) = match position {
            _ if position < self.low => (self.low - position, 1.0),
            _ if position > self.high => (position - self.high, -1.0),
            _ => return 0.0,
        };
        let impedance = impedance(beyond);
        let rate = 1.0 / (MAX_IMPEDANCE * self.time_constant);
        let wanted = -2.0 * rate * inward * velocity + rate * rate * impedance * beyond;
        let softness = (1.0 - impedance) / impedance * self.rest_inverse_inertia;
        inward * ((wanted - inward * free_acceleration) / (inverse_inertia + softness)).max(0.0)
    }
}

/// Returns the impedance d at a distance beyond the stop: two parabolas that meet in the middle of the width.
fn impedance(beyond: f64) -> f64 {
    let x = (beyond / WIDTH).min(1.0);
    let share = if x <= 0.5 { 2.0 * x * x } else { 1.0 - 2.0 * (1.0 - x) * (1.0 - x) };
    MIN_IMPEDANCE + share * (MAX_IMPEDANCE - MIN_IMPEDANCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: JointLimit = JointLimit { low: -1.0, high: 1.0, time_constant: 0.1, rest_inverse_inertia: 1.0 };

    #[test]
    fn nothing_pushes_between_the_stops() {
        for position in [-1.0, 0.0, 1.0] {
            assert_eq!(STOP.force(position, 5.0, 9.0, 1.0), 0.0);
        }
    }

    #[test]
    fn the_stop_pushes_inwards_and_never_pulls() {
        assert!(STOP.force(1.01, 0.0, 0.0, 1.0) < 0.0 && STOP.force(-1.01, 0.0, 0.0, 1.0) > 0.0);
        assert_eq!(STOP.force(1.01, -50.0, 0.0, 1.0), 0.0);
        assert_eq!(STOP.force(-1.01, 50.0, 0.0, 1.0), 0.0);
    }

    #[test]
    fn the_force_is_the_quotient_worked_by_hand() {
        // 1 cm beyond, at rest: d = 0.95, k = 1 / (0.95 · 0.1)² = 110.8033…, a* = k · 0.95 · 0.01 = 1.052631…
        // A + R = 2 + 0.05 / 0.95 = 2.052631…, so f = 1.052631… / 2.052631… = 20 / 39
        assert!((STOP.force(-1.01, 0.0, 0.0, 2.0) - 20.0 / 39.0).abs() < 1e-12);
    }

    #[test]
    fn impedance_rises_smoothly_over_the_width() {
        let close = |beyond: f64, expected: f64| (impedance(beyond) - expected).abs() < 1e-15;
        assert!(close(0.0, 0.9) && close(0.00025, 0.90625) && close(0.0005, 0.925) && close(0.00075, 0.94375));
        assert!(close(0.001, 0.95) && close(3.0, 0.95));
    }
}
