#![warn(clippy::unwrap_used)]
#![doc = include_str!("../docs/crate.md")]

pub use burn;
pub use rand;

mod activation;
pub mod agent;
mod boundary;
pub mod checkpoint;
pub mod config;
mod digest;
pub mod env;
mod error;
pub mod experiment;
pub mod fused;
mod log_file;
mod matrix;
pub mod nn;
pub mod noise;
pub mod objective;
pub mod policy;
pub mod prelude;
pub mod preset;
pub mod replay;
#[cfg(feature = "report")]
pub mod report;
pub mod rng;
pub mod space;
pub mod state;
pub mod statistics;
pub mod target;
pub mod train;
mod upload;

pub use error::Error;

/// The pages of the `docs` folder, rendered, their code compiled and run as tests.
pub mod _docs {
    #[doc = include_str!("../docs/backends.md")]
    pub mod backends {}
    #[doc = include_str!("../docs/coming_from_python.md")]
    pub mod coming_from_python {}
    #[doc = include_str!("../docs/algorithms/ddpg.md")]
    pub mod ddpg {}
    #[doc = include_str!("../docs/deploy.md")]
    pub mod deploy {}
    #[doc = include_str!("../docs/design.md")]
    pub mod design {}
    #[doc = include_str!("../docs/algorithms/droq.md")]
    pub mod droq {}
    #[doc = include_str!("../docs/environments.md")]
    pub mod environments {}
    #[doc = include_str!("../docs/experiments.md")]
    pub mod experiments {}
    #[doc = include_str!("../docs/gymnasium.md")]
    pub mod gymnasium {}
    #[doc = include_str!("../docs/lab.md")]
    pub mod lab {}
    #[doc = include_str!("../docs/logging.md")]
    pub mod logging {}
    #[doc = include_str!("../docs/performance.md")]
    pub mod performance {}
    #[doc = include_str!("../docs/protocol.md")]
    pub mod protocol {}
    #[doc = include_str!("../docs/questions.md")]
    pub mod questions {}
    #[doc = include_str!("../docs/reliability.md")]
    pub mod reliability {}
    #[doc = include_str!("../docs/results.md")]
    pub mod results {}
    #[doc = include_str!("../docs/algorithms/redq.md")]
    pub mod redq {}
    #[doc = include_str!("../docs/algorithms/sac.md")]
    pub mod sac {}
    #[doc = include_str!("../docs/algorithms/td3.md")]
    pub mod td3 {}
    #[doc = include_str!("../docs/algorithms/tqc.md")]
    pub mod tqc {}
    #[doc = include_str!("../docs/training.md")]
    pub mod training {}
    #[doc = include_str!("../docs/units.md")]
    pub mod units {}
}

/// The README, whose code is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub mod _readme {}

#[cfg(all(test, not(any(feature = "flex", feature = "ndarray"))))]
compile_error!("the unit tests need a CPU backend: the feature flex or ndarray");

// Tests of the inside read the same golden numbers as those of the outside, and name the crate alike.
#[cfg(test)]
extern crate self as actor_critic;
#[cfg(test)]
#[path = "../tests/it/fixture/mod.rs"]
mod fixture;

/// The device that unit tests run on.
#[cfg(test)]
pub(crate) fn test_device() -> burn::tensor::Device {
    #[cfg(feature = "flex")]
    return burn::tensor::Device::flex();
    #[cfg(all(feature = "ndarray", not(feature = "flex")))]
    #[allow(deprecated)]
    return burn::tensor::Device::ndarray();
}
