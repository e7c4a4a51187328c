//! The requests of a trainer.

use super::ProtocolError;
use super::body::{Body, put_floats, put_text};
use super::frame::{Frame, put_frame};
use super::hello::{put_head, take_head};

/// A request of a trainer to a simulator. Each request gets one [`Answer`](super::Answer).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Request {
    /// Opens the connection: frame `H`.
    Hello {
        /// The shared secret; empty if none is needed.
        secret: String,
    },
    /// Starts an episode: frame `R`.
    Reset {
        /// Decides everything random in the episode.
        seed: u64,
    },
    /// Takes one step: frame `S`.
    Step {
        /// One component for each axis of the action space.
        action: Vec<f32>,
    },
    /// Requests a picture of the present state: frame `P`.
    Picture,
}

impl Request {
    /// Describes the request, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "the first hello",
            Self::Reset { .. } => "a reset",
            Self::Step { .. } => "a step",
            Self::Picture => "a picture",
        }
    }

    /// Appends the request as one frame.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello { secret } => put_frame(out, b'H', |out| {
                put_head(out);
                put_text(out, secret);
            }),
            Self::Reset { seed } => put_frame(out, b'R', |out| out.extend(seed.to_le_bytes())),
            Self::Step { action } => put_frame(out, b'S', |out| put_floats(out, action)),
            Self::Picture => put_frame(out, b'P', |_| ()),
        }
    }

    /// Reads a request from a frame.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`] with the first rule that the frame breaks.
    pub fn parse(Frame { kind, body }: Frame<'_>) -> Result<Self, ProtocolError> {
        match kind {
            b'H' => {
                let mut body = Body::new("a trainer's hello", body);
                take_head(&mut body)?;
                let secret = body.text()?;
                body.finish()?;
                Ok(Self::Hello { secret })
            }
            b'R' => {
                let mut body = Body::new("a reset", body);
                let seed = u64::from_le_bytes(body.bytes()?);
                body.finish()?;
                Ok(Self::Reset { seed })
            }
            b'S' => Ok(Self::Step { action: Body::new("a step", body).remaining_floats()? }),
            b'P' => {
                Body::new("a request for a picture", body).finish()?;
                Ok(Self::Picture)
            }
            b'h' | b'o' | b's' | b'p' | b'e' => Err(ProtocolError::UnexpectedKind {
                expected: "a request of a trainer",
                found: "an answer of a simulator",
            }),
            found => Err(ProtocolError::UnknownKind { found }),
        }
    }
}
