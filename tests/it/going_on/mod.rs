//! How a run goes on that is begun again: with episodes that begin anew, from an older generation, with other settings, or not at all.

mod large_states;
mod other_settings;
mod restarted_episodes;
mod rules;

use std::num::NonZeroUsize;

use crate::small_run::agent as small_ddpg;
use actor_critic::prelude::*;

type SmallDdpg = crate::small_run::SmallAgent;

fn limited(steps: usize) -> TimeLimit<Pendulum> {
    TimeLimit::new(Pendulum::default(), NonZeroUsize::new(steps).unwrap())
}

fn ddpg(config: &DdpgConfig) -> SmallDdpg {
    small_ddpg(4, config, Seed(0))
}

/// A run of so many steps in all, that learns from its 16th.
fn by_steps(steps: usize) -> TrainerConfig {
    let config = TrainerConfig::new(usize::MAX).with_environment_steps(Some(steps));
    config.with_batch_size(4).with_warmup_steps(8).with_learning_starts(16).with_replay_capacity(2_000)
}

/// Two environments whose episodes never end together.
fn two(config: &TrainerConfig) -> Trainer<TimeLimit<Pendulum>, SmallDdpg> {
    Trainer::with_environments(vec![limited(97), limited(101)], ddpg(&DdpgConfig::new()), config, Seed(0)).unwrap()
}

fn every(steps: usize, folder: &tempfile::TempDir) -> CheckpointEvery<SmallDdpg> {
    CheckpointEvery::steps(steps, Checkpoints::open(folder.path()).unwrap()).unwrap()
}

fn generations<E: Environment>(trainer: &Trainer<E, SmallDdpg>) -> Vec<u64> {
    trainer.checkpoints().unwrap().generations().unwrap()
}
