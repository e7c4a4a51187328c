//! Learning from the replay: decides how many updates are due and makes them, without using the environments.

use rand::rngs::ChaCha8Rng;

use super::TrainerConfig;
use crate::agent::{Agent, Update};
use crate::error::Error;
use crate::replay::{Batch, Replay};
use crate::rng::{Seed, Stream};

/// Makes the updates that are due after a number of environment steps.
#[derive(Debug)]
pub(super) struct Updater {
    batch_size: usize,
    learning_starts: usize,
    updates_per_step: f64,
    batch: Batch,
    pub(super) replay_rng: ChaCha8Rng,
    /// Environment steps since learning has started.
    pub(super) learning_steps: usize,
    /// Updates so far.
    pub(super) updates: usize,
}

impl Updater {
    pub(super) fn new(config: &TrainerConfig, seed: Seed) -> Self {
        Self {
            batch_size: config.batch_size,
            learning_starts: config.learning_starts(),
            updates_per_step: config.updates_per_step,
            batch: Batch::default(),
            replay_rng: seed.stream(Stream::Replay),
            learning_steps: 0,
            updates: 0,
        }
    }

    /// Makes the updates that are due after `steps` more environment steps, and calls `on_update` with the metrics of each.
    pub(super) fn learn<A: Agent>(
        &mut self,
        steps: usize,
        agent: &mut A,
        replay: &mut dyn Replay,
        mut on_update: impl FnMut(&A::Metrics),
    ) -> Result<(), Error> {
        if replay.transitions().len() < self.learning_starts {
            return Ok(());
        }
        let updates = self.updates_after(self.learning_steps + steps) - self.updates_after(self.learning_steps);
        self.learning_steps += steps;
        for _ in 0..updates {
            replay.sample_into(self.batch_size, agent.discount(), &mut self.replay_rng, &mut self.batch)?;
            let Update { metrics, td_errors } = agent.update(&self.batch)?;
            // The update counts, even if the replay then refuses its priorities.
            self.updates += 1;
            on_update(&metrics);
            if self.batch.weights().is_some() {
                replay.update_priorities(&self.batch, &td_errors.unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Returns how many updates belong to the first `learning_steps` environment steps of learning.
    fn updates_after(&self, learning_steps: usize) -> usize {
        (learning_steps as f64 * self.updates_per_step).floor() as usize
    }
}
