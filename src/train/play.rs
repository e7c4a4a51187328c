//! One of the environments of a trainer, and the episode under way in it.

use super::episode::Episode;
use crate::env::{Environment, EnvironmentError, Spaces, Step};
use crate::state::{State, StateError};

/// An environment with its episode.
#[derive(Debug)]
pub(super) struct Play<E> {
    pub(super) env: E,
    pub(super) episode: Episode,
    /// What the agent sees now; `None` between episodes.
    pub(super) observation: Option<Vec<f32>>,
}

/// What becomes of an episode under way when a run is saved.
#[derive(Debug)]
pub(super) enum MidEpisode<E> {
    /// Nobody has said: the run can be saved between episodes only.
    Refused,
    /// It is not saved, and a new one begins when the run is resumed.
    Restarted,
    /// It is saved with the state of its environment, and goes on.
    Saved { save: fn(&E) -> Result<State, StateError>, load: fn(&mut E, State) -> Result<(), StateError> },
}

/// How all environments are stepped at once, each with its action.
pub(super) type StepAll<E> = fn(&mut [Play<E>], &[Vec<f32>], &Spaces) -> Vec<Result<Step, EnvironmentError>>;

impl<E: Environment> Play<E> {
    pub(super) fn new(env: E) -> Self {
        Self { env, episode: Episode::default(), observation: None }
    }

    pub(super) fn begin(&mut self, seed: u64, spaces: &Spaces) -> Result<&[f32], EnvironmentError> {
        let observation = self.env.reset(seed)?;
        spaces.check_observation(&observation)?;
        self.episode = Episode::default();
        Ok(self.observation.insert(observation))
    }

    fn step(&mut self, action: &[f32], spaces: &Spaces) -> Result<Step, EnvironmentError> {
        let step = self.env.step(action)?;
        spaces.check_step(&step).map(|()| step)
    }
}

/// Steps one environment after the other.
pub(super) fn in_order<E: Environment>(
    plays: &mut [Play<E>],
    actions: &[Vec<f32>],
    spaces: &Spaces,
) -> Vec<Result<Step, EnvironmentError>> {
    plays.iter_mut().zip(actions).map(|(play, action)| play.step(action, spaces)).collect()
}

/// Steps the environments over the threads of rayon; their order stays.
#[cfg(feature = "threads")]
pub(super) fn over_threads<E: Environment + Send>(
    plays: &mut [Play<E>],
    actions: &[Vec<f32>],
    spaces: &Spaces,
) -> Vec<Result<Step, EnvironmentError>> {
    use rayon::prelude::{
        IndexedParallelIterator, IntoParallelRefIterator, IntoParallelRefMutIterator, ParallelIterator,
    };
    plays.par_iter_mut().zip(actions.par_iter()).map(|(play, action)| play.step(action, spaces)).collect()
}
