//! Constant observation axes work everywhere; action axes that no agent can act on are refused everywhere.

use crate::fixture;
use actor_critic::env::{
    Environment, EnvironmentError, FrameStack, RescaleAction, RescaleObservation, Step, check_action,
    check_environment, check_saved_state,
};
use actor_critic::prelude::*;
use actor_critic::space::{BoxSpace, SpaceError};
use actor_critic::state::{SaveState, State, StateError};

const GRAVITY: f32 = 9.81;

/// A point that moves by its action, beside a constant of the task.
#[derive(Debug, Clone)]
struct WithConstant {
    observation: BoxSpace,
    action: BoxSpace,
    position: f32,
    running: bool,
}

impl WithConstant {
    fn new() -> Self {
        let observation = BoxSpace::new(vec![-1.0, GRAVITY, 0.0], vec![1.0, GRAVITY, 0.0]).unwrap();
        Self { observation, action: BoxSpace::symmetric(1.0, 1).unwrap(), position: 0.0, running: false }
    }

    fn observe(&self) -> Vec<f32> {
        vec![self.position, GRAVITY, 0.0]
    }
}

impl Environment for WithConstant {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.position = (seed % 5) as f32 / 5.0;
        self.running = true;
        Ok(self.observe())
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.action, action)?;
        if !self.running {
            return Err(EnvironmentError::StepBeforeReset);
        }
        self.position += 0.1 * action[0].clamp(-1.0, 1.0);
        self.running = self.position.abs() < 0.8;
        self.position = self.position.clamp(-1.0, 1.0);
        Ok(Step {
            observation: self.observe(),
            reward: -self.position.abs(),
            terminated: !self.running,
            truncated: false,
        })
    }
}

impl SaveState for WithConstant {
    fn save_state(&self) -> Result<State, StateError> {
        let mut state = State::new();
        state.put("position", self.position);
        state.put("running", u64::from(self.running));
        Ok(state)
    }

    fn load_state(&mut self, mut state: State) -> Result<(), StateError> {
        let (position, running) = (state.take("position")?, state.take::<u64>("running")? != 0);
        state.finish()?;
        (self.position, self.running) = (position, running);
        Ok(())
    }
}

#[test]
fn an_environment_with_constant_observations_keeps_the_contracts_under_every_wrapper_of_spaces() {
    fn check<E: Environment + SaveState + Send>(make: impl Fn() -> E) {
        check_environment(&mut make()).unwrap();
        check_saved_state(&mut make()).unwrap();
    }
    check(WithConstant::new);
    check(|| FrameStack::new(WithConstant::new(), 3).unwrap());
    check(|| RescaleAction::new(WithConstant::new(), BoxSpace::new(vec![40.0], vec![50.0]).unwrap()).unwrap());
    check(|| RescaleObservation::new(WithConstant::new(), &[1e3, 0.1, 2.0], &[0.0, -7.0, 1.0]).unwrap());
}

#[test]
fn agents_learn_from_constant_observations_and_their_policies_are_read_back() {
    for device in fixture::devices() {
        for normalize in [false, true] {
            let env = WithConstant::new();
            let config = SacConfig::new().with_normalize_observations(normalize);
            let agent = config.init(&Spaces::of(&env).unwrap(), &device, Seed(0)).unwrap();
            let schedule = TrainerConfig::new(usize::MAX)
                .with_environment_steps(Some(60))
                .with_batch_size(8)
                .with_warmup_steps(8)
                .with_learning_starts(8);
            let mut trainer = Trainer::new(env.clone(), agent, &schedule, Seed(0)).unwrap();
            trainer.run(&mut []).unwrap();
            assert!(trainer.updates() > 0);
            let policy = trainer.agent().policy().unwrap();
            let read_back = Policy::from_bytes(&policy.to_bytes().unwrap(), &device).unwrap();
            let observation = [0.5, GRAVITY, 0.0];
            let action = policy.action(&observation).unwrap();
            assert!(env.action_space().contains(&action));
            assert_eq!(read_back.action(&observation).unwrap(), action);
            assert_eq!(read_back.spaces().observation().high()[1], GRAVITY);
        }
    }
}

/// Action spaces that no agent can act on, by the error that says so.
fn unusable() -> Vec<BoxSpace> {
    let intervals = [
        (0.5, 0.5),
        (0.0, f32::INFINITY),
        (-3e38, 3e38),
        (0.0, 1.1e18),
        (1e6, 1_000_100.0),
        (-1e-39, 1e-39),
        (0.0, f32::MIN_POSITIVE),
    ];
    intervals.map(|(low, high)| BoxSpace::new(vec![-1.0, low], vec![1.0, high]).unwrap()).into()
}

#[test]
fn an_action_space_that_no_agent_can_act_on_is_refused_wherever_one_is_given() {
    #[derive(Debug)]
    struct Given(BoxSpace);
    impl Environment for Given {
        fn observation_space(&self) -> &BoxSpace {
            &self.0
        }
        fn action_space(&self) -> &BoxSpace {
            &self.0
        }
        fn reset(&mut self, _seed: u64) -> Result<Vec<f32>, EnvironmentError> {
            Ok(self.0.center())
        }
        fn step(&mut self, _action: &[f32]) -> Result<Step, EnvironmentError> {
            Err(EnvironmentError::StepBeforeReset)
        }
    }
    let plain = BoxSpace::symmetric(1.0, 2).unwrap();
    for space in unusable() {
        let error = Spaces::new(plain.clone(), space.clone()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("axis 1 of an action space must "), "{text}");
        assert_eq!(Spaces::of(&Given(space.clone())).unwrap_err(), error);
        let violation = check_environment(&mut Given(space.clone())).unwrap_err();
        assert!(violation.to_string().contains(&format!("got the error `{text}`, before")), "{violation}");
        let refused = RescaleAction::new(Given(plain.clone()), space).unwrap_err();
        assert_eq!(refused.to_string(), text);
    }
}

#[test]
fn actions_of_an_unusual_size_become_usual_by_a_wrapper_and_few_different_ones_do_not() {
    #[derive(Debug)]
    struct Big(BoxSpace);
    impl Environment for Big {
        fn observation_space(&self) -> &BoxSpace {
            &self.0
        }
        fn action_space(&self) -> &BoxSpace {
            &self.0
        }
        fn reset(&mut self, _seed: u64) -> Result<Vec<f32>, EnvironmentError> {
            Ok(vec![0.0])
        }
        fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
            Ok(Step { observation: vec![0.0], reward: action[0], terminated: true, truncated: false })
        }
    }
    let big = |low, high| Big(BoxSpace::new(vec![low], vec![high]).unwrap());
    let mut env = RescaleAction::to_unit(big(-2e30, 2e30)).unwrap();
    assert_eq!(env.step(&[0.5]).unwrap().reward, 1e30);
    assert!(Spaces::of(&env).is_ok());
    for env in [big(1.0, 1.0), big(1e6, 1_000_001.0)] {
        let error = RescaleAction::to_unit(env).unwrap_err();
        assert!(error.to_string().starts_with("axis 0 of an action space must "), "{error}");
    }
    let narrow = RescaleAction::to_unit(big(1e6, 1_000_001.0)).unwrap_err();
    assert!(matches!(narrow, actor_critic::config::ConfigError::Space(SpaceError::ActionTooNarrow { axis: 0, .. })));
}
