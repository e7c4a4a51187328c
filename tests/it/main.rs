//! The tests of the public API, in one program: each program is linked with burn, which costs more than most tests take.
//!
//! A file of its own has only what owns the process: `tests/hostile_files.rs`, which counts every allocation.

mod bad_input;
mod bad_run;
#[cfg(unix)]
mod checkpoint_files;
mod checkpoints;
mod determinism;
mod environments;
mod experiment;
mod experiment_kill;
mod experiment_report;
#[cfg(unix)]
mod failing_disk;
mod fixture;
mod gradient_flow;
mod injected_faults;
mod kill;
mod known_optimum;
mod logs;
mod lqr;
mod many_environments;
mod mutated_files;
mod normalization;
mod parity;
mod presets;
mod probe;
mod probes;
mod random_configurations;
mod replay;
mod resume;
mod small_run;
mod statistics;
mod structure;
mod tasks;
mod trainer;
mod weighted_batches;
mod wrappers;
