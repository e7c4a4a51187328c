//! An environment refuses a state and is as it was, or takes it up and steps finitely or with an error.
#![no_main]

use actor_critic::prelude::*;
use actor_critic::state::State;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: small_run::write_seeds_if_asked(), |data: &[u8]| {
    let Ok(state) = State::from_bytes(data) else { return };
    let mut env = Pendulum::v1();
    match env.load_state(state) {
        Err(_) => assert!(env == Pendulum::v1()),
        Ok(()) => {
            if let Ok(step) = env.step(&[1.0]) {
                assert!(step.reward.is_finite() && step.observation.iter().all(|component| component.is_finite()));
            }
        }
    }
});
