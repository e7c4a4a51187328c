//! An agent refuses a state and is as it was, or takes it up and acts finitely or with an error.
#![no_main]

use actor_critic::prelude::*;
use actor_critic::state::State;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: small_run::write_seeds_if_asked(), |data: &[u8]| {
    let Ok(state) = State::from_bytes(data) else { return };
    let mut agent = small_run::small_agent();
    let before = agent.save_state().expect("an agent that can be saved");
    match agent.load_state(state) {
        Err(_) => assert_eq!(agent.save_state().expect("an agent that can be saved"), before),
        Ok(()) => {
            let observation = [0.5, -0.5, 1.0];
            for actions in [agent.explore(&[&observation]), agent.act(&[&observation])] {
                if let Ok(action) = actions.map(|actions| actions.concat()) {
                    assert!(action.iter().all(|component| component.is_finite()));
                }
            }
        }
    }
});
