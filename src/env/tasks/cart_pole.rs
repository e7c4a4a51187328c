//! Cart-pole with a continuous force: Gymnasium's `CartPole-v1` with another action.
//!
//! The cart rolls on a track without friction, and the pole turns on it without friction. The reward is 1 for every step in which the pole
//! stands and the cart is on the track, including the step that ends the episode:
//!
//! ```text
//! F  = 10 clip(a, ±1)
//! s  = (F + m l θ̇² sin θ) / (M + m)
//! θ̈  = (g sin θ − s cos θ) / (l (4/3 − m cos² θ / (M + m)))
//! ẍ  = s − m l θ̈ cos θ / (M + m)
//! x′ = x + ẋ dt, ẋ′ = ẋ + ẍ dt, θ′ = θ + θ̇ dt, θ̇′ = θ̇ + θ̈ dt
//! ```
//!
//! with M = 1 kg, m = 0.1 kg, l = 0.5 m (half the pole), g = 9.8 m/s², dt = 0.02 s.
//!
//! | | components | range |
//! |---|---|---|
//! | observation | x (m), ẋ (m/s), θ (rad), θ̇ (rad/s) | \[−4.8, 4.8\], ℝ, \[−0.419, 0.419\], ℝ |
//! | action | force a, in units of 10 N | \[−1, 1\], clipped beyond |
//! | reward | per step, dimensionless | 1 |
//!
//! An episode terminates when \|x\| > 2.4 m or \|θ\| > 12°.
//!
//! Gymnasium's task has two actions, −10 N and 10 N, which are a = −1 and a = 1 here. Everything else is the same: equations,
//! order of operations, reward, ends, and the start of a seed.
//!
//! # References
//!
//! - A. G. Barto, R. S. Sutton, C. W. Anderson (1983). *Neuronlike Adaptive Elements That Can Solve Difficult Learning
//!   Control Problems*. IEEE Transactions on Systems, Man, and Cybernetics 13(5).
//! - Gymnasium, *CartPole-v1*: <https://gymnasium.farama.org/environments/classic_control/cart_pole/>.

use super::numpy_rng::NumpyRng;
use crate::env::{Environment, EnvironmentError, Step, TimeLimit, check_action, check_state};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};
use std::num::NonZeroUsize;

const GRAVITY: f64 = 9.8;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = 1.0 + POLE_MASS;
const HALF_LENGTH: f64 = 0.5;
const MASS_MOMENT: f64 = POLE_MASS * HALF_LENGTH;
const MAX_FORCE: f64 = 10.0;
const DT: f64 = 0.02;

/// Where the episode ends: m, and 12° in rad.
pub(in crate::env) const MAX_POSITION: f64 = 2.4;
pub(in crate::env) const MAX_ANGLE: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0;

/// Largest speeds of a start state, in m/s and rad/s; above them, the last observation could leave its space.
const MAX_START_SPEEDS: (f64, f64) = (10.0, 5.0);

/// Steps in an episode of `CartPole-v1`.
const MAX_STEPS: NonZeroUsize = NonZeroUsize::new(500).expect("500 is not zero");

/// The hidden state of a cart with a pole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CartPoleState {
    /// Position x of the cart in m; 0 is the middle of the track.
    pub position: f64,
    /// Velocity ẋ of the cart in m/s.
    pub velocity: f64,
    /// Angle θ of the pole in rad; 0 is upright, and a positive angle leans towards positive x.
    pub theta: f64,
    /// Angular velocity θ̇ in rad/s.
    pub theta_dot: f64,
}

impl CartPoleState {
    /// Puts the four numbers into a state to be saved.
    pub(super) fn put_into(&self, state: &mut State) {
        state.put("position", self.position);
        state.put("velocity", self.velocity);
        state.put("theta", self.theta);
        state.put("theta_dot", self.theta_dot);
    }

    /// Takes the four numbers from a saved state.
    pub(super) fn take_from(state: &mut State) -> Result<Self, StateError> {
        Ok(Self {
            position: state.take("position")?,
            velocity: state.take("velocity")?,
            theta: state.take("theta")?,
            theta_dot: state.take("theta_dot")?,
        })
    }
}

/// A cart with a pole to balance, which differs from Gymnasium's in its continuous force only.
///
/// An episode ends when the pole or the cart is lost; [`ContinuousCartPole::standard`] truncates it after 500 steps.
/// `reset(seed)` starts from the same bits as Gymnasium's: each of x, ẋ, θ, θ̇ uniform in `[−0.05, 0.05)`.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{ContinuousCartPole, Environment};
///
/// let mut env = ContinuousCartPole::standard();
/// env.reset(0)?;
/// let mut steps = 0;
/// while !env.step(&[1.0])?.is_last() {
///     steps += 1;
/// }
/// assert!(steps < 15, "a pole that is pushed one way falls the other");
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ContinuousCartPole {
    observation_space: BoxSpace,
    action_space: BoxSpace,
    state: Option<CartPoleState>,
}

impl Default for ContinuousCartPole {
    fn default() -> Self {
        let bound = [2.0 * MAX_POSITION, f64::INFINITY, 2.0 * MAX_ANGLE, f64::INFINITY].map(|x| x as f32).to_vec();
        Self {
            observation_space: BoxSpace::new(bound.iter().map(|x| -x).collect(), bound)
                .expect("each bound is positive"),
            action_space: BoxSpace::symmetric(1.0, 1).expect("1 is positive"),
            state: None,
        }
    }
}

impl ContinuousCartPole {
    /// Creates the task with the time limit of `CartPole-v1`: truncated after 500 steps.
    pub fn standard() -> TimeLimit<Self> {
        TimeLimit::new(Self::default(), MAX_STEPS)
    }

    /// Returns the hidden state, or `None` before the first reset.
    pub fn state(&self) -> Option<CartPoleState> {
        self.state
    }

    /// Starts an episode in `state` and returns its first observation.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::State`] if x or θ is where an episode ends, ẋ beyond 10 m/s, θ̇ beyond 5 rad/s, or any of
    /// them NaN. The running episode then continues.
    pub fn reset_to(&mut self, state: CartPoleState) -> Result<Vec<f32>, EnvironmentError> {
        let (max_velocity, max_theta_dot) = MAX_START_SPEEDS;
        check_state("position", state.position, -MAX_POSITION, MAX_POSITION)?;
        check_state("velocity", state.velocity, -max_velocity, max_velocity)?;
        check_state("theta", state.theta, -MAX_ANGLE, MAX_ANGLE)?;
        check_state("theta_dot", state.theta_dot, -max_theta_dot, max_theta_dot)?;
        self.state = Some(state);
        Ok(observe(state))
    }
}

impl Environment for ContinuousCartPole {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let mut rng = NumpyRng::new(seed);
        let [position, velocity, theta, theta_dot] = std::array::from_fn(|_| rng.uniform(-0.05, 0.05));
        self.reset_to(CartPoleState { position, velocity, theta, theta_dot })
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.action_space, action)?;
        let state = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        if is_lost(state) {
            return Err(EnvironmentError::StepAfterEnd);
        }
        let state = advance(state, action[0]);
        self.state = Some(state);
        Ok(Step { observation: observe(state), reward: 1.0, terminated: is_lost(state), truncated: false })
    }
}

impl SaveState for ContinuousCartPole {
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

/// Advances a cart with a pole by 0.02 s under a force of `10 · action` N, with `action` clipped to `[−1, 1]`.
///
/// # Examples
///
/// ```
/// use actor_critic::env::cart_pole::{CartPoleState, advance};
///
/// let upright = CartPoleState { position: 0.0, velocity: 0.0, theta: 0.0, theta_dot: 0.0 };
/// let next = advance(upright, 1.1);
/// // s = 10 / 1.1; θ̈ = −s / (0.5 (4/3 − 0.1 / 1.1)); ẍ = s − 0.05 θ̈ / 1.1
/// assert!((next.theta_dot + 0.02 * 14.634146).abs() < 1e-8);
/// assert!((next.velocity - 0.02 * 9.756098).abs() < 1e-8);
/// assert_eq!(next.position, 0.0); // moves with the old velocity
/// ```
pub fn advance(state: CartPoleState, action: f32) -> CartPoleState {
    let CartPoleState { position, velocity, theta, theta_dot } = state;
    let (sine, cosine) = libm::sincos(theta);
    let force = MAX_FORCE * f64::from(action.clamp(-1.0, 1.0));
    let push = (force + MASS_MOMENT * (theta_dot * theta_dot) * sine) / TOTAL_MASS;
    let turn =
        (GRAVITY * sine - cosine * push) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cosine * cosine) / TOTAL_MASS));
    let acceleration = push - MASS_MOMENT * turn * cosine / TOTAL_MASS;
    CartPoleState {
        position: position + DT * velocity,
        velocity: velocity + DT * acceleration,
        theta: theta + DT * theta_dot,
        theta_dot: theta_dot + DT * turn,
    }
}

fn is_lost(state: CartPoleState) -> bool {
    state.position.abs() > MAX_POSITION || state.theta.abs() > MAX_ANGLE
}

fn observe(state: CartPoleState) -> Vec<f32> {
    [state.position, state.velocity, state.theta, state.theta_dot].map(|x| x as f32).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPRIGHT: CartPoleState = CartPoleState { position: 0.0, velocity: 0.0, theta: 0.0, theta_dot: 0.0 };

    #[test]
    fn an_upright_pole_at_rest_stays() {
        assert_eq!(advance(UPRIGHT, 0.0), UPRIGHT);
    }

    #[test]
    fn a_linear_law_balances_for_the_whole_episode() {
        let mut env = ContinuousCartPole::standard();
        let mut observation = env.reset(3).unwrap();
        for i in 1..=500 {
            let [x, v, theta, theta_dot] = observation[..] else { panic!("four numbers") };
            let step = env.step(&[0.1 * x + 0.2 * v + 2.5 * theta + 0.5 * theta_dot]).unwrap();
            assert_eq!((step.terminated, step.truncated, step.reward), (false, i == 500, 1.0), "step {i}");
            observation = step.observation;
        }
    }

    #[test]
    fn the_episode_terminates_where_the_pole_or_the_cart_is_lost() {
        let mut env = ContinuousCartPole::default();
        for (position, theta) in [(2.399, 0.0), (-2.399, 0.0), (0.0, 0.209), (0.0, -0.209)] {
            let outwards = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
            env.reset_to(CartPoleState { position, velocity: outwards(position), theta, theta_dot: outwards(theta) })
                .unwrap();
            let step = env.step(&[0.0]).unwrap();
            assert!(step.terminated && step.reward == 1.0, "{position} {theta}");
            assert!(env.observation_space().contains(&step.observation));
            let error = env.step(&[0.0]).unwrap_err();
            assert_eq!(error.to_string(), "the episode has ended: reset must be called before the next step");
        }
    }

    #[test]
    fn the_fastest_start_ends_inside_the_observation_space() {
        let mut env = ContinuousCartPole::default();
        let fastest = CartPoleState { position: 2.4, velocity: 10.0, theta: MAX_ANGLE, theta_dot: 5.0 };
        for action in [-1.0, 1.0] {
            env.reset_to(fastest).unwrap();
            let step = env.step(&[action]).unwrap();
            assert!(step.terminated && env.observation_space().contains(&step.observation));
        }
    }

    #[test]
    fn a_start_beyond_the_ends_is_refused() {
        let mut env = ContinuousCartPole::default();
        let text = |env: &mut ContinuousCartPole, state| env.reset_to(state).unwrap_err().to_string();
        let state = CartPoleState { position: 2.5, ..UPRIGHT };
        assert_eq!(text(&mut env, state), "position must be finite and in [-2.4, 2.4], got 2.5");
        let state = CartPoleState { velocity: f64::NAN, ..UPRIGHT };
        assert_eq!(text(&mut env, state), "velocity must be finite and in [-10, 10], got NaN");
        let state = CartPoleState { theta_dot: -6.0, ..UPRIGHT };
        assert_eq!(text(&mut env, state), "theta_dot must be finite and in [-5, 5], got -6");
        assert!(env.reset_to(CartPoleState { theta: 0.21, ..UPRIGHT }).is_err());
        assert_eq!(env.step(&[0.0]).unwrap_err().to_string(), "reset must be called before the first step");
    }
}
