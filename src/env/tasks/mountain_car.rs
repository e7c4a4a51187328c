//! Mountain car with a continuous force: Gymnasium's `MountainCarContinuous-v0`, number for number.
//!
//! The car is too weak to climb straight to the flag and has to swing back first. Only reaching the flag is rewarded. An agent that
//! never reaches it by chance learns to save fuel and stand still, so the task tests exploration.
//!
//! ```text
//! ẋ′ = clip(ẋ + 0.0015 clip(a, ±1) − 0.0025 cos 3x, ±0.07)
//! x′ = clip(x + ẋ′, −1.2, 0.6); a car that hits the left wall stops
//! d  = x′ ≥ 0.45 and ẋ′ ≥ 0
//! r  = 100 d − 0.1 a²
//! ```
//!
//! | | components | range |
//! |---|---|---|
//! | observation | position x, velocity ẋ (per step) | \[−1.2, 0.6\], \[−0.07, 0.07\] |
//! | action | force a | \[−1, 1\], clipped beyond |
//! | reward | per step, dimensionless | \[−0.1, 100\] for actions inside their bounds |
//!
//! Lengths have no unit, and time counts steps. The fuel cost uses the action as it was given, before clipping,
//! as in Gymnasium. A cost that f32 cannot hold becomes the largest that it can.
//!
//! # References
//!
//! - A. W. Moore (1990). *Efficient Memory-Based Learning for Robot Control*. PhD thesis, University of Cambridge.
//! - Gymnasium, *MountainCarContinuous-v0*:
//!   <https://gymnasium.farama.org/environments/classic_control/mountain_car_continuous/>.

use super::numpy_rng::NumpyRng;
use crate::env::{Environment, EnvironmentError, Step, TimeLimit, check_action, check_state};
use crate::space::BoxSpace;
use crate::state::{SaveState, State, StateError};
use std::num::NonZeroUsize;

const MIN_POSITION: f64 = -1.2;
const MAX_POSITION: f64 = 0.6;
const GOAL_POSITION: f64 = 0.45;
const MAX_SPEED: f64 = 0.07;
const POWER: f64 = 0.0015;
const GRAVITY: f64 = 0.0025;
const GOAL_REWARD: f64 = 100.0;
const FUEL_COST: f64 = 0.1;

/// Steps in an episode of `MountainCarContinuous-v0`.
const MAX_STEPS: NonZeroUsize = NonZeroUsize::new(999).expect("999 is not zero");

/// The hidden state of a car in the valley.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MountainCarState {
    /// Position x, in `[−1.2, 0.6]`; the valley's floor is at −π/6.
    pub position: f64,
    /// Velocity ẋ per step, in `[−0.07, 0.07]`.
    pub velocity: f64,
}

/// The precision of NumPy's arithmetic: f64 until the first step of an episode, and f32 from then on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Precision {
    Double,
    Single,
}

impl Precision {
    /// Rounds the exact or f64 result of one operation; for sums and products of f32, this is f32 arithmetic.
    fn round(self, value: f64) -> f64 {
        match self {
            Self::Double => value,
            Self::Single => f64::from(value as f32),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Car {
    state: MountainCarState,
    precision: Precision,
    arrived: bool,
}

/// A car whose episodes end at the flag only; [`MountainCarContinuous::v0`] truncates them after 999 steps.
///
/// `reset(seed)` starts from the same bits as Gymnasium's: at rest, x uniform in `[−0.6, −0.4)`.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, MountainCarContinuous, mountain_car::MountainCarState};
///
/// let mut env = MountainCarContinuous::default();
/// let almost_there = MountainCarState { position: 0.44, velocity: 0.05 };
/// env.reset_to(almost_there)?;
/// let step = env.step(&[1.0])?;
/// assert!(step.terminated && !step.truncated);
/// assert_eq!(step.reward, 99.9);
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MountainCarContinuous {
    observation_space: BoxSpace,
    action_space: BoxSpace,
    car: Option<Car>,
}

impl Default for MountainCarContinuous {
    fn default() -> Self {
        let space = |bounds: [(f64, f64); 2]| {
            let low = bounds.map(|(low, _)| low as f32).to_vec();
            let high = bounds.map(|(_, high)| high as f32).to_vec();
            BoxSpace::new(low, high).expect("each constant interval has low < high")
        };
        Self {
            observation_space: space([(MIN_POSITION, MAX_POSITION), (-MAX_SPEED, MAX_SPEED)]),
            action_space: BoxSpace::symmetric(1.0, 1).expect("1 is positive"),
            car: None,
        }
    }
}

impl MountainCarContinuous {
    /// Creates Gymnasium's `MountainCarContinuous-v0`: truncated after 999 steps.
    pub fn v0() -> TimeLimit<Self> {
        TimeLimit::new(Self::default(), MAX_STEPS)
    }

    /// Returns the hidden state, or `None` before the first reset.
    pub fn state(&self) -> Option<MountainCarState> {
        self.car.map(|car| car.state)
    }

    /// Starts an episode in `state` and returns its first observation.
    ///
    /// As after `reset`, the first step is computed in f64 and the later ones in f32.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError::State`] if the position or the velocity is outside its range, or NaN. The running episode
    /// then continues.
    pub fn reset_to(&mut self, state: MountainCarState) -> Result<Vec<f32>, EnvironmentError> {
        check_state("position", state.position, MIN_POSITION, MAX_POSITION)?;
        check_state("velocity", state.velocity, -MAX_SPEED, MAX_SPEED)?;
        self.car = Some(Car { state, precision: Precision::Double, arrived: false });
        Ok(observe(state))
    }
}

impl Environment for MountainCarContinuous {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let position = NumpyRng::new(seed).uniform(-0.6, -0.4);
        self.reset_to(MountainCarState { position, velocity: 0.0 })
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.action_space, action)?;
        let car = self.car.ok_or(EnvironmentError::StepBeforeReset)?;
        if car.arrived {
            return Err(EnvironmentError::StepAfterEnd);
        }
        let state = advance(car.state, action[0], car.precision);
        // Judged before the state is stored: the first step of an episode compares f64 numbers.
        let arrived = state.position >= car.precision.round(GOAL_POSITION) && state.velocity >= 0.0;
        let stored = MountainCarState {
            position: Precision::Single.round(state.position),
            velocity: Precision::Single.round(state.velocity),
        };
        self.car = Some(Car { state: stored, precision: Precision::Single, arrived });
        Ok(Step {
            observation: observe(stored),
            reward: reward(action[0], arrived),
            terminated: arrived,
            truncated: false,
        })
    }
}

/// Moves the car by one step under `action`, a force that is clipped to `[−1, 1]`.
fn advance(state: MountainCarState, action: f32, precision: Precision) -> MountainCarState {
    let slope = GRAVITY * libm::cos(precision.round(3.0 * state.position));
    let acceleration = if (-1.0..=1.0).contains(&action) {
        // NumPy keeps an f32 action in f32 all the way to the velocity.
        f64::from(action * POWER as f32 - slope as f32)
    } else {
        // A clipped one is a plain Python number, which is f64.
        f64::from(action.signum()) * POWER - slope
    };

    let max_speed = precision.round(MAX_SPEED);
    let velocity = precision.round(state.velocity + precision.round(acceleration)).clamp(-max_speed, max_speed);
    let (left, right) = (precision.round(MIN_POSITION), precision.round(MAX_POSITION));
    let position = precision.round(state.position + velocity).clamp(left, right);
    let hits_wall = position == left && velocity < 0.0;
    MountainCarState { position, velocity: if hits_wall { 0.0 } else { velocity } }
}

/// Subtracts the cost of the unclipped action, and adds the reward for reaching the flag.
fn reward(action: f32, arrived: bool) -> f32 {
    let fuel = FUEL_COST * (f64::from(action) * f64::from(action));
    let reward = if arrived { GOAL_REWARD - fuel } else { -fuel };
    reward.max(f32::MIN.into()) as f32
}

fn observe(state: MountainCarState) -> Vec<f32> {
    vec![state.position as f32, state.velocity as f32]
}

impl SaveState for MountainCarContinuous {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        if let Some(Car { state: MountainCarState { position, velocity }, precision, arrived }) = self.car {
            state.put("position", position);
            state.put("velocity", velocity);
            state.put("single_precision", u64::from(precision == Precision::Single));
            state.put("arrived", u64::from(arrived));
        }
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        if state.names().next().is_none() {
            self.car = None;
            return Ok(());
        }
        let restored = MountainCarState { position: state.take("position")?, velocity: state.take("velocity")? };
        let precision = if state.take_flag("single_precision")? { Precision::Single } else { Precision::Double };
        let arrived = state.take_flag("arrived")?;
        state.finish()?;
        let within = |name, value: f64, low, high| {
            // A state in single precision may be the f32 that is nearest to a bound.
            if (f64::from(low as f32).min(low)..=f64::from(high as f32).max(high)).contains(&value) {
                return Ok(());
            }
            Err(StateError::invalid(name, format!("in [{low}, {high}]"), value))
        };
        within("position", restored.position, MIN_POSITION, MAX_POSITION)?;
        within("velocity", restored.velocity, -MAX_SPEED, MAX_SPEED)?;
        self.car = Some(Car { state: restored, precision, arrived });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drives from the start of seed 0 to the end of the episode, or for `max_steps`.
    fn drive(env: &mut impl Environment, max_steps: usize, mut policy: impl FnMut(&[f32]) -> f32) -> Vec<Step> {
        let mut observation = env.reset(0).unwrap();
        let mut steps: Vec<Step> = Vec::new();
        while steps.len() < max_steps && !steps.last().is_some_and(Step::is_last) {
            let step = env.step(&[policy(&observation)]).unwrap();
            observation = step.observation.clone();
            steps.push(step);
        }
        steps
    }

    #[test]
    fn a_car_at_rest_on_level_ground_moves_by_the_force_alone() {
        let state = MountainCarState { position: -std::f64::consts::FRAC_PI_6, velocity: 0.0 };
        let next = advance(state, 1.0, Precision::Double);
        assert!((next.velocity - 0.0015).abs() < 1e-9);
        assert!((next.position - state.position - 0.0015).abs() < 1e-9);
    }

    #[test]
    fn pushing_along_with_the_velocity_reaches_the_flag() {
        let steps = drive(&mut MountainCarContinuous::v0(), 999, |observation| observation[1].signum());
        let last = steps.last().unwrap();
        assert!(last.terminated && !last.truncated);
        assert!(last.observation[0] >= 0.45);
        assert_eq!(last.reward, 99.9);
        assert!(steps.len() < 200);
    }

    #[test]
    fn a_car_without_drive_is_cut_off_after_999_steps() {
        let steps = drive(&mut MountainCarContinuous::v0(), usize::MAX, |_| 0.0);
        assert_eq!(steps.len(), 999);
        assert!(steps[998].truncated && !steps[998].terminated);
        assert!(steps.iter().all(|step| step.reward == 0.0));
    }

    #[test]
    fn the_left_wall_stops_the_car() {
        for precision in [Precision::Double, Precision::Single] {
            let next = advance(MountainCarState { position: -1.19, velocity: -0.05 }, -1.0, precision);
            assert_eq!((next.position, next.velocity), (precision.round(-1.2), 0.0));
        }
    }

    #[test]
    fn fuel_is_charged_for_the_action_before_clipping() {
        assert_eq!(reward(0.5, false), -0.025);
        assert_eq!(reward(2.0, false), -0.4);
        assert_eq!(reward(1.0, true), 99.9);
        assert_eq!(reward(f32::MAX, false), f32::MIN);
    }

    #[test]
    fn steps_before_the_first_reset_and_after_the_flag_are_refused() {
        let mut env = MountainCarContinuous::default();
        assert_eq!(env.step(&[0.0]).unwrap_err().to_string(), "reset must be called before the first step");
        env.reset_to(MountainCarState { position: 0.449, velocity: 0.07 }).unwrap();
        assert!(env.step(&[1.0]).unwrap().terminated);
        let error = env.step(&[1.0]).unwrap_err();
        assert_eq!(error.to_string(), "the episode has ended: reset must be called before the next step");
    }

    #[test]
    fn a_state_outside_the_valley_is_refused() {
        let mut env = MountainCarContinuous::default();
        let error = env.reset_to(MountainCarState { position: 0.7, velocity: 0.0 }).unwrap_err();
        assert_eq!(error.to_string(), "position must be finite and in [-1.2, 0.6], got 0.7");
        let error = env.reset_to(MountainCarState { position: 0.0, velocity: f64::NAN }).unwrap_err();
        assert_eq!(error.to_string(), "velocity must be finite and in [-0.07, 0.07], got NaN");
        assert_eq!(env.state(), None);
    }
}
