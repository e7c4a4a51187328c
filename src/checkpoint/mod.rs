//! Save and resume runs: checkpoints in a directory that survives a crash at any moment.
//!
//! A directory holds generations. Each is complete, in a directory of its own:
//!
//! ```text
//! checkpoints/
//!   lock                         held by the process that writes
//!   generation-00000007/
//!     manifest.json              versions, agent, environment, settings, counters, size and SHA-256 of each part
//!     manifest.sha256            for `sha256sum -c`
//!     agent.safetensors          networks, targets, moments, temperature, noise, random streams
//!     trainer.safetensors        counters, evaluations, random streams, the running episodes
//!     history-00000.safetensors  16,384 episodes that have ended; a part that is full is a hard link to the last generation's
//!     replay-00000.safetensors   4 MiB of transitions; a part that has not changed is a hard link to the last generation's
//! ```
//!
//! A generation is written to a temporary directory, flushed, and renamed, so it is complete or absent. Other files beside the parts, such as
//! those of a file manager, are ignored. Reading runs no code, and returns what was saved or an error.
//!
//! To save while training, attach a [`CheckpointEvery`](crate::train::CheckpointEvery) to a trainer; the guide [Save and resume](crate::_docs::save_and_resume) shows how. In a loop of your own, call
//! [`Trainer::save`](crate::train::Trainer::save) and [`Trainer::resume`](crate::train::Trainer::resume). [Reliability](crate::_docs::reliability) lists the tests.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::replay::ReplayBuffer;

mod error;
mod generation;
mod manifest;
mod settings;

pub use error::{ChangedSetting, CheckpointError, Defect, Skipped};
pub(crate) use generation::{Generation, HistoryParts, Snapshot};
pub(crate) use manifest::{EPISODES_IN_PART, Manifest, short_type_name};

/// Name of the file that the writing process locks.
const LOCK: &str = "lock";

/// How long to wait for a lock: the system may still hold the lock of a process that was killed a moment ago.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// Prefix of the name of a generation's directory.
const GENERATION: &str = "generation-";

/// Prefix of the name of a directory that is being written or removed.
const UNFINISHED: &str = ".unfinished-";

/// A locked file. The lock ends with the process, also if the process is killed.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // To close the file is not enough: a program that another thread starts has it open until its own code begins.
        let _ = self.0.unlock();
    }
}

/// A directory of checkpoints. One run at a time can open it for writing.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let path = folder.path().join("checkpoints");
/// let trainer = || {
///     let env = Pendulum::v1();
///     let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
///     Ok::<_, Error>(Trainer::new(env, agent, &TrainerConfig::new(2), Seed(0))?.with_environment_state())
/// };
///
/// let mut checkpoints = Checkpoints::open(&path)?;
/// let mut first = trainer()?;
/// (0..10).try_for_each(|_| first.step().map(drop))?;
/// first.save(&mut checkpoints)?;
///
/// // In another process, or after a crash:
/// let mut second = trainer()?;
/// let resumed = second.resume(&mut checkpoints)?.expect("a checkpoint was saved");
/// assert_eq!((resumed.environment_steps, resumed.skipped.len()), (10, 0));
/// assert_eq!(first.step()?, second.step()?);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Checkpoints {
    directory: PathBuf,
    keep: usize,
    _lock: Lock,
    /// Score of each generation that has a score.
    scores: HashMap<u64, f64>,
    /// Paths of the files of the newest generation, by their content.
    known: HashMap<Digest, PathBuf>,
    /// Names of the settings that may differ from the saved ones.
    allowed: Vec<String>,
    report: Report,
}

/// The newest intact generation, and the damaged ones after it.
type Newest<H> = (Generation<H>, Vec<Skipped>);

/// The function that is called for each skipped generation.
struct Report(Box<dyn FnMut(&Skipped) + Send + Sync>);

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}

/// Warns that the run continues from an older generation than the newest.
fn warn(skipped: &Skipped) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "actor_critic", generation = skipped.generation, "checkpoint skipped: {skipped}");
    eprintln!("warning: a checkpoint was skipped: {skipped}");
}

impl Checkpoints {
    /// Opens a directory for writing and reading, and locks it. Creates it if necessary.
    ///
    /// Removes unfinished files of a crashed run.
    ///
    /// # Errors
    ///
    /// - [`CheckpointError::Locked`] if another run has it open and does not close it within a second
    /// - [`CheckpointError::Io`] if the file system returns an error
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, CheckpointError> {
        let directory = directory.into();
        fs::create_dir_all(&directory).map_err(failed("create", &directory))?;
        let path = directory.join(LOCK);
        // Asked before opening: to open a pipe is to wait for its other end, and to follow a link is to write elsewhere.
        if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "it must be a regular file");
            return Err(failed("open", &path)(error));
        }
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(failed("open", &path))?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => sleep(LOCK_PATIENCE / 100),
                Err(TryLockError::WouldBlock) => return Err(CheckpointError::Locked { directory }),
                Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
            }
        }
        let mut checkpoints = Self {
            directory,
            keep: 3,
            _lock: Lock(lock),
            scores: HashMap::new(),
            known: HashMap::new(),
            allowed: Vec::new(),
            report: Report(Box::new(warn)),
        };
        checkpoints.remove_unfinished()?;
        for generation in checkpoints.generations()? {
            if let Ok(Manifest { score: Some(score), .. }) =
                generation::read_manifest(&checkpoints.path(generation), generation)
            {
                checkpoints.scores.insert(generation, score);
            }
        }
        Ok(checkpoints)
    }

    /// Keeps the newest `n` generations, at least 1, by default 3, and the one with the best score.
    #[must_use]
    pub fn keep(mut self, n: usize) -> Self {
        self.keep = n.max(1);
        self
    }

    /// Allows a resumed run to use other values of these settings of the agent or the trainer, to fine-tune.
    ///
    /// Otherwise a resume returns an error that names every setting that differs, and changes nothing. Settings that shape the saved arrays cannot
    /// change: the sizes of networks, the kind of noise or temperature, whether observations are normalised, the capacity of the
    /// replay. A resume with such a change returns an error that names the first array that does not fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// # let folder = tempfile::tempdir().expect("a temporary folder");
    /// # let path = folder.path().join("checkpoints");
    /// let trainer = |learning_rate| {
    ///     let env = Pendulum::v1();
    ///     let config = SacConfig::new().with_actor_learning_rate(learning_rate);
    ///     let agent = config.init(&Spaces::of(&env)?, &device, Seed(0))?;
    ///     Ok::<_, Error>(Trainer::new(env, agent, &TrainerConfig::new(2), Seed(0))?.with_environment_state())
    /// };
    /// # {
    /// trainer(3e-4)?.save(&mut Checkpoints::open(&path)?)?;
    /// # }
    ///
    /// let mut checkpoints = Checkpoints::open(&path)?.allow_changed(["actor_learning_rate"]);
    /// let resumed = trainer(1e-5)?.resume(&mut checkpoints)?.expect("a checkpoint was saved");
    /// assert_eq!(resumed.changed[0].to_string(), "actor_learning_rate: 0.0003 then, 0.00001 now");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn allow_changed<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.allowed.extend(names.into_iter().map(Into::into));
        self
    }

    /// Calls `report` for each damaged generation that a resume skips, instead of writing a line to standard error (and, with
    /// the feature `tracing`, an event at the level warn).
    #[must_use]
    pub fn on_skipped(mut self, report: impl FnMut(&Skipped) + Send + Sync + 'static) -> Self {
        self.report = Report(Box::new(report));
        self
    }

    /// Returns the names of the settings that may differ from the saved ones.
    pub(crate) fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the numbers of all generations, damaged ones included, the oldest first.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Io`] if the directory cannot be read.
    pub fn generations(&self) -> Result<Vec<u64>, CheckpointError> {
        let number = |name: &String| {
            let number = name.strip_prefix(GENERATION)?.parse().ok()?;
            // The same number in other digits is not ours.
            (*name == directory_name(number)).then_some(number)
        };
        let mut generations: Vec<u64> = self.names()?.iter().filter_map(number).collect();
        generations.sort_unstable();
        Ok(generations)
    }

    /// Returns the generation with the highest score; the newest one if several have it.
    pub fn best(&self) -> Option<u64> {
        self.scores.iter().max_by(|a, b| a.1.total_cmp(b.1).then(a.0.cmp(b.0))).map(|(&generation, _)| generation)
    }

    /// Returns the directory of a generation.
    pub fn path(&self, generation: u64) -> PathBuf {
        self.directory.join(directory_name(generation))
    }

    /// Writes a generation, removes old ones, and returns its number.
    pub(crate) fn write(&mut self, snapshot: Snapshot<'_>) -> Result<u64, CheckpointError> {
        let generation = match self.generations()?.last() {
            Some(&newest) => newest.checked_add(1).ok_or_else(|| {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "it has the last number there is");
                failed("write a generation after", &self.path(newest))(error)
            })?,
            None => 0,
        };
        let side = self.directory.join(format!("{UNFINISHED}{generation:08}"));
        let score = snapshot.manifest.score;
        let written = generation::write(&side, generation, snapshot, &self.known);
        let finished = written.and_then(|digests| {
            let path = self.path(generation);
            fs::rename(&side, &path).map_err(failed("rename to", &path))?;
            flush_directory(&self.directory)?;
            Ok(digests)
        });
        let digests = match finished {
            Ok(digests) => digests,
            Err(error) => {
                // As much as can be: what stays is removed when the directory is opened again.
                let _ = remove(&side);
                return Err(error);
            }
        };
        let path = self.path(generation);
        self.known = digests.into_iter().map(|(digest, name)| (digest, path.join(name))).collect();
        if let Some(score) = score {
            self.scores.insert(generation, score);
        }
        self.prune()?;
        Ok(generation)
    }

    /// Reads the newest intact generation, and reports the damaged ones after it; `None` if there is no generation.
    ///
    /// `accept` gets each manifest, and returns an empty history and replay for it, or the reason why it cannot be used here.
    pub(crate) fn read<H: HistoryParts>(
        &mut self,
        accept: impl Fn(&Manifest) -> Result<(H, ReplayBuffer), CheckpointError>,
    ) -> Result<Option<Newest<H>>, CheckpointError> {
        let mut skipped = Vec::new();
        for generation in self.generations()?.into_iter().rev() {
            match self.read_one(generation, &accept)? {
                Ok(read) => {
                    skipped.iter().for_each(&mut self.report.0);
                    return Ok(Some((read, skipped)));
                }
                Err(defect) => skipped.push(Skipped { generation, defect }),
            }
        }
        if skipped.is_empty() {
            return Ok(None);
        }
        Err(CheckpointError::NoneIntact { directory: self.directory.clone(), skipped })
    }

    /// Reads one generation, as [`read`](Self::read).
    pub(crate) fn read_generation<H: HistoryParts>(
        &mut self,
        generation: u64,
        accept: impl Fn(&Manifest) -> Result<(H, ReplayBuffer), CheckpointError>,
    ) -> Result<Generation<H>, CheckpointError> {
        let found = self.generations()?;
        if !found.contains(&generation) {
            return Err(CheckpointError::NoGeneration { directory: self.directory.clone(), generation, found });
        }
        self.read_one(generation, &accept)?.map_err(|defect| Skipped { generation, defect }.into())
    }

    fn read_one<H: HistoryParts>(
        &mut self,
        generation: u64,
        accept: &impl Fn(&Manifest) -> Result<(H, ReplayBuffer), CheckpointError>,
    ) -> Result<Result<Generation<H>, Defect>, CheckpointError> {
        let path = self.path(generation);
        let read = match generation::read_manifest(&path, generation) {
            Ok(manifest) => {
                let empty = accept(&manifest)?;
                Generation::read(&path, manifest, empty)
            }
            Err(defect) => Err(defect),
        };
        if let Ok(read) = &read {
            self.known = read.files.clone();
        }
        Ok(read)
    }

    fn prune(&mut self) -> Result<(), CheckpointError> {
        let generations = self.generations()?;
        let best = self.best();
        for &generation in generations.iter().rev().skip(self.keep).filter(|&&generation| Some(generation) != best) {
            let (path, aside) =
                (self.path(generation), self.directory.join(format!("{UNFINISHED}old-{generation:08}")));
            // Renamed first, so that a crash in between does not leave half of it.
            fs::rename(&path, &aside).map_err(failed("rename", &path))?;
            remove(&aside)?;
            self.scores.remove(&generation);
        }
        Ok(())
    }

    fn remove_unfinished(&self) -> Result<(), CheckpointError> {
        for name in self.names()?.iter().filter(|name| name.starts_with(UNFINISHED)) {
            remove(&self.directory.join(name))?;
        }
        Ok(())
    }

    /// Returns the names in the directory that are valid text.
    fn names(&self) -> Result<Vec<String>, CheckpointError> {
        let entries = fs::read_dir(&self.directory).map_err(failed("read", &self.directory))?;
        let names: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.file_name().into_string().ok())).collect();
        Ok(names.map_err(failed("read", &self.directory))?.into_iter().flatten().collect())
    }
}

fn directory_name(generation: u64) -> String {
    format!("{GENERATION}{generation:08}")
}

/// Removes a directory with its content, or the file in its place.
fn remove(path: &Path) -> Result<(), CheckpointError> {
    let is_dir = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) }.map_err(failed("remove", path))
}

/// Makes an error of the file system that names the action and the path.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |source| CheckpointError::Io { action, path, source }
}

/// Flushes the names in a directory to the disk, where the system needs it.
fn flush_directory(directory: &Path) -> Result<(), CheckpointError> {
    if cfg!(unix) {
        File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed("flush", directory))?;
    }
    Ok(())
}
