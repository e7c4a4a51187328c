//! Any bytes are a policy that acts inside its bounds, or an error.
#![no_main]

use actor_critic::prelude::*;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: small_run::write_seeds_if_asked(), |data: &[u8]| {
    let Ok(policy) = Policy::from_bytes(data, &Device::flex()) else { return };
    if let Ok(action) = policy.action(&vec![0.5; policy.spaces().observation().dim()]) {
        assert!(policy.spaces().action().contains(&action));
    }
});
