//! Cart-pole swing-up: dm_control's `cartpole`, `swingup` and `swingup_sparse`, without MuJoCo.
//!
//! The pole hangs down, and the cart has to swing it up on 3.6 m of rail and hold it there. dm_control computes the motion
//! with MuJoCo. The equations that MuJoCo solves for this model are short, and this module solves them in the same way:
//!
//! ```text
//! | M + m       m l cos θ |   | ẍ |   | 10 u − 0.0005 ẋ + m l θ̇² sin θ + stop(x) |
//! | m l cos θ   J + m l²  | · | θ̈ | = | m g l sin θ − 0.000002 θ̇                 |
//! ```
//!
//! by the classical Runge-Kutta method with a step of 0.01 s, u = clip(a, ±1) held still. M = 1 kg, m = 0.1 kg, l = 0.5 m,
//! g = 9.81 m/s²; J is the moment of inertia of the pole, a capsule of 1 m and a radius of 0.045 m. The ends of the
//! rail at ±1.8 m are MuJoCo's soft stops, so the cart can overrun them by some centimetres.
//!
//! The reward is a product of four numbers, each with its own floor, that are 1 upright, in the middle, without force and
//! at rest. With the Gaussian t(d, margin) = 0.1^(d² / margin²):
//!
//! ```text
//! r = (1 + cos θ)/2 · (1 + t(x, 2))/2 · (4 + 1 − u²)/5 · (1 + t(θ̇, 5))/2    in the new state
//! ```
//!
//! The sparse task gives 1 in a new state with ∣x∣ ≤ 0.25 m and cos θ ≥ 0.995, and 0 elsewhere: no reward before the pole has been swung up once.
//!
//! | | components | range |
//! |---|---|---|
//! | observation | x (m), cos θ, sin θ, ẋ (m/s), θ̇ (rad/s) | ℝ, \[−1, 1\], \[−1, 1\], ℝ, ℝ |
//! | action | force a, in units of 10 N | \[−1, 1\], clipped beyond |
//! | reward | per step, dimensionless | \[0, 1\] |
//!
//! There are two differences from dm_control. The start of a seed: x and θ − π are normal with a standard deviation of 0.01, ẋ and θ̇ as
//! well, as there, but from another generator. The force at the ends of the rail: it is exact here, while MuJoCo's
//! solver stops at a tolerance of 1e-8. At the end of an episode the difference was 1.7e-4 at most, and 2.4e-11 with a tolerance of 0.
//!
//! # References
//!
//! - Y. Tassa et al. (2018). *DeepMind Control Suite*. arXiv:1801.00690.
//! - E. Todorov, T. Erez, Y. Tassa (2012). *MuJoCo: A Physics Engine for Model-Based Control*. IROS.

use super::cart_pole::CartPoleState;
use super::numpy_rng::NumpyRng;
use super::physics::capsule::Capsule;
use super::physics::joint_limit::JointLimit;
use super::physics::runge_kutta::runge_kutta;
use super::physics::tolerance::{gaussian_tolerance, quadratic_tolerance};
use crate::env::{Environment, EnvironmentError, Step, TimeLimit, check_action, check_state};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};
use std::f64::consts::PI;
use std::num::NonZeroUsize;

const GRAVITY: f64 = 9.81;
const POLE: Capsule = Capsule { mass: 0.1, radius: 0.045, length: 1.0 };
const TOTAL_MASS: f64 = 1.0 + POLE.mass;
const CENTER: f64 = 0.5 * POLE.length;
const MASS_MOMENT: f64 = POLE.mass * CENTER;
/// Moment of inertia of the pole about its hinge.
const INERTIA: f64 = POLE.transverse_inertia() + MASS_MOMENT * CENTER;
const GEAR: f64 = 10.0;
const RAIL_DAMPING: f64 = 5e-4;
const HINGE_DAMPING: f64 = 2e-6;
const DT: f64 = 0.01;

const RAIL: JointLimit = JointLimit {
    low: -1.8,
    high: 1.8,
    time_constant: 0.08,
    rest_inverse_inertia: INERTIA / (TOTAL_MASS * INERTIA - MASS_MOMENT * MASS_MOMENT),
};

/// Bounds of a start state: m, m/s and rad/s.
const MAX_START_POSITION: f64 = 2.0;
const MAX_START_VELOCITY: f64 = 20.0;
const MAX_START_THETA_DOT: f64 = 50.0;

/// Region of the sparse reward: m from the middle, and the least cosine of the pole.
const SPARSE_POSITION: f64 = 0.25;
const SPARSE_COSINE: f64 = 0.995;

/// Steps in an episode of dm_control: 10 s.
const MAX_STEPS: NonZeroUsize = NonZeroUsize::new(1_000).expect("1000 is not zero");

/// A cart that has to swing up its pole, equal to dm_control's up to rounding.
///
/// Episodes never end; [`CartPoleSwingUp::standard`] and [`CartPoleSwingUp::sparse`] truncate them after 1,000 steps.
///
/// # Examples
///
/// ```
/// use actor_critic::env::cart_pole::CartPoleState;
/// use actor_critic::env::{CartPoleSwingUp, Environment};
///
/// let mut env = CartPoleSwingUp::default();
/// let upright = CartPoleState { position: 0.0, velocity: 0.0, theta: 0.0, theta_dot: 0.0 };
/// assert_eq!(env.reset_to(upright)?, [0.0, 1.0, 0.0, 0.0, 0.0]);
/// assert_eq!(env.step(&[0.0])?.reward, 1.0);
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CartPoleSwingUp {
    observation_space: BoxSpace,
    action_space: BoxSpace,
    is_sparse: bool,
    state: Option<CartPoleState>,
}

/// The dense reward, without a time limit.
impl Default for CartPoleSwingUp {
    fn default() -> Self {
        let bound = [f32::INFINITY, 1.0, 1.0, f32::INFINITY, f32::INFINITY].to_vec();
        Self {
            observation_space: BoxSpace::new(bound.iter().map(|x| -x).collect(), bound)
                .expect("each bound is positive"),
            action_space: BoxSpace::symmetric(1.0, 1).expect("1 is positive"),
            is_sparse: false,
            state: None,
        }
    }
}

impl CartPoleSwingUp {
    /// Creates dm_control's `cartpole` `swingup`: truncated after 1,000 steps of 0.01 s.
    pub fn standard() -> TimeLimit<Self> {
        TimeLimit::new(Self::default(), MAX_STEPS)
    }

    /// Creates dm_control's `cartpole` `swingup_sparse`: a reward only where the pole stands in the middle, truncated after 1,000 steps of 0.01 s.
    pub fn sparse() -> TimeLimit<Self> {
        TimeLimit::new(Self { is_sparse: true, ..Self::default() }, MAX_STEPS)
    }

    /// Returns whether the reward is that of `swingup_sparse`.
    pub fn is_sparse(&self) -> bool {
        self.is_sparse
    }

    /// Returns the hidden state, or `None` before the first reset.
    pub fn state(&self) -> Option<CartPoleState> {
        self.state
    }

    /// Starts an episode in `state` and returns its first observation.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::State`] if x is beyond 2 m, ẋ beyond 20 m/s, θ̇ beyond 50 rad/s, or any number not finite. The
    /// running episode then continues.
    pub fn reset_to(&mut self, state: CartPoleState) -> Result<Vec<f32>, EnvironmentError> {
        check_state("position", state.position, -MAX_START_POSITION, MAX_START_POSITION)?;
        check_state("velocity", state.velocity, -MAX_START_VELOCITY, MAX_START_VELOCITY)?;
        check_state("theta", state.theta, f64::NEG_INFINITY, f64::INFINITY)?;
        check_state("theta_dot", state.theta_dot, -MAX_START_THETA_DOT, MAX_START_THETA_DOT)?;
        self.state = Some(state);
        Ok(observe(state))
    }
}

impl Environment for CartPoleSwingUp {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let mut rng = NumpyRng::new(seed);
        let [position, theta, velocity, theta_dot] = std::array::from_fn(|_| 0.01 * rng.standard_normal());
        self.reset_to(CartPoleState { position, velocity, theta: PI + theta, theta_dot })
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.action_space, action)?;
        let state = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        let (state, mut reward) = advance(state, action[0]);
        if self.is_sparse {
            reward = sparse_reward(state);
        }
        self.state = Some(state);
        Ok(Step { observation: observe(state), reward: reward as f32, terminated: false, truncated: false })
    }
}

impl SaveState for CartPoleSwingUp {
    fn save_state(&self) -> Result<State, StateError> {
        let mut saved = State::new();
        if let Some(state) = self.state {
            state.put_into(&mut saved);
        }
        Ok(saved)
    }

    fn load_state(&mut self, mut saved: State) -> Result<(), StateError> {
        saved.check_finite()?;
        if saved.names().next().is_none() {
            self.state = None;
            return Ok(());
        }
        let state = CartPoleState::take_from(&mut saved)?;
        saved.finish()?;
        self.state = Some(state);
        Ok(())
    }
}

/// Advances the cart by 0.01 s under a force of `10 · action` N, with `action` clipped to `[−1, 1]`: the new state, and the
/// reward in it.
///
/// # Examples
///
/// ```
/// use actor_critic::env::cart_pole::CartPoleState;
/// use actor_critic::env::cart_pole_swing_up::advance;
///
/// let hanging = CartPoleState { position: 0.0, velocity: 0.0, theta: std::f64::consts::PI, theta_dot: 0.0 };
/// let (next, reward) = advance(hanging, 1.0);
/// assert!((next.velocity - 0.0973).abs() < 1e-4); // 0.01 s · 10 N · 0.9734 / kg
/// assert!(reward < 1e-5); // nothing is upright
/// ```
pub fn advance(state: CartPoleState, action: f32) -> (CartPoleState, f64) {
    let control = f64::from(action.clamp(-1.0, 1.0));
    let start = [state.position, state.theta, state.velocity, state.theta_dot];
    let [position, theta, velocity, theta_dot] = runge_kutta(start, DT, |state| derivative(state, control));
    let next = CartPoleState { position, velocity, theta, theta_dot };
    (next, reward(next, control))
}

/// Returns the time derivative of `[x, θ, ẋ, θ̇]`.
fn derivative(&[position, theta, velocity, theta_dot]: &[f64; 4], control: f64) -> [f64; 4] {
    let (sine, cosine) = libm::sincos(theta);
    let coupling = MASS_MOMENT * cosine;
    let determinant = TOTAL_MASS * INERTIA - coupling * coupling;
    let force = GEAR * control - RAIL_DAMPING * velocity + MASS_MOMENT * sine * theta_dot * theta_dot;
    let torque = MASS_MOMENT * GRAVITY * sine - HINGE_DAMPING * theta_dot;

    let free = (INERTIA * force - coupling * torque) / determinant;
    let force = force + RAIL.force(position, velocity, free, INERTIA / determinant);
    [
        velocity,
        theta_dot,
        (INERTIA * force - coupling * torque) / determinant,
        (TOTAL_MASS * torque - coupling * force) / determinant,
    ]
}

fn reward(state: CartPoleState, control: f64) -> f64 {
    let upright = (1.0 + libm::cos(state.theta)) / 2.0;
    let centered = (1.0 + gaussian_tolerance(state.position, 2.0)) / 2.0;
    let small_control = (4.0 + quadratic_tolerance(control, 1.0)) / 5.0;
    let small_velocity = (1.0 + gaussian_tolerance(state.theta_dot, 5.0)) / 2.0;
    upright * centered * small_control * small_velocity
}

fn sparse_reward(state: CartPoleState) -> f64 {
    let stands = state.position.abs() <= SPARSE_POSITION && libm::cos(state.theta) >= SPARSE_COSINE;
    if stands { 1.0 } else { 0.0 }
}

fn observe(CartPoleState { position, velocity, theta, theta_dot }: CartPoleState) -> Vec<f32> {
    let (sine, cosine) = libm::sincos(theta);
    [position, cosine, sine, velocity, theta_dot].map(|x| x as f32).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HANGING: CartPoleState = CartPoleState { position: 0.0, velocity: 0.0, theta: PI, theta_dot: 0.0 };

    #[test]
    fn energy_is_kept_but_for_the_damping() {
        let energy = |s: CartPoleState| {
            0.5 * TOTAL_MASS * s.velocity * s.velocity
                + MASS_MOMENT * s.theta.cos() * s.velocity * s.theta_dot
                + 0.5 * INERTIA * s.theta_dot * s.theta_dot
                + MASS_MOMENT * GRAVITY * s.theta.cos()
        };
        let mut state = CartPoleState { theta: 1.0, ..HANGING };
        let before = energy(state);
        for _ in 0..100 {
            (state, _) = advance(state, 0.0);
            assert!(state.position.abs() < 1.8);
        }
        let lost = before - energy(state);
        assert!((0.0..1e-3).contains(&lost), "{lost} J");
    }

    #[test]
    fn the_rail_ends_softly_at_both_sides() {
        for side in [1.0, -1.0] {
            let mut state = HANGING;
            let mut farthest: f64 = 0.0;
            for _ in 0..1_000 {
                (state, _) = advance(state, side);
                farthest = farthest.max(f64::from(side) * state.position);
            }
            assert!((1.8..2.1).contains(&farthest), "{farthest}");
            assert!((f64::from(side) * state.position - 1.8).abs() < 0.1);
        }
    }

    #[test]
    fn rewards_are_worked_by_hand() {
        let upright = CartPoleState { theta: 0.0, ..HANGING };
        assert_eq!(reward(upright, 0.0), 1.0);
        assert_eq!(reward(upright, -1.0), 0.8);
        // Level, at the margins of position and speed, at half the force: 0.5 · 0.55 · 0.95 · 0.55
        let state = CartPoleState { position: -2.0, velocity: 9.0, theta: PI / 2.0, theta_dot: 5.0 };
        assert!((reward(state, 0.5) - 0.5 * 0.55 * 0.95 * 0.55).abs() < 1e-15);
        assert!(reward(HANGING, 0.0) < 1e-30);
    }

    #[test]
    fn the_sparse_reward_is_one_where_the_pole_stands_in_the_middle() {
        let upright = CartPoleState { theta: 0.0, ..HANGING };
        assert_eq!(sparse_reward(upright), 1.0);
        assert_eq!(sparse_reward(CartPoleState { position: -0.25, ..upright }), 1.0);
        assert_eq!(sparse_reward(CartPoleState { position: 0.2501, ..upright }), 0.0);
        // cos 0.1 = 0.9950, cos 0.1001 = 0.99499
        assert_eq!(sparse_reward(CartPoleState { theta: -0.1, ..upright }), 1.0);
        assert_eq!(sparse_reward(CartPoleState { theta: 0.1002, ..upright }), 0.0);
        let mut env = CartPoleSwingUp::sparse().into_inner();
        env.reset_to(upright).unwrap();
        assert_eq!(env.step(&[1.0]).unwrap().reward, 1.0);
    }

    #[test]
    fn actions_beyond_their_bounds_are_clipped() {
        assert_eq!(advance(HANGING, 9.0), advance(HANGING, 1.0));
        assert_eq!(advance(HANGING, -9.0), advance(HANGING, -1.0));
    }

    #[test]
    fn starts_have_dm_controls_distribution() {
        let mut env = CartPoleSwingUp::default();
        let starts: Vec<[f64; 4]> = (0..4_000)
            .map(|seed| {
                env.reset(seed).unwrap();
                let state = env.state().unwrap();
                [state.position, state.theta - PI, state.velocity, state.theta_dot]
            })
            .collect();
        for i in 0..4 {
            let mean = starts.iter().map(|start| start[i]).sum::<f64>() / 4e3;
            let std = (starts.iter().map(|start| start[i] * start[i]).sum::<f64>() / 4e3).sqrt();
            // Five standard errors: 5 · 0.01 / √4000 and 5 · 0.01 / √8000
            assert!(mean.abs() < 8e-4 && (std - 0.01).abs() < 6e-4, "{i}: {mean} {std}");
        }
    }

    #[test]
    fn a_state_that_is_not_finite_or_too_fast_is_refused() {
        let mut env = CartPoleSwingUp::default();
        let text = |env: &mut CartPoleSwingUp, state| env.reset_to(state).unwrap_err().to_string();
        let state = CartPoleState { position: 3.0, ..HANGING };
        assert_eq!(text(&mut env, state), "position must be finite and in [-2, 2], got 3");
        let state = CartPoleState { theta: f64::INFINITY, ..HANGING };
        assert_eq!(text(&mut env, state), "theta must be finite and in [-inf, inf], got inf");
        assert!(env.reset_to(CartPoleState { velocity: -21.0, ..HANGING }).is_err());
        assert!(env.reset_to(CartPoleState { theta_dot: 51.0, ..HANGING }).is_err());
        assert_eq!(env.step(&[0.0]).unwrap_err().to_string(), "reset must be called before the first step");
    }

    proptest! {
        #[test]
        fn no_start_leads_out_of_range(
            position in -2.0..2.0, velocity in -20.0..20.0, theta in -9.0..9.0, theta_dot in -50.0..50.0,
            actions in prop::collection::vec(-1_f32..1.0, 300),
        ) {
            let mut state = CartPoleState { position, velocity, theta, theta_dot };
            for action in actions {
                let (next, reward) = advance(state, action);
                prop_assert!((0.0..=1.0).contains(&reward));
                prop_assert!(next.position.abs() < 10.0 && next.velocity.abs() < 50.0 && next.theta_dot.abs() < 200.0);
                state = next;
            }
        }
    }
}
