//! Errors of the protocol.

use super::limits::{MAX_BODY, MAX_VERSIONS};
use crate::space::SpaceError;

/// Why bytes from the other side are refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A frame that is longer than allowed.
    #[error(
        "the body of a frame must have at most {MAX_BODY} bytes, got a length of {found}; the other side may not speak this protocol"
    )]
    FrameLength {
        /// The length in the header, in bytes.
        found: u64,
    },
    /// The connection closed inside a frame.
    #[error("a frame must arrive completely, got {found} of {expected} bytes before the connection closed")]
    HalfFrame {
        /// Bytes of the header, or of header and body once the length is known.
        expected: u64,
        /// Bytes that arrived.
        found: u64,
    },
    /// A kind of frame that does not exist.
    #[error(
        "the kind of a frame must be one of `HRSP` to a simulator or `hospe` from one, got the byte {found:#04x}; check that nothing else writes to the channel"
    )]
    UnknownKind {
        /// The kind in the header.
        found: u8,
    },
    /// A frame that does not answer the request.
    #[error("the answer must be {expected}, got {found}; a simulator sends one answer to each request, in order")]
    UnexpectedKind {
        /// The answer that was expected.
        expected: &'static str,
        /// The frame that came.
        found: &'static str,
    },
    /// Bytes without a request.
    #[error("a simulator must send one answer to each request, got {bytes} more bytes after the last answer")]
    Unasked {
        /// Their number.
        bytes: usize,
    },
    /// A body that ends before its last value.
    #[error("the body of {kind} must have {needed} more bytes at this place, got {found}")]
    BodyTooShort {
        /// The kind of frame.
        kind: &'static str,
        /// Bytes that the next value has.
        needed: u64,
        /// Bytes that are left.
        found: u64,
    },
    /// A body that continues after its last value.
    #[error("the body of {kind} must end after its last value, got {surplus} more bytes")]
    BodyTooLong {
        /// The kind of frame.
        kind: &'static str,
        /// Bytes after the last value.
        surplus: u64,
    },
    /// Numbers of another width than 4 bytes.
    #[error("the numbers of {kind} must be f32 of 4 bytes each, got {found} bytes")]
    Numbers {
        /// The kind of frame.
        kind: &'static str,
        /// Bytes of all numbers together.
        found: u64,
    },
    /// A picture with another number of bytes than its size needs.
    #[error("a picture of {width} by {height} pixels must have 3 bytes for each, got {found} bytes")]
    Pixels {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes of all pixels together.
        found: u64,
    },
    /// A byte of flags with unknown bits.
    #[error("the flags of a step must be 0, 1 (terminated), 2 (truncated) or 3 (both), got {found}")]
    Flags {
        /// The byte.
        found: u8,
    },
    /// A text that is not UTF-8.
    #[error("a text in the body of {kind} must be UTF-8, got an invalid byte at position {position}")]
    Text {
        /// The kind of frame.
        kind: &'static str,
        /// Position of the first invalid byte in the text.
        position: usize,
    },
    /// A hello without its magic bytes.
    #[error("a hello must begin with `{expected}`, got `{found}`; the other side does not speak this protocol")]
    Magic {
        /// The first eight bytes of every hello.
        expected: &'static str,
        /// The first eight bytes that came, with other bytes than ASCII escaped.
        found: String,
    },
    /// A hello with too many versions.
    #[error("a hello must name at most {MAX_VERSIONS} versions, got {found}")]
    Versions {
        /// How many.
        found: u64,
    },
    /// Another version of the protocol.
    #[error(
        "both sides must speak one version of the protocol, got {found} from the other side and {expected} here; update the older one"
    )]
    Version {
        /// The version here.
        expected: u32,
        /// The version of the other side.
        found: u32,
    },
    /// Spaces that are invalid.
    #[error("the {space} space of the simulator is refused: {source}")]
    Space {
        /// Which space.
        space: &'static str,
        /// The reason.
        source: SpaceError,
    },
}
