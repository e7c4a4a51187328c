//! Policy files that were made to do harm.

use actor_critic::prelude::*;
use serde_json::{Value, json};

use super::states::file;
use crate::small_run::small_agent;

/// Reads a policy, and acts with it.
pub fn policy(bytes: &[u8]) -> Result<(), String> {
    let policy = Policy::from_bytes(bytes, &Device::flex()).map_err(|error| error.to_string())?;
    policy.action(&[0.0; 3]).map(drop).map_err(|error| error.to_string())
}

/// Policy files with another header, or other data.
pub fn policy_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    const DESCRIPTION: &str = "the description of the policy must be JSON";
    let agent = small_agent();
    let whole = agent.policy().unwrap().to_bytes().unwrap();
    policy(&whole).unwrap();
    let (length, rest) = whole.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: Value = serde_json::from_slice(header).unwrap();
    let with_header = |edit: &dyn Fn(&mut Value)| {
        let mut header = header.clone();
        edit(&mut header);
        file(header.to_string(), data)
    };
    let with_note = |note: &str| with_header(&|header| header["__metadata__"]["actor-critic"] = note.into());
    let note: Value = serde_json::from_str(header["__metadata__"]["actor-critic"].as_str().unwrap()).unwrap();
    let described = |edit: &dyn Fn(&mut Value)| {
        let mut note = note.clone();
        edit(&mut note);
        with_note(&note.to_string())
    };
    let spoilt = |value: f32| {
        let mut bytes = whole.clone();
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    vec![
        ("a policy without a description", with_header(&|h| h["__metadata__"] = json!({})), "has no such key"),
        ("a policy described by nothing", with_note(""), DESCRIPTION),
        ("a policy described by 50,000 brackets", with_note(&"[".repeat(50_000)), DESCRIPTION),
        ("a policy described by 50,000 nested objects", with_note(&r#"{"format":"#.repeat(20_000)), DESCRIPTION),
        (
            "a policy of another format",
            described(&|d| d["format"] = json!(2)),
            "must have format 1, which this version",
        ),
        ("a policy of format 2^64", with_note(r#"{"format":18446744073709551616}"#), DESCRIPTION),
        ("a policy of a kind that is none", described(&|d| d["kind"] = json!("pickle")), DESCRIPTION),
        ("a policy of another kind", described(&|d| d["kind"] = json!("gaussian")), "`mean.weight` is missing"),
        ("an activation that is none", described(&|d| d["activation"] = json!("__import__('os')")), DESCRIPTION),
        ("bounds of 80,000 axes", described(&|d| d["action"]["low"] = json!(vec![0; 80_000])), "same number of axes"),
        (
            "80,000 actions",
            described(&|d| d["action"] = json!({"low": vec![0; 40_000], "high": vec![1; 40_000]})),
            "`the last layer` must be as wide as the action space, 40000, got 1",
        ),
        ("bounds that are infinite", described(&|d| d["action"]["high"] = json!([null])), "must have finite bounds"),
        ("bounds the wrong way round", described(&|d| d["action"]["low"] = json!([3])), "low must not be above high"),
        ("a bound that f32 cannot hold", described(&|d| d["action"]["high"] = json!([1e300])), DESCRIPTION),
        ("no axes", described(&|d| d["observation"] = json!({"low": [], "high": []})), "at least 1 axis, got 0"),
        (
            "another observation",
            described(&|d| d["observation"] = json!({"low": [0], "high": [1]})),
            "`layers.0.weight` must have shape [2, 1], got [2, 3]",
        ),
        (
            "layers that do not meet",
            with_header(&|h| h["layers.1.weight"]["shape"] = json!([2, 1])),
            "`layers.1.weight` must have shape [2, 2], got [2, 1]",
        ),
        (
            "a layer of nothing",
            with_header(&|h| {
                let mut layer = h["layers.1.weight"].clone();
                layer["shape"] = json!([0, 2]);
                layer["data_offsets"] = json!([0, 0]);
                h["layers.2.weight"] = layer;
            }),
            "`layers.2.weight` must be a matrix with at least one row, got shape [0, 2]",
        ),
        (
            "a gap between the layers",
            with_header(&|h| {
                let layer = h["layers.1.weight"].take();
                h.as_object_mut().unwrap().remove("layers.1.weight");
                h["layers.7.weight"] = layer;
            }),
            "`the last layer` must be as wide as the action space, 1, got 2",
        ),
        ("a NaN for a weight", spoilt(f32::NAN), "must be finite, got NaN"),
        ("an infinity for a weight", spoilt(f32::INFINITY), "must be finite, got inf"),
    ]
}
