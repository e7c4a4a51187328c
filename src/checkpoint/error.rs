//! Why a checkpoint is refused, or skipped.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::state::{FileError, StateError};

/// Why a checkpoint could not be written or taken up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// Another process, or another value in this one, writes to the directory.
    #[error("{} is in use by another writer; give each run a directory of its own", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// Nobody has chosen what happens to the episodes under way.
    #[error(
        "a checkpoint in mid-episode needs an environment that saves its state: implement `SaveState` for it and call `Trainer::with_environment_state`; or call `Trainer::with_restarted_episodes`, and a resumed run begins new episodes in place of those under way"
    )]
    MidEpisode,
    /// A trainer without checkpoints was asked to resume from them.
    #[error("the trainer has no checkpoints: attach them by `Trainer::with_checkpoints`")]
    NotAttached,
    /// A state that cannot be saved, or does not fit.
    #[error(transparent)]
    State(#[from] StateError),
    /// A state that cannot be written.
    #[error("{part} cannot be written: {source}")]
    Write {
        /// The file.
        part: String,
        /// Why not.
        source: FileError,
    },
    /// A checkpoint of something else.
    #[error("the checkpoint was made with {what} {saved}, but here it is {here}")]
    Differs {
        /// What differs.
        what: &'static str,
        /// In the checkpoint.
        saved: String,
        /// Here.
        here: String,
    },
    /// A checkpoint of a run with other settings.
    #[error(
        "the checkpoint was made with other settings: {}; set them as they were, or name them in `Checkpoints::allow_changed` to go on with those of now",
        list(settings)
    )]
    Settings {
        /// All that differ and are not allowed to.
        settings: Vec<ChangedSetting>,
    },
    /// A name in [`Checkpoints::allow_changed`](super::Checkpoints::allow_changed) that is no setting.
    #[error("`{name}` is no setting that may be allowed to change; those of agent and trainer are {}", known.join(", "))]
    UnknownSetting {
        /// The name.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A generation that is not there.
    #[error("there is no generation {generation} in {}, only {found:?}", directory.display())]
    NoGeneration {
        /// The directory.
        directory: PathBuf,
        /// The number that was asked for.
        generation: u64,
        /// The numbers that are there, the oldest first.
        found: Vec<u64>,
    },
    /// A generation that was asked for and is not whole.
    #[error("the checkpoint cannot be used: {0}")]
    Generation(#[from] Skipped),
    /// No generation is whole.
    #[error("no checkpoint in {} can be used: {}", directory.display(), list(skipped))]
    NoneIntact {
        /// The directory.
        directory: PathBuf,
        /// All of them, the newest first.
        skipped: Vec<Skipped>,
    },
}

/// A generation that was not taken up.
#[derive(Debug, thiserror::Error)]
#[error("generation {generation}: {defect}")]
#[non_exhaustive]
pub struct Skipped {
    /// Its number.
    pub generation: u64,
    /// What is wrong with it.
    #[source]
    pub defect: Defect,
}

fn list(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A setting that is not what it was when a run was saved.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ChangedSetting {
    /// Its name in the configuration of the agent or the trainer.
    pub name: String,
    /// Its value when the run was saved, as JSON; `absent` if it had none.
    pub saved: String,
    /// Its value here.
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
    /// A file that is missing or cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// Its name.
        file: String,
        /// What the file system says.
        source: io::Error,
    },
    /// A link, a pipe, a directory.
    #[error("{file} must be a regular file")]
    NotAFile {
        /// Its name.
        file: String,
    },
    /// A link in the place of the generation.
    #[error("the directory must not be a link")]
    Link,
    /// A file of another length than the manifest says, or than it can have.
    #[error("{file} must be {expected} long, got {found} bytes")]
    Length {
        /// Its name.
        file: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: u64,
    },
    /// A file whose content is not what was written.
    #[error("{file} is damaged: its SHA-256 must be {expected}, got {found}")]
    Damaged {
        /// Its name.
        file: String,
        /// Digest that was noted when it was written.
        expected: String,
        /// Digest of what is there.
        found: String,
    },
    /// A format that this version of the crate does not read.
    #[error(
        "manifest.json must have format {supported}, which this version of the crate reads, got {found}, written by version {crate_version}; end the run with that version, or begin it anew in another directory"
    )]
    Version {
        /// The format that is read.
        supported: u64,
        /// The format that was found.
        found: u64,
        /// The version of the crate that wrote it.
        crate_version: String,
    },
    /// A manifest that is not one.
    #[error("manifest.json must be the manifest of a checkpoint: {0}")]
    Manifest(#[source] serde_json::Error),
    /// A manifest whose numbers contradict each other.
    #[error("manifest.json must give {rule}, got {found}")]
    Contradiction {
        /// What must hold.
        rule: String,
        /// What was found.
        found: String,
    },
    /// A file that is not what its name says.
    #[error("{file}: {source}")]
    File {
        /// Its name.
        file: String,
        /// What is wrong with it.
        source: FileError,
    },
}
