//! Runs that are saved in mid-episode, and begin new episodes when they go on.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actor_critic::checkpoint::CheckpointError;
use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;
use actor_critic::train::{ObserverError, StepReport};

use super::{SmallDdpg, by_steps, ddpg, every, generations, limited, two};

/// Sets the flag of a handler of Ctrl-C after so many environment steps.
struct CtrlC(usize, Arc<AtomicBool>);

impl Observer for CtrlC {
    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        self.1.store(step.environment_steps >= self.0, Ordering::Relaxed);
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn environments_that_restart_are_saved_on_time_and_when_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let config = by_steps(900);
    let error = two(&config).with_checkpoints(every(100, &folder)).run(&mut []).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::MidEpisode)), "{error}");

    let checkpoints = every(100, &folder);
    let mut ctrl_c = CtrlC(330, checkpoints.interrupt_flag());
    let mut first = two(&config).with_restarted_episodes().with_checkpoints(checkpoints);
    first.run(&mut [&mut ctrl_c]).unwrap();
    assert_eq!(first.environment_steps(), 330);
    assert_eq!(generations(&first), [1, 2, 3], "of 100, 200, 300 and 330 steps");
    // Its directory is free for the next one, and the trainer is there to be compared.
    let elsewhere = tempfile::tempdir().unwrap();
    let first = first.with_checkpoints(every(100, &elsewhere));

    let mut second = two(&config).with_restarted_episodes().with_checkpoints(every(100, &folder));
    let resumed = second.resume_newest().unwrap().unwrap();
    assert_eq!((resumed.environment_steps, resumed.restarted_episodes, resumed.skipped.len()), (330, 2, 0));
    assert_eq!((second.history(), second.replay().len(), second.updates()), (first.history(), 330, first.updates()));
    assert_eq!(second.agent().save_state().unwrap(), first.agent().save_state().unwrap());
    second.run(&mut []).unwrap();
    assert_eq!((second.environment_steps(), first.environment_steps()), (900, 330));
    // Whole episodes only, and what follows is no continuation of what was given up.
    assert!(second.history().iter().all(|episode| [97, 101].contains(&episode.steps)));
    // A run that is over is not saved again.
    let newest = generations(&second);
    second.run(&mut []).unwrap();
    assert_eq!(generations(&second), newest);
}

#[test]
fn saving_does_not_disturb_a_run_whose_episodes_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (saved, mut alone) = (two(&by_steps(400)).with_restarted_episodes(), two(&by_steps(400)));
    let mut saved = saved.with_checkpoints(every(50, &folder));
    saved.run(&mut []).unwrap();
    alone.run(&mut []).unwrap();
    assert_eq!(saved.history(), alone.history());
    assert_eq!(saved.agent().save_state().unwrap(), alone.agent().save_state().unwrap());
}

#[test]
fn noise_and_replay_know_that_an_episode_was_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let noise = OrnsteinUhlenbeckConfig::new().with_reset_each_episode(true);
    let config = DdpgConfig::new().with_noise(NoiseConfig::OrnsteinUhlenbeck(noise));
    let make = || Trainer::new(limited(50), ddpg(&config), &by_steps(30).with_warmup_steps(0), Seed(0)).unwrap();
    let mut first = make().with_restarted_episodes();
    first.run(&mut []).unwrap();
    first.save(&mut Checkpoints::open(folder.path()).unwrap()).unwrap();
    let mut second = make().with_restarted_episodes();
    second.resume(&mut Checkpoints::open(folder.path()).unwrap()).unwrap();
    let displacement = |trainer: &Trainer<_, SmallDdpg>| {
        trainer.agent().save_state().unwrap().take_array::<f64>("exploration.processes.rows.x", &[1, 1]).unwrap()[0]
    };
    assert_ne!(displacement(&first), 0.0);
    assert_eq!(displacement(&second), 0.0);
    let last = second.replay().get(29).unwrap();
    assert_eq!(last.next_observation, first.replay().get(29).unwrap().next_observation);
}

#[test]
fn a_checkpoint_with_states_can_be_taken_up_without_them_and_the_other_way_round() {
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut saved = two(&by_steps(60)).with_environment_state();
    saved.run(&mut []).unwrap();
    saved.save(&mut checkpoints).unwrap();
    let mut restarting = two(&by_steps(90)).with_restarted_episodes();
    assert_eq!(restarting.resume(&mut checkpoints).unwrap().unwrap().restarted_episodes, 2);
    restarting.run(&mut []).unwrap();
    restarting.save(&mut checkpoints).unwrap();
    let mut exact = two(&by_steps(120)).with_environment_state();
    let resumed = exact.resume(&mut checkpoints).unwrap().unwrap();
    assert_eq!((resumed.environment_steps, resumed.restarted_episodes), (90, 2));
    exact.run(&mut []).unwrap();
    let error = two(&by_steps(120)).resume_from(&mut checkpoints, 0).unwrap_err();
    assert!(matches!(error, Error::Checkpoint(CheckpointError::MidEpisode)), "{error}");
}

#[test]
fn the_end_of_a_run_in_mid_episode_is_saved() {
    let folder = tempfile::tempdir().unwrap();
    let config = by_steps(40);
    let make = || Trainer::new(limited(300), ddpg(&DdpgConfig::new()), &config, Seed(0)).unwrap();
    make().with_restarted_episodes().with_checkpoints(every(1_000, &folder)).run(&mut []).unwrap();
    let mut resumed = make().with_restarted_episodes().with_checkpoints(every(1_000, &folder));
    assert_eq!(resumed.resume_newest().unwrap().unwrap().environment_steps, 40);

    // One that was over before anything saves it, too.
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = make().with_environment_state();
    trainer.run(&mut []).unwrap();
    let mut trainer = trainer.with_checkpoints(every(1_000, &folder));
    trainer.run(&mut []).unwrap();
    assert_eq!(generations(&trainer), [0]);
}
