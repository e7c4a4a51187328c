//! Several simulators at once: they compute at the same time, and give what they would give one after the other.

use std::net::TcpListener;
use std::sync::{Arc, Barrier};

use super::simulator::spawn;
use super::{Requests, bytes, hello, observation, served_pendulum, step};
use actor_critic::env::remote::protocol::Request;
use actor_critic::env::remote::{RemoteEnvironment, RemoteError, RemoteOptions};
use actor_critic::env::{
    EpisodeStatistics, FrameStack, Recorder, RepeatAction, RescaleAction, RescaleObservation, ScaleReward, Starts,
};
use actor_critic::prelude::*;

type SmallSac = Sac<actor_critic::nn::GaussianActor, actor_critic::nn::QNetwork>;

fn agent(env: &impl Environment) -> SmallSac {
    let spaces = Spaces::of(env).unwrap();
    SacConfig::new().init_with(&[8], &spaces, &Device::flex(), Seed(1)).unwrap()
}

fn config(steps: usize) -> TrainerConfig {
    TrainerConfig::steps(steps).with_batch_size(8).with_learning_starts(30).with_warmup_steps(20)
}

/// Trains in these environments; returns what the history and the replay hold.
fn train<E: Environment>(environments: Vec<E>, steps: usize) -> (Vec<f64>, Vec<Vec<f32>>) {
    let agent = agent(&environments[0]);
    let mut trainer = Trainer::with_environments(environments, agent, &config(steps), Seed(1)).unwrap();
    trainer.run(&mut []).unwrap();
    let returns = trainer.history().iter().map(|episode| episode.episode_return).collect();
    let stored = (0..trainer.replay().len()).map(|age| trainer.replay().get(age).unwrap().action.to_vec());
    (returns, stored.collect())
}

#[test]
fn a_run_on_simulators_is_the_run_on_their_environments_bit_for_bit() {
    let local = train((0..3).map(|_| Pendulum::v1()).collect(), 700);
    let remote = train((0..3).map(|_| served_pendulum()).collect(), 700);
    assert_eq!(local.0.len(), 3, "each of the three has ended an episode");
    assert_eq!(local, remote);
}

/// Serves a task whose steps are answered once every simulator at the barrier has got its request for one.
fn waits_for_others(barrier: &Arc<Barrier>) -> RemoteEnvironment {
    let (listener, barrier) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::clone(barrier));
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut requests = Requests::new(listener.accept().unwrap().0);
        while let Some(request) = requests.next() {
            let answer = match request {
                Request::Hello { .. } => hello(),
                Request::Reset { .. } => observation(),
                _ => {
                    barrier.wait();
                    step()
                }
            };
            requests.write(&bytes(&answer));
        }
    });
    RemoteEnvironment::connect(&address).unwrap()
}

#[test]
fn all_actions_are_sent_before_the_first_answer_is_read_through_every_wrapper() {
    let barrier = Arc::new(Barrier::new(2));
    let wrapped = || {
        let env = waits_for_others(&barrier).replayed();
        let env = RescaleAction::to_unit(TimeLimit::new(env, 50.try_into().unwrap())).unwrap();
        let env = RescaleObservation::new(env, &[2.0; 3], &[0.0; 3]).unwrap();
        let env = FrameStack::new(ScaleReward::new(env, 2.0).unwrap(), 2).unwrap();
        let env = Recorder::new(EpisodeStatistics::new(env, 1).unwrap(), 1).unwrap();
        let env = Starts::new(env, vec![3_u64], |env, seed| env.reset(seed)).unwrap();
        let env: Box<dyn Environment + Send> = Box::new(RepeatAction::new(env, 1).unwrap());
        env
    };
    // If a trainer waited for one before it told the next, both would wait for ever.
    let (returns, actions) = train(vec![wrapped(), wrapped()], 60);
    assert_eq!((returns.len(), actions.len()), (0, 60));
}

#[test]
fn a_step_that_was_begun_is_the_step_that_is_taken() {
    let (mut env, mut plain) = (served_pendulum(), Pendulum::v1());
    env.begin_step(&[1.0]);
    assert!(matches!(env.step(&[1.0]), Err(EnvironmentError::StepBeforeReset)));
    assert_eq!(env.reset(5).unwrap(), plain.reset(5).unwrap());
    env.begin_step(&[f32::NAN]);
    env.begin_step(&[1.0]);
    env.begin_step(&[1.0]);
    assert!(matches!(env.step(&[0.0, 1.0]), Err(EnvironmentError::ActionLength { .. })));
    assert_eq!(env.step(&[1.0]).unwrap(), plain.step(&[1.0]).unwrap());
    // A begun step is dropped by a reset, and refused with another action.
    env.begin_step(&[1.0]);
    assert_eq!(env.reset(6).unwrap(), plain.reset(6).unwrap());
    env.begin_step(&[1.0]);
    let error = env.step(&[0.5]).unwrap_err();
    assert!(
        matches!(&error, EnvironmentError::Remote(error) if matches!(**error, RemoteError::OtherAction { axis: 0 }))
    );
    assert_eq!(error.to_string(), "step must get the action that begin_step got, but they differ on axis 0");
    super::assert_same_episode(&mut env, &mut plain, 7);
}

#[test]
fn one_that_is_killed_is_named_by_its_number_and_the_others_keep_their_step() {
    let options = RemoteOptions::new().with_restart(true);
    let environments: Vec<_> = (0..3).map(|_| spawn("pendulum", options.clone()).unwrap()).collect();
    let agent = agent(&environments[0]);
    let mut trainer = Trainer::with_environments(environments, agent, &config(90), Seed(1)).unwrap();
    for _ in 0..10 {
        trainer.step().unwrap();
    }
    let id = trainer.environments().nth(1).unwrap().process_id().unwrap();
    std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap();
    let error = trainer.step().unwrap_err().to_string();
    let expected = "pendulum in sh ended before it had answered a step: signal: 9 (SIGKILL); its output is on standard error, in \
                    environment 1, at environment step 31 after 3 updates";
    assert_eq!(error, expected);
    assert_eq!(trainer.environment_steps(), 32);
    trainer.run(&mut []).unwrap();
    assert_eq!(trainer.environment_steps(), 92);
}
