//! Every fault, with what is said of it.

use std::collections::HashSet;

use super::super::check_environment;
use super::walk::{Fault, Walk};

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
