//! Environments: write one, check it, wrap it, or use a bundled task.
//!
//! - To write your own, implement [`Environment`]: the guide [Your environment](crate::_docs::your_environment) shows how.
//! - To test it, call [`check_environment`].
//! - Bundled tasks: [`Pendulum`], [`MountainCarContinuous`], [`ContinuousCartPole`], [`CartPoleSwingUp`], [`AcrobotSwingUp`], [`Reacher`], [`QuadrotorHover`].
//! - For environments in Python or in another process, see [`remote`].
//!
//! [`docs/environments.md`](crate::_docs::environments) has the contract with example episodes, and tables of tasks and wrappers.

use std::fmt;

use crate::space::{BoxSpace, MAX_MAGNITUDE, count, first_non_finite};
use crate::state::{Element, State, StateError};

mod check;
pub mod remote;
mod render;
mod spaces;
mod tasks;
mod wrap;

pub use check::{ContractViolation, Moment, Rule, check_environment, check_environment_with_seeds, check_saved_state};
pub use render::Render;
pub use spaces::Spaces;
pub use tasks::acrobot::AcrobotSwingUp;
pub use tasks::cart_pole::ContinuousCartPole;
pub use tasks::cart_pole_swing_up::CartPoleSwingUp;
pub use tasks::mountain_car::MountainCarContinuous;
pub use tasks::pendulum::Pendulum;
pub use tasks::quadrotor::QuadrotorHover;
pub use tasks::reacher::Reacher;
pub use tasks::{acrobot, cart_pole, cart_pole_swing_up, mountain_car, pendulum, quadrotor, reacher};
pub use wrap::{
    EpisodeStatistics, EpisodeTotals, FrameStack, RecordedEpisode, Recorder, RepeatAction, Replayed, RescaleAction,
    RescaleObservation, ScaleReward, Starts, TimeLimit,
};

/// Why an environment refused an action, or why its result was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// An action of the wrong length.
    #[error("action must have {}, one per axis of the action space, got {found}", count(*expected, "component", "components"))]
    ActionLength {
        /// Axes of the action space.
        expected: usize,
        /// Components of the action.
        found: usize,
    },
    /// A NaN or infinite action.
    #[error("action must be finite, got {value} on axis {axis}")]
    NonFiniteAction {
        /// Axis of the first such component.
        axis: usize,
        /// Its value.
        value: f32,
    },
    /// `step` was called before the first `reset`.
    #[error("reset must be called before the first step")]
    StepBeforeReset,
    /// `step` was called after the last step of an episode.
    #[error("the episode has ended: reset must be called before the next step")]
    StepAfterEnd,
    /// An observation of the wrong length.
    #[error("observation must have {}, one per axis of the observation space, got {found}", count(*expected, "component", "components"))]
    ObservationLength {
        /// Axes of the observation space.
        expected: usize,
        /// Components of the observation.
        found: usize,
    },
    /// A NaN or infinite observation.
    #[error("observation must be finite, got {value} on axis {axis}")]
    NonFiniteObservation {
        /// Axis of the first such component.
        axis: usize,
        /// Its value.
        value: f32,
    },
    /// A NaN or infinite reward.
    #[error("reward must be finite, got {value}")]
    NonFiniteReward {
        /// The reward.
        value: f32,
    },
    /// A finite number that is too large to learn from.
    #[error("{quantity} must be at most {MAX_MAGNITUDE:e} in magnitude, got {value:e} on axis {axis}; scale it down")]
    TooLarge {
        /// What it belongs to.
        quantity: &'static str,
        /// Axis of the first such component; 0 for a reward.
        axis: usize,
        /// Its value.
        value: f32,
    },
    /// A start state that is NaN, infinite, or outside what the environment can reach.
    #[error("{quantity} must be finite and in [{low}, {high}], got {value}")]
    State {
        /// Which part of the state.
        quantity: &'static str,
        /// Its lower bound.
        low: f64,
        /// Its upper bound.
        high: f64,
        /// Its value.
        value: f64,
    },
    /// A simulator in another process failed.
    #[error(transparent)]
    Remote(Box<remote::RemoteError>),
    /// The environment's own failure.
    #[error("the environment failed: {0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<remote::RemoteError> for EnvironmentError {
    fn from(error: remote::RemoteError) -> Self {
        Self::Remote(Box::new(error))
    }
}

impl EnvironmentError {
    /// Wraps an error of your environment, and keeps it as the source.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }
}

/// A task with vectors of real numbers as observations and actions.
///
/// # Contract
///
/// - The two spaces never change, and an agent can act on every axis of the action space: the bounds are finite, different, and of
///   moderate size ([`BoxSpace::require_actions`]).
/// - `reset(seed)` starts an episode at any time. `seed` decides everything random in that episode,
///   so the same seed and the same actions always give the same bits.
/// - `step` before the first `reset`, or after a step with [`Step::is_last`], is an error.
/// - An action of the wrong length, or one that is not finite, is an error, and leaves the state as it was. The environment decides what a finite action outside the
///   bounds does (Gymnasium's tasks clip it).
/// - Observations and rewards are finite, and at most [`MAX_MAGNITUDE`] in magnitude.
/// - `terminated` means that the task reached a state without a future: its value is 0 by definition.
///   `truncated` means that the episode was cut off from outside, so the last state still has a future. Both may be
///   true at once[^1].
/// - An environment is `Send`, so that a run can be moved to a thread of its own.
///
/// [`check_environment`] tests all this and returns the first broken rule. [`check_saved_state`] tests the contract of
/// [`SaveState`](crate::state::SaveState).
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, EnvironmentError, Step};
/// use actor_critic::space::BoxSpace;
///
/// /// A point on a line, pushed left or right until it leaves `[−1, 1]`.
/// struct Line {
///     space: BoxSpace,
///     position: Option<f32>,
/// }
///
/// impl Environment for Line {
///     fn observation_space(&self) -> &BoxSpace {
///         &self.space
///     }
///     fn action_space(&self) -> &BoxSpace {
///         &self.space
///     }
///     fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
///         let position = (seed % 3) as f32 / 3.0;
///         self.position = Some(position);
///         Ok(vec![position])
///     }
///     fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
///         actor_critic::env::check_action(&self.space, action)?;
///         let position = self.position.ok_or(EnvironmentError::StepBeforeReset)? + 0.1 * action[0];
///         let terminated = position.abs() > 1.0;
///         // Forgetting the position makes a step after the end an error.
///         self.position = (!terminated).then_some(position);
///         Ok(Step { observation: vec![position.clamp(-1.0, 1.0)], reward: -position.abs(), terminated, truncated: false })
///     }
/// }
/// ```
///
/// [^1]: F. Pardo et al. (2018). *Time Limits in Reinforcement Learning*. arXiv:1712.00378.
pub trait Environment {
    /// Returns the observation space; bounds may be infinite.
    fn observation_space(&self) -> &BoxSpace;

    /// Returns the action space; every bound is finite.
    fn action_space(&self) -> &BoxSpace;

    /// Starts an episode and returns its first observation.
    ///
    /// # Errors
    ///
    /// Whatever the environment reports; see [`EnvironmentError::other`].
    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError>;

    /// Applies `action`, in environment units, for one step.
    ///
    /// # Errors
    ///
    /// See the contract above.
    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError>;

    /// Announces that the next call is `step` with the same action.
    ///
    /// An environment that computes elsewhere, such as a [`RemoteEnvironment`](remote::RemoteEnvironment), can start now, so that several
    /// compute at the same time. `step` reports errors. The results are the same with and without this call. By default it does
    /// nothing. A wrapper passes it on, with the action that it passes to `step`.
    fn begin_step(&mut self, action: &[f32]) {
        let _ = action;
    }
}

impl<E: Environment + ?Sized> Environment for &mut E {
    fn observation_space(&self) -> &BoxSpace {
        (**self).observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        (**self).action_space()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        (**self).reset(seed)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        (**self).step(action)
    }

    fn begin_step(&mut self, action: &[f32]) {
        (**self).begin_step(action);
    }
}

impl<E: Environment + ?Sized> Environment for Box<E> {
    fn observation_space(&self) -> &BoxSpace {
        (**self).observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        (**self).action_space()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        (**self).reset(seed)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        (**self).step(action)
    }

    fn begin_step(&mut self, action: &[f32]) {
        (**self).begin_step(action);
    }
}

/// The result of one step of an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The next observation; on the last step, the final observation of this episode.
    pub observation: Vec<f32>,
    /// The reward of this step.
    pub reward: f32,
    /// The task reached a state without a future.
    pub terminated: bool,
    /// The episode was cut off from outside, as by a time limit.
    pub truncated: bool,
}

impl Step {
    /// Returns whether the episode is over, for either reason.
    pub fn is_last(&self) -> bool {
        self.terminated || self.truncated
    }
}

/// Checks an action as the contract asks of every environment: length, then finiteness.
///
/// # Errors
///
/// [`EnvironmentError::ActionLength`] or [`EnvironmentError::NonFiniteAction`].
///
/// # Examples
///
/// ```
/// use actor_critic::env::check_action;
/// use actor_critic::space::BoxSpace;
///
/// let space = BoxSpace::symmetric(2.0, 1)?;
/// check_action(&space, &[5.0])?; // the environment decides what an action outside the bounds does
/// let error = check_action(&space, &[0.0, 1.0]).unwrap_err();
/// assert_eq!(error.to_string(), "action must have 1 component, one per axis of the action space, got 2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_action(space: &BoxSpace, action: &[f32]) -> Result<(), EnvironmentError> {
    let (expected, found) = (space.dim(), action.len());
    if expected != found {
        return Err(EnvironmentError::ActionLength { expected, found });
    }
    match first_non_finite(action) {
        Some((axis, value)) => Err(EnvironmentError::NonFiniteAction { axis, value }),
        None => Ok(()),
    }
}

/// Takes one number for each axis from a saved state, and requires them to equal those of `here`.
fn expect_numbers<T: Element + Copy + PartialEq + fmt::Display>(
    state: &mut State,
    name: &str,
    here: &[T],
) -> Result<(), StateError> {
    let saved: Vec<T> = state.take_array(name, &[here.len()])?;
    match (0..here.len()).find(|&axis| saved[axis] != here[axis]) {
        Some(axis) => Err(StateError::differs(name, format!("{} on axis {axis}", saved[axis]), here[axis])),
        None => Ok(()),
    }
}

/// Rounds a reward to f32, and limits it to the largest finite value. NaN and infinity stay as they are, to be reported.
fn within_f32(reward: f64) -> f32 {
    if reward.is_finite() { reward.clamp(f32::MIN.into(), f32::MAX.into()) as f32 } else { reward as f32 }
}

/// Checks one part of a start state; the value must be finite even if the bound is infinite.
fn check_state(quantity: &'static str, value: f64, low: f64, high: f64) -> Result<(), EnvironmentError> {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(());
    }
    Err(EnvironmentError::State { quantity, low, high, value })
}
