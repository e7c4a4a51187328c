//! Files that were made to do harm are refused with the reason, at once, and for little memory.
//!
//! Every digest in a generation here is right: what is wrong is what the files say. All cases are in one test, so that every
//! allocation of the process while one is read is due to it.

#![cfg(unix)]
#![allow(unsafe_code, reason = "an allocator that counts")]

mod counting;
mod hostile;
#[path = "it/small_run/mod.rs"]
mod small_run;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use actor_critic::prelude::*;
use actor_critic::state::State;
use counting::Counting;
use hostile::generations::generations;
use hostile::policies::{policy, policy_files};
use hostile::states::{agent_edits, agent_state, state_files};
use small_run::{generation, small_agent};

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

const MIB: u64 = 1 << 20;

/// The promise: twice the size of what is read, and this.
const ALLOWANCE: u64 = 16 * MIB;

/// The most that any case here may take, however large a file says it is.
const MOST: u64 = 64 * MIB;

const SLOWEST: Duration = Duration::from_secs(1);

/// A parser of bytes that anyone may have written.
type Parser = fn(&[u8]) -> Result<(), String>;

#[derive(Default)]
struct Tally {
    cases: usize,
    refused: usize,
    peak: (u64, String),
    slowest: (Duration, String),
    problems: Vec<String>,
}

impl Tally {
    /// Runs one case that reads `size` bytes and must fail with a text that contains `expected`.
    fn refuses(&mut self, name: &str, size: u64, expected: &str, read: impl FnOnce() -> Result<(), String>) {
        let start = Instant::now();
        let (outcome, peak) = ALLOCATOR.peak_above_start(read);
        let time = start.elapsed();
        self.cases += 1;
        let bound = size.saturating_mul(2).saturating_add(ALLOWANCE).min(MOST);
        let problem = match outcome {
            Ok(()) => Some("was taken up".to_owned()),
            Err(error) if !error.contains(expected) => Some(format!("`{error:.300}` should contain `{expected}`")),
            Err(_) if peak > bound => Some(format!("{peak} bytes were allocated for {size}")),
            Err(_) if time > SLOWEST => Some(format!("took {time:?}")),
            Err(_) => None,
        };
        match problem {
            Some(problem) => self.problems.push(format!("{name}: {problem}")),
            None => self.refused += 1,
        }
        self.peak = self.peak.clone().max((peak, name.to_owned()));
        self.slowest = self.slowest.clone().max((time, name.to_owned()));
    }
}

#[test]
fn hostile_files_are_refused_at_once_and_for_little_memory() {
    let mut tally = Tally::default();
    let parsers: [(Parser, Vec<_>); 2] = [(agent_state, state_files()), (policy, policy_files())];
    for (parse, files) in parsers {
        for (name, bytes, expected) in files {
            tally.refuses(name, bytes.len() as u64, expected, || parse(&bytes));
        }
    }
    for (name, edit, expected) in agent_edits() {
        let mut state = small_agent().save_state().unwrap();
        edit(&mut state);
        let bytes = state.to_bytes().unwrap();
        tally.refuses(name, bytes.len() as u64, expected, || agent_state(&bytes));
    }
    for (name, damage, expected) in generations() {
        let folder = tempfile::tempdir().unwrap();
        small_run::save(folder.path());
        damage(&generation(folder.path(), 0));
        let (mut trainer, mut checkpoints) = (small_run::trainer(), Checkpoints::open(folder.path()).unwrap());
        let size = size_of_files(&generation(folder.path(), 0));
        tally.refuses(name, size, expected, || {
            trainer.resume(&mut checkpoints).map(drop).map_err(|error| error.to_string())
        });
    }
    println!("{} of {} hostile files refused", tally.refused, tally.cases);
    println!("highest peak {:.1} MiB: {}", tally.peak.0 as f64 / MIB as f64, tally.peak.1);
    println!("slowest {:?}: {}", tally.slowest.0, tally.slowest.1);
    assert!(tally.problems.is_empty(), "{:#?}", tally.problems);
    assert!(tally.cases >= 40);

    large_files_that_are_valid_stay_within_the_bound();
}

fn size_of_files(directory: &Path) -> u64 {
    // A directory that links to itself holds nothing.
    let files = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().metadata().unwrap());
    files.filter(fs::Metadata::is_file).map(|metadata| metadata.len()).sum()
}

fn large_files_that_are_valid_stay_within_the_bound() {
    let mut state = State::new();
    state.put_array("weights", &[2 * MIB as usize], vec![0.5_f32; 2 * MIB as usize]);
    let bytes = state.to_bytes().unwrap();
    let (read, peak) = ALLOCATOR.peak_above_start(|| State::from_bytes(&bytes).unwrap());
    assert_eq!(read, state);
    println!("a state of {} bytes: {peak} allocated", bytes.len());
    assert!(peak <= 2 * bytes.len() as u64 + ALLOWANCE);
    drop((state, read, bytes));

    // Two observations of three axes, an action, a reward and a flag: 36 bytes a row, and 10 MiB of them.
    const ROW: usize = 36;
    let rows = 10 * MIB as usize / ROW;
    let config = small_run::config().with_replay_capacity(rows).with_learning_starts(rows).with_warmup_steps(rows);
    let trainer = || Trainer::new(Pendulum::v1(), small_agent(), &config, Seed(0)).unwrap().with_environment_state();
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut saved = trainer();
    (0..rows - 1).for_each(|_| _ = saved.step().unwrap());
    saved.save(&mut checkpoints).unwrap();
    let mut resuming = trainer();
    let (_, peak) = ALLOCATOR.peak_above_start(|| resuming.resume(&mut checkpoints).unwrap().unwrap());
    let size = size_of_files(&generation(folder.path(), 0));
    println!("a checkpoint of {size} bytes: {peak} allocated, of which {} for the replay", rows * ROW);
    assert!(peak - (rows * ROW) as u64 <= 2 * size + ALLOWANCE);
    assert_eq!(resuming.replay().len(), rows - 1);
}
