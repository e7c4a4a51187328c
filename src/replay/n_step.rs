//! Returns of several steps.

use super::ReplayError;
use crate::config::{at_least, in_unit_interval};

/// How far a batch looks ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NStep {
    pub(super) steps: usize,
    discount: f64,
}

/// What a transition becomes when it is followed for some steps.
pub(super) struct Outlook {
    /// `r_t + γ r_{t+1} + … + γ^{m−1} r_{t+m−1}`.
    pub(super) reward: f32,
    /// γ^m.
    pub(super) discount: f32,
    /// Row of the last of these steps.
    pub(super) last_row: usize,
}

impl NStep {
    /// One step, whose discount is the agent's business.
    pub(super) const ONE: Self = Self { steps: 1, discount: 1.0 };

    pub(super) fn new(steps: usize, discount: f64) -> Result<Self, ReplayError> {
        at_least("number of steps of a return", 1, steps)?;
        in_unit_interval("discount", discount)?;
        Ok(Self { steps, discount })
    }

    /// Follows the transition in `row`, given the reward of a row and the row that follows it in the same episode.
    pub(super) fn look(
        self,
        row: usize,
        reward_of: impl Fn(usize) -> f32,
        following: impl Fn(usize) -> Option<usize>,
    ) -> Outlook {
        let mut last_row = row;
        let (mut reward, mut discount) = (f64::from(reward_of(row)), self.discount);
        for _ in 1..self.steps {
            // The episode has ended, by termination or otherwise, or has come no further.
            let Some(next) = following(last_row) else { break };
            last_row = next;
            reward += discount * f64::from(reward_of(next));
            discount *= self.discount;
        }
        Outlook { reward: reward as f32, discount: discount as f32, last_row }
    }
}
