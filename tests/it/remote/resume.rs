//! Runs on simulators, saved and resumed.

use super::served_pendulum;
use actor_critic::env::Replayed;
use actor_critic::env::check_saved_state;
use actor_critic::env::remote::RemoteEnvironment;
use actor_critic::nn::{GaussianActor, QNetwork};
use actor_critic::prelude::*;

type SmallTrainer = Trainer<Replayed<RemoteEnvironment>, Sac<GaussianActor, QNetwork>>;

fn trainer(steps: usize, folder: &std::path::Path) -> SmallTrainer {
    let env = served_pendulum().replayed();
    let spaces = Spaces::of(&env).unwrap();
    let agent = SacConfig::new().init_with(&[8], &spaces, &Device::flex(), Seed(2)).unwrap();
    let config = TrainerConfig::steps(steps).with_batch_size(8).with_learning_starts(250).with_warmup_steps(100);
    let checkpoints = CheckpointEvery::steps(1_000, Checkpoints::open(folder).unwrap()).unwrap();
    Trainer::new(env, agent, &config, Seed(2)).unwrap().with_environment_state().with_checkpoints(checkpoints)
}

#[test]
fn the_contract_of_saved_states_holds() {
    check_saved_state(&mut served_pendulum().replayed()).unwrap();
}

#[test]
fn a_run_that_is_resumed_on_its_way_or_between_episodes_ends_as_if_it_had_not_been_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let outcome = |trainer: &SmallTrainer| {
        let returns: Vec<f64> = trainer.history().iter().map(|episode| episode.episode_return).collect();
        (returns, trainer.agent().save_state().unwrap())
    };
    let mut whole = trainer(700, &path("whole"));
    whole.run(&mut []).unwrap();
    assert_eq!(whole.history().len(), 3);
    for interrupted_at in [90, 200, 317] {
        let name = interrupted_at.to_string();
        trainer(interrupted_at, &path(&name)).run(&mut []).unwrap();
        let mut resumed = trainer(700, &path(&name));
        assert_eq!(resumed.resume_newest().unwrap().unwrap().environment_steps, interrupted_at);
        resumed.run(&mut []).unwrap();
        assert_eq!(outcome(&resumed), outcome(&whole), "interrupted at step {interrupted_at}");
    }
}

#[test]
fn another_version_of_the_simulator_is_named() {
    let mut saved = served_pendulum().replayed();
    saved.reset(0).unwrap();
    let state = saved.save_state().unwrap();
    let here = [("simulator", "pendulum"), ("actor-critic", "0.0.1")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let error = Replayed::new(served_pendulum()).with_identity(here).load_state(state).unwrap_err().to_string();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        error,
        format!("`identity.actor-critic` must be the same as when the state was saved: {version} then, 0.0.1 now")
    );
}
