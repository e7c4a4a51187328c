//! Agents, counters and episodes that no run has had.

use std::path::Path;

use actor_critic::state::Element;

use super::super::states::{change_row, file};
use super::{Damage, edit, put_row};
use crate::small_run::{AGENT, TRAINER, replace};

pub fn trainers() -> Vec<Damage> {
    vec![
        (
            "an agent of nothing",
            |path| replace(path, AGENT, &file("{}", b"")),
            "`agent.algorithm` is missing from the state",
        ),
        (
            "an agent that is no state",
            |path| replace(path, AGENT, b"pickle"),
            "agent.safetensors: the file must be valid",
        ),
        (
            "a counter of 2^64 − 1",
            |path| put(path, "environment_steps", u64::MAX),
            "a count of at most 9007199254740992",
        ),
        ("updates beyond counting", |path| put(path, "updates", (1 << 53) + 1), "a count of at most 9007199254740992"),
        (
            "steps of the episode beyond counting",
            |path| edit(path, TRAINER, |state| put_row(state, "episodes.steps", vec![1 << 63])),
            "`trainer.episodes.steps` must be a count of at most 9007199254740992",
        ),
        (
            "a random stream beyond its end",
            |path| edit(path, TRAINER, |state| change_row(state, "replay_rng", |words| words[6] = u64::MAX)),
            "`trainer.replay_rng` must be a position below 2^68",
        ),
        (
            "an observation of another length",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f32>("episodes.observation", &[1, 3]).unwrap();
                    state.put_array("episodes.observation", &[1, 2], vec![0.0_f32; 2]);
                });
            },
            "`trainer.episodes.observation` must have shape [1, 3], got [1, 2]",
        ),
        (
            "sums of another number of metrics",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f64>("episodes.metric_sums", &[1, 2]).unwrap();
                    state.put_array("episodes.metric_sums", &[1, 3], vec![0.0_f64; 3]);
                });
            },
            "`trainer.episodes.metric_sums` must have shape [1, 2], got [1, 3]",
        ),
        (
            "a phase of an environment that is none",
            |path| edit(path, TRAINER, |state| put_row(state, "phases", vec![3])),
            "`trainer.phases` must be from 0 to 2, got 3",
        ),
        (
            "2^53 states of environments",
            |path| put(path, "environments.count", 1 << 53),
            "must be one row for each of 9007199254740992 states",
        ),
        (
            "two environments",
            |path| edit(path, TRAINER, |state| put_row(state, "phases", vec![0, 1])),
            "`trainer.environments` must be the same as when the state was saved: 2 then, 1 now",
        ),
        (
            "a mean of squares below zero",
            |path| {
                edit(path, AGENT, |state| {
                    let name = "actor.optimizer.second_moments.trunk.layers.0.weight";
                    let mut squares = state.take_array::<f32>(name, &[3, 2]).unwrap();
                    squares[5] = -1e-3;
                    state.put_array(name, &[3, 2], squares);
                });
            },
            "`agent.actor.optimizer.second_moments.trunk.layers.0.weight` must be at least 0, got -0.001",
        ),
        (
            "an episode that is over",
            |path| put_state(path, "elapsed", 200_u64),
            "`environment.elapsed` must be below 200, got 200",
        ),
        ("another time limit", |path| put_state(path, "max_steps", 7_u64), "7 then, 200 now"),
        ("a pendulum that is too fast", |path| put_state(path, "env.theta_dot", 1e300), "theta_dot"),
        (
            "a phase that is none",
            |path| {
                edit(path, TRAINER, |state| {
                    let name = "environments.values.text.phase";
                    state.take_text(name).unwrap();
                    state.put_text(name, "stopped");
                });
            },
            "`environment.phase` must be before reset, running or ended, got stopped",
        ),
        (
            "a text that is longer than its environments",
            |path| {
                edit(path, TRAINER, |state| {
                    let name = "environments.values.text.phase";
                    state.take_text(name).unwrap();
                    state.put_text(name, "running and running");
                });
            },
            "`trainer.environments.shapes.text.phase` must be shapes of 1 arrays with 19 values in all",
        ),
        (
            "an environment without an episode",
            |path| edit(path, TRAINER, |state| put_row(state, "phases", vec![0])),
            "must have shape [0, 3], got [1, 3]",
        ),
        (
            "an episode without an environment",
            |path| edit(path, TRAINER, |state| drop(state.take_state("environments"))),
            "`trainer.environments.count` is missing from the state",
        ),
        (
            "an environment that lacks a number",
            |path| edit(path, TRAINER, |state| drop(state.take_row::<u64>("environments.rows.max_steps"))),
            "`environment.max_steps` is missing from the state",
        ),
    ]
}

/// Puts a number in the place of another of the trainer's part.
fn put(path: &Path, name: &str, value: u64) {
    edit(path, TRAINER, |state| {
        state.take::<u64>(name).unwrap();
        state.put(name, value);
    });
}

/// Puts a number in the place of another of the only environment.
fn put_state<T: Element>(path: &Path, name: &str, value: T) {
    let name = format!("environments.rows.{name}");
    edit(path, TRAINER, |state| {
        state.take_row::<T>(&name).unwrap();
        state.put_array(&name, &[1], vec![value]);
    });
}
