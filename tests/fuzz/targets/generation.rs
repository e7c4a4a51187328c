//! A generation with one file of any content, and digests that agree with it, is taken up or refused.
//!
//! The first byte says which file; the rest is its content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use small_run::Generation;

thread_local! {
    static GENERATION: Generation = Generation::new();
}

fuzz_target!(init: small_run::write_seeds_if_asked(), |data: &[u8]| {
    let (mut trainer, outcome) = GENERATION.with(|generation| generation.resume_with(data));
    if outcome.is_ok() {
        // What was taken up may be at odds with itself, which is an error at the next step.
        let _ = trainer.step();
    }
});
