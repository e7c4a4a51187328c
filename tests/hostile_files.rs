//! Files that were made to do harm are refused with the reason, at once, and for little memory.
//!
//! Every digest in a generation here is right: what is wrong is what the files say. All cases are in one test, so that every
//! allocation of the process while one is read is due to it.

#![cfg(unix)]
#![allow(unsafe_code, reason = "an allocator that counts")]

mod counting;
mod small_run;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use actor_critic::prelude::*;
use actor_critic::state::State;
use counting::Counting;
use serde_json::{Value, json};
use small_run::{AGENT, MANIFEST, MANIFEST_DIGEST, REPLAY, TRAINER, edit_manifest, generation, replace, small_agent};

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

/// Reads the state of an agent, and takes it up.
fn agent_state(bytes: &[u8]) -> Result<(), String> {
    let state = State::from_bytes(bytes).map_err(|error| error.to_string())?;
    small_agent().load_state(state).map_err(|error| error.to_string())
}

/// Reads a policy, and acts with it.
fn policy(bytes: &[u8]) -> Result<(), String> {
    let policy = Policy::from_bytes(bytes, &Device::flex()).map_err(|error| error.to_string())?;
    policy.action(&[0.0; 3]).map(drop).map_err(|error| error.to_string())
}

/// Policy files with another header, or other data.
fn policy_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    const DESCRIPTION: &str = "the description of the policy must be JSON";
    let agent = small_agent();
    let whole = Policy::new(agent.policy().clone(), agent.spaces(), &Device::flex()).unwrap().to_bytes().unwrap();
    policy(&whole).unwrap();
    let (length, rest) = whole.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: Value = serde_json::from_slice(header).unwrap();
    let with_header = |edit: &dyn Fn(&mut Value)| {
        let mut header = header.clone();
        edit(&mut header);
        file(header.to_string(), data)
    };
    let with_note = |note: &str| with_header(&|header| header["__metadata__"]["actor-critic"] = note.into());
    let note: Value = serde_json::from_str(header["__metadata__"]["actor-critic"].as_str().unwrap()).unwrap();
    let described = |edit: &dyn Fn(&mut Value)| {
        let mut note = note.clone();
        edit(&mut note);
        with_note(&note.to_string())
    };
    let spoilt = |value: f32| {
        let mut bytes = whole.clone();
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    vec![
        ("a policy without a description", with_header(&|h| h["__metadata__"] = json!({})), "has no such key"),
        ("a policy described by nothing", with_note(""), DESCRIPTION),
        ("a policy described by 50,000 brackets", with_note(&"[".repeat(50_000)), DESCRIPTION),
        ("a policy described by 50,000 nested objects", with_note(&r#"{"format":"#.repeat(20_000)), DESCRIPTION),
        (
            "a policy of another format",
            described(&|d| d["format"] = json!(2)),
            "must have format 1, which this version",
        ),
        ("a policy of format 2^64", with_note(r#"{"format":18446744073709551616}"#), DESCRIPTION),
        ("a policy of a kind that is none", described(&|d| d["kind"] = json!("pickle")), DESCRIPTION),
        ("a policy of another kind", described(&|d| d["kind"] = json!("gaussian")), "`mean.weight` is missing"),
        ("an activation that is none", described(&|d| d["activation"] = json!("__import__('os')")), DESCRIPTION),
        ("bounds of 80,000 axes", described(&|d| d["action"]["low"] = json!(vec![0; 80_000])), "same number of axes"),
        (
            "80,000 actions",
            described(&|d| d["action"] = json!({"low": vec![0; 40_000], "high": vec![1; 40_000]})),
            "`the last layer` must be as wide as the action space, 40000, got 1",
        ),
        ("bounds that are infinite", described(&|d| d["action"]["high"] = json!([null])), "must have finite bounds"),
        ("bounds the wrong way round", described(&|d| d["action"]["low"] = json!([3])), "low must be less than high"),
        ("a bound that f32 cannot hold", described(&|d| d["action"]["high"] = json!([1e300])), DESCRIPTION),
        ("no axes", described(&|d| d["observation"] = json!({"low": [], "high": []})), "at least 1 axis, got 0"),
        (
            "another observation",
            described(&|d| d["observation"] = json!({"low": [0], "high": [1]})),
            "`layers.0.weight` must have shape [2, 1], got [2, 3]",
        ),
        (
            "layers that do not meet",
            with_header(&|h| h["layers.1.weight"]["shape"] = json!([2, 1])),
            "`layers.1.weight` must have shape [2, 2], got [2, 1]",
        ),
        (
            "a layer of nothing",
            with_header(&|h| {
                let mut layer = h["layers.1.weight"].clone();
                layer["shape"] = json!([0, 2]);
                layer["data_offsets"] = json!([0, 0]);
                h["layers.2.weight"] = layer;
            }),
            "`layers.2.weight` must be a matrix with at least one row, got shape [0, 2]",
        ),
        (
            "a gap between the layers",
            with_header(&|h| {
                let layer = h["layers.1.weight"].take();
                h.as_object_mut().unwrap().remove("layers.1.weight");
                h["layers.7.weight"] = layer;
            }),
            "`the last layer` must be as wide as the action space, 1, got 2",
        ),
        ("a NaN for a weight", spoilt(f32::NAN), "must be finite, got NaN"),
        ("an infinity for a weight", spoilt(f32::INFINITY), "must be finite, got inf"),
    ]
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
    (0..rows - 1).for_each(|_| drop(saved.step().unwrap()));
    saved.save(&mut checkpoints).unwrap();
    let mut resuming = trainer();
    let (_, peak) = ALLOCATOR.peak_above_start(|| resuming.resume(&mut checkpoints).unwrap().unwrap());
    let size = size_of_files(&generation(folder.path(), 0));
    println!("a checkpoint of {size} bytes: {peak} allocated, of which {} for the replay", rows * ROW);
    assert!(peak - (rows * ROW) as u64 <= 2 * size + ALLOWANCE);
    assert_eq!(resuming.replay().len(), rows - 1);
}

/// A file with the given header and data.
fn file(header: impl AsRef<[u8]>, data: &[u8]) -> Vec<u8> {
    let header = header.as_ref();
    [&(header.len() as u64).to_le_bytes(), header, data].concat()
}

/// A file of one array `a`.
fn one(dtype: &str, shape: &str, offsets: &str, data: &[u8]) -> Vec<u8> {
    file(format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#), data)
}

/// A file of two arrays of a float each.
fn two(first: &str, second: &str, data: &[u8]) -> Vec<u8> {
    let entry = |offsets: &str| format!(r#"{{"dtype":"F32","shape":[1],"data_offsets":{offsets}}}"#);
    file(format!(r#"{{"a":{},"b":{}}}"#, entry(first), entry(second)), data)
}

fn nested(depth: usize, open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(depth), close.repeat(depth))
}

fn state_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    const LONGEST: usize = 256 * 1024;
    const INVALID: &str = "the file must be valid safetensors: ";
    const HEADER: &str = "the header must be a JSON object in which no name is there twice: ";
    let entries = |count: usize| {
        let entry = |i: usize| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
        format!("{{{}}}", (0..count).map(entry).collect::<Vec<_>>().join(","))
    };
    let padded = |header: String| [header.as_bytes(), &vec![b' '; LONGEST - header.len()]].concat();
    // As many arrays as a header has room for, and spaces up to the last byte of it.
    let most = (1..).take_while(|&count| entries(count).len() <= LONGEST).step_by(64).last().unwrap();
    let notes: Vec<_> = (0..26_000).map(|i| format!(r#""{i:x}":"""#)).collect();
    let notes = format!(r#"{{"__metadata__":{{{}}}}}"#, notes.join(","));
    let ones = format!("[{}]", vec!["1"; 100_000].join(","));
    let float = 1.0_f32.to_le_bytes();
    vec![
        ("an empty file", vec![], "header too small"),
        ("seven bytes", vec![0; 7], "header too small"),
        ("a header of 2^64 − 1 bytes", vec![0xff; 8], "at most 262144 bytes long, got 18446744073709551615"),
        ("a header of 2^63 bytes", (1_u64 << 63).to_le_bytes().to_vec(), "at most 262144 bytes long, got 92233720"),
        ("a header too long by a byte", file(vec![b' '; LONGEST + 1], b""), "at most 262144 bytes long, got 262145"),
        ("a header that is not there", 1000_u64.to_le_bytes().to_vec(), "invalid header length"),
        ("a header of no bytes", file("", b""), HEADER),
        ("a header that is not UTF-8", file([b'{', b'"', 0xff, b'"', b':', b'1', b'}'], b""), HEADER),
        ("a header of zeros", file([0; 4096], b""), HEADER),
        ("a header that is an array", file("[]", b""), "invalid type: sequence"),
        ("a header that is null", file("null", b""), "invalid type: null"),
        ("a header with more behind it", file("{} {}", b""), "trailing characters"),
        ("100,000 brackets", file("[".repeat(100_000), b""), HEADER),
        ("an entry of 100,000 brackets", file(format!(r#"{{"a":{}}}"#, "[".repeat(100_000)), b""), HEADER),
        ("100,000 brackets that close", file(format!(r#"{{"a":{}}}"#, nested(100_000, "[", "]")), b""), INVALID),
        ("shapes in 100,000 brackets", one("F32", &nested(100_000, "[", "]"), "[0,4]", &float), INVALID),
        ("objects in objects", file(nested(40_000, r#"{"a":"#, "}").replacen(":}", ":1}", 1), b""), INVALID),
        ("two arrays of one name", file(entries(2).replace("\"1\"", "\"0\""), b""), "`0` is there twice"),
        ("two arrays of one name, in disguise", file(r#"{"a":1,"\u0061":1}"#, b""), "`a` is there twice"),
        ("two notes of one name", file(r#"{"__metadata__":{"x":"","x":""}}"#, b""), "`x` is there twice"),
        ("metadata twice", file(r#"{"__metadata__":{},"__metadata__":{}}"#, b""), "`__metadata__` is there twice"),
        ("notes that are no texts", file(r#"{"__metadata__":{"x":1}}"#, b""), "invalid type: integer"),
        (
            "a key twice",
            file(r#"{"a":{"dtype":"F32","dtype":"F64","shape":[],"data_offsets":[0,4]}}"#, &float),
            "duplicate",
        ),
        ("an entry without a shape", file(r#"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#, &float), "missing field"),
        ("offsets that overlap", two("[0,4]", "[2,6]", &[0; 6]), "invalid offset for tensor"),
        ("the same offsets twice", two("[0,4]", "[0,4]", &[0; 4]), "invalid offset for tensor"),
        ("a hole", two("[0,4]", "[8,12]", &[0; 12]), "invalid offset for tensor"),
        ("a hole before the first array", one("F32", "[1]", "[4,8]", &[0; 8]), "invalid offset for tensor"),
        ("data that no array has", one("F32", "[1]", "[0,4]", &[0; 8]), "incomplete metadata"),
        ("an end before the beginning", one("F32", "[1]", "[4,0]", &float), "invalid offset for tensor"),
        ("an array beyond the end", one("F32", "[2]", "[0,8]", &float), "incomplete metadata"),
        ("offsets of 2^63", one("U8", "[9223372036854775808]", "[0,9223372036854775808]", &float), INVALID),
        ("offsets of 2^61", one("U8", "[2305843009213693951]", "[0,2305843009213693951]", &float), INVALID),
        ("a negative offset", one("F32", "[1]", "[-4,0]", &float), "invalid value: integer `-4`"),
        ("an offset with a fraction", one("F32", "[1]", "[0,4.5]", &float), "invalid type: floating point `4.5`"),
        ("three offsets", one("F32", "[1]", "[0,4,8]", &float), INVALID),
        ("a negative length", one("F32", "[-1]", "[0,4]", &float), "invalid value: integer `-1`"),
        ("a length of 2^64", one("F32", "[18446744073709551616]", "[0,4]", &float), INVALID),
        ("a shape that overflows", one("F32", "[4294967296,4294967296]", "[0,4]", &float), "overflow"),
        ("a shape whose bytes overflow", one("F32", "[4611686018427387904]", "[0,4]", &float), "overflow"),
        ("2^40 times 2^40 times nothing", one("F32", "[1099511627776,1099511627776,0]", "[0,0]", b""), "overflow"),
        ("nothing times 2^40 times 2^40", one("F32", "[0,1099511627776,1099511627776]", "[0,0]", b""), "is missing"),
        ("100,000 axes", one("F32", &ones, "[0,4]", &float), "is missing"),
        ("a shape of another size", one("F32", "[2]", "[0,4]", &float), "shape, data type, or offset"),
        ("half a byte", one("F4", "[1]", "[0,1]", &[0]), INVALID),
        (
            "numbers of 16 bits",
            one("F16", "[2]", "[0,4]", &float),
            "`a` must hold F32, F64 or U64, or a text as U8, got F16",
        ),
        ("signed numbers", one("I64", "[1]", "[0,8]", &[0; 8]), "got I64"),
        ("truth values", one("BOOL", "[1]", "[0,1]", &[2]), "got BOOL"),
        ("numbers of a kind that is none", one("PICKLE", "[1]", "[0,4]", &float), "unknown variant `PICKLE`"),
        ("a NaN", one("F32", "[1]", "[0,4]", &f32::NAN.to_le_bytes()), "`a` must be finite, got NaN at index 0"),
        ("an infinity", one("F32", "[]", "[0,4]", &f32::INFINITY.to_le_bytes()), "`a` must be finite, got inf"),
        ("an infinity in f64", one("F64", "[]", "[0,8]", &f64::NEG_INFINITY.to_le_bytes()), "must be finite, got -inf"),
        ("a NaN with a message", one("F64", "[]", "[0,8]", &[0xff; 8]), "must be finite, got NaN"),
        ("a text that is not UTF-8", one("U8", "[2]", "[0,2]", &[0xc0, 0x80]), "`a` must be UTF-8 in one row"),
        ("a text in a square", one("U8", "[2,2]", "[0,4]", b"text"), "`a` must be UTF-8 in one row"),
        ("a header full of arrays", file(padded(entries(most)), b""), "is missing"),
        ("a header full of notes", file(padded(notes), b""), "is missing"),
        ("a header full of one name", file(format!("{{\"{}\":1}}", "a".repeat(LONGEST - 6)), b""), INVALID),
        ("a header full of escapes", file(format!("{{\"{}\":1}}", "\\u0000".repeat(43_000)), b""), INVALID),
    ]
}

/// A state, what is done to it, and part of the text with which it is refused.
type Edit = (&'static str, fn(&mut State), &'static str);

fn put_text(state: &mut State, name: &str, text: String) {
    state.take_text(name).unwrap();
    state.put_text(name, text);
}

fn change_row(state: &mut State, name: &str, change: fn(&mut Vec<u64>)) {
    let mut row = state.take_row(name).unwrap();
    change(&mut row);
    state.put_array(name, &[row.len()], row);
}

const WEIGHT: &str = "actor.network.trunk.layers.0.weight";

fn agent_edits() -> Vec<Edit> {
    vec![
        ("weights that are missing", |state| drop(state.take_array::<f32>(WEIGHT, &[3, 2]).unwrap()), "is missing"),
        (
            "counts for weights",
            |state| {
                state.take_array::<f32>(WEIGHT, &[3, 2]).unwrap();
                state.put_array(WEIGHT, &[3, 2], vec![u64::MAX; 6]);
            },
            "must hold f32, got u64",
        ),
        (
            "weights turned round",
            |state| {
                let weights = state.take_array::<f32>(WEIGHT, &[3, 2]).unwrap();
                state.put_array(WEIGHT, &[2, 3], weights);
            },
            "must have shape [3, 2], got [2, 3]",
        ),
        (
            "no weights of 2^40 axes",
            |state| {
                state.take_array::<f32>(WEIGHT, &[3, 2]).unwrap();
                state.put_array(WEIGHT, &[0, 1 << 40], Vec::<f32>::new());
            },
            "must have shape [3, 2], got [0, 1099511627776]",
        ),
        ("a path for a name", |state| state.put("../../etc/passwd", 1_u64), "`../../etc/passwd` is in the state, but"),
        ("a name of nothing", |state| state.put("", 1_u64), "`` is in the state, but nothing here takes it"),
        ("a name with a NUL", |state| state.put("a\0b", 1_u64), "is in the state, but nothing here takes it"),
        ("a name with dots only", |state| state.put("actor...", 1_u64), "is in the state, but nothing here takes it"),
        (
            "2^31 steps of Adam",
            |state| {
                state.take::<u64>("actor.optimizer.steps").unwrap();
                state.put("actor.optimizer.steps", 1_u64 << 31);
            },
            "`actor.optimizer.steps` must be at most 2147483647, got 2147483648",
        ),
        (
            "moments of half the weights",
            |state| {
                state.put_array(
                    &format!("actor.optimizer.first_moments.{}", &WEIGHT["actor.network.".len()..]),
                    &[3, 2],
                    vec![0.0_f32; 6],
                );
            },
            "is missing",
        ),
        (
            "a random stream beyond its end",
            |state| change_row(state, "noise_rng", |words| words[6] = 1 << 4),
            "`noise_rng` must be a position below 2^68, got",
        ),
        (
            "a random stream of another seed",
            |state| change_row(state, "noise_rng", |words| words[0] ^= 1),
            "`noise_rng` was saved by a run with another seed",
        ),
        (
            "a random stream of another name",
            |state| change_row(state, "noise_rng", |words| words[4] ^= 1),
            "`noise_rng` was saved by a run with another seed",
        ),
        (
            "a random stream that is too short",
            |state| change_row(state, "noise_rng", |words| words.truncate(6)),
            "`noise_rng` must have shape [7], got [6]",
        ),
        ("another algorithm", |state| put_text(state, "algorithm", "sac".into()), "sac then, ddpg now"),
        ("settings that are no JSON", |state| put_text(state, "config", "{".into()), "a configuration as JSON"),
        (
            "settings in 100,000 brackets",
            |state| put_text(state, "config", format!(r#"{{"tau":{}}}"#, "[".repeat(60_000))),
            "recursion limit exceeded",
        ),
        (
            "settings of 16 MiB",
            |state| put_text(state, "config", format!(r#"{{"tau":[{}0]}}"#, "0,".repeat(8 << 20))),
            "must be at most 65536 bytes of configuration, got 16777227",
        ),
        (
            "settings of 60 kB",
            |state| put_text(state, "config", format!(r#"{{"tau":[{}0]}}"#, r#"{"":0},"#.repeat(8_000))),
            "must be the same as when the state was saved",
        ),
    ]
}

/// A generation, what is done to it, and part of the text with which it is refused.
type Damage = (&'static str, fn(&Path), &'static str);

fn edit(path: &Path, part: &str, edit: impl FnOnce(&mut State)) {
    let mut state = State::from_bytes(&fs::read(path.join(part)).unwrap()).unwrap();
    edit(&mut state);
    replace(path, part, &state.to_bytes().unwrap());
}

/// Puts a number in the place of another of the trainer's part.
fn put(path: &Path, name: &str, value: u64) {
    edit(path, TRAINER, |state| {
        state.take::<u64>(name).unwrap();
        state.put(name, value);
    });
}

fn rows(path: &Path, change: fn(&mut Vec<f32>)) {
    edit(path, REPLAY, |state| {
        let mut rows = state.take_array("transitions", &[5, 9]).unwrap();
        change(&mut rows);
        state.put_array("transitions", &[5, 9], rows);
    });
}

fn replay(path: &Path, field: &str, value: u64) {
    edit_manifest(path, |manifest| manifest["replay"][field] = value.into());
}

/// Gives a file another name in the manifest.
fn rename_part(path: &Path, part: &str, name: &str) {
    edit_manifest(path, |manifest| {
        let parts = manifest["parts"].as_object_mut().unwrap();
        let form = parts.remove(part).unwrap();
        parts.insert(name.to_owned(), form);
    });
}

/// Makes a file as long as it is told, of zeros that take no room, and lets the manifest say so.
fn sparse(path: &Path, part: &str, length: u64) {
    File::create(path.join(part)).unwrap().set_len(length).unwrap();
    if part == MANIFEST || part == MANIFEST_DIGEST {
        return;
    }
    edit_manifest(path, |manifest| manifest["parts"][part]["bytes"] = length.into());
}

fn link(path: &Path, part: &str, target: &str) {
    fs::remove_file(path.join(part)).unwrap();
    symlink(target, path.join(part)).unwrap();
}

fn manifest_text(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path.join(MANIFEST)).unwrap();
    replace(path, MANIFEST, change(text).as_bytes());
}

/// Settings of some MB in which each value costs the most memory for its length.
fn long_settings() -> Value {
    vec![json!({"": 0}); 500_000].into()
}

fn generations() -> Vec<Damage> {
    const TIB: u64 = 1 << 40;
    const NOT_ONE: &str = "manifest.json must be the manifest of a checkpoint: ";
    const NAMES: &str = "manifest.json must give 3 parts, one for agent and trainer each and the rest for the replay";
    vec![
        ("an empty manifest", |path| replace(path, MANIFEST, b""), NOT_ONE),
        ("a manifest that is not UTF-8", |path| replace(path, MANIFEST, &[0xff; 100]), NOT_ONE),
        ("a manifest of brackets", |path| replace(path, MANIFEST, "[".repeat(100_000).as_bytes()), NOT_ONE),
        ("a manifest of 4 MiB of nothing", |path| replace(path, MANIFEST, &[b' '; 4 << 20]), NOT_ONE),
        (
            "a manifest of 5 MiB",
            |path| replace(path, MANIFEST, &[b' '; 5 << 20]),
            "manifest.json must be at most 4194304 bytes long, got 5242880",
        ),
        (
            "a manifest with more behind it",
            |path| manifest_text(path, |text| text + "{}"),
            "manifest.json must be the manifest of a checkpoint: trailing characters",
        ),
        (
            "a field twice",
            |path| manifest_text(path, |text| text.replacen('{', r#"{"format": 1,"#, 1)),
            "duplicate field `format`",
        ),
        (
            "a field of another version",
            |path| edit_manifest(path, |manifest| manifest["new"] = 1.into()),
            "unknown field",
        ),
        ("a missing field", |path| edit_manifest(path, |manifest| manifest["updates"] = Value::Null), NOT_ONE),
        ("a negative generation", |path| edit_manifest(path, |manifest| manifest["generation"] = (-1).into()), NOT_ONE),
        (
            "a format of 2^64 − 1",
            |path| edit_manifest(path, |manifest| manifest["format"] = u64::MAX.into()),
            "got 1844",
        ),
        (
            "a score of 1e999",
            |path| manifest_text(path, |text| text.replace(r#""score": null"#, r#""score": 1e999"#)),
            "number out of range",
        ),
        (
            "settings in 60,000 brackets",
            |path| {
                manifest_text(path, |text| {
                    text.replacen(
                        r#""tau": "#,
                        &format!(r#""tau": {}0{}, "x": "#, "[".repeat(60_000), "]".repeat(60_000)),
                        1,
                    )
                });
            },
            "recursion limit exceeded",
        ),
        (
            "settings of the agent of 4 MB",
            |path| edit_compact(path, |manifest| manifest["agent_config"] = long_settings()),
            "settings must have at most 4096 values",
        ),
        (
            "settings of the trainer of 4 MB",
            |path| edit_compact(path, |manifest| manifest["trainer_config"] = long_settings()),
            "settings must have at most 4096 values",
        ),
        (
            "130,000 parts",
            |path| {
                edit_compact(path, |manifest| {
                    let parts = (0..130_000).map(|i| (format!("{i:x}"), json!({"bytes":0,"sha256":""})));
                    manifest["parts"] = Value::Object(parts.collect());
                });
            },
            NAMES,
        ),
        ("a path upwards", |path| rename_part(path, AGENT, "../../etc/passwd"), NAMES),
        ("a path from the root", |path| rename_part(path, AGENT, "/etc/passwd"), NAMES),
        ("a path downwards", |path| rename_part(path, AGENT, "a/b"), NAMES),
        ("a part of no name", |path| rename_part(path, TRAINER, ""), NAMES),
        ("a part with a NUL", |path| rename_part(path, REPLAY, "replay-00000.safetensors\0"), NAMES),
        ("the manifest as a part", |path| rename_part(path, REPLAY, MANIFEST), NAMES),
        (
            "a part too many",
            |path| edit_manifest(path, |manifest| manifest["parts"]["x"] = json!({"bytes": 0, "sha256": ""})),
            NAMES,
        ),
        (
            "a part of 2^63 bytes",
            |path| edit_manifest(path, |manifest| manifest["parts"][AGENT]["bytes"] = (1_u64 << 63).into()),
            "manifest.json must give at most 4294967296 bytes for agent.safetensors, got 9223372036854775808",
        ),
        (
            "a part of −1 bytes",
            |path| edit_manifest(path, |manifest| manifest["parts"][AGENT]["bytes"] = (-1).into()),
            NOT_ONE,
        ),
        (
            "a digest that is none",
            |path| edit_manifest(path, |manifest| manifest["parts"][AGENT]["sha256"] = "../x".into()),
            "agent.safetensors is damaged: its SHA-256 must be ../x, got",
        ),
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
            "manifest.json must give at most 1204 bytes for replay-00000.safetensors, got 1099511627776",
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
        ("a replay of no capacity", |path| replay(path, "capacity", 0), "not a capacity of, got 0"),
        ("a replay of 2^63", |path| replay(path, "capacity", 1 << 63), "not a capacity of, got 9223372036854775808"),
        ("observations of 2^63 axes", |path| replay(path, "observation_dim", 1 << 63), "what memory can hold"),
        ("actions of 2^64 − 1 axes", |path| replay(path, "action_dim", u64::MAX), "what memory can hold"),
        ("observations of no axes", |path| replay(path, "observation_dim", 0), "what memory can hold"),
        (
            "more transitions than capacity",
            |path| replay(path, "len", 9),
            "a replay no longer than its capacity, got 9",
        ),
        (
            "a cursor outside",
            |path| replay(path, "cursor", 8),
            "a cursor of the replay inside it, and 0 until it is full",
        ),
        ("a cursor in a replay that is not full", |path| replay(path, "cursor", 1), "and 0 until it is full, got 1"),
        ("pieces of no rows", |path| replay(path, "segment_rows", 0), "the segment rows of this format, got 0"),
        ("pieces of one row", |path| replay(path, "segment_rows", 1), "the segment rows of this format, got 1"),
        (
            "fewer rows than there are",
            |path| replay(path, "len", 4),
            "`transitions` must have shape [4, 9], got [5, 9]",
        ),
        ("no rows", |path| replay(path, "len", 0), "manifest.json must give 2 parts"),
        (
            "2^50 rows in 2^33 pieces",
            |path| {
                edit_manifest(path, |manifest| {
                    manifest["replay"]["capacity"] = (1_u64 << 50).into();
                    manifest["replay"]["len"] = (1_u64 << 50).into();
                });
            },
            "manifest.json must give 9663713283 parts",
        ),
        (
            "another capacity",
            |path| replay(path, "capacity", 1 << 40),
            "the checkpoint was made with a replay of (capacity, observation, action) = (1099511627776, 3, 1), which is not",
        ),
        ("a flag between the two", |path| rows(path, |rows| rows[8] = 0.5), "0 or 1 in the last column, got 0.5"),
        ("a flag of −1", |path| rows(path, |rows| rows[44] = -1.0), "0 or 1 in the last column, got -1"),
        (
            "a reward that is none",
            |path| {
                let mut file = fs::read(path.join(REPLAY)).unwrap();
                let at = file.len() - 8;
                file[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
                replace(path, REPLAY, &file);
            },
            "replay-00000.safetensors: `transitions` must be finite, got NaN at index 43",
        ),
        ("a replay with more in it", |path| edit(path, REPLAY, |state| state.put("x", 1_u64)), "nothing here takes it"),
        ("no transitions", |path| replace(path, REPLAY, &file("{}", b"")), "`transitions` is missing from the state"),
        (
            "transitions in a row",
            |path| {
                edit(path, REPLAY, |state| {
                    let rows = state.take_array::<f32>("transitions", &[5, 9]).unwrap();
                    state.put_array("transitions", &[45], rows);
                });
            },
            "must have shape [5, 9], got [45]",
        ),
        (
            "an agent of nothing",
            |path| replace(path, AGENT, &file("{}", b"")),
            "`agent.algorithm` is missing from the state",
        ),
        (
            "an agent that is no state",
            |path| replace(path, AGENT, b"pickle"),
            "agent.safetensors: the file must be valid",
        ),
        (
            "a counter of 2^64 − 1",
            |path| put(path, "environment_steps", u64::MAX),
            "a count of at most 9007199254740992",
        ),
        ("updates beyond counting", |path| put(path, "updates", (1 << 53) + 1), "a count of at most 9007199254740992"),
        (
            "steps of the episode beyond counting",
            |path| put(path, "episode.steps", 1 << 63),
            "`trainer.episode.steps` must",
        ),
        (
            "a random stream beyond its end",
            |path| edit(path, TRAINER, |state| change_row(state, "replay_rng", |words| words[6] = u64::MAX)),
            "`trainer.replay_rng` must be a position below 2^68",
        ),
        (
            "a history of two lengths",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<u64>("history.steps", &[0]).unwrap();
                    state.put_array("history.steps", &[1], vec![1_u64]);
                });
            },
            "`trainer.history.environment_steps` must have shape [1], got [0]",
        ),
        (
            "a history of no episodes in 2^40 columns",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f64>("history.metrics", &[0, 2]).unwrap();
                    state.put_array("history.metrics", &[0, 1 << 40], Vec::<f64>::new());
                });
            },
            "`trainer.history.metrics` must have shape [0, 2], got [0, 1099511627776]",
        ),
        (
            "an observation of another length",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f32>("episode.observation", &[3]).unwrap();
                    state.put_array("episode.observation", &[2], vec![0.0_f32; 2]);
                });
            },
            "`trainer.episode.observation` must have shape [3], got [2]",
        ),
        (
            "sums of another number of metrics",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f64>("episode.metric_sums", &[2]).unwrap();
                    state.put_array("episode.metric_sums", &[3], vec![0.0_f64; 3]);
                });
            },
            "`trainer.episode.metric_sums` must have shape [2], got [3]",
        ),
        (
            "updates without sums of metrics",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_array::<f64>("episode.metric_sums", &[2]).unwrap();
                    state.put_array("episode.metric_sums", &[0], Vec::<f64>::new());
                });
            },
            "`trainer.episode.metric_sums` must have shape [2], got [0]",
        ),
        (
            "an episode that ended after the run, in both ways and in a third",
            |path| {
                edit(path, TRAINER, |state| {
                    let names = ["environment_steps", "has_metrics", "steps", "terminated", "truncated", "updates"];
                    for name in names.map(|name| format!("history.{name}")) {
                        state.take_array::<u64>(&name, &[0]).unwrap();
                        state.put_array(&name, &[1], vec![2_u64]);
                    }
                    for name in ["history.return", "history.average_return"] {
                        state.take_array::<f64>(name, &[0]).unwrap();
                        state.put_array(name, &[1], vec![0.0]);
                    }
                    state.take_array::<f64>("history.metrics", &[0, 2]).unwrap();
                    state.put_array("history.metrics", &[1, 2], vec![0.0, 0.0]);
                });
            },
            "`trainer.history.terminated` must be at most 1, got 2",
        ),
        (
            "a mean of squares below zero",
            |path| {
                edit(path, AGENT, |state| {
                    let name = "actor.optimizer.second_moments.trunk.layers.0.weight";
                    let mut squares = state.take_array::<f32>(name, &[3, 2]).unwrap();
                    squares[5] = -1e-3;
                    state.put_array(name, &[3, 2], squares);
                });
            },
            "`agent.actor.optimizer.second_moments.trunk.layers.0.weight` must be at least 0, got -0.001",
        ),
        (
            "an episode that is over",
            |path| put(path, "environment.elapsed", 200),
            "`environment.elapsed` must be below 200, got 200",
        ),
        ("another time limit", |path| put(path, "environment.max_steps", 7), "7 then, 200 now"),
        (
            "a pendulum that is too fast",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take::<f64>("environment.env.theta_dot").unwrap();
                    state.put("environment.env.theta_dot", 1e300);
                });
            },
            "theta_dot",
        ),
        (
            "a phase that is none",
            |path| edit(path, TRAINER, |state| put_text(state, "environment.phase", "paused".into())),
            "`environment.phase` must be before reset, running or ended, got paused",
        ),
        (
            "a phase that is a number",
            |path| {
                edit(path, TRAINER, |state| {
                    state.take_text("environment.phase").unwrap();
                    state.put("environment.phase", 1_u64);
                });
            },
            "`environment.phase` must hold text, got u64",
        ),
        (
            "an environment without an episode",
            |path| edit(path, TRAINER, |state| drop(state.take_state("episode"))),
            "is in the state, but nothing here takes it",
        ),
        (
            "an episode without an environment",
            |path| edit(path, TRAINER, |state| drop(state.take_state("environment"))),
            "`environment.max_steps` is missing from the state",
        ),
    ]
}

/// As [`edit_manifest`], without spaces, so that as much as can be fits in.
fn edit_compact(path: &Path, edit: impl FnOnce(&mut Value)) {
    let mut manifest = serde_json::from_slice(&fs::read(path.join(MANIFEST)).unwrap()).unwrap();
    edit(&mut manifest);
    replace(path, MANIFEST, &serde_json::to_vec(&manifest).unwrap());
}
