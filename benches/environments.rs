//! Environment steps a second with one environment and with eight, as ratios of medians of rounds that take turns.
//!
//! `cargo bench --bench environments`

use std::time::Instant;

use actor_critic::prelude::*;

const STEPS: usize = 8_000;
const ROUNDS: usize = 7;

/// Trains a SAC agent of two layers of 64 in so many environments; returns nanoseconds for an environment step.
fn time(environments: usize, updates_per_step: Option<f64>) -> f64 {
    let device = Device::flex();
    let environments: Vec<_> = (0..environments).map(|_| Pendulum::v1()).collect();
    let spaces = Spaces::of(&environments[0]).unwrap();
    let agent = SacConfig::new().init_with(&[64, 64], &spaces, &device, Seed(0)).unwrap();
    assert_eq!(agent.spaces(), &spaces);
    // Without updates, learning starts after the end.
    let learning_starts = if updates_per_step.is_some() { 100 } else { STEPS + 1 };
    let config = TrainerConfig::steps(STEPS)
        .with_batch_size(100)
        .with_warmup_steps(0)
        .with_learning_starts(learning_starts)
        .with_replay_capacity(STEPS + 1)
        .with_updates_per_step(updates_per_step.unwrap_or(1.0));
    let mut trainer = Trainer::with_environments(environments, agent, &config, Seed(0)).unwrap();
    let started = Instant::now();
    trainer.run(&mut []).unwrap();
    started.elapsed().as_nanos() as f64 / trainer.environment_steps() as f64
}

fn main() {
    let cases = [("acting only", None), ("an update for each step", Some(1.0)), ("one for eight steps", Some(0.125))];
    println!("| | 1 environment, steps/s | 8 environments, steps/s | ratio |\n|---|---|---|---|");
    for (name, updates_per_step) in cases {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (environments, times) in [1, 8].into_iter().zip(&mut times) {
                times.push(time(environments, updates_per_step));
            }
        }
        let [one, eight] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[ROUNDS / 2]
        });
        println!("| {name} | {:.0} | {:.0} | {:.2} |", 1e9 / one, 1e9 / eight, one / eight);
    }
}
