//! The classical Runge-Kutta method.

/// Advances the ordinary differential equation `ẏ = derivative(y)` by `dt` seconds, with an error of the order dt⁵.
///
/// This is the time step of MuJoCo's RK4 integrator: the control input stays constant during the step.
pub(in crate::env) fn runge_kutta<const N: usize>(
    state: [f64; N],
    dt: f64,
    derivative: impl Fn(&[f64; N]) -> [f64; N],
) -> [f64; N] {
    let along = |share: f64, slope: &[f64; N]| std::array::from_fn(|i| state[i] + share * dt * slope[i]);
    let k1 = derivative(&state);
    let k2 = derivative(&along(0.5, &k1));
    let k3 = derivative(&along(0.5, &k2));
    let k4 = derivative(&along(1.0, &k3));
    std::array::from_fn(|i| state[i] + dt * ((k1[i] + k4[i]) / 6.0 + (k2[i] + k3[i]) / 3.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_step_of_the_exponential_is_its_taylor_polynomial() {
        // ẏ = y from 1: 1 + h + h²/2 + h³/6 + h⁴/24 with h = 0.5
        let [y] = runge_kutta([1.0], 0.5, |&[y]| [y]);
        assert!((y - (1.0 + 0.5 + 0.125 + 0.125 / 6.0 + 0.0625 / 24.0)).abs() < 1e-15);
    }

    #[test]
    fn half_the_step_has_a_sixteenth_of_the_error() {
        let error_of = |steps: u32| {
            let dt = 1.0 / f64::from(steps);
            let end = (0..steps).fold([1.0, 0.0], |state, _| runge_kutta(state, dt, |&[x, v]| [v, -x]));
            (end[0] - 1.0_f64.cos()).abs()
        };
        let ratio = error_of(20) / error_of(40);
        assert!((15.0..17.0).contains(&ratio), "{ratio}");
    }
}
