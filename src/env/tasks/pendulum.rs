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

mod grid;

use super::numpy_rng::NumpyRng;
use crate::env::{Environment, EnvironmentError, Step, TimeLimit, check_action, check_state};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};
use std::f64::consts::{PI, TAU};
use std::num::NonZeroUsize;

pub use grid::{GRID_OPTIMUM, PendulumGrid, evaluation_grid};

/// Mean return of the best policy over the start states that [`reset`](Environment::reset) draws, in episodes of 200 steps.
///
/// Computed as [`GRID_OPTIMUM`]; the example `pendulum_optimum` computes both.
pub const MEAN_OPTIMUM: f64 = -137.5;

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

#[cfg(test)]
mod tests;
