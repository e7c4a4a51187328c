//! Compares algorithms on the bundled tasks: a grid of runs over threads and machines, with statistics.
//!
//! `cargo run --release --example experiment -- --algorithms recommended,recommended-td3 --seeds 5 --steps 5000 --threads 2`
//! trains SAC and TD3 with every seed on Pendulum-v1, writes tables and pictures, and prints the interquartile means. After a stop, the same
//! command continues; at Ctrl-C and SIGTERM it first saves the runs under way. `--tasks all` runs them on every task. With `--shard i/n` it runs a share of the cells; `--merge DIR...` joins the folders of all shares.

mod cli;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actor_critic::agent::{ExplorationNoise, LearnedTemperatureConfig, TemperatureConfig};
use actor_critic::experiment::Measure;
use actor_critic::experiment::{Cell, Experiment, Results, Scoring, Shard};
use actor_critic::nn::ValueHead;
use actor_critic::prelude::*;
use actor_critic::preset::{Preset, Task};
use actor_critic::train::EvaluationSummary;
use clap::Parser;

#[derive(Parser)]
#[command(about = "Algorithms on the bundled tasks, over seeds, threads and machines")]
struct Cli {
    /// Algorithms: recommended (SAC), recommended-td3, recommended-ddpg; sac, td3, ddpg, tqc, redq, droq with their default settings;
    /// the recommended setting of SAC without one of its parts: without-quantiles, without-layer-norm, without-scaled-rewards,
    /// without-normalized-observations, without-second-critic, without-pink-noise, without-minimum-temperature, without-n-step,
    /// without-second-update; or with another:
    /// with-truncation, with-pink-noise-only
    #[arg(long, value_delimiter = ',', default_value = "recommended")]
    algorithms: Vec<String>,
    /// Tasks, by name, or `all`: see `Task`
    #[arg(long, value_delimiter = ',', default_value = "pendulum")]
    tasks: Vec<String>,
    /// Seeds of each: 0, 1, …
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Environment steps of each run [default: those of the task]
    #[arg(long)]
    steps: Option<usize>,
    /// Evaluations of the greedy policy in a run, spread evenly
    #[arg(long, default_value_t = 20)]
    evaluations: usize,
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
    /// Set by Ctrl-C, and by the SIGTERM of a cluster that takes the machine away.
    #[arg(skip)]
    interrupted: Arc<AtomicBool>,
}

impl Cli {
    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// What a cell can fail by.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    if !args.merge.is_empty() {
        return report(&Results::read(&args.merge)?, &args.out);
    }
    let tasks: Vec<Task> = if args.tasks == ["all"] {
        Task::ALL.into()
    } else {
        args.tasks.iter().map(|name| name.parse()).collect::<Result<_, _>>()?
    };
    let experiment = Experiment::new(&args.out)
        .algorithms(args.algorithms.iter().cloned())
        .tasks(tasks.iter().map(Task::to_string))
        .seeds(0..args.seeds)
        .setting("steps", args.steps.map_or("preset".to_owned(), |steps| steps.to_string()))
        .setting("evaluations", args.evaluations)
        .threads(args.threads)
        .shard(args.shard.unwrap_or(Shard::WHOLE));
    let interrupted = Arc::clone(&args.interrupted);
    ctrlc::set_handler(move || interrupted.store(true, Ordering::Relaxed))?;
    let finished = experiment.run(|cell| {
        if args.is_interrupted() {
            return Err("interrupted before it began".into());
        }
        let evaluations = run(cell, &args)?;
        let last = evaluations.last().map_or(f64::NAN, EvaluationSummary::mean_return);
        println!("{cell}: return {last:.1}");
        Ok::<_, Failure>(evaluations)
    });
    let finished = match finished {
        Err(error) if args.is_interrupted() => return Err(format!("{error}; the same command continues").into()),
        finished => finished?,
    };
    println!("{} runs, {} were there already", finished.ran, finished.skipped);
    if args.shard.is_some() { Ok(()) } else { report(&experiment.results()?, &args.out) }
}

/// Trains by the setting that a cell names.
fn run(cell: &Cell, args: &Cli) -> Result<Vec<EvaluationSummary>, Failure> {
    let task: Task = cell.task().parse()?;
    let algorithm = match cell.algorithm() {
        "recommended-td3" => return train(Preset::recommended_td3(task), cell, args),
        "recommended-ddpg" => return train(Preset::recommended_ddpg(task), cell, args),
        "td3" => return train(Preset::new(task, Td3Config::new()), cell, args),
        "ddpg" => return train(Preset::new(task, DdpgConfig::new()), cell, args),
        "sac" => SacConfig::new(),
        "tqc" => SacConfig::tqc(),
        "redq" => SacConfig::redq(),
        "droq" => SacConfig::droq(),
        name => return train(recommended_or_less(name, task)?, cell, args),
    };
    let mut preset = Preset::new(task, algorithm);
    // REDQ and DroQ have as many updates of the critics for one step as for one update of the actor.
    preset.trainer_config.updates_per_step = preset.algorithm.policy_delay as f64;
    train(preset, cell, args)
}

/// The recommended setting, or what is left of it without one of its parts.
fn recommended_or_less(name: &str, task: Task) -> Result<Preset<SacConfig>, Failure> {
    let mut preset = Preset::recommended(task);
    let sac = &mut preset.algorithm;
    match name {
        "recommended" => {}
        "without-quantiles" => sac.value_head = ValueHead::Scalar,
        "with-truncation" => sac.value_head = SacConfig::tqc().value_head,
        "without-second-critic" => sac.critic_count = 1,
        "without-layer-norm" => sac.networks.critic_layer_norm = false,
        "without-pink-noise" => sac.exploration_noise = ExplorationNoise::White,
        "with-pink-noise-only" => sac.exploration_noise = ExplorationNoise::Pink,
        "without-minimum-temperature" => {
            let temperature = LearnedTemperatureConfig::new().with_learning_rate(1e-3);
            sac.temperature = TemperatureConfig::Learned(temperature);
            sac.exploration_noise = ExplorationNoise::White;
        }
        "without-scaled-rewards" => sac.scale_rewards = false,
        "without-normalized-observations" => sac.normalize_observations = false,
        "without-n-step" => preset.trainer_config.n_step = 1,
        "without-second-update" => preset.trainer_config.updates_per_step = 1.0,
        other => return Err(format!("the algorithm must be one that --help lists, got {other}").into()),
    }
    Ok(preset)
}

/// Trains from the newest checkpoint of the cell, if there is one, evaluating on the way.
fn train<C: AgentConfig + 'static>(
    mut preset: Preset<C>,
    cell: &Cell,
    args: &Cli,
) -> Result<Vec<EvaluationSummary>, Failure> {
    let steps = args.steps.unwrap_or(preset.steps());
    preset.trainer_config.environment_steps = Some(steps);
    let every = (steps / args.evaluations).max(1);
    let checkpoints = Checkpoints::open(cell.folder().join("checkpoints"))?.keep(1);
    let checkpoints = CheckpointEvery::steps(every, checkpoints)?.with_interrupt_flag(Arc::clone(&args.interrupted));
    let mut trainer =
        preset.evaluated_trainer(every, &args.device.device(), cell.seed())?.with_checkpoints(checkpoints);
    if let Some(resumed) = trainer.resume_newest()? {
        println!("{cell}: resumed at step {}", resumed.environment_steps);
    }
    let mut diagnosis = Diagnosis::new();
    trainer.run(&mut [&mut diagnosis])?;
    diagnosis.findings().iter().for_each(|finding| println!("{cell}: {finding}"));
    let step = trainer.environment_steps();
    if step < steps {
        println!("{cell}: interrupted, and saved at step {step}");
        return Err("interrupted".into());
    }
    Ok(trainer.evaluations().to_vec())
}

/// Writes tables and pictures, and prints what each algorithm came to.
fn report(results: &Results, out: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let tasks = Task::ALL.into_iter().filter(|task| results.tasks().contains(&task.name()));
    let scoring = tasks.fold(Scoring::new(), |scoring, task| {
        let (name, random, best) = (task.name(), task.random_return(), task.best_return());
        let scaled = scoring.with_scale(name, random, best).with_reference(name, "random", random).with_reference(
            name,
            "best possible",
            best,
        );
        task.solved_return().into_iter().fold(scaled, |scoring, solved| scoring.with_threshold(name, solved))
    });
    results.write(out, &scoring)?;
    results.write_pictures(out, &scoring)?;
    results.report("Algorithms on the bundled tasks", &scoring)?.write(out.join("report.html"))?;

    println!(
        "\n| task | algorithm | return, mean | interquartile mean [95 %] | worst | solved | random |\n|---|---|---|---|---|---|---|"
    );
    let estimates = results.summary(&scoring)?;
    for estimate in estimates.iter().filter(|estimate| estimate.measure == Measure::InterquartileMean) {
        let (Some(name), algorithm) = (&estimate.task, &estimate.algorithm) else { continue };
        let (task, scores): (Task, Vec<f64>) =
            (name.parse()?, results.runs_of(algorithm, name).map(|run| run.final_score()).collect());
        let (Some(value), worst) = (estimate.value, scores.iter().copied().fold(f64::INFINITY, f64::min)) else {
            continue;
        };
        let interval = estimate.interval.map_or(String::new(), |at| format!(" [{:.1}, {:.1}]", at.low, at.high));
        let solved = task.solved_return().map_or(String::new(), |solved| {
            format!("{} of {}", scores.iter().filter(|&&score| score >= solved).count(), scores.len())
        });
        println!(
            "| {name} | {algorithm} | {:.1} | {value:.1}{interval} | {worst:.1} | {solved} | {:.1} |",
            scores.iter().sum::<f64>() / scores.len() as f64,
            task.random_return()
        );
    }
    Ok(())
}
