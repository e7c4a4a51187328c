//! SAC on any of Gymnasium's environments with box spaces, started in Python processes.
//!
//! `cargo run --release --example gymnasium -- Pendulum-v1 --steps 5000`
//! prints the mean return of each evaluation, and `final R`; writes a history of episodes and one of evaluations to `runs/`.
//!
//! Python with Gymnasium must be installed: `docs/gymnasium.md`. The settings are Stable-Baselines3's, but for 5,000 random steps before
//! learning instead of 100. This crate's default would also normalise observations: `--normalize`.

mod cli;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actor_critic::env::remote::{Gymnasium, RemoteOptions};
use actor_critic::prelude::*;
use actor_critic::train::CsvEvaluations;
use clap::Parser;

#[derive(Parser)]
#[command(about = "SAC on an environment of Gymnasium")]
struct Cli {
    /// Id, such as HalfCheetah-v5, or module:id for an environment that the module registers
    id: String,
    /// Environment steps, in all environments together
    #[arg(long, default_value_t = 50_000)]
    steps: usize,
    /// Random steps before learning
    #[arg(long, default_value_t = 5_000)]
    learning_starts: usize,
    /// Transitions that the replay holds
    #[arg(long, default_value_t = 100_000)]
    replay_capacity: usize,
    /// Root of every random number of the run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Environments that are stepped together, each in a process of its own
    #[arg(long, default_value_t = 1)]
    environments: usize,
    /// Steps between two evaluations
    #[arg(long, default_value_t = 5_000)]
    evaluation: usize,
    /// Episodes of an evaluation: the seeds 0, 1 and so on
    #[arg(long, default_value_t = 10)]
    episodes: u64,
    /// Normalise observations
    #[arg(long)]
    normalize: bool,
    /// The recommended setting instead of Stable-Baselines3's
    #[arg(long)]
    recommended: bool,
    /// Folder for checkpoints: the run is saved there every 5,000 steps and by Ctrl-C, and the same command continues it
    #[arg(long)]
    checkpoints: Option<PathBuf>,
    /// Folder for the results
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    #[command(flatten)]
    device: cli::DeviceArg,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    let (seed, device) = (Seed(args.seed), args.device.device());
    let gymnasium = Gymnasium::new(&args.id).with_options(RemoteOptions::new().with_restart(true));
    let start = || Ok::<_, Error>(gymnasium.start()?.replayed());

    let environments = (0..args.environments.max(1)).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
    println!("{}", environments[0].inner().hello().identity());
    let (config, trainer_config) = settings(&args);
    println!("{config}");
    let agent = config.init(&Spaces::of(&environments[0])?, &device, seed)?;

    let (mut judge, episodes) = (start()?, args.episodes);
    let evaluation = EvaluateEvery::steps(args.evaluation, move |agent| evaluate(agent, &mut judge, 0..episodes))?;
    let mut trainer = Trainer::with_environments(environments, agent, &trainer_config, seed)?
        .with_evaluation(evaluation)
        .with_environment_state();

    let name = args.id.replace(['/', ':'], "_");
    let result = args.out.join(format!("gymnasium_{name}_seed{}", args.seed));
    let mut history = CsvHistory::create(result.with_extension("csv"))?;
    let mut evaluations = CsvEvaluations::create(result.with_extension("evaluations.csv"))?;
    if let Some(folder) = &args.checkpoints {
        let checkpoints = CheckpointEvery::steps(5_000, Checkpoints::open(folder)?)?;
        let interrupted = Arc::clone(&checkpoints.interrupt_flag());
        trainer = trainer.with_checkpoints(checkpoints);
        if let Some(resumed) = trainer.resume_newest()? {
            println!("resumed at step {}", resumed.environment_steps);
        }
        ctrlc::set_handler(move || interrupted.store(true, Ordering::Relaxed))?;
    }
    trainer.run(&mut [&mut history, &mut evaluations, &mut Progress::new()])?;

    for evaluation in trainer.evaluations() {
        println!("step {}: {:.1}", evaluation.environment_steps, evaluation.mean_return());
    }
    let last = trainer.evaluations().last().map_or(f64::NAN, |evaluation| evaluation.mean_return());
    println!("final {last:.1}");
    Ok(())
}

fn settings(args: &Cli) -> (SacConfig, TrainerConfig) {
    if args.recommended {
        return (SacConfig::recommended(), TrainerConfig::recommended(args.steps));
    }
    let trainer_config = TrainerConfig::steps(args.steps)
        .with_batch_size(256)
        .with_replay_capacity(args.replay_capacity)
        .with_warmup_steps(args.learning_starts)
        .with_learning_starts(args.learning_starts);
    (SacConfig::new().with_normalize_observations(args.normalize), trainer_config)
}
