//! One update of SAC on every backend that is compiled in, as a ratio to the first of them.
//!
//! `cargo bench --profile dev --bench backends --features ndarray,wgpu` prints a line for each backend and size. The dev profile optimises
//! the dependencies as the release does, and is the one in which the tests have compiled them.

mod harness;

use std::time::Duration;

use actor_critic::prelude::*;

const BUDGET: Duration = Duration::from_secs(5);

fn main() {
    let backends: Vec<(&str, Device)> = vec![
        #[cfg(feature = "flex")]
        ("flex", Device::flex()),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        ("ndarray", Device::ndarray()),
        #[cfg(feature = "wgpu")]
        ("wgpu", Device::wgpu(Default::default())),
        #[cfg(feature = "vulkan")]
        ("vulkan", Device::vulkan(Default::default())),
    ];
    for (width, batch_size) in [(64, 100), (256, 256)] {
        let replay = harness::replay(1000);
        let mut updates: Vec<Box<dyn FnMut()>> = Vec::new();
        for (_, device) in &backends {
            let mut agent = SacConfig::new().init_with(&[width; 2], &harness::spaces(), device, harness::SEED).unwrap();
            let batch = replay.sample(batch_size, 0.99, &mut harness::SEED.stream(Stream::Replay)).unwrap();
            updates.push(Box::new(move || {
                agent.update(&batch).unwrap();
            }));
        }
        let seconds = harness::interleaved_all(
            BUDGET,
            updates.iter_mut().map(|update| update.as_mut() as &mut dyn FnMut()).collect(),
        );
        for ((name, _), time) in backends.iter().zip(&seconds) {
            let ratio = time / seconds[0];
            println!("sac-{width}-batch-{batch_size} {name} … {:.3} ms … {ratio:.1} times", time * 1e3);
        }
    }
}
