//! The bundled tasks by name.

use std::fmt;
use std::str::FromStr;

use crate::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use crate::env::{
    AcrobotSwingUp, CartPoleSwingUp, ContinuousCartPole, Environment, MountainCarContinuous, Pendulum, QuadrotorHover,
    Reacher, Render, RepeatAction,
};
use crate::error::Error;
use crate::policy::Act;
use crate::state::SaveState;
use crate::train::{Evaluation, evaluate};

/// An environment that can be trained in, saved, drawn, and moved to another thread.
pub trait TaskEnvironment: Environment + SaveState + Render + Send {}

impl<E: Environment + SaveState + Render + Send> TaskEnvironment for E {}

/// A bundled task.
///
/// # Examples
///
/// ```
/// use actor_critic::preset::Task;
///
/// let task: Task = "pendulum".parse()?;
/// assert_eq!(task, Task::Pendulum);
/// assert_eq!(task.environment().action_space().high(), [2.0]);
/// for task in Task::ALL {
///     println!("{}: random actions return {:.1}", task.name(), task.random_return());
/// }
/// # Ok::<(), actor_critic::preset::UnknownTask>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Task {
    /// [`Pendulum::v1`].
    Pendulum,
    /// [`MountainCarContinuous::v0`].
    MountainCarContinuous,
    /// [`ContinuousCartPole::standard`].
    ContinuousCartPole,
    /// [`CartPoleSwingUp::standard`].
    CartPoleSwingUp,
    /// [`CartPoleSwingUp::sparse`].
    CartPoleSwingUpSparse,
    /// [`AcrobotSwingUp::standard`].
    AcrobotSwingUp,
    /// [`Reacher::easy`].
    Reacher,
    /// [`Reacher::hard`].
    ReacherHard,
    /// [`QuadrotorHover::standard`].
    QuadrotorHover,
}

/// A name that is not the name of a bundled task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a task must be one of {}, got {found}", Task::ALL.map(Task::name).join(", "))]
pub struct UnknownTask {
    /// The name.
    pub found: String,
}

impl Task {
    /// Every task.
    pub const ALL: [Self; 9] = [
        Self::Pendulum,
        Self::MountainCarContinuous,
        Self::ContinuousCartPole,
        Self::CartPoleSwingUp,
        Self::CartPoleSwingUpSparse,
        Self::AcrobotSwingUp,
        Self::Reacher,
        Self::ReacherHard,
        Self::QuadrotorHover,
    ];

    /// Returns the name, as in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pendulum => "pendulum",
            Self::MountainCarContinuous => "mountain-car-continuous",
            Self::ContinuousCartPole => "continuous-cart-pole",
            Self::CartPoleSwingUp => "cart-pole-swing-up",
            Self::CartPoleSwingUpSparse => "cart-pole-swing-up-sparse",
            Self::AcrobotSwingUp => "acrobot-swing-up",
            Self::Reacher => "reacher",
            Self::ReacherHard => "reacher-hard",
            Self::QuadrotorHover => "quadrotor-hover",
        }
    }

    /// Creates the environment.
    pub fn environment(self) -> Box<dyn TaskEnvironment> {
        match self {
            Self::Pendulum => Box::new(Pendulum::v1()),
            Self::MountainCarContinuous => Box::new(MountainCarContinuous::v0()),
            Self::ContinuousCartPole => Box::new(ContinuousCartPole::standard()),
            Self::CartPoleSwingUp => Box::new(CartPoleSwingUp::standard()),
            Self::CartPoleSwingUpSparse => Box::new(CartPoleSwingUp::sparse()),
            Self::AcrobotSwingUp => Box::new(AcrobotSwingUp::standard()),
            Self::Reacher => Box::new(Reacher::easy()),
            Self::ReacherHard => Box::new(Reacher::hard()),
            Self::QuadrotorHover => Box::new(QuadrotorHover::standard()),
        }
    }

    /// Returns the mean return of uniformly random actions, as accurate as its tests: `cargo run --release --example random_returns`.
    pub fn random_return(self) -> f64 {
        match self {
            Self::Pendulum => -1_222.0,
            Self::MountainCarContinuous => -33.3,
            Self::ContinuousCartPole => 28.1,
            Self::CartPoleSwingUp => 26.1,
            Self::CartPoleSwingUpSparse => 0.0,
            Self::AcrobotSwingUp => 3.2,
            Self::Reacher => 53.2,
            Self::ReacherHard => 8.7,
            Self::QuadrotorHover => 16.9,
        }
    }

    /// Returns the best mean return, if it is known, or else a return that no policy exceeds.
    ///
    /// It is known for the pendulum, on the grid of its evaluation, and for the balanced cart-pole.
    pub fn best_return(self) -> f64 {
        match self {
            Self::Pendulum => GRID_OPTIMUM,
            Self::MountainCarContinuous => 100.0,
            Self::ContinuousCartPole | Self::QuadrotorHover => 500.0,
            Self::CartPoleSwingUp
            | Self::CartPoleSwingUpSparse
            | Self::AcrobotSwingUp
            | Self::Reacher
            | Self::ReacherHard => 1_000.0,
        }
    }

    /// Returns the mean return at which the task counts as solved, if there is a convention: a regret of 20 for the pendulum, and
    /// Gymnasium's thresholds for its two tasks.
    pub fn solved_return(self) -> Option<f64> {
        match self {
            Self::Pendulum => Some(GRID_OPTIMUM - 20.0),
            Self::MountainCarContinuous => Some(90.0),
            Self::ContinuousCartPole => Some(475.0),
            Self::CartPoleSwingUp
            | Self::CartPoleSwingUpSparse
            | Self::AcrobotSwingUp
            | Self::Reacher
            | Self::ReacherHard
            | Self::QuadrotorHover => None,
        }
    }

    /// Returns how often each action is repeated, as in published results: twice on dm_control's tasks, once on Gymnasium's pendulum.
    ///
    /// The mountain car has 8: its engine has to push in one direction for a while to have an effect.
    pub fn action_repeat(self) -> usize {
        match self {
            Self::Pendulum => 1,
            Self::MountainCarContinuous => 8,
            _ => 2,
        }
    }

    /// Returns the number of actions in a run with the same settings for all tasks: 100,000 steps for most of dm_control's tasks, as in
    /// published results, and 200,000 for the acrobot.
    pub fn actions(self) -> usize {
        match self {
            Self::Pendulum => 10_000,
            Self::MountainCarContinuous => 8_000,
            Self::ContinuousCartPole => 25_000,
            Self::QuadrotorHover => 40_000,
            Self::CartPoleSwingUp | Self::CartPoleSwingUpSparse | Self::Reacher | Self::ReacherHard => 50_000,
            Self::AcrobotSwingUp => 100_000,
        }
    }

    /// Evaluates the greedy policy from fixed starts: the grid of the pendulum, and ten episodes with fixed seeds for the others.
    ///
    /// # Errors
    ///
    /// As [`evaluate`].
    pub fn evaluate(self, policy: &(impl Act + ?Sized)) -> Result<Evaluation, Error> {
        self.evaluate_repeating(policy, 1)
    }

    /// As [`evaluate`](Self::evaluate), with each action repeated.
    ///
    /// # Errors
    ///
    /// As [`evaluate()`], or [`Error::Config`] if `action_repeat` is 0.
    pub fn evaluate_repeating(self, policy: &(impl Act + ?Sized), action_repeat: usize) -> Result<Evaluation, Error> {
        if self == Self::Pendulum {
            return evaluate(policy, &mut RepeatAction::new(PendulumGrid::v1(), action_repeat)?, 0..256);
        }
        let mut env = RepeatAction::new(self.environment(), action_repeat)?;
        evaluate(policy, &mut env, EVALUATION_SEEDS)
    }
}

/// Seeds of the episodes of an evaluation: far from the small seeds that training uses.
const EVALUATION_SEEDS: std::ops::Range<u64> = 1_000_000..1_000_010;

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Task {
    type Err = UnknownTask;

    fn from_str(name: &str) -> Result<Self, UnknownTask> {
        let found = || UnknownTask { found: name.to_owned() };
        Self::ALL.into_iter().find(|task| task.name() == name).ok_or_else(found)
    }
}
