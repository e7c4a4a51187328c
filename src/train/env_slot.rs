//! One environment of a trainer, with its running episode.

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
    /// The result of the newest action, until it is stored.
    pub(super) answer: Option<Result<Step, EnvironmentError>>,
    /// The last step of an episode that has just ended.
    pub(super) last_step: Option<Step>,
}

/// What happens to a running episode when a run is saved.
#[derive(Debug)]
pub(super) enum MidEpisode<E> {
    /// No choice was made: the run can be saved between episodes only.
    Refused,
    /// The episode is not saved. The resumed run starts a new one.
    Restarted,
    /// The episode is saved with the state of its environment. The resumed run continues it.
    Saved { save: fn(&E) -> Result<State, StateError>, load: fn(&mut E, State) -> Result<(), StateError> },
}

/// A function that steps every environment, each with its own row of the actions, and stores the results in the slots.
pub(super) type StepAll<E> = fn(&mut [EnvSlot<E>], &[f32], &Spaces);

impl<E: Environment> EnvSlot<E> {
    pub(super) fn new(env: E) -> Self {
        Self { env, episode: Episode::default(), observation: None, answer: None, last_step: None }
    }

    pub(super) fn begin(&mut self, seed: u64, spaces: &Spaces) -> Result<&[f32], EnvironmentError> {
        let observation = self.env.reset(seed)?;
        spaces.check_observation(&observation)?;
        self.episode.clear();
        Ok(self.observation.insert(observation))
    }

    fn step(&mut self, action: &[f32], spaces: &Spaces) {
        let answer = self.env.step(action);
        self.answer = Some(answer.and_then(|step| spaces.check_step(&step).map(|()| step)));
    }
}

/// Announces the action to each environment, so that those that compute elsewhere do so at the same time.
fn begin_all<E: Environment>(slots: &mut [EnvSlot<E>], actions: &[f32], spaces: &Spaces) {
    let actions = actions.chunks_exact(spaces.action().dim());
    slots.iter_mut().zip(actions).for_each(|(slot, action)| slot.env.begin_step(action));
}

/// Steps one environment after the other.
pub(super) fn in_order<E: Environment>(slots: &mut [EnvSlot<E>], actions: &[f32], spaces: &Spaces) {
    begin_all(slots, actions, spaces);
    let actions = actions.chunks_exact(spaces.action().dim());
    slots.iter_mut().zip(actions).for_each(|(slot, action)| slot.step(action, spaces));
}

/// Steps the environments in parallel on the threads of rayon.
#[cfg(feature = "threads")]
pub(super) fn over_threads<E: Environment + Send>(slots: &mut [EnvSlot<E>], actions: &[f32], spaces: &Spaces) {
    use rayon::prelude::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator, ParallelSlice};
    begin_all(slots, actions, spaces);
    let actions = actions.par_chunks_exact(spaces.action().dim());
    slots.par_iter_mut().zip(actions).for_each(|(slot, action)| slot.step(action, spaces));
}
