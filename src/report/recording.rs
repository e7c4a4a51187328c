//! Recorded episodes.

use super::ReportError;
use crate::env::{Environment, Render, Spaces, check_action};
use crate::policy::ActError;

/// A recorded episode.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// An SVG document for each state: one more than there are steps.
    pub frames: Vec<String>,
    /// The sum of its rewards, undiscounted.
    pub episode_return: f64,
    /// Whether it reached a state without a future.
    pub terminated: bool,
    /// Whether it was cut off from outside.
    pub truncated: bool,
}

impl Recording {
    /// Returns the length of the episode in environment steps.
    pub fn steps(&self) -> usize {
        self.frames.len().saturating_sub(1)
    }
}

/// Plays one episode and keeps a picture of each state.
///
/// `act` maps an observation to an action, such as [`Policy::action`](crate::policy::Policy::action). `seed` is the seed of the reset. To
/// start from a state of your choice, wrap the environment in [`Starts`](crate::env::Starts). The episode must end: wrap an environment
/// without an end in a [`TimeLimit`](crate::env::TimeLimit).
///
/// # Errors
///
/// - [`ReportError::Space`], [`ReportError::Environment`] or [`ReportError::Act`] if the environment or the policy returns an error
/// - [`ReportError::NotDrawn`] if the environment returns no picture of a state
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
/// use actor_critic::report::record_episode;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let mut env = Pendulum::v1();
/// let policy = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?.policy()?;
/// let recording = record_episode(|observation| policy.action(observation), &mut env, 7)?;
/// assert_eq!((recording.steps(), recording.frames.len()), (200, 201));
/// assert!(recording.truncated && recording.episode_return < 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn record_episode<E: Environment + Render>(
    mut act: impl FnMut(&[f32]) -> Result<Vec<f32>, ActError>,
    env: &mut E,
    seed: u64,
) -> Result<Recording, ReportError> {
    let spaces = Spaces::of(env)?;
    let mut observation = env.reset(seed)?;
    spaces.check_observation(&observation)?;
    let mut recording = Recording { frames: Vec::new(), episode_return: 0.0, terminated: false, truncated: false };
    loop {
        let steps = recording.frames.len();
        recording.frames.push(env.render().ok_or(ReportError::NotDrawn { steps })?);
        if recording.terminated || recording.truncated {
            return Ok(recording);
        }
        let action = act(&observation)?;
        check_action(spaces.action(), &action)?;
        let step = env.step(&action)?;
        spaces.check_step(&step)?;
        recording.episode_return += f64::from(step.reward);
        (recording.terminated, recording.truncated) = (step.terminated, step.truncated);
        observation = step.observation;
    }
}
