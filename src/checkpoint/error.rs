//! Errors of checkpoints: why one is refused, or skipped.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::state::{FileError, StateError};

/// Why a checkpoint could not be written or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system returned an error.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action, such as `write`.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// Another process, or another `Checkpoints` in this one, writes to the directory.
    #[error("{} is in use by another writer; give each run a directory of its own", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// The program has not chosen what happens to running episodes.
    #[error(
        "a checkpoint in the middle of an episode needs an environment that saves its state: implement `SaveState` for it and call `Trainer::with_environment_state`; or call `Trainer::with_restarted_episodes`, and a resumed run starts new episodes instead of the running ones"
    )]
    MidEpisode,
    /// The trainer was asked to resume, but has no checkpoints attached.
    #[error("the trainer has no checkpoints: attach them by `Trainer::with_checkpoints`")]
    NotAttached,
    /// A state cannot be saved, or does not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// A state cannot be written.
    #[error("{part} cannot be written: {source}")]
    Write {
        /// The file.
        part: String,
        /// The reason.
        source: FileError,
    },
    /// The checkpoint belongs to another kind of run.
    #[error("the checkpoint was made with {what} {saved}, but here it is {here}")]
    Differs {
        /// What differs.
        what: &'static str,
        /// Its value in the checkpoint.
        saved: String,
        /// Its value in this program.
        here: String,
    },
    /// The checkpoint belongs to a run with other settings.
    #[error(
        "the checkpoint was made with other settings: {}; restore the old values, or name the settings in `Checkpoints::allow_changed` to continue with the new values",
        list(settings)
    )]
    Settings {
        /// All settings that differ and are not allowed to.
        settings: Vec<ChangedSetting>,
    },
    /// A name in [`Checkpoints::allow_changed`](super::Checkpoints::allow_changed) is not a setting.
    #[error("`{name}` is not a setting; the settings of agent and trainer are {}", known.join(", "))]
    UnknownSetting {
        /// The name.
        name: String,
        /// The names of all settings.
        known: Vec<String>,
    },
    /// The generation does not exist.
    #[error("there is no generation {generation} in {}, only {found:?}", directory.display())]
    NoGeneration {
        /// The directory.
        directory: PathBuf,
        /// The number of the generation.
        generation: u64,
        /// The numbers that exist, the oldest first.
        found: Vec<u64>,
    },
    /// The generation is damaged or incomplete.
    #[error("the checkpoint cannot be used: {0}")]
    Generation(#[from] Skipped),
    /// Every generation is damaged or incomplete.
    #[error("no checkpoint in {} can be used: {}", directory.display(), list(skipped))]
    NoneIntact {
        /// The directory.
        directory: PathBuf,
        /// All of them, the newest first.
        skipped: Vec<Skipped>,
    },
}

/// A generation that was skipped.
#[derive(Debug, thiserror::Error)]
#[error("generation {generation}: {defect}")]
#[non_exhaustive]
pub struct Skipped {
    /// Its number.
    pub generation: u64,
    /// Why it was skipped.
    #[source]
    pub defect: Defect,
}

fn list(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A setting that differs from its value in the checkpoint.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChangedSetting {
    /// Its name in the configuration of the agent or the trainer.
    pub name: String,
    /// Its value in the checkpoint, as JSON; `absent` if there is none.
    pub saved: String,
    /// Its value in this program.
    pub here: String,
}

impl ChangedSetting {
    pub(crate) fn new(name: String, saved: String, here: String) -> Self {
        Self { name, saved, here }
    }
}

impl fmt::Display for ChangedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, saved, here } = self;
        write!(f, "{name}: {saved} then, {here} now")
    }
}

/// What is wrong with a generation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// A file is missing or cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// Its name.
        file: String,
        /// The error of the file system.
        source: io::Error,
    },
    /// The path is a link, a pipe or a directory instead of a file.
    #[error("{file} must be a regular file")]
    NotAFile {
        /// Its name.
        file: String,
    },
    /// The directory of the generation is a link.
    #[error("the directory must not be a link")]
    Link,
    /// The length of a file differs from the manifest, or is larger than allowed.
    #[error("{file} must be {expected} long, got {found} bytes")]
    Length {
        /// Its name.
        file: String,
        /// The length that is required.
        expected: String,
        /// The length that was found.
        found: u64,
    },
    /// The content of a file has changed since it was written.
    #[error("{file} is damaged: its SHA-256 must be {expected}, got {found}")]
    Damaged {
        /// Its name.
        file: String,
        /// The digest recorded when it was written.
        expected: String,
        /// The digest of its content.
        found: String,
    },
    /// This version of the crate does not read this format.
    #[error(
        "manifest.json must have format {supported}, which this version of the crate reads, got {found}, written by version {crate_version}; finish the run with that version, or start it again in another directory"
    )]
    Version {
        /// The format that this version reads.
        supported: u64,
        /// The format that was found.
        found: u64,
        /// The version of the crate that wrote it.
        crate_version: String,
    },
    /// The manifest has another form.
    #[error("manifest.json must be the manifest of a checkpoint: {0}")]
    Manifest(#[source] serde_json::Error),
    /// Numbers in the manifest contradict each other.
    #[error("manifest.json must give {rule}, got {found}")]
    Contradiction {
        /// What must hold.
        rule: String,
        /// What was found.
        found: String,
    },
    /// The content of a file has another form than its name says.
    #[error("{file}: {source}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong with it.
        source: FileError,
    },
}
