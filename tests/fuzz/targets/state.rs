//! Any bytes are a state or an error, and a state is written as it was read.
#![no_main]

use actor_critic::state::State;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: small_run::write_seeds_if_asked(), |data: &[u8]| {
    if let Ok(state) = State::from_bytes(data)
        && let Ok(written) = state.to_bytes()
    {
        assert_eq!(State::from_bytes(&written).expect("a state that was written"), state);
    }
});
