//! Pendulum swing-up: Gymnasium's `Pendulum-v1`, number for number.
//!
//! A rod hangs from a motor that is too weak to lift it at once, so the policy has to swing it. Every step costs the squared
//! angle from upright, and a little for speed and for torque:
//!
//! ```text
//! r   = −(wrap(θ)² + 0.1 θ̇² + 0.001 u²)
//! θ̇′ = clip(θ̇ + (3g / 2l · sin θ + 3 / ml² · u) dt, ±max_speed)
//! θ′  = θ + θ̇′ dt
//! ```
//!
//! | | components | range |
//! |---|---|---|
//! | observation | cos θ, sin θ, θ̇ (rad/s) | \[−1, 1\], \[−1, 1\], \[−8, 8\] |
//! | action | torque u (N·m) | \[−2, 2\], clipped beyond |
//! | reward | per step, dimensionless | \[−16.2736044, 0\] |
//!
//! # References
//!
//! Gymnasium, *Pendulum-v1*: <https://gymnasium.farama.org/environments/classic_control/pendulum/>.

use super::numpy_rng::NumpyRng;
use crate::env::{Environment, EnvironmentError, Starts, Step, TimeLimit, check_action, check_state};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};
use std::f64::consts::{PI, TAU};
use std::num::NonZeroUsize;

/// Mean return of the best policy over the start states that [`reset`](Environment::reset) draws, in episodes of 200 steps.
///
/// Computed as [`GRID_OPTIMUM`]; the example `pendulum_optimum` computes both.
pub const MEAN_OPTIMUM: f64 = -137.5;

/// Mean return of the best policy over [`evaluation_grid`] in episodes of 200 steps, by dynamic programming over the
/// dynamics of [`advance`] (541 × 481 states, 25 torques, linear interpolation).
///
/// The regret of a policy is this number minus its mean return over the same grid. The interpolation makes the number a little
/// too low: its greedy policy reaches −137.9, so a regret of −0.5 is possible.
pub const GRID_OPTIMUM: f64 = -138.4;

/// Steps in an episode of `Pendulum-v1`.
const MAX_STEPS: NonZeroUsize = NonZeroUsize::new(200).expect("200 is not zero");

/// The hidden state of a pendulum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PendulumState {
    /// Angle θ in rad; 0 is upright. It counts full turns: it is never wrapped.
    pub theta: f64,
    /// Angular velocity θ̇ in rad/s.
    pub theta_dot: f64,
}

/// Physical constants of a [`Pendulum`], each in `[1e-6, 1e6]`; the default is `Pendulum-v1`.
///
/// # Examples
///
/// ```
/// use actor_critic::env::pendulum::{Pendulum, PendulumConfig};
///
/// let moon = PendulumConfig { gravity: 1.62, ..PendulumConfig::default() };
/// let pendulum = Pendulum::new(moon)?;
/// # assert_eq!(pendulum.config().gravity, 1.62);
/// # Ok::<(), actor_critic::env::pendulum::PendulumError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PendulumConfig {
    /// Gravitational acceleration g in m/s². Default 10.
    pub gravity: f64,
    /// Mass m of the rod in kg. Default 1.
    pub mass: f64,
    /// Length l of the rod in m. Default 1.
    pub length: f64,
    /// Duration of a step in s. Default 0.05.
    pub dt: f64,
    /// Largest angular speed in rad/s. Default 8.
    pub max_speed: f64,
    /// Largest torque in N·m. Default 2.
    pub max_torque: f64,
}

impl Default for PendulumConfig {
    fn default() -> Self {
        Self { gravity: 10.0, mass: 1.0, length: 1.0, dt: 0.05, max_speed: 8.0, max_torque: 2.0 }
    }
}

impl PendulumConfig {
    /// Checks every constant.
    ///
    /// # Errors
    ///
    /// [`PendulumError::ConstantOutOfRange`] names the first constant outside `[1e-6, 1e6]`. In this range no step
    /// can overflow.
    pub fn validate(&self) -> Result<(), PendulumError> {
        match self.constants().into_iter().find(|(_, value)| !(1e-6..=1e6).contains(value)) {
            Some((name, value)) => Err(PendulumError::ConstantOutOfRange { name, value }),
            None => Ok(()),
        }
    }

    fn constants(&self) -> [(&'static str, f64); 6] {
        [
            ("gravity", self.gravity),
            ("mass", self.mass),
            ("length", self.length),
            ("dt", self.dt),
            ("max_speed", self.max_speed),
            ("max_torque", self.max_torque),
        ]
    }
}

/// Why a [`Pendulum`] could not be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PendulumError {
    /// A physical constant is NaN, or outside `[1e-6, 1e6]`.
    #[error("{name} must be in [1e-6, 1e6], got {value}")]
    ConstantOutOfRange {
        /// Field of [`PendulumConfig`].
        name: &'static str,
        /// Its value.
        value: f64,
    },
}

/// A pendulum whose episodes never end; [`Pendulum::v1`] truncates them after 200 steps.
///
/// `reset(seed)` starts from the same bits as Gymnasium's: θ uniform in `[−π, π)` rad, then θ̇ in `[−1, 1)` rad/s.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, pendulum::PendulumState};
///
/// let mut env = Pendulum::default();
/// env.reset_to(PendulumState { theta: 0.0, theta_dot: 0.0 })?;
/// let step = env.step(&[2.0])?; // 3 · 2 N·m · 0.05 s = 0.3 rad/s, and 0.001 · 2² of cost
/// assert_eq!(step.observation[2], 0.3);
/// assert_eq!(step.reward, -0.004);
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Pendulum {
    config: PendulumConfig,
    observation_space: BoxSpace,
    action_space: BoxSpace,
    state: Option<PendulumState>,
    /// Cosine and sine of the angle in `state`, which the observation has computed and the next step needs.
    sine: f64,
}

impl Default for Pendulum {
    fn default() -> Self {
        Self::with_valid(PendulumConfig::default())
    }
}

impl Pendulum {
    /// Creates a pendulum with other constants.
    ///
    /// # Errors
    ///
    /// As [`PendulumConfig::validate`].
    pub fn new(config: PendulumConfig) -> Result<Self, PendulumError> {
        config.validate()?;
        Ok(Self::with_valid(config))
    }

    /// Creates Gymnasium's `Pendulum-v1`: the default constants, truncated after 200 steps.
    pub fn v1() -> TimeLimit<Self> {
        TimeLimit::new(Self::default(), MAX_STEPS)
    }

    fn with_valid(config: PendulumConfig) -> Self {
        let symmetric = |bounds: Vec<f64>| {
            let high: Vec<f32> = bounds.into_iter().map(|bound| bound as f32).collect();
            BoxSpace::new(high.iter().map(|bound| -bound).collect(), high).expect("the constants are positive")
        };
        Self {
            observation_space: symmetric(vec![1.0, 1.0, config.max_speed]),
            action_space: symmetric(vec![config.max_torque]),
            config,
            state: None,
            sine: 0.0,
        }
    }

    /// Returns the physical constants.
    pub fn config(&self) -> &PendulumConfig {
        &self.config
    }

    /// Returns the hidden state, or `None` before the first reset.
    pub fn state(&self) -> Option<PendulumState> {
        self.state
    }

    /// Starts an episode in `state` and returns its first observation.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::State`] if θ is not finite, or θ̇ is NaN or above the largest speed. The running episode
    /// then continues.
    pub fn reset_to(&mut self, state: PendulumState) -> Result<Vec<f32>, EnvironmentError> {
        let max_speed = self.config.max_speed;
        check_state("theta", state.theta, f64::NEG_INFINITY, f64::INFINITY)?;
        check_state("theta_dot", state.theta_dot, -max_speed, max_speed)?;
        Ok(self.enter(state))
    }

    /// Sets the state and returns its observation.
    fn enter(&mut self, state: PendulumState) -> Vec<f32> {
        let (sine, cosine) = libm::sincos(state.theta);
        self.state = Some(state);
        self.sine = sine;
        [cosine, sine, state.theta_dot].map(|x| x as f32).to_vec()
    }
}

impl Environment for Pendulum {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let mut rng = NumpyRng::new(seed);
        let state = PendulumState { theta: rng.uniform(-PI, PI), theta_dot: rng.uniform(-1.0, 1.0) };
        Ok(self.enter(state))
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.action_space, action)?;
        let state = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        let (next_state, reward) = advance_with_sine(state, self.sine, action[0], &self.config);
        Ok(Step { observation: self.enter(next_state), reward: reward as f32, terminated: false, truncated: false })
    }
}

impl SaveState for Pendulum {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        for (name, constant) in self.config.constants() {
            state.put(name, constant);
        }
        if let Some(PendulumState { theta, theta_dot }) = self.state {
            state.put("theta", theta);
            state.put("theta_dot", theta_dot);
        }
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        for (name, constant) in self.config.constants() {
            state.expect(name, constant)?;
        }
        if state.names().next().is_none() {
            self.state = None;
            return Ok(());
        }
        let restored = PendulumState { theta: state.take("theta")?, theta_dot: state.take("theta_dot")? };
        state.finish()?;
        self.reset_to(restored)
            .map_err(|error| StateError::invalid("theta_dot", error.to_string(), restored.theta_dot))?;
        Ok(())
    }
}

/// Advances a pendulum by `config.dt` seconds under `torque` (N·m, clipped): the new state, and the reward.
///
/// The cost is that of the old state, and the angle moves with the new speed.
///
/// # Panics
///
/// Panics if a limit of `config` is negative or NaN; [`Pendulum::new`] refuses such a config.
///
/// # Examples
///
/// ```
/// use actor_critic::env::pendulum::{PendulumConfig, PendulumState, advance};
/// use std::f64::consts::{FRAC_PI_2, PI};
///
/// let level = PendulumState { theta: FRAC_PI_2, theta_dot: 0.0 };
/// let (next, reward) = advance(level, 0.0, &PendulumConfig::default());
/// assert_eq!(next.theta_dot, 0.75); // 1.5 · 10 m/s² / 1 m · sin θ · 0.05 s
/// assert!((reward + PI * PI / 4.0).abs() < 1e-12);
/// ```
pub fn advance(state: PendulumState, torque: f32, config: &PendulumConfig) -> (PendulumState, f64) {
    advance_with_sine(state, libm::sin(state.theta), torque, config)
}

fn advance_with_sine(state: PendulumState, sine: f64, torque: f32, config: &PendulumConfig) -> (PendulumState, f64) {
    let PendulumState { theta, theta_dot } = state;
    let PendulumConfig { gravity, mass, length, dt, max_speed, max_torque } = *config;

    // Gymnasium's action is f32, and NumPy keeps these two products in f32 until they meet the state.
    let torque = torque.clamp(-max_torque as f32, max_torque as f32);
    let effort = f64::from(0.001_f32 * (torque * torque));
    let drive = f64::from((3.0 / (mass * (length * length))) as f32 * torque);

    let angle = wrap_to_pi(theta);
    let cost = angle * angle + 0.1 * (theta_dot * theta_dot) + effort;

    let pull = 3.0 * gravity / (2.0 * length) * sine;
    let theta_dot = (theta_dot + (pull + drive) * dt).clamp(-max_speed, max_speed);
    (PendulumState { theta: theta + theta_dot * dt, theta_dot }, -cost)
}

/// Returns the angle in `[−π, π]` that differs from `angle` (rad) by full turns; π itself gives −π.
///
/// # Examples
///
/// ```
/// use actor_critic::env::pendulum::wrap_to_pi;
/// use std::f64::consts::PI;
///
/// assert_eq!(wrap_to_pi(PI), -PI);
/// assert!((wrap_to_pi(-2.5 * PI) + 0.5 * PI).abs() < 1e-12);
/// ```
pub fn wrap_to_pi(angle: f64) -> f64 {
    let turned = angle + PI;
    // Within the first turn the remainder is the number itself, and finding that out would cost as much as a sine.
    let within = if (0.0..TAU).contains(&turned) { turned } else { turned.rem_euclid(TAU) };
    within - PI
}

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
    use proptest::prelude::*;

    const V1: PendulumConfig =
        PendulumConfig { gravity: 10.0, mass: 1.0, length: 1.0, dt: 0.05, max_speed: 8.0, max_torque: 2.0 };

    #[test]
    fn from_upright_rest_full_torque_gives_three_tenths_of_a_radian_per_second() {
        let (next, reward) = advance(PendulumState { theta: 0.0, theta_dot: 0.0 }, 2.0, &V1);
        assert!((next.theta_dot - 0.3).abs() < 1e-15 && (next.theta - 0.015).abs() < 1e-15);
        assert!((reward + 0.004).abs() < 1e-9);
    }

    #[test]
    fn torque_beyond_the_limit_is_clipped_before_it_acts_or_costs() {
        let state = PendulumState { theta: 1.0, theta_dot: -2.0 };
        assert_eq!(advance(state, 1e30, &V1), advance(state, 2.0, &V1));
        assert_eq!(advance(state, -1e30, &V1), advance(state, -2.0, &V1));
    }

    #[test]
    fn the_worst_reward_is_hanging_at_full_speed_and_torque() {
        let (_, reward) = advance(PendulumState { theta: PI, theta_dot: 8.0 }, 2.0, &V1);
        assert!((reward + 16.2736044).abs() < 1e-7);
    }

    #[test]
    fn twice_the_mass_halves_the_effect_of_torque() {
        let rest = PendulumState { theta: 0.0, theta_dot: 0.0 };
        let (next, _) = advance(rest, 2.0, &PendulumConfig { mass: 2.0, ..V1 });
        assert!((next.theta_dot - 0.15).abs() < 1e-15);
    }

    #[test]
    fn constants_outside_their_range_are_rejected() {
        let error = Pendulum::new(PendulumConfig { mass: 0.0, ..V1 }).unwrap_err();
        assert_eq!(error.to_string(), "mass must be in [1e-6, 1e6], got 0");
        let error = Pendulum::new(PendulumConfig { dt: f64::NAN, ..V1 }).unwrap_err();
        assert_eq!(error.to_string(), "dt must be in [1e-6, 1e6], got NaN");
        assert_eq!(Pendulum::new(V1).unwrap(), Pendulum::default());
    }

    #[test]
    fn spaces_follow_the_constants() {
        let env = Pendulum::new(PendulumConfig { max_speed: 5.0, max_torque: 3.0, ..V1 }).unwrap();
        assert_eq!(env.observation_space().high(), [1.0, 1.0, 5.0]);
        assert_eq!(env.action_space().low(), [-3.0]);
        assert_eq!(env.config().max_torque, 3.0);
    }

    #[test]
    fn a_step_before_the_first_reset_is_refused() {
        let error = Pendulum::default().step(&[0.0]).unwrap_err();
        assert_eq!(error.to_string(), "reset must be called before the first step");
    }

    #[test]
    fn a_refused_action_leaves_the_state_as_it_was() {
        let mut env = Pendulum::default();
        env.reset(0).unwrap();
        let before = env.state();
        assert_eq!(env.step(&[f32::NAN]).unwrap_err().to_string(), "action must be finite, got NaN on axis 0");
        assert!(env.step(&[]).is_err() && env.step(&[0.0, 0.0]).is_err());
        assert_eq!(env.state(), before);
    }

    #[test]
    fn a_state_without_a_finite_observation_is_refused() {
        let mut env = Pendulum::default();
        let error = env.reset_to(PendulumState { theta: f64::NAN, theta_dot: 0.0 }).unwrap_err();
        assert_eq!(error.to_string(), "theta must be finite and in [-inf, inf], got NaN");
        let error = env.reset_to(PendulumState { theta: 0.0, theta_dot: 8.5 }).unwrap_err();
        assert_eq!(error.to_string(), "theta_dot must be finite and in [-8, 8], got 8.5");
        assert!(env.reset_to(PendulumState { theta: f64::INFINITY, theta_dot: 0.0 }).is_err());
        assert_eq!(env.state(), None);
    }

    #[test]
    fn the_evaluation_grid_is_made_of_midpoints() {
        let grid = evaluation_grid();
        assert_eq!(grid.len(), 256);
        assert_eq!(grid[0], PendulumState { theta: -PI * 31.0 / 32.0, theta_dot: -0.875 });
        assert_eq!(grid[255], PendulumState { theta: PI * 31.0 / 32.0, theta_dot: 0.875 });
        let mean: f64 = grid.iter().map(|state| state.theta + state.theta_dot).sum::<f64>() / 256.0;
        assert!(mean.abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn rewards_and_speeds_stay_in_range(theta in -1e3..1e3, theta_dot in -8.0..8.0, torque in -5_f32..5.0) {
            let (next, reward) = advance(PendulumState { theta, theta_dot }, torque, &V1);
            prop_assert!((-16.2736045..=0.0).contains(&reward));
            prop_assert!((-8.0..=8.0).contains(&next.theta_dot));
        }

        #[test]
        fn a_wrapped_angle_has_the_same_sine_and_cosine(angle in -1e3..1e3) {
            let wrapped = wrap_to_pi(angle);
            prop_assert!((-PI..=PI).contains(&wrapped));
            prop_assert!((libm::sin(wrapped) - libm::sin(angle)).abs() < 1e-12);
            prop_assert!((libm::cos(wrapped) - libm::cos(angle)).abs() < 1e-12);
        }
    }
}
