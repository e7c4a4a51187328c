//! Generations whose digests are right and whose contents are not.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use actor_critic::state::{Element, State};
use serde_json::{Value, json};

use super::states::{change_row, file};
use crate::small_run::{AGENT, MANIFEST, MANIFEST_DIGEST, REPLAY, TRAINER, edit_manifest, replace};

const HISTORY: &str = "history-00000.safetensors";

/// A generation, what is done to it, and part of the text with which it is refused.
pub type Damage = (&'static str, fn(&Path), &'static str);

fn edit(path: &Path, part: &str, edit: impl FnOnce(&mut State)) {
    let mut state = State::from_bytes(&fs::read(path.join(part)).unwrap()).unwrap();
    edit(&mut state);
    replace(path, part, &state.to_bytes().unwrap());
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

fn rows(path: &Path, change: fn(&mut Vec<f32>)) {
    edit(path, REPLAY, |state| {
        let mut rows = state.take_array("transitions", &[5, 6]).unwrap();
        change(&mut rows);
        state.put_array("transitions", &[5, 6], rows);
    });
}

fn strides(path: &Path, change: fn(&mut Vec<u64>)) {
    edit(path, REPLAY, |state| {
        let mut strides = state.take_array("strides", &[5]).unwrap();
        change(&mut strides);
        state.put_array("strides", &[5], strides);
    });
}

fn replay(path: &Path, field: &str, value: u64) {
    edit_manifest(path, |manifest| manifest["replay"][field] = value.into());
}

/// Says that there are fewer rows, and that no episode goes on from one that is not there.
fn fewer_rows(path: &Path, len: u64) {
    replay(path, "len", len);
    edit_manifest(path, |manifest| manifest["replay"]["open"] = json!([]));
}

/// Gives a file another name in the manifest.
fn rename_part(path: &Path, part: &str, name: &str) {
    edit_manifest(path, |manifest| {
        let parts = manifest["parts"].as_object_mut().unwrap();
        let form = parts.remove(part).unwrap();
        parts.insert(name.to_owned(), form);
    });
}

/// Makes a file as long as it is told, of zeros that take no room, and lets the manifest say so.
fn sparse(path: &Path, part: &str, length: u64) {
    File::create(path.join(part)).unwrap().set_len(length).unwrap();
    if part == MANIFEST || part == MANIFEST_DIGEST {
        return;
    }
    edit_manifest(path, |manifest| manifest["parts"][part]["bytes"] = length.into());
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

fn put_row(state: &mut State, name: &str, row: Vec<u64>) {
    state.take_row::<u64>(name).unwrap();
    state.put_array(name, &[row.len()], row);
}

fn link(path: &Path, part: &str, target: &str) {
    fs::remove_file(path.join(part)).unwrap();
    symlink(target, path.join(part)).unwrap();
}

fn manifest_text(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path.join(MANIFEST)).unwrap();
    replace(path, MANIFEST, change(text).as_bytes());
}

/// Settings of some MB in which each value costs the most memory for its length.
fn long_settings() -> Value {
    vec![json!({"": 0}); 500_000].into()
}

pub fn generations() -> Vec<Damage> {
    const TIB: u64 = 1 << 40;
    const NOT_ONE: &str = "manifest.json must be the manifest of a checkpoint: ";
    const NAMES: &str =
        "manifest.json must give 3 parts, one for agent and trainer each and the rest for history and replay";
    vec![
        ("an empty manifest", |path| replace(path, MANIFEST, b""), NOT_ONE),
        ("a manifest that is not UTF-8", |path| replace(path, MANIFEST, &[0xff; 100]), NOT_ONE),
        ("a manifest of brackets", |path| replace(path, MANIFEST, "[".repeat(100_000).as_bytes()), NOT_ONE),
        ("a manifest of 4 MiB of nothing", |path| replace(path, MANIFEST, &[b' '; 4 << 20]), NOT_ONE),
        (
            "a manifest of 5 MiB",
            |path| replace(path, MANIFEST, &[b' '; 5 << 20]),
            "manifest.json must be at most 4194304 bytes long, got 5242880",
        ),
        (
            "a manifest with more behind it",
            |path| manifest_text(path, |text| text + "{}"),
            "manifest.json must be the manifest of a checkpoint: trailing characters",
        ),
        (
            "a field twice",
            |path| manifest_text(path, |text| text.replacen('{', r#"{"format": 1,"#, 1)),
            "duplicate field `format`",
        ),
        (
            "a field of another version",
            |path| edit_manifest(path, |manifest| manifest["new"] = 1.into()),
            "unknown field",
        ),
        ("a missing field", |path| edit_manifest(path, |manifest| manifest["updates"] = Value::Null), NOT_ONE),
        ("a negative generation", |path| edit_manifest(path, |manifest| manifest["generation"] = (-1).into()), NOT_ONE),
        (
            "a format of 2^64 − 1",
            |path| edit_manifest(path, |manifest| manifest["format"] = u64::MAX.into()),
            "got 1844",
        ),
        (
            "a score of 1e999",
            |path| manifest_text(path, |text| text.replace(r#""score": null"#, r#""score": 1e999"#)),
            "number out of range",
        ),
        (
            "settings in 60,000 brackets",
            |path| {
                manifest_text(path, |text| {
                    text.replacen(
                        r#""tau": "#,
                        &format!(r#""tau": {}0{}, "x": "#, "[".repeat(60_000), "]".repeat(60_000)),
                        1,
                    )
                });
            },
            "recursion limit exceeded",
        ),
        (
            "settings of the agent of 4 MB",
            |path| edit_compact(path, |manifest| manifest["agent_config"] = long_settings()),
            "settings must have at most 4096 values",
        ),
        (
            "settings of the trainer of 4 MB",
            |path| edit_compact(path, |manifest| manifest["trainer_config"] = long_settings()),
            "settings must have at most 4096 values",
        ),
        (
            "130,000 parts",
            |path| {
                edit_compact(path, |manifest| {
                    let parts = (0..130_000).map(|i| (format!("{i:x}"), json!({"bytes":0,"sha256":""})));
                    manifest["parts"] = Value::Object(parts.collect());
                });
            },
            NAMES,
        ),
        ("a path upwards", |path| rename_part(path, AGENT, "../../etc/passwd"), NAMES),
        ("a path from the root", |path| rename_part(path, AGENT, "/etc/passwd"), NAMES),
        ("a path downwards", |path| rename_part(path, AGENT, "a/b"), NAMES),
        ("a part of no name", |path| rename_part(path, TRAINER, ""), NAMES),
        ("a part with a NUL", |path| rename_part(path, REPLAY, "replay-00000.safetensors\0"), NAMES),
        ("the manifest as a part", |path| rename_part(path, REPLAY, MANIFEST), NAMES),
        (
            "a part too many",
            |path| edit_manifest(path, |manifest| manifest["parts"]["x"] = json!({"bytes": 0, "sha256": ""})),
            NAMES,
        ),
        (
            "a part of 2^63 bytes",
            |path| edit_manifest(path, |manifest| manifest["parts"][AGENT]["bytes"] = (1_u64 << 63).into()),
            "manifest.json must give at most 4294967296 bytes for agent.safetensors, got 9223372036854775808",
        ),
        (
            "a part of −1 bytes",
            |path| edit_manifest(path, |manifest| manifest["parts"][AGENT]["bytes"] = (-1).into()),
            NOT_ONE,
        ),
        (
            "a digest that is none",
            |path| edit_manifest(path, |manifest| manifest["parts"][AGENT]["sha256"] = "../x".into()),
            "agent.safetensors is damaged: its SHA-256 must be ../x, got",
        ),
        (
            "an agent of 1 TiB",
            |path| sparse(path, AGENT, TIB),
            "manifest.json must give at most 4294967296 bytes for agent.safetensors, got 1099511627776",
        ),
        (
            "a trainer of 1 TiB",
            |path| sparse(path, TRAINER, TIB),
            "manifest.json must give at most 4294967296 bytes for trainer.safetensors, got 1099511627776",
        ),
        // 5 rows of 9 floats, and room for a header.
        (
            "a replay of 1 TiB",
            |path| sparse(path, REPLAY, TIB),
            "manifest.json must give at most 1244 bytes for replay-00000.safetensors, got 1099511627776",
        ),
        (
            "a replay of 1 TiB that the manifest hides",
            |path| File::options().write(true).open(path.join(REPLAY)).unwrap().set_len(TIB).unwrap(),
            "bytes long, got 1099511627776 bytes",
        ),
        (
            "a manifest of 1 TiB",
            |path| sparse(path, MANIFEST, TIB),
            "manifest.json must be at most 4194304 bytes long, got",
        ),
        ("a digest of 1 TiB", |path| sparse(path, MANIFEST_DIGEST, TIB), "manifest.sha256 must be 80 bytes long, got"),
        ("zeros without end", |path| link(path, AGENT, "/dev/zero"), "agent.safetensors must be a regular file"),
        ("a full device", |path| link(path, MANIFEST, "/dev/full"), "manifest.json must be a regular file"),
        ("nothing", |path| link(path, MANIFEST_DIGEST, "/dev/null"), "manifest.sha256 must be a regular file"),
        (
            "random numbers",
            |path| link(path, REPLAY, "/dev/urandom"),
            "replay-00000.safetensors must be a regular file",
        ),
        ("a link to itself", |path| link(path, TRAINER, TRAINER), "trainer.safetensors must be a regular file"),
        (
            "a generation that links to itself",
            |path| {
                fs::remove_dir_all(path).unwrap();
                symlink(path, path).unwrap();
            },
            "the directory must not be a link",
        ),
        (
            "a pipe",
            |path| {
                fs::remove_file(path.join(AGENT)).unwrap();
                assert!(Command::new("mkfifo").arg(path.join(AGENT)).status().unwrap().success());
            },
            "agent.safetensors must be a regular file",
        ),
        ("a replay of no capacity", |path| replay(path, "capacity", 0), "not a capacity of, got 0"),
        ("a replay of 2^31", |path| replay(path, "capacity", 1 << 31), "not a capacity of, got 2147483648"),
        ("a replay of 2^63", |path| replay(path, "capacity", 1 << 63), "not a capacity of, got 9223372036854775808"),
        ("observations of 2^63 axes", |path| replay(path, "observation_dim", 1 << 63), "what memory can hold"),
        ("actions of 2^64 − 1 axes", |path| replay(path, "action_dim", u64::MAX), "what memory can hold"),
        ("observations of no axes", |path| replay(path, "observation_dim", 0), "what memory can hold"),
        (
            "more transitions than capacity",
            |path| replay(path, "len", 9),
            "a replay no longer than its capacity, got 9",
        ),
        (
            "a cursor outside",
            |path| replay(path, "cursor", 8),
            "a cursor of the replay inside it, and 0 until it is full",
        ),
        ("a cursor in a replay that is not full", |path| replay(path, "cursor", 1), "and 0 until it is full, got 1"),
        ("pieces of no rows", |path| replay(path, "segment_rows", 0), "the segment rows of this format, got 0"),
        ("pieces of one row", |path| replay(path, "segment_rows", 1), "the segment rows of this format, got 1"),
        ("fewer rows than there are", |path| fewer_rows(path, 4), "`transitions` must have shape [4, 6], got [5, 6]"),
        ("no rows", |path| fewer_rows(path, 0), "manifest.json must give 2 parts"),
        (
            "2^31 − 1 rows in 2^14 pieces",
            |path| {
                edit_manifest(path, |manifest| {
                    manifest["replay"]["capacity"] = i32::MAX.into();
                    manifest["replay"]["len"] = i32::MAX.into();
                });
            },
            "manifest.json must give 16386 parts",
        ),
        (
            "another capacity",
            |path| replay(path, "capacity", 1 << 30),
            "the checkpoint was made with a replay of capacity 1073741824 (observations of 3, actions of 1), but here it is",
        ),
        ("a flag between the two", |path| rows(path, |rows| rows[5] = 0.5), "0 or 1 in the last column, got 0.5"),
        ("a flag of −1", |path| rows(path, |rows| rows[29] = -1.0), "0 or 1 in the last column, got -1"),
        (
            "a reward that is none",
            |path| {
                let mut file = fs::read(path.join(REPLAY)).unwrap();
                let at = file.len() - 8;
                file[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
                replace(path, REPLAY, &file);
            },
            "replay-00000.safetensors: `transitions` must be finite, got NaN at index 28",
        ),
        ("a replay with more in it", |path| edit(path, REPLAY, |state| state.put("x", 1_u64)), "is not used"),
        (
            "a stride beyond the newest",
            |path| strides(path, |strides| strides[3] = 2),
            "no more than to the newest row, got 2",
        ),
        (
            "a stride of 2^64 − 1",
            |path| strides(path, |strides| strides[3] = u64::MAX),
            "no more than to the newest row",
        ),
        (
            "a stride to itself by the ring",
            |path| strides(path, |strides| strides[2] = 8),
            "no more than to the newest row",
        ),
        (
            "a last observation too few",
            |path| strides(path, |strides| strides[0] = 0),
            "`last_observations` must have shape [2, 3], got [1, 3]",
        ),
        (
            "an episode that goes on from nowhere",
            |path| edit_manifest(path, |manifest| manifest["replay"]["open"][0] = 5.into()),
            "episodes that continue from a row of the replay, got 5",
        ),
        (
            "episodes without end",
            |path| edit_manifest(path, |manifest| manifest["replay"]["open"] = vec![Value::Null; 1 << 20].into()),
            "manifest.json must be at most 4194304 bytes long",
        ),
        ("no transitions", |path| replace(path, REPLAY, &file("{}", b"")), "`transitions` is missing from the state"),
        (
            "transitions in a row",
            |path| {
                edit(path, REPLAY, |state| {
                    let rows = state.take_array::<f32>("transitions", &[5, 6]).unwrap();
                    state.put_array("transitions", &[30], rows);
                });
            },
            "must have shape [5, 6], got [30]",
        ),
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

/// As [`edit_manifest`], without spaces, so that as much as can be fits in.
fn edit_compact(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut manifest = serde_json::from_slice(&fs::read(path.join(MANIFEST)).unwrap()).unwrap();
    edit(&mut manifest);
    replace(path, MANIFEST, &serde_json::to_vec(&manifest).unwrap());
}
