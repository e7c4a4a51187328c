//! Files that are written completely or not at all, and locks.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::error::{ExperimentError, FileDefect, failed};

/// Longest file that is written or read: room for 1,000 evaluations of 1,000 episodes.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// How long to wait for a lock: the system may still hold the lock of a process that was killed a moment ago.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes a temporary file, flushes it, and renames it. One process at a time may write the same file.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ExperimentError> {
    let name = path.file_name().expect("a result file has a name").to_string_lossy();
    let folder = path.parent().expect("a result file is in a folder");
    let side = path.with_file_name(format!(".unfinished-{name}"));
    let written = write_side(&side, bytes).map_err(failed("write", &side));
    let renamed = written.and_then(|()| fs::rename(&side, path).map_err(failed("rename to", path)));
    if let Err(error) = renamed {
        // As much as can be: what stays is replaced when the file is written again.
        let _ = fs::remove_file(&side);
        return Err(error);
    }
    flush_folder(folder)
}

fn write_side(side: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(side) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(side)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Flushes the names in a folder to the disk, where the system needs it.
fn flush_folder(folder: &Path) -> Result<(), ExperimentError> {
    // A path of one name has an empty parent, which is the current folder.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if cfg!(unix) {
        File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed("flush", folder))?;
    }
    Ok(())
}

/// Reads a regular file of limited length; `None` if there is no file of this name.
pub(super) fn read_whole(path: &Path) -> Result<Option<Vec<u8>>, FileDefect> {
    // Asked before opening: to open a pipe is to wait for its other end.
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileDefect::Unreadable(error)),
    };
    if !metadata.is_file() {
        return Err(FileDefect::NotAFile);
    }
    if metadata.len() > MAX_BYTES {
        return Err(FileDefect::TooLong { limit: MAX_BYTES, found: metadata.len() });
    }
    let mut bytes = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    opened.map(|_| Some(bytes)).map_err(FileDefect::Unreadable)
}

/// A locked file. The lock ends with the process, also if the process is killed.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Locks a file, creating it if necessary; waits a second for another process to end.
    pub(super) fn acquire(path: PathBuf) -> Result<Self, ExperimentError> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(failed("open", &path))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file, path }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => sleep(PATIENCE / 100),
                Err(TryLockError::WouldBlock) => return Err(ExperimentError::Locked { path }),
                Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
            }
        }
    }

    /// Unlocks and removes the file. Use it only if a new lock of the same name can do no harm.
    pub(super) fn remove(self) {
        // A file that stays does no harm either.
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // To close the file is not enough: a program that another thread starts has it open until its own code begins.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_at_the_side_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("3.json");
        fs::write(folder.path().join(".unfinished-3.json"), "half of").unwrap();
        write_whole(&path, b"whole").unwrap();
        assert_eq!(read_whole(&path).unwrap().unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_file_or_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_whole(&folder.path().join("absent")).unwrap().is_none());
        assert_eq!(read_whole(folder.path()).unwrap_err().to_string(), "must be a regular file");
        let long = folder.path().join("long");
        File::create(&long).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read_whole(&long).unwrap_err().to_string(), "must be at most 33554432 bytes long, got 33554433");
    }

    #[test]
    fn a_lock_that_is_held_is_an_error_after_a_second() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::acquire(path.clone()).unwrap();
        let message = Lock::acquire(path.clone()).unwrap_err().to_string();
        assert_eq!(message, format!("{} is in use by another process", path.display()));
        drop(held);
        Lock::acquire(path.clone()).unwrap().remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent").join("file");
        let message = write_whole(&path, b"").unwrap_err().to_string();
        let side = folder.path().join("absent").join(".unfinished-file");
        assert!(message.starts_with(&format!("cannot write {}: ", side.display())), "{message}");
    }
}
