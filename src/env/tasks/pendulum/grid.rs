//! Fixed start states for the evaluation of policies on the pendulum.

use std::f64::consts::PI;

use super::{MAX_STEPS, Pendulum, PendulumState};
use crate::env::{Starts, TimeLimit};

/// Mean return of the best policy over [`evaluation_grid`] in episodes of 200 steps, by dynamic programming over the
/// dynamics of [`advance`](super::advance) (541 × 481 states, 25 torques, linear interpolation).
///
/// The regret of a policy is this number minus its mean return over the same grid. The interpolation makes the number a little
/// too low: its greedy policy reaches −137.9, so a regret of −0.5 is possible.
pub const GRID_OPTIMUM: f64 = -138.4;

/// Returns the 256 fixed start states for the evaluation of policies.
///
/// They combine the midpoints of 32 intervals of θ in `[−π, π)` with the midpoints of 8 intervals of θ̇ in `[−1, 1]` rad/s.
pub fn evaluation_grid() -> Vec<PendulumState> {
    let midpoint = |half_range: f64, i: u32, n: u32| half_range * (f64::from(2 * i + 1) / f64::from(n) - 1.0);
    (0..32)
        .flat_map(|i| (0..8).map(move |j| PendulumState { theta: midpoint(PI, i, 32), theta_dot: midpoint(1.0, j, 8) }))
        .collect()
}

/// The pendulum with the starts of [`evaluation_grid`]: `reset(k)` starts from state k, counted modulo 256.
///
/// # Examples
///
/// ```
/// use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let mut env = PendulumGrid::v1();
/// let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let regret = evaluate(&agent, &mut env, 0..256)?.regret(GRID_OPTIMUM);
/// assert!(regret > 0.0);
/// # Ok::<(), Error>(())
/// ```
pub type PendulumGrid = Starts<Pendulum, PendulumState>;

impl PendulumGrid {
    /// Creates Gymnasium's `Pendulum-v1`, truncated after 200 steps, from the starts of [`evaluation_grid`].
    pub fn v1() -> TimeLimit<Self> {
        let grid = Self::new(Pendulum::default(), evaluation_grid(), Pendulum::reset_to);
        TimeLimit::new(grid.expect("the grid has 256 states"), MAX_STEPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evaluation_grid_is_made_of_midpoints() {
        let grid = evaluation_grid();
        assert_eq!(grid.len(), 256);
        assert_eq!(grid[0], PendulumState { theta: -PI * 31.0 / 32.0, theta_dot: -0.875 });
        assert_eq!(grid[255], PendulumState { theta: PI * 31.0 / 32.0, theta_dot: 0.875 });
        let mean: f64 = grid.iter().map(|state| state.theta + state.theta_dot).sum::<f64>() / 256.0;
        assert!(mean.abs() < 1e-12);
    }
}
