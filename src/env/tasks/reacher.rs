//! Reacher, an arm of two links that reaches for a point: dm_control's `reacher`, `easy` and `hard`, without MuJoCo.
//!
//! The arm lies flat, so gravity has no effect. Each joint has a motor. The target stays in place during an episode. The reward of a step is
//! 1 while the fingertip touches the target, and 0 otherwise. dm_control computes the motion with MuJoCo. The
//! equations that MuJoCo solves for this model are short, and this module solves them in the same way. With α the angle of the
//! upper arm, β that of the hand relative to it, and k = l P:
//!
//! ```text
//! | J₁ + m l² + J₂ + 2 k cos β   J₂ + k cos β |        | 0.05 u₁ − 0.01 α̇ + k sin β (2 α̇ β̇ + β̇²)    |
//! | J₂ + k cos β                 J₂           | · q̈ = | 0.05 u₂ − 0.01 β̇ − k sin β α̇² + stop(β)   |
//! ```
//!
//! with u = clip(a, ±1), l = 0.12 m, and of the hand with its finger: mass m, first moment P and moment of inertia J₂ about the wrist;
//! J₁ is that of the upper arm about the shoulder. All parts are of 1,000 kg/m³. A step of 0.02 s is MuJoCo's semi-implicit
//! Euler: the velocity takes the damping of the end of the step, the angle moves with the new velocity,
//!
//! ```text
//! q̇′ = q̇ + 0.02 (M + 0.02 · 0.01 · 1)⁻¹ M q̈
//! q′ = q + 0.02 q̇′
//! ```
//!
//! The wrist has MuJoCo's soft stops at ±160°; the shoulder turns freely.
//!
//! | | components | range |
//! |---|---|---|
//! | observation | α, β (rad); from the finger to the target, x, y (m); α̇, β̇ (rad/s) | ℝ⁶ |
//! | action | torques a of shoulder and wrist, in units of 0.05 N·m | \[−1, 1\], clipped beyond |
//! | reward | per step, dimensionless | 1 within 0.06 m (hard: 0.025 m) of the target's centre, else 0 |
//!
//! The only difference from dm_control, apart from rounding, is the start of a seed: α is uniform in `[−π, π)`, β between its
//! stops, the target's direction anywhere and its distance in `[0.05, 0.2)` m, as there, but from another generator. The
//! `Reacher` of Gymnasium is another task.
//!
//! # References
//!
//! - Y. Tassa et al. (2018). *DeepMind Control Suite*. arXiv:1801.00690.
//! - MuJoCo, *Computation*, section on numerical integration: <https://mujoco.readthedocs.io/en/stable/computation/>.

use super::numpy_rng::NumpyRng;
use super::physics::capsule::{Capsule, ball_inertia, ball_mass};
use super::physics::joint_limit::JointLimit;
use crate::config::{ConfigError, positive};
use crate::env::{Environment, EnvironmentError, Step, TimeLimit, check_action, check_state};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};
use std::f64::consts::{PI, TAU};
use std::num::NonZeroUsize;

const DENSITY: f64 = 1_000.0;
const RADIUS: f64 = 0.01;
const UPPER: Capsule = Capsule::of_density(DENSITY, RADIUS, 0.12);
const HAND: Capsule = Capsule::of_density(DENSITY, RADIUS, 0.1);
const FINGER_MASS: f64 = ball_mass(DENSITY, RADIUS);

/// From shoulder to wrist, and from wrist to finger, in m.
const UPPER_LENGTH: f64 = 0.12;
const HAND_LENGTH: f64 = 0.12;

const HAND_CENTER: f64 = 0.5 * HAND.length;
const HAND_MOMENT: f64 = HAND.mass * HAND_CENTER + FINGER_MASS * HAND_LENGTH;
/// Moment of inertia of hand and finger about the wrist, and of the upper arm with their weight at its end about the shoulder.
const HAND_INERTIA: f64 = HAND.transverse_inertia()
    + HAND.mass * HAND_CENTER * HAND_CENTER
    + ball_inertia(FINGER_MASS, RADIUS)
    + FINGER_MASS * HAND_LENGTH * HAND_LENGTH;
const UPPER_INERTIA: f64 = UPPER.transverse_inertia()
    + UPPER.mass * 0.25 * UPPER.length * UPPER.length
    + (HAND.mass + FINGER_MASS) * UPPER_LENGTH * UPPER_LENGTH;
const COUPLING: f64 = UPPER_LENGTH * HAND_MOMENT;
const GEAR: f64 = 0.05;
const DAMPING: f64 = 0.01;
const DT: f64 = 0.02;

const STRETCHED: Inertia = Inertia::of(1.0);
const MAX_WRIST: f64 = 160.0 * PI / 180.0;
const WRIST: JointLimit = JointLimit {
    low: -MAX_WRIST,
    high: MAX_WRIST,
    // MuJoCo's default of 0.02 s, raised to two time steps.
    time_constant: 2.0 * DT,
    rest_inverse_inertia: STRETCHED.both / STRETCHED.determinant(),
};

/// Radii of the two targets and of the finger that touches them, in m.
const EASY_TARGET: f64 = 0.05;
const HARD_TARGET: f64 = 0.015;
const FINGER: f64 = RADIUS;

/// Least and greatest distance of a target from the shoulder, in m.
const TARGET_DISTANCE: (f64, f64) = (0.05, 0.2);

/// Bounds of a start state: rad, rad/s, and m for each coordinate of the target.
const MAX_START_WRIST: f64 = PI;
const MAX_START_VELOCITY: f64 = 50.0;
const MAX_TARGET: f64 = 1.0;

/// Steps in an episode of dm_control: 20 s.
const MAX_STEPS: NonZeroUsize = NonZeroUsize::new(1_000).expect("1000 is not zero");

/// The hidden state of a reaching arm, with its target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReacherState {
    /// Angle α of the upper arm in rad, counter-clockwise from the x axis. It counts full turns.
    pub shoulder: f64,
    /// Angle β of the hand relative to the upper arm in rad; 0 is stretched.
    pub wrist: f64,
    /// Angular velocity α̇ in rad/s.
    pub shoulder_velocity: f64,
    /// Angular velocity β̇ in rad/s.
    pub wrist_velocity: f64,
    /// Centre of the target, x and y in m from the shoulder.
    pub target: [f64; 2],
}

impl ReacherState {
    /// Returns the positions of wrist and finger, x and y in m from the shoulder.
    pub(in crate::env) fn joints(&self) -> [[f64; 2]; 2] {
        let (upper_sine, upper_cosine) = libm::sincos(self.shoulder);
        let (hand_sine, hand_cosine) = libm::sincos(self.shoulder + self.wrist);
        let wrist = [UPPER_LENGTH * upper_cosine, UPPER_LENGTH * upper_sine];
        [wrist, [wrist[0] + HAND_LENGTH * hand_cosine, wrist[1] + HAND_LENGTH * hand_sine]]
    }

    /// Returns the vector from the finger to the target, x and y in m.
    fn to_target(self) -> [f64; 2] {
        let [_, finger] = self.joints();
        [self.target[0] - finger[0], self.target[1] - finger[1]]
    }
}

/// An arm that reaches for a target, equal to dm_control's up to rounding.
///
/// Episodes never end; [`Reacher::easy`] and [`Reacher::hard`] truncate them after 1,000 steps.
///
/// # Examples
///
/// ```
/// use actor_critic::env::reacher::ReacherState;
/// use actor_critic::env::{Environment, Reacher};
///
/// let mut env = Reacher::hard().into_inner();
/// let stretched = ReacherState {
///     shoulder: 0.0,
///     wrist: 0.0,
///     shoulder_velocity: 0.0,
///     wrist_velocity: 0.0,
///     target: [0.22, 0.0], // 2 cm short of the finger
/// };
/// env.reset_to(stretched)?;
/// assert_eq!(env.step(&[0.0, 0.0])?.reward, 1.0);
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Reacher {
    observation_space: BoxSpace,
    action_space: BoxSpace,
    target_radius: f64,
    state: Option<ReacherState>,
}

/// The easy target, without a time limit.
impl Default for Reacher {
    fn default() -> Self {
        Self::with_valid(EASY_TARGET)
    }
}

impl Reacher {
    /// Creates an arm without a time limit, with a target of the given radius in m.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NotPositive`] if the radius is not positive and finite.
    pub fn new(target_radius: f64) -> Result<Self, ConfigError> {
        positive("target_radius", target_radius)?;
        Ok(Self::with_valid(target_radius))
    }

    /// Creates dm_control's `reacher` `easy`: a target of 5 cm in radius, truncated after 1,000 steps of 0.02 s.
    pub fn easy() -> TimeLimit<Self> {
        TimeLimit::new(Self::with_valid(EASY_TARGET), MAX_STEPS)
    }

    /// Creates dm_control's `reacher` `hard`: a target of 1.5 cm in radius, truncated after 1,000 steps of 0.02 s.
    pub fn hard() -> TimeLimit<Self> {
        TimeLimit::new(Self::with_valid(HARD_TARGET), MAX_STEPS)
    }

    fn with_valid(target_radius: f64) -> Self {
        Self {
            observation_space: BoxSpace::unbounded(6).expect("6 is not zero"),
            action_space: BoxSpace::symmetric(1.0, 2).expect("1 is positive"),
            target_radius,
            state: None,
        }
    }

    /// Returns the radius of the target in m.
    pub(in crate::env) fn target_radius(&self) -> f64 {
        self.target_radius
    }

    /// Returns the hidden state, or `None` before the first reset.
    pub fn state(&self) -> Option<ReacherState> {
        self.state
    }

    /// Starts an episode in `state` and returns its first observation.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::State`] if β is beyond π, an angular velocity beyond 50 rad/s, a coordinate of the target beyond
    /// 1 m, or any number not finite. The running episode then continues.
    pub fn reset_to(&mut self, state: ReacherState) -> Result<Vec<f32>, EnvironmentError> {
        check_state("shoulder", state.shoulder, f64::NEG_INFINITY, f64::INFINITY)?;
        check_state("wrist", state.wrist, -MAX_START_WRIST, MAX_START_WRIST)?;
        check_state("shoulder_velocity", state.shoulder_velocity, -MAX_START_VELOCITY, MAX_START_VELOCITY)?;
        check_state("wrist_velocity", state.wrist_velocity, -MAX_START_VELOCITY, MAX_START_VELOCITY)?;
        check_state("x of the target", state.target[0], -MAX_TARGET, MAX_TARGET)?;
        check_state("y of the target", state.target[1], -MAX_TARGET, MAX_TARGET)?;
        self.state = Some(state);
        Ok(observe(state))
    }
}

impl Environment for Reacher {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let mut rng = NumpyRng::new(seed);
        let (shoulder, wrist) = (rng.uniform(-PI, PI), rng.uniform(-MAX_WRIST, MAX_WRIST));
        let direction = rng.uniform(0.0, TAU);
        let distance = rng.uniform(TARGET_DISTANCE.0, TARGET_DISTANCE.1);
        let (sine, cosine) = libm::sincos(direction);
        let target = [distance * sine, distance * cosine];
        self.reset_to(ReacherState { shoulder, wrist, shoulder_velocity: 0.0, wrist_velocity: 0.0, target })
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.action_space, action)?;
        let state = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        let state = advance(state, [action[0], action[1]]);
        self.state = Some(state);
        let [x, y] = state.to_target();
        let touches = libm::sqrt(x * x + y * y) <= self.target_radius + FINGER;
        Ok(Step { observation: observe(state), reward: f32::from(touches), terminated: false, truncated: false })
    }
}

impl SaveState for Reacher {
    fn save_state(&self) -> Result<State, StateError> {
        let mut saved = State::new();
        saved.put("target_radius", self.target_radius);
        if let Some(ReacherState { shoulder, wrist, shoulder_velocity, wrist_velocity, target }) = self.state {
            saved.put("shoulder", shoulder);
            saved.put("wrist", wrist);
            saved.put("shoulder_velocity", shoulder_velocity);
            saved.put("wrist_velocity", wrist_velocity);
            saved.put_array("target", &[2], target.to_vec());
        }
        Ok(saved)
    }

    fn load_state(&mut self, mut saved: State) -> Result<(), StateError> {
        saved.check_finite()?;
        saved.expect("target_radius", self.target_radius)?;
        if saved.names().next().is_none() {
            self.state = None;
            return Ok(());
        }
        let target: Vec<f64> = saved.take_array("target", &[2])?;
        let state = ReacherState {
            shoulder: saved.take("shoulder")?,
            wrist: saved.take("wrist")?,
            shoulder_velocity: saved.take("shoulder_velocity")?,
            wrist_velocity: saved.take("wrist_velocity")?,
            target: [target[0], target[1]],
        };
        saved.finish()?;
        self.state = Some(state);
        Ok(())
    }
}

/// The mass matrix `[[both, across], [across, hand]]` of an arm, in kg·m².
#[derive(Debug, Clone, Copy)]
struct Inertia {
    both: f64,
    across: f64,
    hand: f64,
}

impl Inertia {
    const fn of(wrist_cosine: f64) -> Self {
        let across = HAND_INERTIA + COUPLING * wrist_cosine;
        Self { both: UPPER_INERTIA + across + COUPLING * wrist_cosine, across, hand: HAND_INERTIA }
    }

    const fn determinant(&self) -> f64 {
        self.both * self.hand - self.across * self.across
    }

    /// Returns the accelerations in rad/s² under torques in N·m.
    fn solve(&self, [first, second]: [f64; 2]) -> [f64; 2] {
        let determinant = self.determinant();
        [
            (self.hand * first - self.across * second) / determinant,
            (self.both * second - self.across * first) / determinant,
        ]
    }
}

/// Advances an arm by 0.02 s under torques of `0.05 · action` N·m, with `action` clipped to `[−1, 1]`.
///
/// # Examples
///
/// ```
/// use actor_critic::env::reacher::{ReacherState, advance};
///
/// let stretched =
///     ReacherState { shoulder: 0.0, wrist: 0.0, shoulder_velocity: 0.0, wrist_velocity: 0.0, target: [0.1, 0.1] };
/// let next = advance(stretched, [0.0, 1.0]);
/// assert!(next.wrist_velocity > 0.0 && next.shoulder_velocity < 0.0); // the arm recoils
/// ```
pub fn advance(state: ReacherState, action: [f32; 2]) -> ReacherState {
    let ReacherState { shoulder, wrist, shoulder_velocity: v, wrist_velocity: w, target } = state;
    let [first, second] = action.map(|action| GEAR * f64::from(action.clamp(-1.0, 1.0)));
    let (sine, cosine) = libm::sincos(wrist);
    let first = first - DAMPING * v + COUPLING * sine * (2.0 * v * w + w * w);
    let second = second - DAMPING * w - COUPLING * sine * v * v;

    let inertia = Inertia::of(cosine);
    let [_, free] = inertia.solve([first, second]);
    let second = second + WRIST.force(wrist, w, free, inertia.both / inertia.determinant());

    let damped = Inertia { both: inertia.both + DT * DAMPING, hand: inertia.hand + DT * DAMPING, ..inertia };
    let [first, second] = damped.solve([first, second]);
    let (v, w) = (v + DT * first, w + DT * second);
    ReacherState { shoulder: shoulder + DT * v, wrist: wrist + DT * w, shoulder_velocity: v, wrist_velocity: w, target }
}

fn observe(state: ReacherState) -> Vec<f32> {
    let [x, y] = state.to_target();
    [state.shoulder, state.wrist, x, y, state.shoulder_velocity, state.wrist_velocity].map(|x| x as f32).to_vec()
}

#[cfg(test)]
mod tests;
