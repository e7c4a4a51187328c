//! Writing and reading one generation.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::manifest::{FORMAT, Manifest, PartForm};
use super::{CheckpointError, Defect, failed, flush_directory};
use crate::digest::Digest;
use crate::replay::ReplayBuffer;
use crate::state::{FileError, State, StateError};

const MANIFEST: &str = "manifest.json";
const MANIFEST_DIGEST: &str = "manifest.sha256";
pub(crate) const AGENT: &str = "agent.safetensors";
pub(crate) const TRAINER: &str = "trainer.safetensors";

/// Longest manifest, in bytes: room for a replay of 100 GB.
const MAX_MANIFEST: u64 = 4 << 20;

/// Longest version that a message shows, in characters.
const LONGEST_VERSION: usize = 40;

/// Longest state of an agent or a trainer, in bytes: room for networks of 300 million parameters.
///
/// A file of zeros takes no room on a disk, whatever length it claims.
const MAX_STATE: u64 = 4 << 30;

/// Everything that a generation consists of.
pub(crate) struct Snapshot<'a> {
    /// The manifest without number and parts, which are added when it is written.
    pub(crate) manifest: Manifest,
    pub(crate) agent: State,
    pub(crate) trainer: State,
    pub(crate) history: &'a mut dyn HistoryParts,
    pub(crate) replay: &'a mut ReplayBuffer,
}

/// A history of episodes that is written in parts of [`EPISODES_IN_PART`](super::EPISODES_IN_PART) episodes.
pub(crate) trait HistoryParts {
    /// Returns how many episodes there are.
    fn episodes(&self) -> usize;

    /// Returns how many metrics an episode has.
    fn metrics(&self) -> usize;

    /// Returns the digest of a part as a file, and the file if it had to be made to compute the digest.
    fn part_digest(&mut self, part: usize) -> Result<(Digest, Option<Vec<u8>>), FileError>;

    /// Returns a part as a safetensors file.
    fn part_file(&self, part: usize) -> Result<Vec<u8>, FileError>;

    /// Appends a part of so many episodes that [`part_file`](Self::part_file) has given.
    fn append_part(&mut self, file: &[u8], digest: Digest, episodes: usize) -> Result<(), FileError>;
}

fn history_part(part: u64) -> String {
    format!("history-{part:05}.safetensors")
}

fn replay_part(segment: usize) -> String {
    format!("replay-{segment:05}.safetensors")
}

/// Writes a generation into the new directory `side`; files in `known` are linked and not written again.
pub(super) fn write(
    side: &Path,
    generation: u64,
    snapshot: Snapshot<'_>,
    known: &HashMap<Digest, PathBuf>,
) -> Result<HashMap<Digest, String>, CheckpointError> {
    let Snapshot { mut manifest, agent, trainer, history, replay } = snapshot;
    (manifest.episodes, manifest.metrics) = (history.episodes() as u64, history.metrics() as u64);
    let unwritable = |part: &str| {
        let part = part.to_owned();
        move |source| CheckpointError::Write { part, source }
    };
    // Before anything is written: a number that is not finite is found here.
    let bytes_of = |part, state: State| state.to_bytes().map_err(unwritable(part));
    let states = [(AGENT, bytes_of(AGENT, agent)?), (TRAINER, bytes_of(TRAINER, trainer)?)];
    fs::create_dir(side).map_err(failed("create", side))?;
    let mut directory =
        Directory { path: side, known, parts: BTreeMap::new(), digests: HashMap::new(), written: Vec::new() };
    for (part, bytes) in states {
        if bytes.len() as u64 > MAX_STATE {
            let rule = format!("a state of at most {MAX_STATE} bytes");
            return Err(StateError::invalid(part, rule, bytes.len()).into());
        }
        directory.write(part.to_owned(), Digest::of(&bytes), &bytes)?;
    }
    for part in 0..manifest.history_parts() {
        let (name, part) = (history_part(part), part as usize);
        let (digest, file) = history.part_digest(part).map_err(unwritable(&name))?;
        directory.link_or_write(name, digest, file, || history.part_file(part))?;
    }
    for segment in 0..replay.replay_form().segments() {
        let name = replay_part(segment);
        let (digest, file) = replay.segment_digest(segment).map_err(unwritable(&name))?;
        directory.link_or_write(name, digest, file, || replay.segment_file(segment))?;
    }
    manifest.generation = generation;
    manifest.parts = std::mem::take(&mut directory.parts);
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest is numbers and text") + "\n";
    check_readable(&text)?;
    directory.write_file(MANIFEST, text.as_bytes())?;
    directory.write_file(MANIFEST_DIGEST, digest_line(text.as_bytes()).as_bytes())?;
    directory.flush()?;
    Ok(directory.digests)
}

/// Requires a manifest to be within the limits of reading. A save that nothing can read is an error instead.
fn check_readable(manifest: &str) -> Result<(), StateError> {
    let found = manifest.len() as u64;
    if found > MAX_MANIFEST {
        return Err(StateError::invalid(MANIFEST, format!("at most {MAX_MANIFEST} bytes long"), found));
    }
    let read = serde_json::from_str::<Manifest>(manifest);
    read.map(drop).map_err(|error| StateError::invalid(MANIFEST, "a manifest that can be read again", error))
}

/// Returns the output of `sha256sum manifest.json`.
fn digest_line(manifest: &[u8]) -> String {
    format!("{}  {MANIFEST}\n", Digest::of(manifest))
}

/// The parts of a generation that is being written.
struct Directory<'a> {
    path: &'a Path,
    /// Paths of files that were written before, by their content.
    known: &'a HashMap<Digest, PathBuf>,
    parts: BTreeMap<String, PartForm>,
    digests: HashMap<Digest, String>,
    written: Vec<PathBuf>,
}

impl Directory<'_> {
    /// Links a part that has not changed since it was written, or writes it. `file` is the part if it had to be made already.
    fn link_or_write(
        &mut self,
        part: String,
        digest: Digest,
        file: Option<Vec<u8>>,
        make: impl FnOnce() -> Result<Vec<u8>, FileError>,
    ) -> Result<(), CheckpointError> {
        let known = self.known.get(&digest).filter(|_| file.is_none());
        if known.is_some_and(|path| self.link(&part, digest, path)) {
            return Ok(());
        }
        match file.map_or_else(make, Ok) {
            Ok(file) => self.write(part, digest, &file),
            Err(source) => Err(CheckpointError::Write { part, source }),
        }
    }

    fn write_file(&mut self, name: &str, bytes: &[u8]) -> Result<(), CheckpointError> {
        let path = self.path.join(name);
        File::create_new(&path).and_then(|mut file| file.write_all(bytes)).map_err(failed("write", &path))?;
        self.written.push(path);
        Ok(())
    }

    /// Flushes all that was written to the disk, at once: while one file is written, the disk works on those before it.
    fn flush(&self) -> Result<(), CheckpointError> {
        for path in &self.written {
            let opened = OpenOptions::new().write(true).open(path);
            opened.and_then(|file| file.sync_all()).map_err(failed("flush", path))?;
        }
        flush_directory(self.path)
    }

    fn write(&mut self, part: String, digest: Digest, bytes: &[u8]) -> Result<(), CheckpointError> {
        self.write_file(&part, bytes)?;
        self.add(part, digest, bytes.len() as u64);
        Ok(())
    }

    /// Links a file that exists already; returns whether that was possible.
    fn link(&mut self, part: &str, digest: Digest, there: &Path) -> bool {
        let here = self.path.join(part);
        let Ok(length) = fs::hard_link(there, &here).and_then(|()| Ok(fs::metadata(&here)?.len())) else {
            return false;
        };
        self.add(part.to_owned(), digest, length);
        true
    }

    fn add(&mut self, part: String, digest: Digest, bytes: u64) {
        self.digests.insert(digest, part.clone());
        self.parts.insert(part, PartForm { bytes, sha256: digest.to_string() });
    }
}

/// A generation whose files are all present, of the right length, and unchanged.
#[derive(Debug)]
pub(crate) struct Generation<H> {
    pub(crate) manifest: Manifest,
    pub(crate) agent: State,
    pub(crate) trainer: State,
    pub(crate) history: H,
    pub(crate) replay: ReplayBuffer,
    /// The path of each file, by its content.
    pub(super) files: HashMap<Digest, PathBuf>,
}

impl<H: HistoryParts> Generation<H> {
    /// Reads and verifies every part in the manifest. History and replay go into empty ones of their sizes.
    ///
    /// Other files, such as those of a file manager, are ignored.
    pub(super) fn read(
        path: &Path,
        manifest: Manifest,
        (mut history, mut replay): (H, ReplayBuffer),
    ) -> Result<Self, Defect> {
        let mut files = HashMap::new();
        let mut read = |part: &str| {
            let (bytes, digest) = read_part(path, &manifest, part)?;
            files.insert(digest, path.join(part));
            Ok((bytes, digest))
        };
        let defect = |part: &str| {
            let file = part.to_owned();
            move |source| Defect::File { file, source }
        };
        let mut state = |part| read(part).and_then(|(bytes, _)| State::from_bytes(&bytes).map_err(defect(part)));
        let (agent, trainer) = (state(AGENT)?, state(TRAINER)?);
        for index in 0..manifest.history_parts() {
            let (part, episodes) = (history_part(index), manifest.episodes_in(index) as usize);
            let (bytes, digest) = read(&part)?;
            history.append_part(&bytes, digest, episodes).map_err(defect(&part))?;
        }
        for segment in 0..manifest.replay.segments() {
            let part = replay_part(segment);
            let (bytes, digest) = read(&part)?;
            replay.append_segment(&bytes, digest, &manifest.replay).map_err(defect(&part))?;
        }
        Ok(Self { manifest, agent, trainer, history, replay, files })
    }
}

/// Reads and verifies a manifest, as far as that is possible without the parts.
pub(super) fn read_manifest(path: &Path, generation: u64) -> Result<Manifest, Defect> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(Defect::Link);
    }
    let text = read_file(path, MANIFEST, Length::AtMost(MAX_MANIFEST))?;
    let expected = digest_line(&text);
    let found = read_file(path, MANIFEST_DIGEST, Length::Exactly(expected.len() as u64))?;
    if found != expected.as_bytes() {
        let found = String::from_utf8_lossy(&found).trim_end().to_owned();
        return Err(Defect::Damaged {
            file: MANIFEST.to_owned(),
            expected: found,
            found: expected.trim_end().to_owned(),
        });
    }
    /// The fields that a manifest of any version has.
    #[derive(serde::Deserialize)]
    struct Version {
        format: u64,
        crate_version: Option<String>,
    }
    let Version { format, crate_version } = serde_json::from_slice(&text).map_err(Defect::Manifest)?;
    if format != FORMAT {
        let crate_version = crate_version.unwrap_or_else(|| "unknown".to_owned());
        let crate_version = crate_version.chars().take(LONGEST_VERSION).collect();
        return Err(Defect::Version { supported: FORMAT, found: format, crate_version });
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(Defect::Manifest)?;
    let contradiction = |rule: String, found: String| Err(Defect::Contradiction { rule, found });
    if manifest.generation != generation {
        return contradiction(
            format!("the generation of its directory, {generation}"),
            manifest.generation.to_string(),
        );
    }
    if let Some((rule, found)) = manifest.replay.contradiction() {
        return contradiction(rule.to_owned(), found.to_string());
    }
    // Counted first: the sizes may ask for more names than there is memory for.
    let segments = manifest.replay.segments() as u64;
    let (expected, found) = (segments.saturating_add(manifest.history_parts()).saturating_add(2), manifest.parts.len());
    let missing = || part_names(&manifest).find(|part| !manifest.parts.contains_key(part));
    if expected != found as u64 || missing().is_some() {
        return contradiction(
            format!("{expected} parts, one for agent and trainer each and the rest for history and replay"),
            found.to_string(),
        );
    }
    for (part, form) in &manifest.parts {
        let limit = match part.as_str() {
            AGENT | TRAINER => MAX_STATE,
            part if part.starts_with("history") => manifest.longest_history_part(),
            _ => manifest.replay.longest_segment(),
        };
        if form.bytes > limit {
            return contradiction(format!("at most {limit} bytes for {part}"), form.bytes.to_string());
        }
    }
    Ok(manifest)
}

fn part_names(manifest: &Manifest) -> impl Iterator<Item = String> {
    let (history, replay) = (0..manifest.history_parts(), 0..manifest.replay.segments());
    let states = [AGENT, TRAINER].map(str::to_owned).into_iter();
    states.chain(history.map(history_part)).chain(replay.map(replay_part))
}

fn read_part(path: &Path, manifest: &Manifest, part: &str) -> Result<(Vec<u8>, Digest), Defect> {
    let PartForm { bytes, sha256 } = &manifest.parts[part];
    let content = read_file(path, part, Length::Exactly(*bytes))?;
    let digest = Digest::of(&content);
    let found = digest.to_string();
    if found != *sha256 {
        return Err(Defect::Damaged { file: part.to_owned(), expected: sha256.clone(), found });
    }
    Ok((content, digest))
}

#[derive(Clone, Copy)]
enum Length {
    Exactly(u64),
    AtMost(u64),
}

/// Reads a regular file, after checking its length.
fn read_file(path: &Path, file: &str, length: Length) -> Result<Vec<u8>, Defect> {
    let unreadable = |source| Defect::Unreadable { file: file.to_owned(), source };
    let path = path.join(file);
    // Asked before opening: to open a pipe is to wait for its other end. A link is not followed.
    let metadata = fs::symlink_metadata(&path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Defect::NotAFile { file: file.to_owned() });
    }
    let found = metadata.len();
    let (fits, expected) = match length {
        Length::Exactly(expected) => (found == expected, format!("{expected} bytes")),
        Length::AtMost(limit) => (found <= limit, format!("at most {limit} bytes")),
    };
    if !fits {
        return Err(Defect::Length { file: file.to_owned(), expected, found });
    }
    let mut content = Vec::new();
    let out_of_memory = |_| unreadable(io::ErrorKind::OutOfMemory.into());
    content.try_reserve_exact(found as usize).map_err(out_of_memory)?;
    File::open(&path).and_then(|opened| opened.take(found).read_to_end(&mut content)).map_err(unreadable)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoEpisodes;

    impl HistoryParts for NoEpisodes {
        fn episodes(&self) -> usize {
            0
        }
        fn metrics(&self) -> usize {
            0
        }
        fn part_digest(&mut self, _: usize) -> Result<(Digest, Option<Vec<u8>>), FileError> {
            unreachable!("there is no part")
        }
        fn part_file(&self, _: usize) -> Result<Vec<u8>, FileError> {
            unreachable!("there is no part")
        }
        fn append_part(&mut self, _: &[u8], _: Digest, _: usize) -> Result<(), FileError> {
            unreachable!("there is no part")
        }
    }

    #[test]
    fn a_manifest_that_could_not_be_read_is_not_written() {
        let written = |agent_config: serde_json::Value| {
            let folder = tempfile::tempdir().unwrap();
            let mut replay = ReplayBuffer::new(1, 1, 1).unwrap();
            let manifest = Manifest { agent_config, ..Manifest::new(replay.replay_form()) };
            let (agent, trainer) = (State::new(), State::new());
            let snapshot = Snapshot { manifest, agent, trainer, history: &mut NoEpisodes, replay: &mut replay };
            write(&folder.path().join("side"), 0, snapshot, &HashMap::new())
                .map(drop)
                .map_err(|error| error.to_string())
        };
        assert_eq!(written(vec![0; 100].into()), Ok(()));
        let error = written(vec![0; 5000].into()).unwrap_err();
        assert!(
            error.starts_with("`manifest.json` must be a manifest that can be read again, got settings must have at"),
            "{error}"
        );
        let error = written("long ".repeat(1 << 20).into()).unwrap_err();
        assert!(error.starts_with("`manifest.json` must be at most 4194304 bytes long, got 52435"), "{error}");
    }
}
