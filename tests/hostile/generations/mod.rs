//! Generations whose digests are right and whose contents are not.

mod files;
mod histories;
mod manifests;
mod replays;
mod trainers;

use std::fs::{self, File};
use std::path::Path;

use actor_critic::state::State;

use files::files;
use histories::histories;
use manifests::manifests;
use replays::replays;
use trainers::trainers;

use crate::small_run::{MANIFEST, MANIFEST_DIGEST, edit_manifest, replace};

const TIB: u64 = 1 << 40;

/// A generation, what is done to it, and part of the text with which it is refused.
pub type Damage = (&'static str, fn(&Path), &'static str);

pub fn generations() -> Vec<Damage> {
    [manifests(), files(), replays(), trainers(), histories()].concat()
}

fn edit(path: &Path, part: &str, edit: impl FnOnce(&mut State)) {
    let mut state = State::from_bytes(&fs::read(path.join(part)).unwrap()).unwrap();
    edit(&mut state);
    replace(path, part, &state.to_bytes().unwrap());
}

fn put_row(state: &mut State, name: &str, row: Vec<u64>) {
    state.take_row::<u64>(name).unwrap();
    state.put_array(name, &[row.len()], row);
}

/// Makes a file as long as it is told, of zeros that take no room, and lets the manifest say so.
fn sparse(path: &Path, part: &str, length: u64) {
    File::create(path.join(part)).unwrap().set_len(length).unwrap();
    if part == MANIFEST || part == MANIFEST_DIGEST {
        return;
    }
    edit_manifest(path, |manifest| manifest["parts"][part]["bytes"] = length.into());
}
