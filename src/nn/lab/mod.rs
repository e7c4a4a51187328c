//! Networks of a course exercise whose runs the examples reproduce. Other programs rarely need them.
//!
//! [Lab](crate::_docs::lab) compares the exercise's code with this crate.

mod clipped_noise;
mod two_stream_critic;

pub use clipped_noise::{ClippedNoise, ClippedNoiseConfig};
pub use two_stream_critic::{TwoStreamCritic, TwoStreamCriticConfig};
