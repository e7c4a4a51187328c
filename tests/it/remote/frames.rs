//! The parser, against bytes that anybody may have sent.
//!
//! `ACTOR_CRITIC_FRAMES=1000000 cargo test --release --test it remote::frames` tries a million random and mutated frames.

use super::{bytes, hello, observation, step};
use actor_critic::env::remote::protocol::{Answer, FailureCode, FrameError, FrameReader, MAX_BODY, Request};
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;
use actor_critic::rand::rngs::ChaCha8Rng;

/// The header of a frame: a length of eight bytes, a kind of one.
const HEADER: usize = 9;

fn frames() -> usize {
    std::env::var("ACTOR_CRITIC_FRAMES").map_or(30_000, |frames| frames.parse().unwrap())
}

fn requests() -> [Request; 4] {
    let secret = "correct horse battery".to_owned();
    [
        Request::Hello { secret },
        Request::Reset { seed: u64::MAX },
        Request::Step { action: vec![0.5, -0.25] },
        Request::Picture,
    ]
}

fn answers() -> [Answer; 5] {
    let picture = Answer::Picture { width: 2, height: 1, pixels: vec![1, 2, 3, 4, 5, 6] };
    [
        picture,
        hello(),
        observation(),
        step(),
        Answer::Failure { code: FailureCode::UnknownId, report: "gone".to_owned() },
    ]
}

/// What came of some bytes.
#[derive(Debug, Default)]
struct Tally {
    read: usize,
    refused: usize,
    no_frame: usize,
}

/// Reads every frame of some bytes, as a trainer and as a simulator would.
fn read_all(bytes: &[u8], tally: &mut Tally) {
    let (mut reader, mut channel) = (FrameReader::new(), bytes);
    loop {
        let frame = match reader.read(&mut channel) {
            Ok(frame) => frame,
            Err(FrameError::Closed) => break,
            Err(FrameError::Protocol(_)) => {
                tally.no_frame += 1;
                break;
            }
            Err(error) => panic!("memory does not fail: {error}"),
        };
        assert!(frame.body.len() <= bytes.len());
        // A message that is understood is written as it was read, but for codes and bits that have no meaning.
        let (mut again, mut understood) = (Vec::new(), 0);
        if let Ok(request) = Request::parse(frame) {
            request.put(&mut again);
            assert_eq!(again[HEADER..], *frame.body);
            understood += 1;
        }
        again.clear();
        if let Ok(answer) = Answer::parse(frame) {
            answer.put(&mut again);
            assert_eq!(again.len(), HEADER + frame.body.len());
            understood += 1;
        }
        assert!(understood <= 1, "a frame is a request or an answer");
        tally.read += understood;
        tally.refused += 1 - understood;
    }
    assert!(reader.memory() <= HEADER + MAX_BODY as usize && reader.memory() <= 4_096 + 4 * bytes.len());
}

/// Changes bytes in one to three ways; `other` is for splices.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = rng.random(),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.random()),
            4 => {
                let from = rng.random_range(0..=other.len());
                bytes.splice(at.., other[from..].iter().copied());
            }
            _ => {
                // A length or a count, of any size.
                let word = u64::MAX >> rng.random_range(0..64);
                let end = (at + 8).min(bytes.len());
                bytes[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
            }
        }
    }
}

#[test]
fn every_message_is_read_as_it_was_written() {
    for request in requests() {
        let mut out = Vec::new();
        request.put(&mut out);
        assert_eq!(Request::parse(FrameReader::new().read(&mut out.as_slice()).unwrap()).unwrap(), request);
    }
    for answer in answers() {
        assert_eq!(Answer::parse(FrameReader::new().read(&mut bytes(&answer).as_slice()).unwrap()).unwrap(), answer);
    }
}

#[test]
fn random_and_mutated_frames_are_read_or_refused() {
    let mut seeds: Vec<Vec<u8>> = answers().iter().map(bytes).collect();
    seeds.extend(requests().iter().map(|request| {
        let mut out = Vec::new();
        request.put(&mut out);
        out
    }));
    let (mut rng, mut tally) = (Seed(0).stream(Stream::Replay), Tally::default());
    for i in 0..frames() {
        let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
        if i % 4 == 0 {
            // Random bytes, in half of the cases behind a header that fits.
            bytes = (0..rng.random_range(0..64)).map(|_| rng.random()).collect();
            if i % 8 == 0 {
                let kind = b"HRSPhospe"[rng.random_range(0..9)];
                let header = (bytes.len() as u64).to_le_bytes();
                bytes.splice(0..0, header.into_iter().chain([kind]));
            }
        } else {
            mutate(&mut bytes, &seeds[rng.random_range(0..seeds.len())], &mut rng);
        }
        read_all(&bytes, &mut tally);
    }
    println!("{tally:?}");
    for (what, count) in [("read", tally.read), ("refused", tally.refused), ("no frame", tally.no_frame)] {
        assert!(count > frames() / 20, "too few were {what}: {tally:?}");
    }
}
