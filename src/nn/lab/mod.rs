//! Networks of the lab notebook whose runs the examples repeat. Other programs rarely need them.
//!
//! `docs/lab.md` ([rendered](crate::_docs::lab)) compares the lab's code with this crate.

mod clipped_noise;
mod two_stream_critic;

pub use clipped_noise::{ClippedNoise, ClippedNoiseConfig};
pub use two_stream_critic::{TwoStreamCritic, TwoStreamCriticConfig};
