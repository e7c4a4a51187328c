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

/// Where rustdoc finds the pages that other pages link to. Each page also defines these links at its end, as file names, for readers of the
/// repository. Of two definitions the first counts, and this one comes first.
macro_rules! links {
    () => {
        "\
[install]: crate::_docs::install
[first_run]: crate::_docs::first_run
[your_environment]: crate::_docs::your_environment
[choose_an_algorithm]: crate::_docs::choose_an_algorithm
[watch]: crate::_docs::watch
[evaluate]: crate::_docs::evaluate
[save_and_resume]: crate::_docs::save_and_resume
[many_seeds]: crate::_docs::many_seeds
[deploy]: crate::_docs::deploy
[trouble]: crate::_docs::trouble
[ddpg]: crate::_docs::ddpg
[droq]: crate::_docs::droq
[redq]: crate::_docs::redq
[sac]: crate::_docs::sac
[td3]: crate::_docs::td3
[tqc]: crate::_docs::tqc
[backends]: crate::_docs::backends
[coming_from_python]: crate::_docs::coming_from_python
[environments]: crate::_docs::environments
[experiments]: crate::_docs::experiments
[gymnasium]: crate::_docs::gymnasium
[peers]: crate::_docs::peers
[performance]: crate::_docs::performance
[protocol]: crate::_docs::protocol
[reliability]: crate::_docs::reliability
[results]: crate::_docs::results
[training]: crate::_docs::training
[units]: crate::_docs::units
[design]: crate::_docs::design
[lab]: crate::_docs::lab
[changelog]: crate::_docs::changelog
[contributing]: crate::_docs::contributing
"
    };
}

/// Makes a module of each page of `docs/`.
macro_rules! pages {
    ($($name:ident: $file:literal,)*) => {$(
        #[doc = links!()]
        #[doc = include_str!(concat!("../docs/", $file))]
        pub mod $name {}
    )*};
}

/// Guide and reference: the pages of the `docs` folder. Their code is compiled and run as tests.
///
/// Guide, in order:
///
/// 1. [Install](_docs::install)
/// 2. [First run](_docs::first_run)
/// 3. [Your environment](_docs::your_environment)
/// 4. [Choose an algorithm](_docs::choose_an_algorithm)
/// 5. [Watch a run](_docs::watch)
/// 6. [Evaluate](_docs::evaluate)
/// 7. [Save and resume](_docs::save_and_resume)
/// 8. [Many seeds](_docs::many_seeds)
/// 9. [Deploy](_docs::deploy)
/// 10. [When it does not learn](_docs::trouble)
///
/// Reference:
///
/// - Algorithms: [DDPG](_docs::ddpg), [TD3](_docs::td3), [SAC](_docs::sac), [TQC](_docs::tqc), [REDQ](_docs::redq), [DroQ](_docs::droq)
/// - Environments: [contract, tasks, wrappers](_docs::environments), [Gymnasium](_docs::gymnasium), [protocol for simulators](_docs::protocol)
/// - Training: [trainer settings](_docs::training), [units](_docs::units), [experiments](_docs::experiments), [backends](_docs::backends)
/// - Evidence: [results](_docs::results), [performance](_docs::performance), [reliability](_docs::reliability), [other libraries](_docs::peers)
/// - [Coming from Python](_docs::coming_from_python)
///
/// The project: [design](_docs::design), [a course exercise reproduced](_docs::lab), [contributing](_docs::contributing), [changelog](_docs::changelog)
pub mod _docs {
    pages! {
        install: "guide/install.md",
        first_run: "guide/first_run.md",
        your_environment: "guide/your_environment.md",
        choose_an_algorithm: "guide/choose_an_algorithm.md",
        watch: "guide/watch.md",
        evaluate: "guide/evaluate.md",
        save_and_resume: "guide/save_and_resume.md",
        many_seeds: "guide/many_seeds.md",
        deploy: "guide/deploy.md",
        trouble: "guide/trouble.md",
        ddpg: "algorithms/ddpg.md",
        droq: "algorithms/droq.md",
        redq: "algorithms/redq.md",
        sac: "algorithms/sac.md",
        td3: "algorithms/td3.md",
        tqc: "algorithms/tqc.md",
        backends: "backends.md",
        coming_from_python: "coming_from_python.md",
        environments: "environments.md",
        experiments: "experiments.md",
        gymnasium: "gymnasium.md",
        peers: "peers.md",
        performance: "performance.md",
        protocol: "protocol.md",
        reliability: "reliability.md",
        results: "results.md",
        training: "training.md",
        units: "units.md",
        design: "design.md",
        lab: "lab.md",
        changelog: "CHANGELOG.md",
        contributing: "CONTRIBUTING.md",
    }
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
