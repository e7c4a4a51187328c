//! A lock on a file that is written at the end of a run.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{LogError, open};

/// A lock on a file that is taken at the start of a run, and written when the run is over.
///
/// The old content stays until the file is written. A new file is empty until then, and is removed if it
/// stays empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claim(State);

#[derive(Debug, Clone, Default)]
enum State {
    /// The run has not started, or is over.
    #[default]
    None,
    Held(Arc<Held>),
    Refused,
}

#[derive(Debug)]
struct Held {
    file: File,
    path: PathBuf,
    is_new: bool,
}

/// Two observers that have seen the same are equal, whichever of them holds the lock.
impl PartialEq for Claim {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Claim {
    /// Takes the lock for a run, if it is not held already.
    pub(crate) fn take(&mut self, path: &Path) -> Result<(), LogError> {
        if let State::Held(held) = &self.0
            && held.path == path
        {
            return Ok(());
        }
        self.0 = State::Refused;
        let is_new = !path.exists();
        let held = Held { file: open(path)?, path: path.to_path_buf(), is_new };
        self.0 = State::Held(Arc::new(held));
        Ok(())
    }

    /// Returns whether the file belongs to another run.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.0, State::Refused)
    }

    /// Writes the file through the locked handle, and releases the lock.
    ///
    /// Returns `false`, and writes nothing, if the lock was never taken.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let State::Held(held) = std::mem::take(&mut self.0) else { return Ok(false) };
        let mut file = &held.file;
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(bytes)?;
        Ok(true)
    }

    /// Releases the lock without writing.
    pub(crate) fn give_back(&mut self) {
        self.0 = State::None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.is_new && self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            // A file that stays does no harm but to be empty.
            let _ = std::fs::remove_file(&self.path);
        }
        // To close the file is not enough: a program that another thread starts has it open until its own code begins.
        let _ = self.file.unlock();
    }
}
