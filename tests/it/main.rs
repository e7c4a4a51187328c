//! The tests of the public API, in one program: each program is linked with burn, which costs more than most tests take.
//!
//! A file of its own has only what owns the process: `tests/hostile_files.rs`, which counts every byte in use.

mod allocation_counter;
mod allocations;
mod bad_input;
mod bad_run;
#[cfg(unix)]
mod checkpoint_files;
mod checkpoints;
mod determinism;
mod diagnosis;
mod environments;
mod experiment;
mod experiment_kill;
mod experiment_report;
#[cfg(unix)]
mod failing_disk;
mod failures_after_a_step;
mod fixture;
mod going_on;
mod injected_faults;
mod kill;
mod known_optimum;
mod logs;
mod lqr;
mod many_environments;
mod messages;
mod mutated_files;
mod normalization;
mod one_writer;
mod pages;
mod presets;
mod probe;
mod probes;
mod random_configurations;
#[cfg(unix)]
mod remote;
mod replay;
mod resume;
mod small_run;
mod spaces;
mod statistics;
mod structure;
mod tasks;
mod trainer;
mod units;
mod wrappers;

#[global_allocator]
static COUNTER: allocation_counter::AllocationCounter = allocation_counter::AllocationCounter;
