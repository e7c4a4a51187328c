//! Acrobot swing-up, a double pendulum driven at its elbow: dm_control's `acrobot` `swingup`, without MuJoCo.
//!
//! Two arms of 1 m and 1 kg hang on each other; only the elbow has a motor, and it is weak. The reward is for being near the target, a point
//! 2 m above the shoulder; standing there is hard. dm_control computes the motion with MuJoCo. The
//! equations that MuJoCo solves for this model are short, and this module solves them in the same way. With α the angle of the
//! upper arm, β that of the lower arm relative to it, both 0 upright, and c = 0.5 m from a joint to an arm's centre:
//!
//! ```text
//! | J₁ + J₂ + m (l² + 2 c²) + 2 k cos β   J₂ + m c² + k cos β |   | α̈ |   | −0.05 α̇ + k sin β (2 α̇ β̇ + β̇²) + g (m (c + l) sin α + m c sin(α + β)) |
//! | J₂ + m c² + k cos β                   J₂ + m c²           | · | β̈ | = | 2 u − 0.05 β̇ − k sin β α̇² + g m c sin(α + β)                        |
//! ```
//!
//! with k = m l c, by the classical Runge-Kutta method with a step of 0.01 s, u = clip(a, ±1) held still. m = 1 kg, l = 1 m,
//! g = 9.81 m/s²; J₁ and J₂ are the moments of inertia of capsules with radii of 0.05 and 0.049 m.
//!
//! ```text
//! r = 1 within 0.2 m of the target, else 0.1^((d − 0.2)²)    with d m from the tip to the target, in the new state
//! ```
//!
//! | | components | range |
//! |---|---|---|
//! | observation | sin α, sin(α + β), cos α, cos(α + β); α̇, β̇ (rad/s) | \[−1, 1\] four times, ℝ, ℝ |
//! | action | torque a of the elbow, in units of 2 N·m | \[−1, 1\], clipped beyond |
//! | reward | per step, dimensionless | \[0, 1\] |
//!
//! The only difference from dm_control, apart from rounding, is the start of a seed: α and β are uniform in `[−π, π)`, at rest, as
//! there, but from another generator. Gymnasium's `Acrobot-v1` is another task.
//!
//! # References
//!
//! - R. Coulom (2002). *Reinforcement Learning Using Neural Networks, with Applications to Motor Control*. PhD thesis,
//!   Institut National Polytechnique de Grenoble.
//! - Y. Tassa et al. (2018). *DeepMind Control Suite*. arXiv:1801.00690.

use super::numpy_rng::NumpyRng;
use super::physics::capsule::Capsule;
use super::physics::runge_kutta::runge_kutta;
use super::physics::tolerance::gaussian_tolerance;
use crate::env::{Environment, EnvironmentError, Step, TimeLimit, check_action, check_state};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};
use std::f64::consts::PI;
use std::num::NonZeroUsize;

const GRAVITY: f64 = 9.81;
const UPPER: Capsule = Capsule { mass: 1.0, radius: 0.05, length: 1.0 };
const LOWER: Capsule = Capsule { mass: 1.0, radius: 0.049, length: 1.0 };
/// Moments of inertia of the two arms, each about the joint it hangs on.
const UPPER_INERTIA: f64 = UPPER.transverse_inertia() + 0.25 * UPPER.mass * UPPER.length * UPPER.length;
const LOWER_INERTIA: f64 = LOWER.transverse_inertia() + 0.25 * LOWER.mass * LOWER.length * LOWER.length;
/// Mass times distance of the lower arm's centre from the elbow, and of both arms' from the shoulder if they are folded there.
const LOWER_MOMENT: f64 = 0.5 * LOWER.mass * LOWER.length;
const UPPER_MOMENT: f64 = 0.5 * UPPER.mass * UPPER.length + LOWER.mass * UPPER.length;
const COUPLING: f64 = UPPER.length * LOWER_MOMENT;
const GEAR: f64 = 2.0;
const DAMPING: f64 = 0.05;
const DT: f64 = 0.01;

/// Height of the target above the shoulder and its radius, and how far from it some reward is left, in m.
const TARGET_HEIGHT: f64 = 2.0;
const TARGET_RADIUS: f64 = 0.2;
const MARGIN: f64 = 1.0;

/// Largest angular velocity of a start state, in rad/s.
const MAX_START_VELOCITY: f64 = 50.0;

/// Steps in an episode of dm_control: 10 s.
const MAX_STEPS: NonZeroUsize = NonZeroUsize::new(1_000).expect("1000 is not zero");

/// The hidden state of an acrobot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AcrobotState {
    /// Angle α of the upper arm in rad; 0 is upright. It counts full turns.
    pub shoulder: f64,
    /// Angle β of the lower arm relative to the upper one in rad; 0 is stretched. It counts full turns.
    pub elbow: f64,
    /// Angular velocity α̇ in rad/s.
    pub shoulder_velocity: f64,
    /// Angular velocity β̇ in rad/s.
    pub elbow_velocity: f64,
}

/// A double pendulum that has to swing itself up, equal to dm_control's up to rounding.
///
/// Its episodes never end; [`AcrobotSwingUp::standard`] cuts them off after 1,000 steps.
///
/// # Examples
///
/// ```
/// use actor_critic::env::acrobot::AcrobotState;
/// use actor_critic::env::{AcrobotSwingUp, Environment};
///
/// let mut env = AcrobotSwingUp::default();
/// let upright = AcrobotState { shoulder: 0.0, elbow: 0.0, shoulder_velocity: 0.0, elbow_velocity: 0.0 };
/// env.reset_to(upright)?;
/// assert_eq!(env.step(&[0.0])?.reward, 1.0);
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AcrobotSwingUp {
    observation_space: BoxSpace,
    action_space: BoxSpace,
    state: Option<AcrobotState>,
}

impl Default for AcrobotSwingUp {
    fn default() -> Self {
        let bound = [1.0, 1.0, 1.0, 1.0, f32::INFINITY, f32::INFINITY].to_vec();
        Self {
            observation_space: BoxSpace::new(bound.iter().map(|x| -x).collect(), bound)
                .expect("each bound is positive"),
            action_space: BoxSpace::symmetric(1.0, 1).expect("1 is positive"),
            state: None,
        }
    }
}

impl AcrobotSwingUp {
    /// Creates the task with dm_control's time limit: truncated after 1,000 steps of 0.01 s.
    pub fn standard() -> TimeLimit<Self> {
        TimeLimit::new(Self::default(), MAX_STEPS)
    }

    /// Returns the hidden state, or `None` before the first reset.
    pub fn state(&self) -> Option<AcrobotState> {
        self.state
    }

    /// Starts an episode in `state` and returns its first observation.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::State`] if an angle is not finite, or an angular velocity NaN or beyond 50 rad/s. The running
    /// episode then continues.
    pub fn reset_to(&mut self, state: AcrobotState) -> Result<Vec<f32>, EnvironmentError> {
        check_state("shoulder", state.shoulder, f64::NEG_INFINITY, f64::INFINITY)?;
        check_state("elbow", state.elbow, f64::NEG_INFINITY, f64::INFINITY)?;
        check_state("shoulder_velocity", state.shoulder_velocity, -MAX_START_VELOCITY, MAX_START_VELOCITY)?;
        check_state("elbow_velocity", state.elbow_velocity, -MAX_START_VELOCITY, MAX_START_VELOCITY)?;
        self.state = Some(state);
        Ok(observe(state))
    }
}

impl Environment for AcrobotSwingUp {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let mut rng = NumpyRng::new(seed);
        let [shoulder, elbow] = std::array::from_fn(|_| rng.uniform(-PI, PI));
        self.reset_to(AcrobotState { shoulder, elbow, shoulder_velocity: 0.0, elbow_velocity: 0.0 })
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.action_space, action)?;
        let state = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        let (state, reward) = advance(state, action[0]);
        self.state = Some(state);
        Ok(Step { observation: observe(state), reward: reward as f32, terminated: false, truncated: false })
    }
}

impl SaveState for AcrobotSwingUp {
    fn save_state(&self) -> Result<State, StateError> {
        let mut saved = State::new();
        if let Some(AcrobotState { shoulder, elbow, shoulder_velocity, elbow_velocity }) = self.state {
            saved.put("shoulder", shoulder);
            saved.put("elbow", elbow);
            saved.put("shoulder_velocity", shoulder_velocity);
            saved.put("elbow_velocity", elbow_velocity);
        }
        Ok(saved)
    }

    fn load_state(&mut self, mut saved: State) -> Result<(), StateError> {
        saved.check_finite()?;
        if saved.names().next().is_none() {
            self.state = None;
            return Ok(());
        }
        let state = AcrobotState {
            shoulder: saved.take("shoulder")?,
            elbow: saved.take("elbow")?,
            shoulder_velocity: saved.take("shoulder_velocity")?,
            elbow_velocity: saved.take("elbow_velocity")?,
        };
        saved.finish()?;
        self.state = Some(state);
        Ok(())
    }
}

/// Advances an acrobot by 0.01 s under a torque of `2 · action` N·m at the elbow, with `action` clipped to `[−1, 1]`: the new
/// state, and the reward in it.
///
/// # Examples
///
/// ```
/// use actor_critic::env::acrobot::{AcrobotState, advance};
///
/// let upright = AcrobotState { shoulder: 0.0, elbow: 0.0, shoulder_velocity: 0.0, elbow_velocity: 0.0 };
/// let (next, reward) = advance(upright, 1.0);
/// assert!(next.elbow_velocity > 0.0 && next.shoulder_velocity < 0.0);
/// assert_eq!(reward, 1.0);
/// ```
pub fn advance(state: AcrobotState, action: f32) -> (AcrobotState, f64) {
    let control = f64::from(action.clamp(-1.0, 1.0));
    let start = [state.shoulder, state.elbow, state.shoulder_velocity, state.elbow_velocity];
    let [shoulder, elbow, shoulder_velocity, elbow_velocity] =
        runge_kutta(start, DT, |state| derivative(state, control));
    let next = AcrobotState { shoulder, elbow, shoulder_velocity, elbow_velocity };
    (next, reward(next))
}

/// Returns the time derivative of `[α, β, α̇, β̇]`.
fn derivative(&[shoulder, elbow, v, w]: &[f64; 4], control: f64) -> [f64; 4] {
    let (sine, cosine) = libm::sincos(elbow);
    let lower_weight = GRAVITY * LOWER_MOMENT * libm::sin(shoulder + elbow);
    let upper_weight = GRAVITY * UPPER_MOMENT * libm::sin(shoulder);
    let first = -DAMPING * v + COUPLING * sine * (2.0 * v * w + w * w) + upper_weight + lower_weight;
    let second = GEAR * control - DAMPING * w - COUPLING * sine * v * v + lower_weight;

    let across = LOWER_INERTIA + COUPLING * cosine;
    let both = UPPER_INERTIA + LOWER.mass * UPPER.length * UPPER.length + across + COUPLING * cosine;
    let determinant = both * LOWER_INERTIA - across * across;
    [v, w, (LOWER_INERTIA * first - across * second) / determinant, (both * second - across * first) / determinant]
}

fn reward(state: AcrobotState) -> f64 {
    let (upper_sine, upper_cosine) = libm::sincos(state.shoulder);
    let (lower_sine, lower_cosine) = libm::sincos(state.shoulder + state.elbow);
    let across = UPPER.length * upper_sine + LOWER.length * lower_sine;
    let below = TARGET_HEIGHT - UPPER.length * upper_cosine - LOWER.length * lower_cosine;
    let distance = libm::sqrt(across * across + below * below);
    gaussian_tolerance((distance - TARGET_RADIUS).max(0.0), MARGIN)
}

fn observe(state: AcrobotState) -> Vec<f32> {
    let (upper_sine, upper_cosine) = libm::sincos(state.shoulder);
    let (lower_sine, lower_cosine) = libm::sincos(state.shoulder + state.elbow);
    [upper_sine, lower_sine, upper_cosine, lower_cosine, state.shoulder_velocity, state.elbow_velocity]
        .map(|x| x as f32)
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HANGING: AcrobotState =
        AcrobotState { shoulder: PI, elbow: 0.0, shoulder_velocity: 0.0, elbow_velocity: 0.0 };

    /// Kinetic and potential energy in J, from the speeds of the two centres.
    fn energy(s: AcrobotState) -> f64 {
        let (upper, lower) = (s.shoulder, s.shoulder + s.elbow);
        let (v, w) = (s.shoulder_velocity, s.shoulder_velocity + s.elbow_velocity);
        let lower_speed = v * v + 0.25 * w * w + v * w * (upper - lower).cos();
        let kinetic = 0.5 * UPPER_INERTIA * v * v + 0.5 * lower_speed + 0.5 * LOWER.transverse_inertia() * w * w;
        kinetic + GRAVITY * (1.5 * upper.cos() + 0.5 * lower.cos())
    }

    #[test]
    fn energy_goes_into_the_damping_alone() {
        let mut state = AcrobotState { shoulder: 1.0, elbow: 2.0, ..HANGING };
        let (before, mut damped) = (energy(state), 0.0);
        for _ in 0..300 {
            let old = state;
            (state, _) = advance(state, 0.0);
            let power = |s: AcrobotState| {
                DAMPING * (s.shoulder_velocity * s.shoulder_velocity + s.elbow_velocity * s.elbow_velocity)
            };
            damped += 0.5 * DT * (power(old) + power(state));
        }
        let lost = before - energy(state);
        assert!(lost > 0.1 && (lost - damped).abs() < 0.01 * lost, "{lost} J lost, {damped} J damped");
    }

    #[test]
    fn hanging_at_rest_it_stays_there() {
        let (next, reward) = advance(HANGING, 0.0);
        assert!((next.shoulder - PI).abs() < 1e-15 && next.elbow.abs() < 1e-15);
        // 4 m below the target, 3.8 m from its edge: 0.1^14.44
        assert!((reward / 10_f64.powf(-14.44) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_tip_is_at_the_target_within_its_radius() {
        // Leaning by δ, the stretched tip is 4 sin(δ/2) from the target.
        let leaning = |distance: f64| AcrobotState { shoulder: 2.0 * (distance / 4.0).asin(), ..HANGING };
        assert_eq!(reward(leaning(0.199)), 1.0);
        assert!((reward(leaning(1.2)) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn actions_beyond_their_bounds_are_clipped() {
        assert_eq!(advance(HANGING, 9.0), advance(HANGING, 1.0));
        assert_eq!(advance(HANGING, -9.0), advance(HANGING, -1.0));
    }

    #[test]
    fn starts_have_dm_controls_distribution() {
        let mut env = AcrobotSwingUp::default();
        let (mut sum, mut squares) = (0.0, 0.0);
        for seed in 0..2_000 {
            env.reset(seed).unwrap();
            let AcrobotState { shoulder, elbow, shoulder_velocity, elbow_velocity } = env.state().unwrap();
            assert!((-PI..PI).contains(&shoulder) && (-PI..PI).contains(&elbow));
            assert_eq!((shoulder_velocity, elbow_velocity), (0.0, 0.0));
            sum += shoulder + elbow;
            squares += shoulder * shoulder + elbow * elbow;
        }
        // Uniform: mean 0, mean square π²/3, each to five standard errors of 4,000 draws.
        assert!((sum / 4e3).abs() < 0.15 && (squares / 4e3 - PI * PI / 3.0).abs() < 0.24);
    }

    #[test]
    fn a_state_that_is_not_finite_or_too_fast_is_refused() {
        let mut env = AcrobotSwingUp::default();
        let error = env.reset_to(AcrobotState { elbow_velocity: 51.0, ..HANGING }).unwrap_err();
        assert_eq!(error.to_string(), "elbow_velocity must be finite and in [-50, 50], got 51");
        assert!(env.reset_to(AcrobotState { shoulder: f64::NAN, ..HANGING }).is_err());
        assert!(env.reset_to(AcrobotState { elbow: f64::INFINITY, ..HANGING }).is_err());
        assert!(env.reset_to(AcrobotState { shoulder_velocity: -51.0, ..HANGING }).is_err());
        assert_eq!(env.step(&[0.0]).unwrap_err().to_string(), "reset must be called before the first step");
    }

    proptest! {
        #[test]
        fn no_start_leads_out_of_range(
            shoulder in -9.0..9.0, elbow in -9.0..9.0, shoulder_velocity in -50.0..50.0, elbow_velocity in -50.0..50.0,
            actions in prop::collection::vec(-1_f32..1.0, 300),
        ) {
            let mut state = AcrobotState { shoulder, elbow, shoulder_velocity, elbow_velocity };
            for action in actions {
                let (next, reward) = advance(state, action);
                prop_assert!((0.0..=1.0).contains(&reward));
                prop_assert!(next.shoulder_velocity.abs() < 300.0 && next.elbow_velocity.abs() < 600.0);
                state = next;
            }
        }
    }
}
