//! Log files that one run at a time can write.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[cfg(feature = "plot")]
mod claim;

#[cfg(feature = "plot")]
pub(crate) use claim::Claim;

/// How long to wait for a lock: the system may still hold the lock of a process that was killed a moment ago.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why the file of an observer could not be opened for a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Another observer, in this process or in another, writes the file.
    #[error(
        "{} must have one writer at a time, and another run is writing it; give each run a file of its own (its seed in the name), or end the other run",
        path.display()
    )]
    InUse {
        /// The file, or the folder for TensorBoard.
        path: PathBuf,
    },
    /// The file system returned an error.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file, or the folder above it.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> LogError {
    let path = path.to_path_buf();
    |source| LogError::Io { path, source }
}

/// Makes a folder, and its parents.
pub(crate) fn create_folder(folder: &Path) -> Result<(), LogError> {
    std::fs::create_dir_all(folder).map_err(failed(folder))
}

/// Creates a file, and its parent folders, and locks it until it is closed; replaces an older file.
pub(crate) fn create(path: &Path) -> Result<File, LogError> {
    let file = open(path)?;
    // Only now: another writer's lines must stay until it is known that there is none.
    file.set_len(0).map_err(failed(path))?;
    Ok(file)
}

/// Opens a file and locks it, keeping its content.
fn open(path: &Path) -> Result<File, LogError> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed(path))?;
    lock(&file, path)?;
    Ok(file)
}

/// Locks a file; waits a second for another process to end. The error names `path`.
pub(crate) fn lock(file: &File, path: &Path) -> Result<(), LogError> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => sleep(PATIENCE / 100),
            Err(TryLockError::WouldBlock) => return Err(LogError::InUse { path: path.to_path_buf() }),
            Err(TryLockError::Error(source)) => return Err(failed(path)(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_second_writer_is_refused_and_the_lines_of_the_first_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/log.csv");
        let mut first = create(&path).unwrap();
        first.write_all(b"one").unwrap();
        let error = create(&path).unwrap_err();
        let rule = "must have one writer at a time, and another run is writing it";
        let fix = "give each run a file of its own (its seed in the name), or end the other run";
        assert_eq!(error.to_string(), format!("{} {rule}; {fix}", path.display()));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        drop(first);
        drop(create(&path).unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"", "the next run begins anew");
    }

    #[test]
    fn a_claim_keeps_others_out_and_leaves_no_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        let (mut first, mut second) = (Claim::default(), Claim::default());
        first.take(&path).unwrap();
        first.take(&path).unwrap();
        assert!(matches!(second.take(&path), Err(LogError::InUse { .. })) && second.is_refused());
        assert!(!second.write(b"two").unwrap());
        first.give_back();
        assert!(!path.exists());

        std::fs::write(&path, "an older and longer report").unwrap();
        second.take(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"an older and longer report", "it stays until the run is over");
        assert!(second.write(b"two").unwrap() && first.take(&path).is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        first.give_back();
        assert!(path.exists());
    }
}
