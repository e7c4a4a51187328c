//! Independent agents in the threads of one process: how much of the throughput of one each of them keeps.
//!
//! `cargo bench --bench seeds` prints one line a size and number of threads, up to the number of cores:
//! `NAME … THREADS threads … EFFICIENCY % of THREADS times one`. With fewer free cores than threads the figure says nothing
//! about the crate, so the same is done with threads that share nothing at all.

mod harness;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use actor_critic::agent::Agent;

/// Rounds, each with one thread and with many in turn; the median counts.
const ROUNDS: usize = 11;

/// Returns the seconds that `threads` threads take for one share of work each.
fn seconds<T>(threads: usize, make: impl Fn() -> T + Sync, work: impl Fn(&mut T) + Sync) -> f64 {
    let barrier = Barrier::new(threads + 1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut state = make();
                    work(&mut state);
                    barrier.wait();
                    let start = Instant::now();
                    work(&mut state);
                    start.elapsed().as_secs_f64()
                })
            })
            .collect();
        barrier.wait();
        handles.into_iter().map(|handle| handle.join().unwrap()).sum::<f64>() / threads as f64
    })
}

fn report<T>(name: &str, make: impl Fn() -> T + Sync, work: impl Fn(&mut T) + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [2, 4, 8, 16].into_iter().filter(|&threads| threads <= cores) {
        let mut efficiency: Vec<f64> =
            (0..ROUNDS).map(|_| seconds(1, &make, &work) / seconds(threads, &make, &work)).collect();
        efficiency.sort_by(f64::total_cmp);
        println!("{name} … {threads} threads … {:.1} % of {threads} times one", 100.0 * efficiency[ROUNDS / 2]);
    }
}

fn main() {
    report(
        "nothing-shared",
        || (),
        |()| {
            let mut x = 1.0_f64;
            for _ in 0..60_000_000 {
                x = black_box(x * 1.000_000_1);
            }
        },
    );
    for (width, n, updates) in [(64, 100, 600), (256, 128, 100)] {
        let batch = harness::batch(n);
        report(
            &format!("sac-{width}-batch-{n}"),
            || (harness::sac(width), batch.clone()),
            |(agent, batch)| {
                (0..updates).for_each(|_| drop(agent.update(batch)));
            },
        );
        let batch = harness::batch(n);
        report(
            &format!("ddpg-{width}-batch-{n}"),
            || (harness::ddpg(width), batch.clone()),
            |(agent, batch)| {
                (0..updates).for_each(|_| drop(agent.update(batch)));
            },
        );
    }
}
