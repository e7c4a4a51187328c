//! Messages about wide spaces: short, and with the axis that matters.

use actor_critic::agent::{Agent, AgentConfig};
use actor_critic::burn::tensor::Device;
use actor_critic::env::{
    Environment, EnvironmentError, RescaleAction, RescaleObservation, Step, check_action, check_environment,
};
use actor_critic::prelude::*;
use actor_critic::space::BoxSpace;
use actor_critic::state::{SaveState, State, StateError};
use proptest::prelude::*;

/// Longest message, in characters.
const LONGEST: usize = 400;

/// What is wrong with a [`Wide`], on one of its axes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    ObservationOutside,
    ObservationNan,
    ObservationUnseeded,
    ObservationSpaceChanges,
    ActionSpaceChanges,
    ActionNanAccepted,
    ActionConstant,
    ActionUnbounded,
    ActionTooLarge,
}

const FAULTS: [Fault; 9] = [
    Fault::ObservationOutside,
    Fault::ObservationNan,
    Fault::ObservationUnseeded,
    Fault::ObservationSpaceChanges,
    Fault::ActionSpaceChanges,
    Fault::ActionNanAccepted,
    Fault::ActionConstant,
    Fault::ActionUnbounded,
    Fault::ActionTooLarge,
];

/// An environment of as many observations as actions, with a fault on one axis.
#[derive(Debug)]
struct Wide {
    observation: BoxSpace,
    action: BoxSpace,
    fault: Fault,
    axis: usize,
    resets: usize,
    running: bool,
}

impl Wide {
    fn new(space: &BoxSpace, fault: Fault, axis: usize) -> Self {
        let action = match fault {
            Fault::ActionConstant => with_axis(space, axis, 0.5, 0.5),
            Fault::ActionUnbounded => with_axis(space, axis, 0.5, f32::INFINITY),
            Fault::ActionTooLarge => with_axis(space, axis, -3e38, 3e38),
            _ => space.clone(),
        };
        Self { observation: space.clone(), action, fault, axis, resets: 0, running: false }
    }

    fn observe(&self) -> Vec<f32> {
        let mut observation = self.observation.center();
        match self.fault {
            Fault::ObservationOutside => observation[self.axis] = 2.0 * self.observation.high()[self.axis],
            Fault::ObservationNan => observation[self.axis] = f32::NAN,
            Fault::ObservationUnseeded => {
                observation[self.axis] = self.observation.high()[self.axis] / (1 + self.resets) as f32;
            }
            _ => {}
        }
        observation
    }
}

/// Returns a space with another interval on one axis.
fn with_axis(space: &BoxSpace, axis: usize, low: f32, high: f32) -> BoxSpace {
    let (mut lows, mut highs) = (space.low().to_vec(), space.high().to_vec());
    (lows[axis], highs[axis]) = (low, high);
    BoxSpace::new(lows, highs).unwrap()
}

impl Environment for Wide {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action
    }

    fn reset(&mut self, _seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.resets += 1;
        self.running = true;
        match self.fault {
            Fault::ObservationSpaceChanges => self.observation = with_axis(&self.observation, self.axis, -9e4, 9e4),
            Fault::ActionSpaceChanges => self.action = with_axis(&self.action, self.axis, -9e4, 9e4),
            _ => {}
        }
        Ok(self.observe())
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let tolerated = self.fault == Fault::ActionNanAccepted && action.get(self.axis).is_some_and(|a| a.is_nan());
        if !tolerated {
            check_action(&self.action, action)?;
        }
        if !std::mem::take(&mut self.running) {
            return Err(EnvironmentError::StepBeforeReset);
        }
        Ok(Step { observation: self.observe(), reward: 0.0, terminated: true, truncated: false })
    }
}

impl SaveState for Wide {
    fn save_state(&self) -> Result<State, StateError> {
        Ok(State::new())
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        state.finish()
    }
}

/// Requires a message that is short and names the axis.
fn check(message: &str, axis: usize) -> Result<(), TestCaseError> {
    prop_assert!(message.chars().count() <= LONGEST, "{} characters: {}", message.chars().count(), message);
    let words: Vec<&str> = message.split(|c: char| !c.is_alphanumeric()).collect();
    let number = axis.to_string();
    prop_assert!(words.windows(2).any(|pair| pair == ["axis", &number]), "axis {} in: {}", axis, message);
    Ok(())
}

fn agent(spaces: &Spaces) -> impl Agent + SaveState + std::fmt::Debug + use<> {
    DdpgConfig::new().init_with(&[2], spaces, &Device::flex(), Seed(0)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_message_about_a_wide_space_is_short_and_names_the_axis(
        bounds in proptest::collection::vec(1e-3_f32..1e4, 1..400), place: prop::sample::Index,
    ) {
        let axis = place.index(bounds.len());
        let space = BoxSpace::new(bounds.iter().map(|bound| -bound).collect(), bounds.clone()).unwrap();
        let other = with_axis(&space, axis, -bounds[axis], 2.0 * bounds[axis]);
        for fault in FAULTS {
            let violation = check_environment(&mut Wide::new(&space, fault, axis)).unwrap_err();
            // A short action is shown whole, and with it the NaN.
            if fault != Fault::ActionNanAccepted || bounds.len() > 6 {
                check(&violation.to_string(), axis)?;
            }
        }

        let plain = Spaces::new(space.clone(), space.clone()).unwrap();
        let others = [Spaces::new(other.clone(), space.clone()).unwrap(), Spaces::new(space.clone(), other.clone()).unwrap()];
        for spaces in others {
            let differ = Error::SpacesDiffer { environment: Box::new(plain.clone()), agent: Box::new(spaces.clone()) };
            check(&differ.to_string(), axis)?;
            let saved = agent(&plain).save_state().unwrap();
            check(&agent(&spaces).load_state(saved).unwrap_err().to_string(), axis)?;
        }

        let wide = || Wide::new(&space, Fault::ObservationNan, axis);
        let saved = RescaleAction::new(wide(), space.clone()).unwrap().save_state().unwrap();
        let error = RescaleAction::new(wide(), other).unwrap().load_state(saved).unwrap_err();
        check(&error.to_string(), axis)?;
        let rescaled = |scale| {
            let mut scales = vec![1.0; bounds.len()];
            scales[axis] = scale;
            RescaleObservation::new(wide(), &scales, &vec![0.0; bounds.len()])
        };
        check(&rescaled(f64::NAN).unwrap_err().to_string(), axis)?;
        let saved = rescaled(1.0).unwrap().save_state().unwrap();
        check(&rescaled(2.0).unwrap().load_state(saved).unwrap_err().to_string(), axis)?;
    }
}

#[test]
fn one_of_four_hundred_components_is_named_with_its_bounds() {
    let space = BoxSpace::symmetric(1.0, 400).unwrap();
    let violation = check_environment(&mut Wide::new(&space, Fault::ObservationOutside, 317)).unwrap_err();
    assert_eq!(
        violation.to_string(),
        "the first observation must lie in the observation space, got 2 on axis 317, which has [-1, 1], \
         at the reset with seed 1"
    );
}

#[test]
fn an_agent_for_a_wide_environment_is_refused_by_another_in_one_line() {
    let wide = Spaces::new(BoxSpace::symmetric(1.0, 400).unwrap(), BoxSpace::symmetric(2.0, 1).unwrap()).unwrap();
    let error = Trainer::new(Pendulum::v1(), agent(&wide), &TrainerConfig::new(1), Seed(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "agent and environment must have the same spaces, but the observation space has 3 axes in the environment and \
         400 axes in the agent; build the agent from `Spaces::of(&env)`, or load a policy of this environment"
    );
}

#[test]
fn counts_of_one_and_of_several_read_well() {
    let space = BoxSpace::symmetric(1.0, 1).unwrap();
    let message = |result: Result<(), EnvironmentError>| result.unwrap_err().to_string();
    assert_eq!(
        message(check_action(&space, &[0.0; 2])),
        "action must have 1 component, one per axis of the action space, got 2"
    );
    assert_eq!(
        message(Spaces::new(space.clone(), space).unwrap().check_observation(&[])),
        "observation must have 1 component, one per axis of the observation space, got 0"
    );
}
