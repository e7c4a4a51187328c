//! Files with random mutations are refused, or give something that can be used; nothing panics.
//!
//! `ACTOR_CRITIC_MUTATIONS=10000000 cargo test --release --test it mutated_files` reads as many.

use crate::small_run;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::small_run::{Generation, small_agent};
use actor_critic::policy::PolicyError;
use actor_critic::prelude::*;
use actor_critic::rand::rngs::ChaCha8Rng;
use actor_critic::rand::seq::IndexedRandom;
use actor_critic::rand::{Rng, RngExt, SeedableRng};
use actor_critic::state::State;

/// A generation takes some hundred times as long to read as a state.
const STATES_PER_GENERATION: usize = 50;

fn mutations() -> usize {
    std::env::var("ACTOR_CRITIC_MUTATIONS").map_or(100_000, |count| count.parse().unwrap())
}

/// What became of the bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// They were not of the format.
    Unread,
    /// They were, but of something else.
    Refused,
    /// They were taken up, and what took them up works.
    Taken,
}

/// Requires what refuses the bytes to be as it was, and what takes them up to work.
fn check_agent(bytes: &[u8]) -> Outcome {
    let Ok(state) = State::from_bytes(bytes) else { return Outcome::Unread };
    assert_eq!(State::from_bytes(&state.to_bytes().unwrap()).unwrap(), state);
    let mut agent = small_agent();
    if agent.load_state(state).is_err() {
        assert_eq!(agent.save_state().unwrap(), small_agent().save_state().unwrap());
        return Outcome::Refused;
    }
    let observation = [0.5, -0.5, 1.0];
    // Weights near the largest number may overflow, which is an error of its own.
    for actions in [agent.explore(&[&observation]), agent.act(&[&observation])].into_iter().flatten() {
        assert!(actions[0].iter().all(|component| (-2.0..=2.0).contains(component)));
    }
    Outcome::Taken
}

fn check_environment(bytes: &[u8]) -> Outcome {
    let Ok(state) = State::from_bytes(bytes) else { return Outcome::Unread };
    let mut env = Pendulum::v1();
    if env.load_state(state).is_err() {
        assert!(env == Pendulum::v1());
        return Outcome::Refused;
    }
    if let Ok(step) = env.step(&[1.0]) {
        assert!(step.reward.is_finite() && step.observation.iter().all(|component| component.is_finite()));
    }
    Outcome::Taken
}

fn check_policy(bytes: &[u8]) -> Outcome {
    match Policy::from_bytes(bytes, &Device::flex()) {
        Err(PolicyError::File(_)) => Outcome::Unread,
        Err(_) => Outcome::Refused,
        Ok(policy) => {
            if let Ok(action) = policy.action(&vec![0.5; policy.spaces().observation().dim()]) {
                assert!(policy.spaces().action().contains(&action));
            }
            Outcome::Taken
        }
    }
}

/// Changes bytes in one to three ways; `other` is for splices.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.random_range(0..bytes.len());
        let run = at..(at + rng.random_range(1..20)).min(bytes.len());
        match rng.random_range(0..10) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[run].fill(rng.random()),
            2 => bytes.truncate(at),
            3 => drop(bytes.splice(at.., other[at.min(other.len())..].iter().copied())),
            4 => drop(bytes.drain(run)),
            5 => {
                let copy = bytes[run].to_vec();
                bytes.splice(at..at, copy);
            }
            6 => put(bytes, 0, &interesting(rng).to_le_bytes()),
            7 => put(bytes, at, &interesting(rng).to_le_bytes()),
            8 => {
                let value = [f32::MAX, f32::MIN_POSITIVE, -1.0, f32::NAN, f32::INFINITY].choose(rng).unwrap();
                put(bytes, at - at % 4, &value.to_le_bytes());
            }
            _ => swap_token(bytes, rng),
        }
    }
}

/// Overwrites what is at `at`, as far as there is something.
fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..].iter_mut().zip(value).for_each(|(byte, &new)| *byte = new);
}

fn interesting(rng: &mut ChaCha8Rng) -> u64 {
    let exact = [0, 1, 8, 1 << 18, 1 << 31, 1 << 32, 1 << 53, 1 << 63].choose(rng).unwrap();
    [u64::wrapping_sub, u64::wrapping_add].choose(rng).unwrap()(*exact, rng.random_range(0..2))
}

/// Puts one token of a JSON text in the place of another, mostly with the length of the header put right.
fn swap_token(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    const TOKENS: [&str; 25] = [
        "F32",
        "F64",
        "U64",
        "U8",
        "BF16",
        "shape",
        "dtype",
        "data_offsets",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "0",
        "4",
        "8",
        "-1",
        "18446744073709551616",
        "9223372036854775807",
        "1e999",
        "null",
        "weight",
        "__metadata__",
    ];
    let (old, new) = (TOKENS.choose(rng).unwrap(), TOKENS.choose(rng).unwrap());
    let places: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter(|(_, window)| *window == old.as_bytes())
        .map(|(at, _)| at)
        .collect();
    let Some(&at) = places.choose(rng) else { return };
    bytes.splice(at..at + old.len(), new.bytes());
    if let Some((length, _)) = bytes.split_first_chunk_mut()
        && rng.random_range(0..4) > 0
    {
        *length =
            u64::from_le_bytes(*length).wrapping_add(new.len() as u64).wrapping_sub(old.len() as u64).to_le_bytes();
    }
}

/// Reads `count` mutations of the seeds of `target`, each from a random stream of its own.
fn run(target: &str, count: usize, check: impl Fn(&[u8]) -> Outcome) {
    let seeds = small_run::seeds();
    let ours: Vec<_> = seeds.iter().filter(|(name, _)| *name == target).map(|(_, bytes)| bytes).collect();
    let mut outcomes = [0; 3];
    for number in 0..count {
        let mut rng = ChaCha8Rng::seed_from_u64(number as u64);
        let mut bytes = ours[rng.next_u32() as usize % ours.len()].clone();
        mutate(&mut bytes, &seeds.choose(&mut rng).unwrap().1, &mut rng);
        match catch_unwind(AssertUnwindSafe(|| check(&bytes))) {
            Ok(outcome) => outcomes[outcome as usize] += 1,
            Err(_) => panic!("mutation {number} of {target}"),
        }
    }
    let [unread, refused, taken] = outcomes;
    println!("{count} mutations of {target}: {unread} not read, {refused} refused, {taken} taken up");
    assert!(unread > 0 && refused > 0 && taken > 0);
}

#[test]
fn a_mutated_agent_is_refused_or_acts() {
    run("agent_state", mutations() * 4 / 10, check_agent);
}

#[test]
fn an_agent_whose_random_stream_is_at_its_end_acts() {
    let mut state = small_agent().save_state().unwrap();
    let mut words: Vec<u64> = state.take_row("exploration.rng").unwrap();
    words[5..].copy_from_slice(&[u64::MAX, (1 << 4) - 1]);
    state.put_array("exploration.rng", &[7], words);
    assert_eq!(check_agent(&state.to_bytes().unwrap()), Outcome::Taken);
}

#[test]
fn a_mutated_policy_is_refused_or_acts() {
    run("policy", mutations() * 3 / 10, check_policy);
}

#[test]
fn a_mutated_environment_is_refused_or_steps() {
    run("environment_state", mutations() * 3 / 10, check_environment);
}

#[test]
fn a_mutated_generation_with_the_right_digests_is_refused_or_goes_on() {
    let generation = Generation::new();
    run("generation", mutations() / STATES_PER_GENERATION, |bytes| {
        let (mut trainer, outcome) = generation.resume_with(bytes);
        match outcome {
            Err(Error::Checkpoint(_)) => Outcome::Unread,
            Err(_) => Outcome::Refused,
            Ok(()) => {
                // What was taken up may be at odds with itself, which is an error at the next step.
                let _ = trainer.step();
                Outcome::Taken
            }
        }
    });
}
