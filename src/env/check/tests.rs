use super::*;
use crate::env::{MountainCarContinuous, Pendulum, TimeLimit, check_action};
use std::cell::Cell;
use std::collections::HashSet;
use std::num::NonZeroUsize;

mod saved_state;

/// What is wrong with a [`Walk`].
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    UnboundedActions,
    ConstantActions,
    GrowingObservationSpace,
    GrowingActionSpace,
    StepBeforeReset,
    SeedRefused,
    FirstTooLong,
    FirstNan,
    FirstOutside,
    ActionRefused,
    LowestRefused,
    HighestRefused,
    TooShort,
    Infinite,
    Outside,
    NanReward,
    HugeReward,
    StepAfterEnd,
    AcceptsEmpty,
    AcceptsShort,
    AcceptsLong,
    AcceptsNan,
    AcceptsInfinity,
    AcceptsNegativeInfinity,
    CountsRefused,
    OutsideSpoilsObservation,
    OutsideSpoilsReward,
    UnseededFirst,
    UnseededObservation,
    UnseededReward,
    UnseededTermination,
    UnseededTruncation,
    RemembersHighest,
    KeepsSteps,
    SaveFails,
    SavesNan,
    SavesItsSaves,
    SavingMoves,
    LoadFails,
    ForgetsSteps,
    ForgetsEnd,
    LoadAdds,
    LoadSpoilsReset,
    AcceptsMissing,
    AcceptsRenamed,
    AcceptsAdded,
    AcceptsForeign,
    RefusalLoadsHalf,
    RefusalMoves,
}

/// A walk of five steps on a plane, terminated at the last; or one with a fault.
struct Walk {
    fault: Fault,
    observation_space: BoxSpace,
    action_space: BoxSpace,
    position: Vec<f32>,
    steps: usize,
    ended: bool,
    episodes: usize,
    remembered: f32,
    saves: Cell<u64>,
    moved: Cell<f32>,
}

impl Walk {
    fn new(fault: Fault) -> Self {
        let bound = match fault {
            Fault::UnboundedActions => f32::INFINITY,
            Fault::ConstantActions => 0.0,
            _ => 0.25,
        };
        Self {
            fault,
            observation_space: BoxSpace::symmetric(4.0, 2).unwrap(),
            action_space: BoxSpace::symmetric(bound, 2).unwrap(),
            position: vec![0.0; 2],
            steps: 0,
            ended: false,
            episodes: 0,
            remembered: 0.0,
            saves: Cell::new(0),
            moved: Cell::new(0.0),
        }
    }

    /// A number that no seed decides: it is different in every episode.
    fn unseeded(&self, fault: Fault) -> f32 {
        if self.fault == fault { self.episodes as f32 / 1024.0 } else { 0.0 }
    }

    fn tolerates(&self, action: &[f32]) -> bool {
        match self.fault {
            Fault::AcceptsEmpty => action.is_empty(),
            Fault::AcceptsShort => action.len() == 1,
            Fault::AcceptsLong => action.len() == 3,
            Fault::AcceptsNan => action.iter().any(|a| a.is_nan()),
            Fault::AcceptsInfinity => action.contains(&f32::INFINITY),
            Fault::AcceptsNegativeInfinity => action.contains(&f32::NEG_INFINITY),
            _ => false,
        }
    }

    fn refuse(&mut self, action: &[f32]) -> Result<(), EnvironmentError> {
        let corner = |bound: f32| action == [bound, bound];
        match self.fault {
            Fault::ActionRefused => return Err(EnvironmentError::other("the motor is off")),
            Fault::LowestRefused if corner(-0.25) => return Err(EnvironmentError::other("too low")),
            Fault::HighestRefused if corner(0.25) => return Err(EnvironmentError::other("too high")),
            Fault::StepBeforeReset if self.episodes == 0 => return Ok(()),
            _ if self.episodes == 0 => return Err(EnvironmentError::StepBeforeReset),
            Fault::StepAfterEnd => {}
            _ if self.ended => return Err(EnvironmentError::StepAfterEnd),
            _ => {}
        }
        let checked = if self.tolerates(action) { Ok(()) } else { check_action(&self.action_space, action) };
        if checked.is_err() && self.fault == Fault::CountsRefused {
            self.steps += 1;
        }
        checked
    }

    fn observe(&self) -> Vec<f32> {
        let mut observation = self.position.clone();
        observation[1] += self.moved.get();
        match self.fault {
            Fault::TooShort if self.steps == 3 => observation.truncate(1),
            Fault::Infinite if self.steps == 3 => observation[1] = f32::NEG_INFINITY,
            Fault::Outside if self.steps == 3 => observation = vec![0.0, 4.5],
            Fault::UnseededObservation if self.steps == 2 => observation = vec![self.unseeded(self.fault); 2],
            Fault::FirstTooLong if self.steps == 0 => observation.push(0.0),
            Fault::FirstNan if self.steps == 0 => observation[0] = f32::NAN,
            Fault::FirstOutside if self.steps == 0 => observation[0] = -5.0,
            _ => {}
        }
        observation
    }
}

impl Environment for Walk {
    fn observation_space(&self) -> &BoxSpace {
        &self.observation_space
    }

    fn action_space(&self) -> &BoxSpace {
        &self.action_space
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        if self.fault == Fault::SeedRefused && seed == u64::MAX {
            return Err(EnvironmentError::other("the seed is too large"));
        }
        if self.fault == Fault::GrowingObservationSpace {
            self.observation_space = BoxSpace::symmetric(5.0, 2).unwrap();
        }
        let kept = if self.fault == Fault::KeepsSteps && self.steps > 0 && !self.ended { 0.5 } else { self.remembered };
        self.episodes += 1;
        self.steps = 0;
        self.ended = false;
        self.moved.set(0.0);
        self.position = vec![(seed % 4) as f32 / 4.0 + self.unseeded(Fault::UnseededFirst), kept];
        Ok(self.observe())
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        self.refuse(action)?;
        self.steps += 1;
        if self.fault == Fault::GrowingActionSpace && self.steps == 2 {
            self.action_space = BoxSpace::symmetric(0.5, 2).unwrap();
        }
        if self.fault == Fault::RemembersHighest {
            self.remembered = if action[0] == 0.25 { 0.5 } else { 0.0 };
        }
        for (x, a) in self.position.iter_mut().zip(action) {
            *x += a.clamp(-0.25, 0.25);
        }
        let (mut observation, mut reward) = (self.observe(), self.unseeded(Fault::UnseededReward) - 1.0);
        let outside = action.iter().any(|a| a.abs() > 0.25);
        match self.fault {
            Fault::NanReward => reward = f32::NAN,
            Fault::HugeReward => reward = 1e30,
            Fault::OutsideSpoilsReward if outside => reward = f32::NAN,
            Fault::OutsideSpoilsObservation if outside => observation[0] = f32::INFINITY,
            _ => {}
        }
        let late = self.episodes > 3 && self.steps == 4;
        let terminated = self.steps >= 5 || late && self.fault == Fault::UnseededTermination;
        let truncated = late && self.fault == Fault::UnseededTruncation;
        self.ended = terminated || truncated;
        Ok(Step { observation, reward, terminated, truncated })
    }
}

#[test]
fn the_walk_without_a_fault_passes() {
    check_environment(&mut Walk::new(Fault::None)).unwrap();
}

#[test]
fn the_bundled_environments_pass() {
    check_environment(&mut Pendulum::default()).unwrap();
    check_environment(&mut Pendulum::v1()).unwrap();
    check_environment(&mut MountainCarContinuous::default()).unwrap();
    check_environment(&mut MountainCarContinuous::v0()).unwrap();
}

#[test]
fn a_truncated_and_a_boxed_environment_pass() {
    let limit = |steps| NonZeroUsize::new(steps).unwrap();
    for steps in [1, 2, 5, 9] {
        check_environment(&mut TimeLimit::new(Walk::new(Fault::None), limit(steps))).unwrap();
    }
    let mut boxed: Box<dyn Environment + Send> = Box::new(Walk::new(Fault::None));
    check_environment(boxed.as_mut()).unwrap();
}

/// Counts the episodes that are played to their end.
struct Counted<E> {
    env: E,
    episodes: usize,
}

impl<E: Environment> Environment for Counted<E> {
    fn observation_space(&self) -> &BoxSpace {
        self.env.observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        self.env.action_space()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.env.reset(seed)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let step = self.env.step(action)?;
        self.episodes += usize::from(step.is_last());
        Ok(step)
    }
}

#[test]
fn a_thousand_episodes_of_each_bundled_environment_raise_no_alarm() {
    fn check(env: impl Environment + Send) {
        let mut counted = Counted { env, episodes: 0 };
        check_environment_with_seeds(&mut counted, (0..60).map(|i| i * i * 1_000_003)).unwrap();
        assert!(counted.episodes >= 1_000, "{} episodes", counted.episodes);
    }
    check(Pendulum::v1());
    check(MountainCarContinuous::v0());
    for steps in [1, 30] {
        let limit = NonZeroUsize::new(steps).unwrap();
        check(TimeLimit::new(Pendulum::v1(), limit));
        check(TimeLimit::new(MountainCarContinuous::default(), limit));
    }
}

#[test]
fn a_fault_that_shows_in_one_seed_is_found_with_that_seed() {
    check_environment_with_seeds(&mut Walk::new(Fault::SeedRefused), 0..20).unwrap();
    let violation = check_environment_with_seeds(&mut Walk::new(Fault::SeedRefused), [7, u64::MAX]).unwrap_err();
    assert_eq!((violation.rule, violation.moment), (Rule::ResetSucceeds, Moment::Reset { seed: u64::MAX }));
}

#[test]
fn an_environment_that_is_not_fresh_is_told_so() {
    let mut env = Walk::new(Fault::None);
    env.reset(0).unwrap();
    let violation = check_environment(&mut env).unwrap_err();
    assert_eq!((violation.rule, violation.moment), (Rule::StepBeforeReset, Moment::BeforeReset));
}

#[test]
fn the_environments_own_error_is_the_source() {
    let violation = check_environment(&mut Walk::new(Fault::ActionRefused)).unwrap_err();
    let source = std::error::Error::source(&violation).unwrap();
    assert_eq!(source.to_string(), "the environment failed: the motor is off");
}

#[test]
fn every_fault_is_reported_with_its_rule_values_and_place() {
    let cases = [
        (
            Fault::UnboundedActions,
            "every bound of the action space must be finite, \
             got the error `axis 0 of an action space must have finite bounds, got [-inf, inf]`, before the first reset",
        ),
        (
            Fault::ConstantActions,
            "an agent must be able to act on every axis of the action space, \
             got the error `axis 0 of an action space must have low below high, got -0 for both; leave out an axis with a single value`, \
             before the first reset",
        ),
        (
            Fault::GrowingObservationSpace,
            "the observation space must never change, \
             got [-5, 5] instead of [-4, 4] on axis 0, and another axis differs, at the reset with seed 1",
        ),
        (
            Fault::GrowingActionSpace,
            "the action space must never change, \
             got [-0.5, 0.5] instead of [-0.25, 0.25] on axis 0, and another axis differs, \
             at step 2 of the episode with seed 1",
        ),
        (
            Fault::StepBeforeReset,
            "a step before the first reset must be an error, \
             got no error for the action [0, 0], before the first reset",
        ),
        (
            Fault::SeedRefused,
            "a reset must succeed for every seed, \
             got the error `the environment failed: the seed is too large`, at the reset with seed 18446744073709551615",
        ),
        (
            Fault::FirstTooLong,
            "the first observation must have one component per axis, \
             got 3 instead of 2, at the reset with seed 1",
        ),
        (
            Fault::FirstNan,
            "the first observation must be finite and at most 1e18 in magnitude, got NaN on axis 0, at the reset with seed 1",
        ),
        (
            Fault::FirstOutside,
            "the first observation must lie in the observation space, got -5 on axis 0, which has [-4, 4], at the reset with seed 1",
        ),
        (
            Fault::ActionRefused,
            "a step with an action inside the bounds must succeed, \
             got the error `the environment failed: the motor is off`, at step 1 of the episode with seed 1",
        ),
        (
            Fault::LowestRefused,
            "a step with every axis at its lower bound must succeed, \
             got the error `the environment failed: too low`, at step 1 of the episode with seed 2",
        ),
        (
            Fault::HighestRefused,
            "a step with every axis at its upper bound must succeed, \
             got the error `the environment failed: too high`, at step 1 of the episode with seed 2",
        ),
        (
            Fault::TooShort,
            "an observation must have one component per axis, \
             got 1 instead of 2, at step 3 of the episode with seed 1",
        ),
        (
            Fault::Infinite,
            "an observation must be finite and at most 1e18 in magnitude, got -inf on axis 1, at step 3 of the episode with seed 1",
        ),
        (
            Fault::Outside,
            "an observation must lie in the observation space, \
             got 4.5 on axis 1, which has [-4, 4], at step 3 of the episode with seed 1",
        ),
        (
            Fault::NanReward,
            "a reward must be finite and at most 1e18 in magnitude, got NaN, at step 1 of the episode with seed 1",
        ),
        (
            Fault::HugeReward,
            "a reward must be finite and at most 1e18 in magnitude, \
             got 1e30, at step 1 of the episode with seed 1",
        ),
        (
            Fault::StepAfterEnd,
            "a step after the last one must be an error, \
             got no error for the action [0, 0], at step 6 of the episode with seed 1",
        ),
        (
            Fault::AcceptsEmpty,
            "an action without components must be an error, \
             got no error for the action [], at step 1 of the episode with seed 0",
        ),
        (
            Fault::AcceptsShort,
            "an action with too few components must be an error, \
             got no error for the action [0], at step 1 of the episode with seed 0",
        ),
        (
            Fault::AcceptsLong,
            "an action with too many components must be an error, \
             got no error for the action [0, 0, 0], at step 1 of the episode with seed 0",
        ),
        (
            Fault::AcceptsNan,
            "an action with a NaN must be an error, \
             got no error for the action [NaN, 0], at step 1 of the episode with seed 0",
        ),
        (
            Fault::AcceptsInfinity,
            "an action with an infinite component must be an error, \
             got no error for the action [inf, 0], at step 1 of the episode with seed 0",
        ),
        (
            Fault::AcceptsNegativeInfinity,
            "an action with a negative infinite component must be an error, \
             got no error for the action [-inf, 0], at step 1 of the episode with seed 0",
        ),
        (
            Fault::CountsRefused,
            "a refused action must leave the environment as it was, \
             got terminated true instead of false without the action [], at step 3 of the episode with seed 0",
        ),
        (
            Fault::OutsideSpoilsObservation,
            "an action outside the bounds must be refused or give a finite observation inside the observation space, \
             got inf on axis 0, at step 1 of the episode with seed 0",
        ),
        (
            Fault::OutsideSpoilsReward,
            "an action outside the bounds must be refused or give a finite reward, \
             got NaN for the action [0.75, 0.75], at step 1 of the episode with seed 0",
        ),
        (
            Fault::UnseededFirst,
            "the same seed must give the same first observation, \
             got observation 0.00390625 instead of 0.001953125 on axis 0, at the reset with seed 0",
        ),
        (
            Fault::UnseededObservation,
            "the same seed and actions must give the same observations, \
             got observation 0.00390625 instead of 0.001953125 on axis 0, and another axis differs, \
             at step 2 of the episode with seed 0",
        ),
        (
            Fault::UnseededReward,
            "the same seed and actions must give the same rewards, \
             got reward -0.99609375 instead of -0.9980469, at step 1 of the episode with seed 0",
        ),
        (
            Fault::UnseededTermination,
            "the same seed and actions must terminate at the same step, \
             got terminated true instead of false, at step 4 of the episode with seed 0",
        ),
        (
            Fault::UnseededTruncation,
            "the same seed and actions must be truncated at the same step, \
             got truncated true instead of false, at step 4 of the episode with seed 0",
        ),
        (
            Fault::RemembersHighest,
            "an episode must not depend on the episodes before it, \
             got observation 0.5 instead of 0 on axis 1, at the reset with seed 0",
        ),
        (
            Fault::KeepsSteps,
            "a reset in the middle of an episode must start an episode like any other, \
             got observation 0.5 instead of 0 on axis 1, at the reset with seed 0",
        ),
    ];
    let mut rules = HashSet::new();
    for (fault, expected) in cases {
        let violation = check_environment(&mut Walk::new(fault)).unwrap_err();
        assert_eq!(violation.to_string(), expected, "{fault:?}");
        rules.insert(violation.rule);
    }
    assert_eq!(rules.len(), 33, "each breaks a rule of its own");
}
