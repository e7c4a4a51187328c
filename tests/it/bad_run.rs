//! What an environment, an agent or an observer does wrong in a run: named, and the run can go on.

use crate::fixture;
use std::error::Error as _;
use std::ops::ControlFlow;

use actor_critic::nn::{DeterministicActor, QNetwork};
use actor_critic::prelude::*;
use actor_critic::train::{EpisodeSummary, ObserverError};

fn spaces() -> Spaces {
    Spaces::new(BoxSpace::unbounded(3).unwrap(), BoxSpace::symmetric(2.0, 1).unwrap()).unwrap()
}

fn agent(device: &Device) -> Ddpg<DeterministicActor, QNetwork> {
    DdpgConfig::new().init(&spaces(), device, Seed(0)).unwrap()
}

/// What an environment may do wrong, and at which step it does.
#[derive(Clone, Copy)]
enum Fault {
    NanReward,
    InfiniteObservation,
    ShortObservation,
    OwnError,
    NanReset,
}

/// Three axes of nothing, with a fault in the second step of its first episode.
struct Faulty {
    spaces: Spaces,
    fault: Fault,
    resets: usize,
    steps: usize,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self { spaces: spaces(), fault, resets: 0, steps: 0 }
    }
}

impl Environment for Faulty {
    fn observation_space(&self) -> &BoxSpace {
        self.spaces.observation()
    }

    fn action_space(&self) -> &BoxSpace {
        self.spaces.action()
    }

    fn reset(&mut self, _: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.resets += 1;
        self.steps = 0;
        let first = if self.resets == 1 && matches!(self.fault, Fault::NanReset) { f32::NAN } else { 0.0 };
        Ok(vec![first, 0.0, 0.0])
    }

    fn step(&mut self, _: &[f32]) -> Result<Step, EnvironmentError> {
        self.steps += 1;
        let mut step = Step { observation: vec![0.0; 3], reward: 1.0, terminated: self.steps == 3, truncated: false };
        if self.resets == 1 && self.steps == 2 {
            match self.fault {
                Fault::NanReward => step.reward = f32::NAN,
                Fault::InfiniteObservation => step.observation[2] = f32::NEG_INFINITY,
                Fault::ShortObservation => step.observation.truncate(1),
                Fault::OwnError => return Err(EnvironmentError::other("the motor is on fire")),
                Fault::NanReset => {}
            }
        }
        Ok(step)
    }
}

#[test]
fn what_an_environment_does_wrong_never_reaches_the_replay() {
    let cases = [
        (Fault::NanReward, "reward must be finite, got NaN", 1),
        (Fault::InfiniteObservation, "observation must be finite, got -inf on axis 2", 1),
        (
            Fault::ShortObservation,
            "observation must have 3 components, one per axis of the observation space, got 1",
            1,
        ),
        (Fault::OwnError, "the environment failed: the motor is on fire", 1),
        (Fault::NanReset, "observation must be finite, got NaN on axis 0", 0),
    ];
    for device in fixture::devices() {
        for (fault, expected, stored) in cases {
            let config = TrainerConfig::new(2);
            let mut trainer = Trainer::new(Faulty::new(fault), agent(&device), &config, Seed(0)).unwrap();
            let error = trainer.run(&mut []).unwrap_err();
            let place = format!("{expected}, at environment step {} after 0 updates", stored + 1);
            assert_eq!(error.to_string(), place);
            assert_eq!((trainer.replay().len(), trainer.environment_steps()), (stored, stored));

            // The episode is dropped, and the run goes on with the next.
            assert_eq!(trainer.episodes(), 0);
            let episodes = trainer.run(&mut []).unwrap();
            assert_eq!(episodes.len(), 2);
            assert_eq!((episodes[0].episode, episodes[0].steps, episodes[0].episode_return), (0, 3, 3.0));
        }
    }
}

#[test]
fn an_error_of_the_environments_own_keeps_its_source() {
    let error = EnvironmentError::other(std::io::Error::other("no signal"));
    assert_eq!(error.source().unwrap().to_string(), "no signal");
}

#[test]
fn an_agent_built_for_other_spaces_is_refused() {
    for device in fixture::devices() {
        let error = Trainer::new(Pendulum::v1(), agent(&device), &TrainerConfig::new(1), Seed(0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "agent and environment must have the same spaces, but observation axis 0 is [-1, 1] in the environment and \
             [-inf, inf] in the agent, and 2 more axes differ; build the agent from `Spaces::of(&env)`, or load a policy of this environment"
        );
    }
}

#[derive(Default)]
struct Watcher {
    fail_on_episode: bool,
    stop: bool,
    finished: usize,
}

impl Observer for Watcher {
    fn on_episode(&mut self, _: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        if self.fail_on_episode {
            return Err("the disk is full".into());
        }
        Ok(if self.stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    fn on_finish(&mut self) -> Result<(), ObserverError> {
        self.finished += 1;
        Ok(())
    }
}

#[test]
fn an_observer_that_fails_stops_the_run_and_the_others_still_finish() {
    for device in fixture::devices() {
        let env = TimeLimit::new(Faulty { resets: 1, ..Faulty::new(Fault::NanReset) }, 2.try_into().unwrap());
        let mut trainer = Trainer::new(env, agent(&device), &TrainerConfig::new(5), Seed(0)).unwrap();
        let (mut first, mut second) = (Watcher { fail_on_episode: true, ..Watcher::default() }, Watcher::default());
        let error = trainer.run(&mut [&mut first, &mut second]).unwrap_err();
        assert_eq!(error.to_string(), "an observer failed: the disk is full");
        assert_eq!((first.finished, second.finished), (1, 1));
    }
}

#[test]
fn an_observer_can_end_the_run_which_then_goes_on_when_called_again() {
    for device in fixture::devices() {
        let mut trainer =
            Trainer::new(Faulty::new(Fault::NanReset), agent(&device), &TrainerConfig::new(5), Seed(0)).unwrap();
        trainer.step().unwrap_err();
        let mut stop = Watcher { stop: true, ..Watcher::default() };
        assert_eq!(trainer.run(&mut [&mut stop]).unwrap().len(), 1);
        assert_eq!(trainer.run(&mut []).unwrap().len(), 4);
        assert_eq!(trainer.run(&mut []).unwrap().len(), 0);
    }
}
