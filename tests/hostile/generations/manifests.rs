//! Manifests that say what cannot be.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Damage;
use crate::small_run::{AGENT, MANIFEST, REPLAY, TRAINER, edit_manifest, replace};

pub fn manifests() -> Vec<Damage> {
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
    ]
}

/// Gives a file another name in the manifest.
fn rename_part(path: &Path, part: &str, name: &str) {
    edit_manifest(path, |manifest| {
        let parts = manifest["parts"].as_object_mut().unwrap();
        let form = parts.remove(part).unwrap();
        parts.insert(name.to_owned(), form);
    });
}

fn manifest_text(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path.join(MANIFEST)).unwrap();
    replace(path, MANIFEST, change(text).as_bytes());
}

/// Settings of some MB in which each value costs the most memory for its length.
fn long_settings() -> Value {
    vec![json!({"": 0}); 500_000].into()
}

/// As [`edit_manifest`], without spaces, so that as much as can be fits in.
fn edit_compact(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut manifest = serde_json::from_slice(&fs::read(path.join(MANIFEST)).unwrap()).unwrap();
    edit(&mut manifest);
    replace(path, MANIFEST, &serde_json::to_vec(&manifest).unwrap());
}
