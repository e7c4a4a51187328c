//! One environment of a trainer, with the episode under way in it.

use super::episode::Episode;
use crate::env::{Environment, EnvironmentError, Spaces, Step};
use crate::state::{State, StateError};

/// An environment with its episode.
#[derive(Debug)]
pub(super) struct EnvSlot<E> {
    pub(super) env: E,
    pub(super) episode: Episode,
    /// The observation to act on next; `None` between episodes.
    pub(super) observation: Option<Vec<f32>>,
}

/// What happens to an episode under way when a run is saved.
#[derive(Debug)]
pub(super) enum MidEpisode<E> {
    /// Nobody has chosen: the run can be saved between episodes only.
    Refused,
    /// The episode is not saved. The resumed run begins a new one.
    Restarted,
    /// The episode is saved with the state of its environment. The resumed run continues it.
    Saved { save: fn(&E) -> Result<State, StateError>, load: fn(&mut E, State) -> Result<(), StateError> },
}

/// A function that steps every environment, each with its own action.
pub(super) type StepAll<E> = fn(&mut [EnvSlot<E>], &[Vec<f32>], &Spaces) -> Vec<Result<Step, EnvironmentError>>;

impl<E: Environment> EnvSlot<E> {
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
    slots: &mut [EnvSlot<E>],
    actions: &[Vec<f32>],
    spaces: &Spaces,
) -> Vec<Result<Step, EnvironmentError>> {
    slots.iter_mut().zip(actions).map(|(slot, action)| slot.step(action, spaces)).collect()
}

/// Steps the environments in parallel on the threads of rayon. The results keep the order of the environments.
#[cfg(feature = "threads")]
pub(super) fn over_threads<E: Environment + Send>(
    slots: &mut [EnvSlot<E>],
    actions: &[Vec<f32>],
    spaces: &Spaces,
) -> Vec<Result<Step, EnvironmentError>> {
    use rayon::prelude::{
        IndexedParallelIterator, IntoParallelRefIterator, IntoParallelRefMutIterator, ParallelIterator,
    };
    slots.par_iter_mut().zip(actions.par_iter()).map(|(slot, action)| slot.step(action, spaces)).collect()
}
