use super::*;
use crate::rng::{Seed, Stream};
use proptest::prelude::*;
use rand::Rng;

fn text(error: impl ToString) -> String {
    error.to_string()
}

/// A state with an array of each kind.
fn sample() -> State {
    let mut state = State::new();
    state.put("count", 3_u64);
    state.put_array("weights", &[2, 2], vec![1.0_f32, -0.0, f32::MIN_POSITIVE, 3e38]);
    state.put_array("returns", &[2], vec![0.1_f64, -1e300]);
    state.put_text("name", "Σ");
    let mut part = State::new();
    part.put("x", 1.5_f64);
    state.put_state("part", part);
    state
}

#[test]
fn what_was_put_is_taken_bit_for_bit() {
    let mut state = State::from_bytes(&sample().to_bytes().unwrap()).unwrap();
    assert_eq!(state.take("count"), Ok(3_u64));
    let weights: Vec<f32> = state.take_array("weights", &[2, 2]).unwrap();
    assert_eq!(weights.map(f32::to_bits), [1.0_f32, -0.0, f32::MIN_POSITIVE, 3e38].map(f32::to_bits));
    assert_eq!(state.take_row("returns"), Ok(vec![0.1_f64, -1e300]));
    assert_eq!(state.take_text("name").as_deref(), Ok("Σ"));
    let mut part = state.take_state("part");
    assert_eq!(part.take("x"), Ok(1.5_f64));
    assert_eq!((part.finish(), state.finish()), (Ok(()), Ok(())));
}

trait MapBits<T> {
    fn map<U>(self, f: fn(T) -> U) -> Vec<U>;
}

impl<T> MapBits<T> for Vec<T> {
    fn map<U>(self, f: fn(T) -> U) -> Vec<U> {
        self.into_iter().map(f).collect()
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let mut state = sample();
    assert_eq!(text(state.take::<f32>("gone").unwrap_err()), "`gone` is missing from the state");
    assert_eq!(text(state.take::<f32>("count").unwrap_err()), "`count` must hold f32, got u64");
    let error = state.take_array::<f32>("weights", &[4]).unwrap_err();
    assert_eq!(text(error.within("actor")), "`actor.weights` must have shape [4], got [2, 2]");
    let error = state.expect("count", 4_u64).unwrap_err();
    assert_eq!(text(error), "`count` is missing from the state", "taking removes, even on an error");
    let error = sample().expect_text("name", "sac").unwrap_err();
    assert_eq!(text(error), "`name` must be the same as when the state was saved: Σ then, sac now");
    assert_eq!(text(sample().take_text("count").unwrap_err()), "`count` must hold text, got u64");
    assert_eq!(text(state.finish().unwrap_err()), "`name` is in the state, but is not used");
}

#[test]
fn numbers_that_are_not_finite_are_neither_written_nor_read() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut state = State::new();
        state.put_array("a", &[2], vec![0.0, value]);
        let error = state.to_bytes().unwrap_err();
        assert_eq!(text(error), format!("`a` must be finite, got {value} at index 1"));
        let mut good = State::new();
        good.put_array("a", &[2], vec![0.0_f32, 1.0]);
        let mut bytes = good.to_bytes().unwrap();
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&value.to_le_bytes());
        assert_eq!(text(State::from_bytes(&bytes).unwrap_err()), format!("`a` must be finite, got {value} at index 1"));
    }
}

#[test]
fn a_random_stream_goes_on_where_it_was() {
    let mut rng = Seed(5).stream(Stream::Replay);
    for draws in [0, 1, 15, 16, 17, 1000] {
        (0..draws).for_each(|_| {
            rng.next_u32();
        });
        let mut state = State::new();
        state.put_rng("rng", &rng);
        let mut taken = state.take_rng("rng", &Seed(5).stream(Stream::Replay)).unwrap();
        let mut same = State::new();
        same.put_rng("rng", &taken);
        let mut again = same.take_rng("rng", &taken).unwrap();
        let expected: Vec<u64> = (0..40).map(|_| rng.next_u64()).collect();
        assert_eq!((0..40).map(|_| taken.next_u64()).collect::<Vec<_>>(), expected);
        assert_eq!((0..40).map(|_| again.next_u64()).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_random_stream_of_another_seed_or_position_is_refused() {
    let mut state = State::new();
    state.put_rng("rng", &Seed(5).stream(Stream::Replay));
    for other in [Seed(6).stream(Stream::Replay), Seed(5).stream(Stream::Update)] {
        let error = state.clone().take_rng("rng", &other).unwrap_err();
        assert!(text(error).starts_with("`rng` was saved by a run with another seed"));
    }
    let mut words: Vec<u64> = state.take_row("rng").unwrap();
    words[6] = 1 << 4;
    state.put_array("rng", &[7], words);
    let error = state.take_rng("rng", &Seed(5).stream(Stream::Replay)).unwrap_err();
    assert_eq!(text(error), format!("`rng` must be a position below 2^68, got {}", 1_u128 << 68));
}

#[test]
fn a_configuration_that_differs_is_named_by_its_field() {
    let saved = r#"{"tau": 0.005, "episodes": 3}"#;
    let expect = |saved: &str, here: &str| expect_same_config("agent", saved, here, r#"{"betas": [0.9, 0.999]}"#);
    assert_eq!(expect(saved, r#"{"episodes": 3, "tau": 0.005}"#), Ok(()));
    // A field that is newer than the file had its default.
    assert_eq!(expect(saved, r#"{"episodes": 3, "tau": 0.005, "betas": [0.9, 0.999]}"#), Ok(()));
    let error = expect(saved, r#"{"episodes": 3, "tau": 0.005, "betas": [0.5, 0.999]}"#).unwrap_err();
    assert_eq!(
        text(error),
        "`agent.betas` must be the same as when the state was saved: [0.9,0.999] then, [0.5,0.999] now"
    );
    let error = expect(saved, r#"{"episodes": 3, "tau": 0.01}"#).unwrap_err();
    assert_eq!(text(error), "`agent.tau` must be the same as when the state was saved: 0.005 then, 0.01 now");
    let error = expect(saved, r#"{"episodes": 3}"#).unwrap_err();
    assert_eq!(text(error), "`agent.tau` must be the same as when the state was saved: 0.005 then, absent now");
    let error = expect(saved, r#"{"episodes": {"a": 1}, "tau": 0.005}"#).unwrap_err();
    assert_eq!(text(error), r#"`agent.episodes` must be the same as when the state was saved: 3 then, {"a":1} now"#);
    assert!(expect("[", saved).is_err());
    let endless = format!("[{}]", "0,".repeat(MAX_CONFIG));
    let error = expect(&endless, saved).unwrap_err();
    assert_eq!(text(error), "`agent` must be at most 65536 bytes of configuration, got 131074");
}

#[test]
fn a_setting_inside_another_that_is_newer_than_the_file_had_its_default() {
    let default = r#"{"networks": {"widths": [256], "activation": "Relu"}, "head": {"Learned": {"initial": 1}}}"#;
    let saved = r#"{"networks": {"widths": [8]}, "head": {"Fixed": 0.1}}"#;
    let expect = |here: &str| expect_same_config("agent", saved, here, default);
    assert_eq!(expect(r#"{"networks": {"widths": [8], "activation": "Relu"}, "head": {"Fixed": 0.1}}"#), Ok(()));
    for (field, here) in [
        ("networks", r#"{"networks": {"widths": [8], "activation": "Tanh"}, "head": {"Fixed": 0.1}}"#),
        ("networks", r#"{"networks": {"widths": [9], "activation": "Relu"}, "head": {"Fixed": 0.1}}"#),
        ("networks", r#"{"networks": {"activation": "Relu"}, "head": {"Fixed": 0.1}}"#),
        ("head", r#"{"networks": {"widths": [8]}, "head": {"Learned": {"initial": 1}}}"#),
        ("head", r#"{"networks": {"widths": [8]}, "head": {"Fixed": 0.1, "Learned": {"initial": 1}, "more": 1}}"#),
    ] {
        let error = text(expect(here).unwrap_err());
        assert!(error.starts_with(&format!("`agent.{field}` must be the same")), "{error}");
    }
}

/// A file with the given header and data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn bytes_that_are_no_state_are_refused_with_the_reason() {
    let scalar = r#""dtype":"F32","shape":[],"data_offsets":[0,4]"#;
    let cases = [
        (vec![], "the file must be valid safetensors: header too small"),
        (vec![0xff; 8], "the header must be at most 262144 bytes long, got 18446744073709551615"),
        (file("{}", b"more"), "the file must be valid safetensors: incomplete metadata, file not fully covered"),
        (file("[]", b""), "the header must be a JSON object without repeated names: invalid type: sequence"),
        (
            file(&format!(r#"{{"a":{{{scalar}}},"a":{{{scalar}}}}}"#), &[0; 4]),
            "the header must be a JSON object without repeated names: `a` is there twice",
        ),
        (
            file(r#"{"__metadata__":{"x":"1","x":"2"}}"#, b""),
            "the header must be a JSON object without repeated names: `x` is there twice",
        ),
        (
            file(&format!(r#"{{"a":{{{scalar}}},"b":{{{scalar}}}}}"#), &[0; 4]),
            "the file must be valid safetensors: invalid offset for tensor",
        ),
        (
            file(r#"{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#, &[0; 4]),
            "`a` must hold F32, F64 or U64, or a text as U8, got BF16",
        ),
        (
            file(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, &[0xff]),
            "`a` must be one row of UTF-8 text",
        ),
        (file(r#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}"#, b"a"), "`a` must be one row of UTF-8 text"),
    ];
    for (bytes, expected) in cases {
        let error = text(State::from_bytes(&bytes).unwrap_err());
        assert!(error.starts_with(expected), "{error}");
    }
}

proptest! {
    #[test]
    fn any_state_survives_the_file(
        floats in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 0..40),
        doubles in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 0..40),
        counts in prop::collection::vec(any::<u64>(), 0..40),
        note in ".{0,20}", name in "[a-z.]{1,8}",
    ) {
        let mut state = State::new();
        state.put_array("1", &[floats.len()], floats);
        state.put_array("2", &[1, doubles.len()], doubles);
        state.put_array("3", &[counts.len(), 1], counts);
        state.put_text(&name, note);
        let bytes = state.to_bytes().unwrap();
        let read = State::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&read, &state);
        prop_assert_eq!(read.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn any_bytes_give_a_state_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = State::from_bytes(&bytes);
    }
}
