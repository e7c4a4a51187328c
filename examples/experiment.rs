//! Algorithms beside each other on Pendulum-v1: a grid of runs over threads and machines, with statistics.
//!
//! `cargo run --release --example experiment -- --algorithms sac,td3,ddpg --seeds 5 --steps 5000 --threads 2`
//! trains every algorithm with every seed, writes tables and pictures, and prints the interquartile means. Killed, it goes on by the
//! same command. With `--shard i/n` it runs a share of the cells; `--merge DIR...` joins the folders of all shares.

mod cli;

use std::path::{Path, PathBuf};

use actor_critic::env::pendulum::GRID_OPTIMUM;
use actor_critic::experiment::Measure;
use actor_critic::nn::{DeterministicActorConfig, GaussianActorConfig, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::train::EvaluationSummary;
use clap::{Parser, builder::RangedU64ValueParser};

const HIDDEN_DIMS: [usize; 2] = [64, 64];
const BATCH_SIZE: usize = 100;
const LEARNING_RATE: f64 = 1e-3;
const STEPS_IN_EPISODE: usize = 200;
const EVALUATE_EVERY: usize = 1_000;
/// About the mean return on the grid of doing nothing, which `pendulum_optimum` prints; and a regret of 60.
const NOTHING: f64 = -1_220.0;
const SOLVED: f64 = GRID_OPTIMUM - 60.0;

#[derive(Parser)]
#[command(about = "SAC, TD3 and DDPG on Pendulum-v1, over seeds, threads and machines")]
struct Cli {
    /// Algorithms: sac, td3, ddpg
    #[arg(long, value_delimiter = ',', default_value = "sac,td3,ddpg")]
    algorithms: Vec<String>,
    /// Tasks: pendulum
    #[arg(long, value_delimiter = ',', default_value = "pendulum")]
    tasks: Vec<String>,
    /// Seeds of each: 0, 1, …
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Environment steps of each run, rounded up to whole episodes
    #[arg(long, default_value_t = 5_000, value_parser = RangedU64ValueParser::<usize>::new().range(EVALUATE_EVERY as u64..))]
    steps: usize,
    /// Runs at a time
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// The share of the runs that is done here, such as 0/4
    #[arg(long)]
    shard: Option<Shard>,
    /// Folder for the results
    #[arg(long, default_value = "runs/experiment")]
    out: PathBuf,
    /// Folders of finished shares to join, instead of running any
    #[arg(long, num_args = 1..)]
    merge: Vec<PathBuf>,
    #[command(flatten)]
    device: cli::DeviceArg,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    if !args.merge.is_empty() {
        return report(&Results::read(&args.merge)?, &args.out);
    }
    let device = args.device.device();
    let experiment = Experiment::new(&args.out)
        .algorithms(args.algorithms)
        .tasks(args.tasks)
        .seeds(0..args.seeds)
        .setting("steps", args.steps)
        .threads(args.threads)
        .shard(args.shard.unwrap_or(Shard::WHOLE));
    let finished = experiment.run(|cell| {
        let evaluations = run(cell, args.steps, &device)?;
        let last = evaluations.last().map_or(f64::NAN, EvaluationSummary::mean_return);
        println!("{cell}: regret {:.1}", GRID_OPTIMUM - last);
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(evaluations)
    })?;
    println!("{} runs, {} were there already", finished.ran, finished.skipped);
    if args.shard.is_some() { Ok(()) } else { report(&experiment.results()?, &args.out) }
}

/// Builds the agent that a cell names, and trains it.
fn run(
    cell: &Cell,
    steps: usize,
    device: &Device,
) -> Result<Vec<EvaluationSummary>, Box<dyn std::error::Error + Send + Sync>> {
    if cell.task() != "pendulum" {
        return Err(format!("the task must be pendulum, got {}", cell.task()).into());
    }
    let (seed, spaces) = (cell.seed(), Spaces::of(&Pendulum::v1())?);
    let (mut actor_rng, mut critic_rng) = (seed.stream(Stream::ActorWeights), seed.stream(Stream::CriticWeights));
    let hidden_dims = || HIDDEN_DIMS.to_vec();
    let deterministic = DeterministicActorConfig::new().with_hidden_dims(hidden_dims());
    let stochastic = GaussianActorConfig::new().with_hidden_dims(hidden_dims());
    let critic_config = QNetworkConfig::new().with_hidden_dims(hidden_dims());
    let mut critic = || critic_config.init(&spaces, &mut critic_rng, device);
    Ok(match cell.algorithm() {
        "sac" => {
            let config =
                SacConfig::new().with_actor_learning_rate(LEARNING_RATE).with_critic_learning_rate(LEARNING_RATE);
            let actor = stochastic.init(&spaces, &mut actor_rng, device)?;
            train(Sac::new(actor, Ensemble::twin(critic)?, &spaces, &config, device, seed)?, cell, steps)?
        }
        "td3" => {
            let config =
                Td3Config::new().with_actor_learning_rate(LEARNING_RATE).with_critic_learning_rate(LEARNING_RATE);
            let actor = deterministic.init(&spaces, &mut actor_rng, device)?;
            train(Td3::new(actor, Ensemble::twin(critic)?, &spaces, &config, device, seed)?, cell, steps)?
        }
        "ddpg" => {
            let config =
                DdpgConfig::new().with_actor_learning_rate(LEARNING_RATE).with_critic_learning_rate(LEARNING_RATE);
            let actor = deterministic.init(&spaces, &mut actor_rng, device)?;
            train(Ddpg::new(actor, critic()?, &spaces, &config, device, seed)?, cell, steps)?
        }
        other => return Err(format!("the algorithm must be sac, td3 or ddpg, got {other}").into()),
    })
}

/// Trains from the newest checkpoint of the cell, if there is one, evaluating on the way.
fn train<A: Agent + SaveState>(agent: A, cell: &Cell, steps: usize) -> Result<Vec<EvaluationSummary>, Error> {
    let schedule = TrainerConfig::new(steps.div_ceil(STEPS_IN_EPISODE))
        .with_batch_size(BATCH_SIZE)
        .with_replay_capacity(steps.next_multiple_of(STEPS_IN_EPISODE));
    let evaluation = EvaluateEvery::steps(EVALUATE_EVERY, |agent: &mut A| evaluate_on_pendulum_grid(agent))?;
    let trainer = Trainer::new(Pendulum::v1(), agent, &schedule, cell.seed())?;
    let mut trainer = trainer.with_environment_state().with_evaluation(evaluation);
    let checkpoints = Checkpoints::open(cell.folder().join("checkpoints"))?.keep(1);
    let mut checkpoints = CheckpointEvery::steps(EVALUATE_EVERY, checkpoints)?;
    checkpoints.resume(&mut trainer)?;
    checkpoints.run(&mut trainer, &mut [])?;
    Ok(trainer.evaluations().to_vec())
}

/// Writes tables and pictures, and prints what each algorithm came to.
fn report(results: &Results, out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let scoring = Scoring::new().with_scale("pendulum", NOTHING, GRID_OPTIMUM).with_threshold("pendulum", SOLVED);
    results.write(out, &scoring)?;
    results.write_pictures(out, &scoring)?;
    for estimate in results.summary(&scoring)?.iter().filter(|estimate| estimate.measure == Measure::Regret) {
        let value = estimate.value.map_or("none".to_owned(), |value| format!("{value:.1}"));
        let interval = estimate.interval.map_or(String::new(), |at| format!(" [{:.1}, {:.1}]", at.low, at.high));
        let (algorithm, runs, missing) = (&estimate.algorithm, estimate.runs, estimate.missing);
        println!("{algorithm}: regret {value}{interval}, {runs} runs, {missing} missing");
    }
    Ok(())
}
