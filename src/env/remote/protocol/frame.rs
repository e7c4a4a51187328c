//! Frames: length, kind, body.

use std::io::{self, ErrorKind, Read};

use super::ProtocolError;
use super::limits::MAX_BODY;

/// Bytes before the body: a length of eight, little-endian, and a kind of one.
pub(super) const HEADER: usize = 9;

/// The smallest buffer of a reader, in bytes.
const FIRST_BUFFER: usize = 4 * 1024;

/// One frame, as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The kind of the body: see `docs/protocol.md`.
    pub kind: u8,
    /// The body: everything after the header.
    pub body: &'a [u8],
}

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The other side closed the connection between two frames.
    #[error("the connection was closed")]
    Closed,
    /// The bytes are no frame.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The channel failed, or nothing arrived in time ([`ErrorKind::TimedOut`] or [`ErrorKind::WouldBlock`]).
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads frames from a channel of bytes, into a reused buffer.
///
/// The buffer never exceeds the size of the largest frame, and for a large frame grows only as its bytes arrive.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// Bytes that have arrived are `buffer[start..end]`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameReader {
    /// Creates a reader without a buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many bytes have arrived that are not part of a complete frame.
    pub fn pending(&self) -> usize {
        self.end - self.start
    }

    /// Returns the size of the buffer, in bytes: at most that of the largest frame.
    pub fn memory(&self) -> usize {
        self.buffer.capacity()
    }

    /// Reads one frame.
    ///
    /// # Errors
    ///
    /// - [`FrameError::Closed`] if the channel ends before the first byte of a frame
    /// - [`FrameError::Protocol`] with [`ProtocolError::HalfFrame`] or [`ProtocolError::FrameLength`]
    /// - [`FrameError::Io`] if the channel fails
    pub fn read(&mut self, channel: &mut impl Read) -> Result<Frame<'_>, FrameError> {
        self.fill(HEADER, channel)?;
        let header = &self.buffer[self.start..][..HEADER];
        let length = u64::from_le_bytes(std::array::from_fn(|i| header[i]));
        let kind = header[HEADER - 1];
        if length > MAX_BODY {
            return Err(ProtocolError::FrameLength { found: length }.into());
        }
        let total = HEADER + length as usize;
        self.fill(total, channel)?;
        let frame = self.start..self.start + total;
        self.start = frame.end;
        Ok(Frame { kind, body: &self.buffer[frame][HEADER..] })
    }

    /// Reads until `total` bytes of the frame are there.
    fn fill(&mut self, total: usize, channel: &mut impl Read) -> Result<(), FrameError> {
        while self.pending() < total {
            self.make_room(total);
            match channel.read(&mut self.buffer[self.end..]) {
                Ok(0) if self.pending() == 0 => return Err(FrameError::Closed),
                Ok(0) => {
                    let (expected, found) = (total as u64, self.pending() as u64);
                    return Err(ProtocolError::HalfFrame { expected, found }.into());
                }
                Ok(count) => self.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Makes room for more bytes of a frame of `total`: twice what has arrived of it, so that a length alone allocates nothing.
    fn make_room(&mut self, total: usize) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let wanted = total.min((2 * self.end).max(FIRST_BUFFER));
        if self.buffer.len() < wanted.max(FIRST_BUFFER) {
            self.buffer.reserve_exact(wanted.max(FIRST_BUFFER) - self.buffer.len());
            self.buffer.resize(wanted.max(FIRST_BUFFER), 0);
        }
    }
}

/// Appends one frame with the body that `write` appends.
pub(super) fn put_frame(out: &mut Vec<u8>, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    out[start + HEADER - 1] = kind;
    write(out);
    let length = (out.len() - start - HEADER) as u64;
    out[start..start + 8].copy_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_frame(&mut out, kind, |out| out.extend_from_slice(body));
        out
    }

    /// A channel that gives a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            self.0.read(&mut buffer[..count])
        }
    }

    fn refusal(bytes: &[u8]) -> String {
        FrameReader::new().read(&mut &bytes[..]).unwrap_err().to_string()
    }

    #[test]
    fn a_header_is_a_length_of_eight_bytes_and_a_kind() {
        assert_eq!(frame(b'R', &[7, 8]), [2, 0, 0, 0, 0, 0, 0, 0, b'R', 7, 8]);
    }

    #[test]
    fn frames_arrive_whole_however_the_channel_cuts_them() {
        let large = vec![3; 100_000];
        let bytes = [frame(b's', &[1, 2]), frame(b'o', &[]), frame(b'o', &large)].concat();
        for at_a_time in [1, 7, 8_192, usize::MAX] {
            let mut channel = Trickle(&bytes, at_a_time);
            let mut reader = FrameReader::new();
            assert_eq!(reader.read(&mut channel).unwrap(), Frame { kind: b's', body: &[1, 2] });
            assert_eq!(reader.read(&mut channel).unwrap(), Frame { kind: b'o', body: &[] });
            assert_eq!(reader.read(&mut channel).unwrap(), Frame { kind: b'o', body: &large });
            assert_eq!(reader.pending(), 0);
            assert!(matches!(reader.read(&mut channel), Err(FrameError::Closed)));
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_memory_is_taken_for_it() {
        for length in [MAX_BODY + 1, 1 << 63, u64::MAX] {
            let bytes = [&length.to_le_bytes()[..], b"s"].concat();
            let mut reader = FrameReader::new();
            let error = reader.read(&mut &bytes[..]).unwrap_err();
            assert!(matches!(error, FrameError::Protocol(ProtocolError::FrameLength { found }) if found == length));
            assert_eq!(reader.memory(), FIRST_BUFFER);
        }
        assert_eq!(
            refusal(&[0, 0, 0, 0, 0, 0, 0, 0x80, b's']),
            "the body of a frame must have at most 16777216 bytes, got a length of 9223372036854775808; the other side may not speak \
             this protocol"
        );
    }

    #[test]
    fn a_length_within_the_limit_takes_memory_only_as_bytes_arrive() {
        let bytes = [&MAX_BODY.to_le_bytes()[..], &[b's'; 10_000]].concat();
        let mut reader = FrameReader::new();
        reader.read(&mut &bytes[..]).unwrap_err();
        assert!(reader.memory() <= 4 * bytes.len(), "{} bytes", reader.memory());
        let whole = frame(b'o', &vec![1; MAX_BODY as usize]);
        let mut reader = FrameReader::new();
        assert_eq!(reader.read(&mut &whole[..]).unwrap().body.len() as u64, MAX_BODY);
        assert_eq!(reader.memory(), HEADER + MAX_BODY as usize);
    }

    #[test]
    fn a_frame_that_is_cut_off_says_how_much_of_it_came() {
        let bytes = frame(b's', &[0; 20]);
        let text = |expected, found| {
            format!("a frame must arrive completely, got {found} of {expected} bytes before the connection closed")
        };
        assert_eq!(refusal(&bytes[..5]), text(9, 5));
        assert_eq!(refusal(&bytes[..15]), text(29, 15));
        assert_eq!(refusal(&[]), "the connection was closed");
    }
}
