use super::*;
use crate::env::{MountainCarContinuous, Pendulum, TimeLimit};
use std::num::NonZeroUsize;
use walk::{Fault, Walk};

mod faults;
mod saved_state;
mod walk;

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
