//! Replays that no run has had.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::super::states::file;
use super::{Damage, edit};
use crate::small_run::{REPLAY, edit_manifest, replace};

pub fn replays() -> Vec<Damage> {
    vec![
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
    ]
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
