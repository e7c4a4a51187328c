//! Generations whose digests are right and whose contents are not.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use actor_critic::state::State;
use serde_json::{Value, json};

use super::states::{change_row, file, put_text};
use crate::small_run::{AGENT, MANIFEST, MANIFEST_DIGEST, REPLAY, TRAINER, edit_manifest, replace};

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
    const NAMES: &str = "manifest.json must give 3 parts, one for agent and trainer each and the rest for the replay";
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
        ("a replay with more in it", |path| edit(path, REPLAY, |state| state.put("x", 1_u64)), "nothing here takes it"),
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
            "episodes that go on from a row of the replay, got 5",
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
            |path| put(path, "episode_0.steps", 1 << 63),
            "`trainer.episode_0.steps` must",
        ),
        (
            "a random stream beyond its end",
            |path| edit(path, TRAINER, |state| change_row(state, "replay_rng", |words| words[6] = u64::MAX)),
            "`trainer.replay_rng` must be a position below 2^68",
        ),
        (
            "a history of two lengths",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<u64>("history.steps", &[0]).unwrap();
                    state.put_array("history.steps", &[1], vec![1_u64]);
                });
            },
            "`trainer.history.environment_steps` must have shape [1], got [0]",
        ),
        (
            "a history of no episodes in 2^40 columns",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f64>("history.metrics", &[0, 2]).unwrap();
                    state.put_array("history.metrics", &[0, 1 << 40], Vec::<f64>::new());
                });
            },
            "`trainer.history.metrics` must have shape [0, 2], got [0, 1099511627776]",
        ),
        (
            "an observation of another length",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f32>("episode_0.observation", &[3]).unwrap();
                    state.put_array("episode_0.observation", &[2], vec![0.0_f32; 2]);
                });
            },
            "`trainer.episode_0.observation` must have shape [3], got [2]",
        ),
        (
            "sums of another number of metrics",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f64>("episode_0.metric_sums", &[2]).unwrap();
                    state.put_array("episode_0.metric_sums", &[3], vec![0.0_f64; 3]);
                });
            },
            "`trainer.episode_0.metric_sums` must have shape [2], got [3]",
        ),
        (
            "updates without sums of metrics",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f64>("episode_0.metric_sums", &[2]).unwrap();
                    state.put_array("episode_0.metric_sums", &[0], Vec::<f64>::new());
                });
            },
            "`trainer.episode_0.metric_sums` must have shape [2], got [0]",
        ),
        (
            "an episode that ended after the run, in both ways and in a third",
            |path| {
                edit(path, TRAINER, |state| {
                    let names = ["environment_steps", "has_metrics", "steps", "terminated", "truncated", "updates"];
                    for name in names.map(|name| format!("history.{name}")) {
                        state.take_array::<u64>(&name, &[0]).unwrap();
                        state.put_array(&name, &[1], vec![2_u64]);
                    }
                    for name in ["history.return", "history.average_return"] {
                        state.take_array::<f64>(name, &[0]).unwrap();
                        state.put_array(name, &[1], vec![0.0]);
                    }
                    state.take_array::<f64>("history.metrics", &[0, 2]).unwrap();
                    state.put_array("history.metrics", &[1, 2], vec![0.0, 0.0]);
                });
            },
            "`trainer.history.terminated` must be at most 1, got 2",
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
            |path| put(path, "environment_0.elapsed", 200),
            "`environment.elapsed` must be below 200, got 200",
        ),
        ("another time limit", |path| put(path, "environment_0.max_steps", 7), "7 then, 200 now"),
        (
            "a pendulum that is too fast",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take::<f64>("environment_0.env.theta_dot").unwrap();
                    state.put("environment_0.env.theta_dot", 1e300);
                });
            },
            "theta_dot",
        ),
        (
            "a phase that is none",
            |path| edit(path, TRAINER, |state| put_text(state, "environment_0.phase", "paused".into())),
            "`environment.phase` must be before reset, running or ended, got paused",
        ),
        (
            "a phase that is a number",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_text("environment_0.phase").unwrap();
                    state.put("environment_0.phase", 1_u64);
                });
            },
            "`environment.phase` must hold text, got u64",
        ),
        (
            "an environment without an episode",
            |path| edit(path, TRAINER, |state| drop(state.take_state("episode_0"))),
            "is in the state, but nothing here takes it",
        ),
        (
            "an episode without an environment",
            |path| edit(path, TRAINER, |state| drop(state.take_state("environment_0"))),
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
