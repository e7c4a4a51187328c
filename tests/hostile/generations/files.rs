//! Files that are endless, or no files.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{Damage, TIB, sparse};
use crate::small_run::{AGENT, MANIFEST, MANIFEST_DIGEST, REPLAY, TRAINER};

pub fn files() -> Vec<Damage> {
    vec![
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
    ]
}

fn link(path: &Path, part: &str, target: &str) {
    fs::remove_file(path.join(part)).unwrap();
    symlink(target, path.join(part)).unwrap();
}
