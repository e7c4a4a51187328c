//! Environments in other processes: Gymnasium, programs in other languages, simulators on other machines.
//!
//! - [`Gymnasium`] starts one of Gymnasium's environments in a Python process.
//! - [`RemoteEnvironment`] drives a simulator: a program of yours, or a server.
//! - [`serve`](serve()) makes a server from any [`Environment`](crate::env::Environment).
//! - [`protocol`] defines the messages between the two sides.
//!
//! [`docs/gymnasium.md`](crate::_docs::gymnasium) is the guide. To write a simulator in another language, read [`docs/protocol.md`](crate::_docs::protocol).

mod address;
mod connection;
mod environment;
mod error;
#[cfg(unix)]
mod gymnasium;
mod options;
mod picture;
#[cfg(unix)]
mod process;
pub mod protocol;
mod serve;
mod stream;

pub use environment::RemoteEnvironment;
pub use error::RemoteError;
#[cfg(unix)]
pub use gymnasium::Gymnasium;
pub use options::RemoteOptions;
#[cfg(unix)]
pub use serve::serve_parent;
pub use serve::{Listener, serve};
