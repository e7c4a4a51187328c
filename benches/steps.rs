//! What surrounds the updates: actions, the replay, environments, and the whole of a training step.
//!
//! `cargo bench --bench steps` prints one line each. An action is also compared to its own matrix-vector products, run through
//! the same backend.

mod harness;

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

use actor_critic::agent::Agent;
use actor_critic::burn::tensor::Tensor;
use actor_critic::env::MountainCarContinuous;
use actor_critic::prelude::*;
use actor_critic::replay::Batch;
use harness::interleaved;

const BUDGET: Duration = Duration::from_secs(1);
const MICRO: f64 = 1e6;

/// The argument with which this program starts itself, to end after its first environment step.
const FIRST_STEP: &str = "--first-step";

fn main() {
    if std::env::args().any(|arg| arg == FIRST_STEP) {
        let mut trainer =
            Trainer::new(Pendulum::v1(), harness::sac(256), &TrainerConfig::new(1), harness::SEED).unwrap();
        trainer.step().unwrap();
        return;
    }
    start_up();
    actions();
    replay();
    environments();
    training();
}

fn start_up() {
    let program = std::env::current_exe().unwrap();
    let mut start = || {
        assert!(Command::new(&program).arg(FIRST_STEP).status().unwrap().success());
    };
    let [seconds] = interleaved(BUDGET, [&mut start]);
    println!("start-up-to-first-step … {:.1} ms", seconds * 1e3);
}

fn actions() {
    let observation = [0.6_f32, -0.8, 1.5];
    for width in [64, 256] {
        let widths = [harness::OBSERVATION, width, width, harness::ACTION];
        let operands: Vec<[Tensor<2>; 2]> = (widths.windows(2))
            .map(|layer| [harness::random([1, layer[0]]), harness::random([layer[0], layer[1]])])
            .collect();
        let mut products = || {
            for [x, w] in &operands {
                black_box(x.clone().matmul(w.clone()));
            }
        };
        let (ddpg, mut sac) = (harness::ddpg(width), harness::sac(width));
        let [greedy, sampled, floor] = interleaved(
            BUDGET,
            [&mut || drop(ddpg.act(&[&observation])), &mut || drop(sac.explore(&[&observation])), &mut products],
        )
        .map(|seconds| seconds * MICRO);
        println!("greedy-action-{width} … {greedy:.2} µs … over its products {:.2} µs", greedy - floor);
        println!(
            "sampled-action-{width} … {sampled:.2} µs … over the products of a greedy one {:.2} µs",
            sampled - floor
        );
    }
}

fn replay() {
    let mut replay = harness::replay(1_000_000);
    let (mut rng, mut batch) = (harness::SEED.stream(Stream::Replay), Batch::default());
    let transition = Transition {
        observation: &[0.1, 0.2, 0.3],
        action: &[0.4],
        reward: -1.0,
        next_observation: &[0.5, 0.6, 0.7],
        terminated: false,
    };
    let [push] = interleaved(BUDGET, [&mut || replay.push(black_box(&transition)).unwrap()]);
    println!("replay-push … {:.1} ns", push * 1e9);

    // As many reads of one cache line each, from everywhere in as much memory, independent of each other: what a processor
    // can wait for at once.
    let lines = vec![[1_u64; 8]; 36_000_000 / 64];
    let mut state = 1_u64;
    let mut latency = || {
        let mut sum = 0;
        for _ in 0..128 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            sum += lines[(state >> 32) as usize % lines.len()][0];
        }
        black_box(sum);
    };
    let [sample, memory] = interleaved(
        BUDGET,
        [&mut || replay.sample_into(128, 0.99, &mut rng, black_box(&mut batch)).unwrap(), &mut latency],
    )
    .map(|seconds| seconds * MICRO);
    println!("replay-sample-128-of-1000000 … {sample:.2} µs … 128 reads from as much memory {memory:.2} µs");
    let [upload] = interleaved(BUDGET, [&mut || drop(black_box(batch.upload(&harness::device())))]);
    println!("replay-upload-128 … {:.2} µs", upload * MICRO);
}

fn environments() {
    fn step(name: &str, mut env: impl Environment, action: [f32; 1]) {
        env.reset(0).unwrap();
        let mut episodes = 0;
        let [seconds] = interleaved(
            BUDGET,
            [&mut || {
                if env.step(black_box(&action)).unwrap().is_last() {
                    episodes += 1;
                    env.reset(episodes).unwrap();
                }
            }],
        );
        println!("{name} … {:.1} ns", seconds * 1e9);
    }
    step("pendulum-step", Pendulum::v1(), [1.3]);
    step("mountain-car-step", MountainCarContinuous::v0(), [0.7]);
}

fn training() {
    fn step<A: Agent>(name: &str, agent: A, batch_size: usize) {
        let trainer_config = TrainerConfig::new(usize::MAX).with_batch_size(batch_size).with_learning_starts(1000);
        let mut trainer = Trainer::new(Pendulum::v1(), agent, &trainer_config, harness::SEED).unwrap();
        for _ in 0..1000 {
            trainer.step().unwrap();
        }
        let [seconds] = interleaved(2 * BUDGET, [&mut || _ = trainer.step().unwrap()]);
        println!("{name} … {:.3} ms", seconds * 1e3);
    }
    step("training-step-ddpg-lab-batch-128", harness::ddpg_lab(), 128);
    step("training-step-sac-256-batch-128", harness::sac(256), 128);
    step("training-step-sac-64-batch-100", harness::sac(64), 100);
}
