//! Histories that no run has had.

use std::path::Path;

use actor_critic::state::State;
use serde_json::json;

use super::{Damage, TIB, put_row, sparse};
use crate::small_run::{edit_manifest, replace};

const HISTORY: &str = "history-00000.safetensors";

pub fn histories() -> Vec<Damage> {
    vec![
        (
            "a history of two lengths",
            |path| history(path, |state| put_row(state, "steps", vec![1; 2])),
            "history-00000.safetensors: `steps` must have shape [1], got [2]",
        ),
        (
            "a history of an episode in no columns",
            |path| {
                history(path, |state| {
                    state.take_array::<f64>("metrics", &[1, 2]).unwrap();
                    state.put_array("metrics", &[1, 0], Vec::<f64>::new());
                });
            },
            "history-00000.safetensors: `metrics` must have shape [1, 2], got [1, 0]",
        ),
        (
            "a history of an episode with metrics that it has not",
            |path| history(path, |state| put_row(state, "flags", vec![1])),
            "history-00000.safetensors: `metrics` must have shape [0, 2], got [1, 2]",
        ),
        (
            "a history with more in it",
            |path| history(path, |state| state.put("x", 1_u64)),
            "history-00000.safetensors: `x` is in the state, but is not used",
        ),
        (
            "an episode with more flags than there are",
            |path| history(path, |state| put_row(state, "flags", vec![8])),
            "history-00000.safetensors: `flags` must be at most 7, got 8",
        ),
        (
            "an episode that ended after the run",
            |path| history(path, |state| put_row(state, "environment_steps", vec![6])),
            "`history.environment_steps` must be at most 5, got 6",
        ),
        (
            "an episode that was longer than the run",
            |path| history(path, |state| put_row(state, "steps", vec![u64::MAX])),
            "`history.steps` must be at most 5, got 18446744073709551615",
        ),
        (
            "2^64 − 1 episodes",
            |path| edit_manifest(path, |manifest| manifest["episodes"] = u64::MAX.into()),
            "manifest.json must give 1125899906842627 parts",
        ),
        (
            "2^64 − 1 metrics",
            |path| {
                history(path, |_| ());
                edit_manifest(path, |manifest| manifest["metrics"] = u64::MAX.into());
            },
            "the checkpoint was made with metrics: 18446744073709551615 an episode, but here it is 2 an episode",
        ),
        (
            "a history of 1 TiB",
            |path| {
                history(path, |_| ());
                sparse(path, HISTORY, TIB);
            },
            "manifest.json must give at most 2112 bytes for history-00000.safetensors, got 1099511627776",
        ),
    ]
}

/// Adds a history of one episode of a step, changed by `change`.
fn history(path: &Path, change: impl FnOnce(&mut State)) {
    let mut state = State::new();
    for name in ["steps", "environment_steps", "updates"] {
        state.put_array(name, &[1], vec![1_u64]);
    }
    // It was terminated, and has metrics.
    state.put_array("flags", &[1], vec![5_u64]);
    for name in ["return", "average_return"] {
        state.put_array(name, &[1], vec![-0.5_f64]);
    }
    state.put_array("metrics", &[1, 2], vec![0.0_f64; 2]);
    change(&mut state);
    edit_manifest(path, |manifest| {
        manifest["episodes"] = 1.into();
        manifest["parts"][HISTORY] = json!({ "bytes": 0, "sha256": "" });
    });
    replace(path, HISTORY, &state.to_bytes().unwrap());
}
