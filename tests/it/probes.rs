//! Probes: seven tasks so small that the answer is known, each for a mistake of its own.
//!
//! The idea is Andy Jones's[^1]: a task that isolates one part of an algorithm says what is broken, where a hard one only says
//! that something is. Every probe runs every algorithm with five seeds, through the trainer, and all of them must pass.
//!
//! | Probe | Known answer | A failure points at |
//! |---|---|---|
//! | one step, constant reward | Q = r | the critic's loss and optimizer, `1 − d` |
//! | one step, reward seen in o | Q(o) = r(o) | the observation on its way through the replay |
//! | two steps, reward at the end | Q(first) = γ r | γ, bootstrapping, o′ |
//! | one step, reward depends on a | a\* | the actor's loss, the bounds of the action |
//! | one step, reward depends on o and a | a\*(o) | o and a of different rows |
//! | one clock, cut off or ended | 1/(1 − γ), or a finite sum | truncation taken for termination, or the reverse |
//! | two steps, the first decides | a\* of the first | credit over time |
//!
//! [^1]: A. Jones (2021). *Debugging RL, Without the Agonizing Pain*. andyljones.com/posts/rl-debugging.html

use crate::probe::{DISCOUNT, Probe, probe};
use actor_critic::prelude::*;
use actor_critic::rand::{RngExt, rngs::ChaCha8Rng};

/// Largest error of a value, for rewards of 1.
///
/// A wrong γ, a future too many or one too few moves a value by 1 − γ = 0.2 or more. The worst seed is off by 0.02.
const VALUE_TOLERANCE: f64 = 0.05;

/// Largest error of an action, on an axis of length 6.
///
/// The best actions are 1.5 from the nearest end and from the middle, where an action ends up that learns the wrong way or
/// nothing, and 0.5 from everything that a policy reaches without the centre or the half-range of the axis. The worst seed is
/// off by 0.19: where a critic of ReLU layers is largest is a kink.
const ACTION_TOLERANCE: f32 = 0.4;

fn goes_on(observation: Vec<f32>, reward: f32) -> Step {
    Step { observation, reward, terminated: false, truncated: false }
}

fn ends(observation: Vec<f32>, reward: f32) -> Step {
    Step { observation, reward, terminated: true, truncated: false }
}

/// −1 or 1, each half of the time.
fn coin(rng: &mut ChaCha8Rng) -> Vec<f32> {
    vec![if rng.random() { 1.0 } else { -1.0 }]
}

fn constant_reward() -> Probe {
    Probe::new(1, |_| vec![0.0], |observation, _| ends(observation.to_vec(), 1.0))
}

fn observed_reward() -> Probe {
    Probe::new(1, coin, |observation, _| ends(observation.to_vec(), observation[0]))
}

/// From 0 to 1, and rewarded there.
fn late_reward() -> Probe {
    Probe::new(
        1,
        |_| vec![0.0],
        |observation, _| if observation[0] == 0.0 { goes_on(vec![1.0], 0.0) } else { ends(vec![1.0], 1.0) },
    )
}

const BEST_ACTION: f32 = 3.5;

/// 0 at the best, −1 at a distance of half the axis.
fn reward(action: f32, best: f32) -> f32 {
    -((action - best) / 3.0).powi(2)
}

fn best_action() -> Probe {
    Probe::new(1, |_| vec![0.0], |observation, action| ends(observation.to_vec(), reward(action, BEST_ACTION)))
}

/// The best action is 0.5 or 3.5.
fn best_action_of_observation() -> Probe {
    let advance =
        |observation: &[f32], action: f32| ends(observation.to_vec(), reward(action, 2.0 + 1.5 * observation[0]));
    Probe::new(1, coin, advance)
}

/// A clock with three hands that is stopped when it is back at the first, with a reward of 1 for each step.
fn tick(observation: &[f32]) -> (Vec<f32>, bool) {
    let hand = observation.iter().position(|&x| x == 1.0).expect("one hand is up");
    let mut next = vec![0.0; 3];
    next[(hand + 1) % 3] = 1.0;
    (next, hand == 2)
}

fn clock_cut_off() -> Probe {
    let advance = |observation: &[f32], _| {
        let (next, truncated) = tick(observation);
        Step { truncated, ..goes_on(next, 1.0) }
    };
    Probe::new(3, |_| vec![1.0, 0.0, 0.0], advance)
}

fn clock_ended() -> Probe {
    let advance = |observation: &[f32], _| {
        let (next, terminated) = tick(observation);
        Step { terminated, ..goes_on(next, 1.0) }
    };
    Probe::new(3, |_| vec![1.0, 0.0, 0.0], advance)
}

/// The first action is carried over, and rewarded at the second step whatever is done there.
fn delayed_effect() -> Probe {
    let advance = |observation: &[f32], action: f32| match *observation {
        [0.0, _] => goes_on(vec![1.0, action], 0.0),
        [_, carried] => ends(vec![1.0, carried], 1.0 + reward(carried, BEST_ACTION)),
        _ => unreachable!("two numbers are seen"),
    };
    Probe::new(2, |_| vec![0.0, 0.0], advance)
}

#[test]
fn every_probe_keeps_the_contract() {
    for task in [
        constant_reward,
        observed_reward,
        late_reward,
        best_action,
        best_action_of_observation,
        clock_cut_off,
        clock_ended,
        delayed_effect,
    ] {
        check_environment(&mut task()).unwrap();
    }
}

#[test]
fn a_constant_reward_is_its_own_value() {
    probe(constant_reward, |agent| agent.assert_values(&[([0.0], 1.0)], VALUE_TOLERANCE));
}

#[test]
fn a_reward_that_is_seen_is_the_value_of_what_is_seen() {
    probe(observed_reward, |agent| agent.assert_values(&[([-1.0], -1.0), ([1.0], 1.0)], VALUE_TOLERANCE));
}

#[test]
fn a_reward_one_step_later_is_discounted_once() {
    probe(late_reward, |agent| agent.assert_values(&[([0.0], DISCOUNT), ([1.0], 1.0)], VALUE_TOLERANCE));
}

#[test]
fn the_best_action_is_found() {
    probe(best_action, |agent| {
        agent.assert_acts([0.0], BEST_ACTION, ACTION_TOLERANCE);
        agent.assert_value([0.0], BEST_ACTION, 0.0, VALUE_TOLERANCE);
    });
}

#[test]
fn the_best_action_follows_the_observation() {
    probe(best_action_of_observation, |agent| {
        agent.assert_acts([-1.0], 0.5, ACTION_TOLERANCE);
        agent.assert_acts([1.0], 3.5, ACTION_TOLERANCE);
    });
}

#[test]
fn an_episode_that_is_cut_off_keeps_its_future_and_one_that_ends_has_none() {
    let [first, second, third] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let forever = 1.0 / (1.0 - DISCOUNT);
    probe(clock_cut_off, |agent| {
        agent.assert_values(&[(first, forever), (second, forever), (third, forever)], VALUE_TOLERANCE * forever);
    });
    let two = 1.0 + DISCOUNT;
    probe(clock_ended, |agent| {
        agent.assert_values(&[(first, 1.0 + DISCOUNT * two), (second, two), (third, 1.0)], VALUE_TOLERANCE);
    });
}

#[test]
fn an_action_is_judged_by_what_follows_from_it_later() {
    probe(delayed_effect, |agent| {
        agent.assert_acts([0.0, 0.0], BEST_ACTION, ACTION_TOLERANCE);
        agent.assert_value([0.0, 0.0], BEST_ACTION, DISCOUNT, VALUE_TOLERANCE);
    });
}
