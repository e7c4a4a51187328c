//! Any bytes of a simulator or a trainer are messages or an error, and a request is written as it was read.
#![no_main]

use actor_critic::env::remote::protocol::{Answer, FrameReader, MAX_BODY, Request};
use libfuzzer_sys::fuzz_target;

/// The header of a frame: a length of eight bytes, a kind of one.
const HEADER: usize = 9;

fuzz_target!(|data: &[u8]| {
    let (mut reader, mut channel) = (FrameReader::new(), data);
    while let Ok(frame) = reader.read(&mut channel) {
        let mut written = Vec::new();
        if let Ok(request) = Request::parse(frame) {
            request.put(&mut written);
            assert_eq!(written[HEADER..], *frame.body);
        } else if let Ok(answer) = Answer::parse(frame) {
            // A code or a bit without a meaning is written as another one of the same width.
            answer.put(&mut written);
            assert_eq!(written.len(), HEADER + frame.body.len());
        }
    }
    assert!(reader.memory() <= HEADER + MAX_BODY as usize);
});
