//! Layout of a transition in a row of numbers.

use super::Transition;

/// Bytes of transitions in a piece of a checkpoint: written in some milliseconds.
const SEGMENT_BYTES: usize = 4 << 20;

/// Layout of a row: o, a, r, and 1 for terminated.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct RowLayout {
    pub(super) observation_dim: usize,
    pub(super) action_dim: usize,
}

impl RowLayout {
    pub(super) fn width(self) -> usize {
        self.observation_dim + self.action_dim + 2
    }

    pub(super) fn read<'a>(self, row: &'a [f32], next_observation: &'a [f32]) -> Transition<'a> {
        let (observation, rest) = row.split_at(self.observation_dim);
        let (action, rest) = rest.split_at(self.action_dim);
        Transition { observation, action, reward: rest[0], next_observation, terminated: rest[1] != 0.0 }
    }

    pub(super) fn write(self, transition: &Transition<'_>, row: &mut [f32]) {
        let (observation, rest) = row.split_at_mut(self.observation_dim);
        let (action, rest) = rest.split_at_mut(self.action_dim);
        observation.copy_from_slice(transition.observation);
        action.copy_from_slice(transition.action);
        rest[0] = transition.reward;
        rest[1] = f32::from(transition.terminated);
    }

    /// Returns the rows in a piece of a checkpoint.
    pub(super) fn segment_rows(self) -> usize {
        (SEGMENT_BYTES / (self.width() * size_of::<f32>() + size_of::<u64>())).max(1)
    }
}
