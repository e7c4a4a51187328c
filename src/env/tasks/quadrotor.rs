//! Quadrotor hover: a nano-quadrotor starts tilted and moving, and has to come to rest at the origin.
//!
//! A rigid body with four rotors in the shape of an X, whose thrusts are the actions. Thrust follows the action without delay; there is no wind
//! and no air resistance. With x forwards, y to the left and z up, position p, velocity v, attitude as a unit
//! quaternion q with its rotation matrix R (body to world), and angular velocity ω in the body's axes:
//!
//! ```text
//! fᵢ = 0.12 N · (1 + clip(aᵢ, ±1)) / 2
//! ṗ  = v
//! v̇  = R (0, 0, Σ fᵢ) / m − (0, 0, g)
//! q̇  = ½ q ⊗ (0, ω)
//! ω̇  = J⁻¹ (τ − ω × J ω),  τ = (d (−f₁ − f₂ + f₃ + f₄), d (−f₁ + f₂ + f₃ − f₄), c (−f₁ + f₂ − f₃ + f₄))
//! ```
//!
//! by the classical Runge-Kutta method with a step of 0.01 s, after which q is normalised. The rotors are counted clockwise
//! as seen from above: front right, back right, back left, front left.
//!
//! | constant | value |
//! |---|---|
//! | mass m | 0.028 kg |
//! | moments of inertia J | 16.571710, 16.655602, 29.261652 · 10⁻⁶ kg·m²; the products of inertia are left out |
//! | arm | 0.046 m, so d = 0.046 / √2 m |
//! | torque per thrust c | 0.005964552 m |
//! | greatest thrust of a rotor | 0.12 N, 1.75 times what hovering takes |
//! | g | 9.81 m/s² |
//!
//! ```text
//! r = t(|p|, 1) · (3 + R₃₃)/4 · (1 + t(|ω|, 10))/2    in the new state, with t(d, margin) = 0.1^(d² / margin²)
//! ```
//!
//! | | components | range |
//! |---|---|---|
//! | observation | p (m); R, row by row; v (m/s); ω (rad/s) | ℝ³, \[−1, 1\]⁹, ℝ³, ℝ³ |
//! | action | thrust of each rotor | \[−1, 1\]⁴, clipped beyond; hovering is at a = 0.1445 |
//! | reward | per step, dimensionless | \[0, 1\] |
//!
//! An episode starts within 0.5 m of the origin on each axis, with up to 0.5 m/s on each axis, any heading, a tilt of up to
//! 0.5 rad, and up to 1 rad/s on each axis. It terminates when |p| > 2 m or |ω| > 35 rad/s, the range of a usual
//! gyroscope.
//!
//! The task is this crate's own, with the vehicle of the reference. Its tests compare it with the same equations in NumPy.
//!
//! # References
//!
//! J. Förster (2015). *System Identification of the Crazyflie 2.0 Nano Quadrocopter*. Bachelor thesis, ETH Zurich.

use super::numpy_rng::NumpyRng;
use super::physics::runge_kutta::runge_kutta;
use super::physics::tolerance::gaussian_tolerance;
use crate::env::{Environment, EnvironmentError, Step, TimeLimit, check_action, check_state};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};
use std::f64::consts::{FRAC_1_SQRT_2, PI};
use std::num::NonZeroUsize;

const MASS: f64 = 0.028;
const INERTIA: [f64; 3] = [16.571710e-6, 16.655602e-6, 29.261652e-6];
const ARM: f64 = 0.046;
const LEVER: f64 = ARM * FRAC_1_SQRT_2;
const TORQUE_PER_THRUST: f64 = 0.005964552;
const MAX_THRUST: f64 = 0.12;
const GRAVITY: f64 = 9.81;
const DT: f64 = 0.01;

/// Limits beyond which the episode terminates: m, and rad/s.
const MAX_DISTANCE: f64 = 2.0;
const MAX_TURN: f64 = 35.0;

/// Largest speed of a start state on each axis, in m/s.
const MAX_START_VELOCITY: f64 = 10.0;

/// Largest difference from 1 of the norm of a start attitude.
const NORM_ERROR: f64 = 1e-9;

/// Distance and speed of turning at which a tenth of the reward is left, in m and rad/s.
const DISTANCE_MARGIN: f64 = 1.0;
const TURN_MARGIN: f64 = 10.0;

/// Steps in an episode: 5 s.
const MAX_STEPS: NonZeroUsize = NonZeroUsize::new(500).expect("500 is not zero");

/// The hidden state of a quadrotor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuadrotorState {
    /// Position in m: forwards, to the left, up, as the world has them.
    pub position: [f64; 3],
    /// Velocity in m/s.
    pub velocity: [f64; 3],
    /// Unit quaternion `[w, x, y, z]` that turns the body's axes into the world's.
    pub attitude: [f64; 4],
    /// Angular velocity in rad/s about the body's axes.
    pub angular_velocity: [f64; 3],
}

impl QuadrotorState {
    /// At rest at the origin, level and heading along x.
    pub const HOVERING: Self =
        Self { position: [0.0; 3], velocity: [0.0; 3], attitude: [1.0, 0.0, 0.0, 0.0], angular_velocity: [0.0; 3] };

    /// Returns the rotation matrix of the attitude, row by row: its columns are the body's axes in the world.
    pub fn rotation(&self) -> [[f64; 3]; 3] {
        let [w, x, y, z] = self.attitude;
        [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
            [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
            [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
        ]
    }

    fn to_array(self) -> [f64; 13] {
        let parts = self.position.into_iter().chain(self.velocity).chain(self.attitude).chain(self.angular_velocity);
        let mut array = [0.0; 13];
        array.iter_mut().zip(parts).for_each(|(slot, part)| *slot = part);
        array
    }

    fn of_array([x, y, z, u, v, w, qw, qx, qy, qz, p, q, r]: [f64; 13]) -> Self {
        Self { position: [x, y, z], velocity: [u, v, w], attitude: [qw, qx, qy, qz], angular_velocity: [p, q, r] }
    }

    fn is_lost(&self) -> bool {
        norm(&self.position) > MAX_DISTANCE || norm(&self.angular_velocity) > MAX_TURN
    }
}

/// A quadrotor that has to hover at the origin.
///
/// An episode ends when it flies away or spins; [`QuadrotorHover::standard`] truncates it after 500 steps.
///
/// # Examples
///
/// ```
/// use actor_critic::env::quadrotor::QuadrotorState;
/// use actor_critic::env::{Environment, QuadrotorHover};
///
/// let mut env = QuadrotorHover::default();
/// env.reset_to(QuadrotorState::HOVERING)?;
/// let step = env.step(&[0.1445; 4])?;
/// assert_eq!(step.reward, 1.0);
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct QuadrotorHover {
    observation_space: BoxSpace,
    action_space: BoxSpace,
    state: Option<QuadrotorState>,
}

impl Default for QuadrotorHover {
    fn default() -> Self {
        let unbounded = [f32::INFINITY; 3];
        let bound = [&unbounded[..], &[1.0; 9], &unbounded, &unbounded].concat();
        Self {
            observation_space: BoxSpace::new(bound.iter().map(|x| -x).collect(), bound)
                .expect("each bound is positive"),
            action_space: BoxSpace::symmetric(1.0, 4).expect("1 is positive"),
            state: None,
        }
    }
}

impl QuadrotorHover {
    /// Creates the task with its time limit: truncated after 500 steps of 0.01 s.
    pub fn standard() -> TimeLimit<Self> {
        TimeLimit::new(Self::default(), MAX_STEPS)
    }

    /// Returns the hidden state, or `None` before the first reset.
    pub fn state(&self) -> Option<QuadrotorState> {
        self.state
    }

    /// Starts an episode in `state` and returns its first observation.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::State`] if the position or the angular velocity is where an episode ends, a velocity beyond 10 m/s,
    /// the attitude not of norm 1, or any number not finite. The running episode then continues.
    pub fn reset_to(&mut self, state: QuadrotorState) -> Result<Vec<f32>, EnvironmentError> {
        check_state("norm of the position", norm(&state.position), 0.0, MAX_DISTANCE)?;
        for velocity in state.velocity {
            check_state("velocity", velocity, -MAX_START_VELOCITY, MAX_START_VELOCITY)?;
        }
        check_state("norm of the attitude", norm(&state.attitude), 1.0 - NORM_ERROR, 1.0 + NORM_ERROR)?;
        check_state("norm of the angular_velocity", norm(&state.angular_velocity), 0.0, MAX_TURN)?;
        self.state = Some(state);
        Ok(observe(state))
    }
}

impl Environment for QuadrotorHover {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let mut rng = NumpyRng::new(seed);
        let position = std::array::from_fn(|_| rng.uniform(-0.5, 0.5));
        let velocity = std::array::from_fn(|_| rng.uniform(-0.5, 0.5));
        let (heading, direction, tilt) = (rng.uniform(-PI, PI), rng.uniform(-PI, PI), rng.uniform(0.0, 0.5));
        let angular_velocity = std::array::from_fn(|_| rng.uniform(-1.0, 1.0));
        let attitude = attitude(heading, direction, tilt);
        self.reset_to(QuadrotorState { position, velocity, attitude, angular_velocity })
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.action_space, action)?;
        let state = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        if state.is_lost() {
            return Err(EnvironmentError::StepAfterEnd);
        }
        let (state, reward) = advance(state, std::array::from_fn(|i| action[i]));
        self.state = Some(state);
        Ok(Step { observation: observe(state), reward: reward as f32, terminated: state.is_lost(), truncated: false })
    }
}

impl SaveState for QuadrotorHover {
    fn save_state(&self) -> Result<State, StateError> {
        let mut saved = State::new();
        if let Some(QuadrotorState { position, velocity, attitude, angular_velocity }) = self.state {
            saved.put_array("position", &[3], position.to_vec());
            saved.put_array("velocity", &[3], velocity.to_vec());
            saved.put_array("attitude", &[4], attitude.to_vec());
            saved.put_array("angular_velocity", &[3], angular_velocity.to_vec());
        }
        Ok(saved)
    }

    fn load_state(&mut self, mut saved: State) -> Result<(), StateError> {
        saved.check_finite()?;
        if saved.names().next().is_none() {
            self.state = None;
            return Ok(());
        }
        let state = QuadrotorState {
            position: take(&mut saved, "position")?,
            velocity: take(&mut saved, "velocity")?,
            attitude: take(&mut saved, "attitude")?,
            angular_velocity: take(&mut saved, "angular_velocity")?,
        };
        saved.finish()?;
        let norm = norm(&state.attitude);
        if (norm - 1.0).abs() > NORM_ERROR {
            return Err(StateError::invalid("attitude", "a quaternion of norm 1", norm));
        }
        self.state = Some(state);
        Ok(())
    }
}

fn take<const N: usize>(saved: &mut State, name: &str) -> Result<[f64; N], StateError> {
    let values: Vec<f64> = saved.take_array(name, &[N])?;
    Ok(std::array::from_fn(|i| values[i]))
}

/// Advances a quadrotor by 0.01 s with thrusts of `0.06 (1 + action)` N, with `action` clipped to `[−1, 1]`: the new state, and
/// the reward in it.
///
/// # Examples
///
/// ```
/// use actor_critic::env::quadrotor::{QuadrotorState, advance};
///
/// let (next, _) = advance(QuadrotorState::HOVERING, [-1.0; 4]);
/// assert!((next.velocity[2] + 0.0981).abs() < 1e-15); // falls freely
/// ```
pub fn advance(state: QuadrotorState, action: [f32; 4]) -> (QuadrotorState, f64) {
    let thrusts = action.map(|action| MAX_THRUST * (1.0 + f64::from(action.clamp(-1.0, 1.0))) / 2.0);
    let mut next = QuadrotorState::of_array(runge_kutta(state.to_array(), DT, |state| derivative(state, thrusts)));
    let size = norm(&next.attitude);
    next.attitude = next.attitude.map(|part| part / size);
    (next, reward(&next))
}

fn derivative(state: &[f64; 13], [f1, f2, f3, f4]: [f64; 4]) -> [f64; 13] {
    let QuadrotorState { velocity, attitude: [w, x, y, z], angular_velocity: [p, q, r], .. } =
        QuadrotorState::of_array(*state);
    let lift = (f1 + f2 + f3 + f4) / MASS;
    let torque = [LEVER * (f3 + f4 - f1 - f2), LEVER * (f2 + f3 - f1 - f4), TORQUE_PER_THRUST * (f2 + f4 - f1 - f3)];
    let [jx, jy, jz] = INERTIA;
    QuadrotorState {
        position: velocity,
        // The third column of the rotation matrix; the quaternion may be a little off the unit sphere within a step.
        velocity: [
            lift * 2.0 * (x * z + w * y),
            lift * 2.0 * (y * z - w * x),
            lift * (1.0 - 2.0 * (x * x + y * y)) - GRAVITY,
        ],
        attitude: [
            0.5 * (-x * p - y * q - z * r),
            0.5 * (w * p + y * r - z * q),
            0.5 * (w * q + z * p - x * r),
            0.5 * (w * r + x * q - y * p),
        ],
        angular_velocity: [
            (torque[0] - (jz - jy) * q * r) / jx,
            (torque[1] - (jx - jz) * r * p) / jy,
            (torque[2] - (jy - jx) * p * q) / jz,
        ],
    }
    .to_array()
}

fn reward(state: &QuadrotorState) -> f64 {
    let close = gaussian_tolerance(norm(&state.position), DISTANCE_MARGIN);
    let upright = (3.0 + state.rotation()[2][2]) / 4.0;
    let calm = (1.0 + gaussian_tolerance(norm(&state.angular_velocity), TURN_MARGIN)) / 2.0;
    close * upright * calm
}

fn observe(state: QuadrotorState) -> Vec<f32> {
    let QuadrotorState { position, velocity, angular_velocity, .. } = state;
    let rotation = state.rotation();
    let all = position.iter().chain(rotation.iter().flatten()).chain(&velocity).chain(&angular_velocity);
    all.map(|&x| x as f32).collect()
}

/// Turns by `heading` about the vertical after a tilt about the horizontal axis in `direction` (all in rad).
fn attitude(heading: f64, direction: f64, tilt: f64) -> [f64; 4] {
    let (heading_sine, heading_cosine) = libm::sincos(heading / 2.0);
    let (direction_sine, direction_cosine) = libm::sincos(direction);
    let (tilt_sine, tilt_cosine) = libm::sincos(tilt / 2.0);
    let (x, y) = (tilt_sine * direction_cosine, tilt_sine * direction_sine);
    [
        heading_cosine * tilt_cosine,
        heading_cosine * x - heading_sine * y,
        heading_cosine * y + heading_sine * x,
        heading_sine * tilt_cosine,
    ]
}

fn norm(vector: &[f64]) -> f64 {
    libm::sqrt(vector.iter().map(|x| x * x).sum())
}

#[cfg(test)]
mod tests;
