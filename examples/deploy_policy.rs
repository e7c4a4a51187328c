//! A program that only acts, with a policy file that another program has trained.
//!
//! `cargo run --release --example sac_pendulum -- --policy runs/pendulum.safetensors`
//! `cargo run --release --example deploy_policy -- runs/pendulum.safetensors`
//! prints the policy's regret, and the time that one action takes. With `--record FILE` it writes 1,000 observations and the
//! actions for them, for the comparison with PyTorch in `tests/policy_in_pytorch.py`.

mod cli;

use std::path::PathBuf;
use std::time::Instant;

use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::prelude::*;
use actor_critic::state::State;
use clap::Parser;

/// States that the grid has.
const STARTS: u64 = 256;
/// Observations that are recorded, and actions that are timed.
const RECORDED: usize = 1_000;

#[derive(Parser)]
#[command(about = "Acts with a policy file on Pendulum-v1")]
struct Cli {
    /// The policy
    file: PathBuf,
    /// File for observations and actions
    #[arg(long)]
    record: Option<PathBuf>,
    #[command(flatten)]
    device: cli::DeviceArg,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    let policy = Policy::load(&args.file, &args.device.device())?;

    let (mut env, mut total) = (PendulumGrid::v1(), 0.0);
    let (mut observations, mut actions) = (Vec::new(), Vec::new());
    for k in 0..STARTS {
        let mut observation = env.reset(k)?;
        loop {
            let action = policy.action(&observation)?;
            let step = env.step(&action)?;
            total += f64::from(step.reward);
            if observations.len() < 3 * RECORDED {
                observations.extend(observation);
                actions.extend(action);
            }
            if step.is_last() {
                break;
            }
            observation = step.observation;
        }
    }
    println!("regret {:.2}", GRID_OPTIMUM - total / STARTS as f64);

    let begun = Instant::now();
    observations.chunks_exact(3).try_for_each(|observation| policy.action(observation).map(drop))?;
    println!("{:.1} µs an action", begun.elapsed().as_secs_f64() * 1e6 / RECORDED as f64);

    if let Some(path) = args.record {
        let mut state = State::new();
        state.put_array("observations", &[RECORDED, 3], observations);
        state.put_array("actions", &[RECORDED, 1], actions);
        std::fs::write(path, state.to_bytes()?)?;
    }
    Ok(())
}
