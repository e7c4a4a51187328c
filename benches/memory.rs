//! Memory: of a replay beside the numbers in it, and of a process over 100,000 updates.
//!
//! `cargo bench --bench memory` reads `/proc/self/statm`, so it needs Linux.

mod harness;

use actor_critic::agent::Agent;

const MIB: f64 = 1024.0 * 1024.0;
const UPDATES: usize = 100_000;

fn main() {
    let before = harness::resident();
    let replay = harness::replay(1_000_000);
    let taken = harness::resident() - before;
    // Two observations, an action, a reward, and whether it was the end.
    let raw = replay.len() as f64 * (2 * harness::OBSERVATION + harness::ACTION + 2) as f64 * 4.0 / MIB;
    println!("replay-of-1000000 … {taken:.1} MiB … {:.1} % of its numbers as f32", 100.0 * taken / raw);
    drop(replay);

    let mut agent = harness::sac(32);
    let batch = harness::batch(64);
    for update in 1..=UPDATES {
        agent.update(&batch).unwrap();
        if [1_000, 10_000, UPDATES].contains(&update) {
            println!("sac-32-batch-64 … {:.1} MiB after {update} updates", harness::resident());
        }
    }
}
