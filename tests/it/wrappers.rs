//! Wrappers around wrappers: whatever the order, the contracts of environment and saved state hold.

use actor_critic::env::{
    Environment, EpisodeStatistics, FrameStack, MountainCarContinuous, Pendulum, QuadrotorHover, Recorder, Render,
    RepeatAction, RescaleAction, RescaleObservation, ScaleReward, TimeLimit, check_environment, check_saved_state,
};
use actor_critic::space::BoxSpace;
use actor_critic::state::SaveState;
use std::num::NonZeroUsize;

const LIMIT: NonZeroUsize = NonZeroUsize::new(40).expect("40 is not zero");

fn keeps_the_contracts<E: Environment + SaveState + Render + Send>(make: impl Fn() -> E) {
    check_environment(&mut make()).unwrap();
    check_saved_state(&mut make()).unwrap();
    let mut env = make();
    assert_eq!(env.render(), None);
    env.reset(0).unwrap();
    assert!(env.render().is_some_and(|svg| svg.starts_with("<svg ")));
}

/// Each wrapper alone, around an environment with an end and one without.
fn each_alone<E: Environment + SaveState + Render + Send>(make: impl Fn() -> E) {
    let dim = make().action_space().dim();
    let lopsided = BoxSpace::new(vec![-3.0; dim], vec![7.0; dim]).unwrap();
    keeps_the_contracts(|| RescaleAction::to_unit(make()).unwrap());
    keeps_the_contracts(|| RescaleAction::new(make(), lopsided.clone()).unwrap());
    keeps_the_contracts(|| RepeatAction::new(make(), 3).unwrap());
    keeps_the_contracts(|| ScaleReward::new(make(), 2.5).unwrap());
    let axes = make().observation_space().dim();
    let scale: Vec<f64> = (1..=axes).map(|i| 0.3 * i as f64).collect();
    keeps_the_contracts(|| RescaleObservation::new(make(), &scale, &vec![-7.0; axes]).unwrap());
    keeps_the_contracts(|| FrameStack::new(make(), 3).unwrap());
    keeps_the_contracts(|| EpisodeStatistics::new(make(), 2).unwrap());
    keeps_the_contracts(|| Recorder::new(make(), 2).unwrap());
    keeps_the_contracts(|| Recorder::new(make(), 1).unwrap().with_frames());
    keeps_the_contracts(|| TimeLimit::new(make(), LIMIT));
}

#[test]
fn each_wrapper_keeps_the_contracts_around_a_task_that_is_cut_off() {
    each_alone(Pendulum::v1);
}

#[test]
fn each_wrapper_keeps_the_contracts_around_a_task_that_terminates() {
    each_alone(MountainCarContinuous::v0);
    each_alone(QuadrotorHover::standard);
}

#[test]
fn wrappers_keep_the_contracts_in_one_order_and_in_the_other() {
    keeps_the_contracts(|| {
        let env = TimeLimit::new(Pendulum::default(), LIMIT);
        let env =
            EpisodeStatistics::new(ScaleReward::new(RescaleAction::to_unit(env).unwrap(), 0.1).unwrap(), 3).unwrap();
        Recorder::new(FrameStack::new(RepeatAction::new(env, 2).unwrap(), 3).unwrap(), 1).unwrap()
    });
    keeps_the_contracts(|| {
        let env =
            RepeatAction::new(FrameStack::new(Recorder::new(Pendulum::default(), 1).unwrap(), 3).unwrap(), 2).unwrap();
        let env = EpisodeStatistics::new(env, 3).unwrap();
        TimeLimit::new(RescaleAction::to_unit(ScaleReward::new(env, 0.1).unwrap()).unwrap(), LIMIT)
    });
    keeps_the_contracts(|| {
        let env = RepeatAction::new(MountainCarContinuous::v0(), 4).unwrap();
        let env = ScaleReward::new(FrameStack::new(env, 2).unwrap(), 0.01).unwrap();
        FrameStack::new(RescaleObservation::new(env, &[2.0; 4], &[1e3; 4]).unwrap(), 2).unwrap()
    });
    keeps_the_contracts(|| {
        let env = FrameStack::new(RescaleAction::to_unit(MountainCarContinuous::v0()).unwrap(), 2).unwrap();
        RepeatAction::new(RepeatAction::new(EpisodeStatistics::new(env, 1).unwrap(), 2).unwrap(), 2).unwrap()
    });
}

#[test]
fn a_boxed_environment_can_be_wrapped() {
    let boxed: Box<dyn Environment + Send> = Box::new(Pendulum::v1());
    let mut env = ScaleReward::new(FrameStack::new(boxed, 2).unwrap(), 3.0).unwrap();
    check_environment(&mut env).unwrap();
}

#[test]
fn two_repetitions_and_a_stack_see_what_the_plain_environment_shows() {
    let env = ScaleReward::new(Pendulum::v1(), 0.5).unwrap();
    let mut env = FrameStack::new(RepeatAction::new(RescaleAction::to_unit(env).unwrap(), 2).unwrap(), 2).unwrap();
    let mut plain = Pendulum::v1();
    let (stacked, first) = (env.reset(8).unwrap(), plain.reset(8).unwrap());
    assert_eq!(stacked, [first.clone(), first.clone()].concat());
    let rewards = [plain.step(&[1.0]).unwrap().reward, 0.0];
    let second = plain.step(&[1.0]).unwrap();
    let step = env.step(&[0.5]).unwrap();
    assert_eq!(step.observation, [first, second.observation].concat());
    assert_eq!(step.reward, 0.5 * rewards[0] + 0.5 * second.reward);
}
