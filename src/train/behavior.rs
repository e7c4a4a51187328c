//! The behaviour policy: how an agent acts while the trainer collects experience.

use crate::agent::Agent;
use crate::env::Step;
use crate::policy::ActError;

/// Chooses the actions that collect experience.
///
/// These are the methods of an [`Agent`] that do not concern learning.
pub(super) trait Behavior {
    /// Called with the first observation of every episode.
    fn observe(&mut self, observation: &[f32]) -> Result<(), ActError>;

    /// Writes one action for each environment, with exploration, from the observations of all, row by row.
    fn explore_into(&mut self, observations: &[f32], actions: &mut [f32]) -> Result<(), ActError>;

    /// Called with every step of environment `i`.
    fn observe_step(&mut self, i: usize, step: &Step) -> Result<(), ActError>;

    /// Called when an episode of environment `i` is over.
    fn end_episode(&mut self, i: usize);
}

/// Every agent collects experience with its own exploration.
impl<A: Agent> Behavior for A {
    fn observe(&mut self, observation: &[f32]) -> Result<(), ActError> {
        Agent::observe(self, observation)
    }

    fn explore_into(&mut self, observations: &[f32], actions: &mut [f32]) -> Result<(), ActError> {
        Agent::explore_into(self, observations, actions)
    }

    fn observe_step(&mut self, i: usize, step: &Step) -> Result<(), ActError> {
        Agent::observe_step(self, i, step)
    }

    fn end_episode(&mut self, i: usize) {
        Agent::end_episode(self, i);
    }
}
