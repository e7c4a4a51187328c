//! Simulators in other languages.

use std::process::Command;

use actor_critic::env::check_saved_state;
use actor_critic::env::remote::{RemoteEnvironment, RemoteOptions};
use actor_critic::prelude::*;

#[test]
fn a_simulator_in_c_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pole");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/remote/pole.c");
    let mut compiler = Command::new("gcc");
    compiler.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).args([source, "-lm"]);
    match compiler.status() {
        Err(error) => return println!("not tested, without gcc: {error}"),
        Ok(status) => assert!(status.success(), "the example must compile"),
    }
    let start = || RemoteEnvironment::spawn(&program, [""; 0], RemoteOptions::new()).unwrap();
    let mut env = start();
    assert_eq!(env.hello().identity(), "pole (pole.c 1)");
    check_environment(&mut env).unwrap();
    check_saved_state(&mut start().replayed()).unwrap();

    // Left alone, the pole falls after a second; a reset starts another episode, with other numbers.
    let first = env.reset(1).unwrap();
    let mut steps = 1;
    while !env.step(&[0.0]).unwrap().terminated {
        steps += 1;
    }
    assert!((20..200).contains(&steps), "{steps} steps");
    assert_ne!(env.reset(2).unwrap(), first);
}
