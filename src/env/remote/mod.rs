//! Environments that others compute: Gymnasium's, programs in other languages, simulators on other machines.
//!
//! - [`Gymnasium`] starts one of Gymnasium's environments in a Python process.
//! - [`RemoteEnvironment`] drives a simulator: a program of yours, or a server.
//! - [`serve`](serve()) makes a server of any [`Environment`](crate::env::Environment).
//! - [`protocol`] is what they speak.
//!
//! [`docs/gymnasium.md`](crate::_docs::gymnasium) shows the way, `docs/protocol.md`
//! ([rendered](crate::_docs::protocol)) is for those who write a simulator in another language.

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
