//! Files of states, and states of agents, that were made to do harm.

use actor_critic::prelude::*;
use actor_critic::state::State;

use crate::small_run::small_agent;

/// Reads the state of an agent, and takes it up.
pub fn agent_state(bytes: &[u8]) -> Result<(), String> {
    let state = State::from_bytes(bytes).map_err(|error| error.to_string())?;
    small_agent().load_state(state).map_err(|error| error.to_string())
}

/// A file with the given header and data.
pub fn file(header: impl AsRef<[u8]>, data: &[u8]) -> Vec<u8> {
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

pub fn state_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    const LONGEST: usize = 256 * 1024;
    const INVALID: &str = "the file must be valid safetensors: ";
    const HEADER: &str = "the header must be a JSON object without repeated names: ";
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
        ("a text that is not UTF-8", one("U8", "[2]", "[0,2]", &[0xc0, 0x80]), "`a` must be one row of UTF-8 text"),
        ("a text in a square", one("U8", "[2,2]", "[0,4]", b"text"), "`a` must be one row of UTF-8 text"),
        ("a header full of arrays", file(padded(entries(most)), b""), "is missing"),
        ("a header full of notes", file(padded(notes), b""), "is missing"),
        ("a header full of one name", file(format!("{{\"{}\":1}}", "a".repeat(LONGEST - 6)), b""), INVALID),
        ("a header full of escapes", file(format!("{{\"{}\":1}}", "\\u0000".repeat(43_000)), b""), INVALID),
    ]
}

/// A state, what is done to it, and part of the text with which it is refused.
pub type Edit = (&'static str, fn(&mut State), &'static str);

pub fn put_text(state: &mut State, name: &str, text: String) {
    state.take_text(name).unwrap();
    state.put_text(name, text);
}

pub fn change_row(state: &mut State, name: &str, change: fn(&mut Vec<u64>)) {
    let mut row = state.take_row(name).unwrap();
    change(&mut row);
    state.put_array(name, &[row.len()], row);
}

fn replace_count(state: &mut State, name: &str, count: u64) {
    state.take::<u64>(name).unwrap();
    state.put(name, count);
}

const WEIGHT: &str = "actor.network.trunk.layers.0.weight";

pub fn agent_edits() -> Vec<Edit> {
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
        ("a name of nothing", |state| state.put("", 1_u64), "`` is in the state, but is not used"),
        ("a name with a NUL", |state| state.put("a\0b", 1_u64), "is in the state, but is not used"),
        ("a name with dots only", |state| state.put("actor...", 1_u64), "is in the state, but is not used"),
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
            |state| change_row(state, "exploration.rng", |words| words[6] = 1 << 4),
            "`exploration.rng` must be a position below 2^68, got",
        ),
        (
            "a random stream of another seed",
            |state| change_row(state, "exploration.rng", |words| words[0] ^= 1),
            "`exploration.rng` was saved by a run with another seed",
        ),
        (
            "a random stream of another name",
            |state| change_row(state, "exploration.rng", |words| words[4] ^= 1),
            "`exploration.rng` was saved by a run with another seed",
        ),
        (
            "a random stream that is too short",
            |state| change_row(state, "exploration.rng", |words| words.truncate(6)),
            "`exploration.rng` must have shape [7], got [6]",
        ),
        (
            "noise for no environment",
            |state| replace_count(state, "exploration.processes.count", 0),
            "must be one row for each of 0 states",
        ),
        (
            "noise for 2^64 − 1 environments",
            |state| replace_count(state, "exploration.processes.count", u64::MAX),
            "`exploration.processes.count` must be a count of at most",
        ),
        (
            "noise for one environment more than there is",
            |state| replace_count(state, "exploration.processes.count", 2),
            "must be one row for each of 2 states",
        ),
        (
            "noise that is turned round",
            |state| {
                state.take::<f64>("exploration.factor").unwrap();
                state.put("exploration.factor", -1.0);
            },
            "`exploration.factor` must be at least 0, got -1",
        ),
        (
            "a learning rate that is turned round",
            |state| {
                state.take::<f64>("critics.learning_rate_factor").unwrap();
                state.put("critics.learning_rate_factor", -1.0);
            },
            "`critics.learning_rate_factor` must be at least 0, got -1",
        ),
        (
            "statistics that nobody asked for",
            |state| state.put("observations.count", 1.0),
            "`observations.count` is in the state, but is not used",
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
