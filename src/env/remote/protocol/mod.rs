//! The protocol between a trainer and a simulator, as bytes and as values.
//!
//! [`docs/protocol.md`](crate::_docs::protocol) describes it for other languages. Most programs need only
//! [`RemoteEnvironment`](super::RemoteEnvironment) and [`serve`](super::serve()). Use this module to speak the protocol over your own
//! channel.

mod answer;
mod body;
mod error;
mod frame;
mod hello;
mod limits;
mod request;

pub use answer::{Answer, FailureCode};
pub use error::ProtocolError;
pub use frame::{Frame, FrameError, FrameReader};
pub use hello::{Hello, PROTOCOL_VERSION};
pub use limits::MAX_BODY;
pub use request::Request;
