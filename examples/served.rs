//! A bundled task that one process computes and another one trains on.
//!
//! `cargo run --release --example served -- serve pendulum` prints its address, and serves one trainer after the other.
//! `cargo run --release --example served -- train --at ADDRESS` trains SAC on it, and writes the history of episodes and the policy to
//! `runs/`. Both files have the bytes of `train --task pendulum`, which computes the task itself.
//!
//! For trainers on other machines, serve at an address that they reach, as by `--address "$(hostname):0"`, and give both sides the same
//! secret of at least 16 bytes in `ACTOR_CRITIC_SECRET`.

mod cli;

use std::path::PathBuf;

use actor_critic::env::remote::{Listener, RemoteEnvironment, RemoteOptions, serve};
use actor_critic::prelude::*;
use actor_critic::preset::Task;
use clap::{Args, Parser};

#[derive(Parser)]
#[command(about = "A task in one process, its trainer in another")]
enum Cli {
    /// Compute a task for trainers elsewhere
    Serve {
        /// Task, by name: see `Task`
        task: Task,
        /// Where to listen: HOST:PORT, with port 0 for a free one, or unix:PATH
        #[arg(long, default_value = "127.0.0.1:0")]
        address: String,
    },
    /// Train on a task
    Train(TrainArgs),
}

#[derive(Args)]
struct TrainArgs {
    /// Address of a server
    #[arg(long, required_unless_present = "task")]
    at: Option<String>,
    /// Task to compute in this process instead
    #[arg(long, conflicts_with = "at")]
    task: Option<Task>,
    /// Environment steps
    #[arg(long, default_value_t = 10_000)]
    steps: usize,
    /// Root of every random number of the run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for the results
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    #[command(flatten)]
    device: cli::DeviceArg,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("ACTOR_CRITIC_SECRET").unwrap_or_default();
    match Cli::parse() {
        Cli::Serve { task, address } => {
            let listener = Listener::bind_with_secret(&address, secret)?.with_name(task.name());
            println!("{}", listener.address());
            match serve(&mut task.environment(), &listener)? {}
        }
        Cli::Train(args) => match (&args.at, args.task) {
            (Some(address), _) => {
                let options = RemoteOptions::new().with_secret(secret);
                train(RemoteEnvironment::connect_with(address, options)?, &args)
            }
            (None, task) => train(task.expect("clap requires one of the two").environment(), &args),
        },
    }
}

/// Trains SAC by the recommended setting, wherever the environment is computed.
fn train(env: impl Environment, args: &TrainArgs) -> Result<(), Box<dyn std::error::Error>> {
    let seed = Seed(args.seed);
    let agent = SacConfig::recommended().init(&Spaces::of(&env)?, &args.device.device(), seed)?;
    let mut trainer = Trainer::new(env, agent, &TrainerConfig::recommended(args.steps), seed)?;
    let mut history = CsvHistory::create(args.out.join("served.csv"))?;
    trainer.run(&mut [&mut history, &mut Console::every(5)])?;
    trainer.agent().policy()?.save(args.out.join("served.safetensors"))?;
    Ok(())
}
