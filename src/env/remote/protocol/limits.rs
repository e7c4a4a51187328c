//! Limits of messages.

/// Largest body of a frame: 16 MiB. A longer one is refused before any of it is read.
pub const MAX_BODY: u64 = 1 << 24;

/// Most versions in a hello.
pub(super) const MAX_VERSIONS: usize = 64;
