//! Draws an episode of a policy: trains a small SAC on Pendulum-v1, or loads a policy file.
//!
//! `cargo run --release --example animate`
//! writes `animate_seed0.gif` and `animate_seed0.html` to the folder `runs`, and the logs of the run: `animate_seed0.jsonl`, and a
//! folder for `tensorboard --logdir runs`. Prints the regret and the sizes. Some six seconds on one core.
//! With `--policy FILE` it trains nothing and draws that policy.

mod cli;

use std::f64::consts::PI;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use actor_critic::env::Starts;
use actor_critic::env::pendulum::{GRID_OPTIMUM, MEAN_OPTIMUM, PendulumGrid, PendulumState};
use actor_critic::nn::{GaussianActorConfig, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::report::{Animation, Recording, Report, RunReport, Table, record_episode};
use clap::Parser;

const HIDDEN_DIMS: [usize; 2] = [64, 64];
const EPISODES: usize = 50;
const BATCH_SIZE: usize = 100;
const REPLAY_CAPACITY: usize = 50_000;
const LEARNING_RATE: f64 = 1e-3;
/// Hanging straight down, at rest.
const START: PendulumState = PendulumState { theta: PI, theta_dot: 0.0 };
/// Of an episode of Pendulum-v1.
const STEPS: NonZeroUsize = NonZeroUsize::new(200).expect("200 is not zero");
const WIDTH: u32 = 200;

#[derive(Parser)]
#[command(about = "An animation and a report of a policy on Pendulum-v1")]
struct Cli {
    /// Root of every random number of the run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Episodes to train for
    #[arg(long, default_value_t = EPISODES)]
    episodes: usize,
    /// Folder for the results
    #[arg(long, default_value = "runs")]
    out: PathBuf,
    /// Policy file to show, instead of training one
    #[arg(long)]
    policy: Option<PathBuf>,
    #[command(flatten)]
    device: cli::DeviceArg,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    let result = args.out.join(format!("animate_seed{}", args.seed));
    let (policy, report) = match &args.policy {
        Some(file) => {
            let report = Report::new("A policy on Pendulum-v1").with_subtitle(file.display().to_string());
            (Policy::load(file, &args.device.device())?, report)
        }
        None => train(&args, &result)?,
    };

    let hanging = Starts::new(Pendulum::default(), vec![START], Pendulum::reset_to)?;
    let mut env = TimeLimit::new(hanging, STEPS);
    let episode = record_episode(|observation| policy.action(observation), &mut env, 0)?;
    let gif = Animation::new(episode.frames.clone()).with_width(WIDTH).gif()?;
    std::fs::create_dir_all(&args.out)?;
    std::fs::write(result.with_extension("gif"), &gif)?;

    let evaluation = evaluate(&policy, &mut PendulumGrid::v1(), 0..256)?;
    let (mean_return, regret) = (evaluation.mean_return(), evaluation.regret(GRID_OPTIMUM));
    let Recording { episode_return, .. } = episode;
    let caption =
        format!("From hanging at rest to the end of the episode: a return of {episode_return:.1}").replace('-', "−");
    let table = Table::new(["starts", "mean return", "optimum", "regret"]).with_row([
        evaluation.returns.len().to_string(),
        format!("{mean_return:.2}"),
        format!("{GRID_OPTIMUM:.2}"),
        format!("{regret:.2}"),
    ]);
    let report = report
        .with_animation("An episode of the greedy policy", &gif, &caption)?
        .with_table("The greedy policy from a grid of starts", &table)?;
    report.write(result.with_extension("html"))?;
    println!("a GIF of {} bytes and a report of {} bytes", gif.len(), report.html().len());
    println!("regret {regret:.2}");
    Ok(())
}

/// Trains under every log there is; returns the policy, and the report of the run.
fn train(args: &Cli, result: &Path) -> Result<(Policy, Report), Box<dyn std::error::Error>> {
    let (seed, device, env) = (Seed(args.seed), args.device.device(), Pendulum::v1());
    let spaces = Spaces::of(&env)?;
    let actor = GaussianActorConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), &device)?;
    let critic = QNetworkConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    let mut weights = seed.stream(Stream::CriticWeights);
    let critics = Ensemble::twin(|| critic.init(&spaces, &mut weights, &device))?;
    let config = SacConfig::new().with_actor_learning_rate(LEARNING_RATE).with_critic_learning_rate(LEARNING_RATE);
    let agent = Sac::new(actor, critics, &spaces, &config, &device, seed)?;
    let trainer_config =
        TrainerConfig::new(args.episodes).with_batch_size(BATCH_SIZE).with_replay_capacity(REPLAY_CAPACITY);
    let mut trainer = Trainer::new(env, agent, &trainer_config, seed)?;

    let mut report = RunReport::new(result.with_extension("html"), format!("SAC on Pendulum-v1, seed {}", args.seed))
        .with_optimum("optimum", MEAN_OPTIMUM)
        .with_settings("Agent", &config)?;
    let mut lines = JsonLines::create(result.with_extension("jsonl"))?.with_settings("agent", &config)?;
    let mut curves = TensorBoard::create(result)?.with_settings("agent", &config)?.every_steps(100);
    let mut progress = Progress::around(Console::every(5));
    trainer.run(&mut [&mut progress, &mut lines, &mut curves, &mut report])?;
    Ok((trainer.agent().policy()?, report.report()?))
}
