//! The same pendulum in other units: actions in other intervals, observations with other scales and offsets, rewards times a constant.
//!
//! `cargo run --release --example units -- --threads 2` trains SAC and TD3 with their recommended settings, ten seeds on each row of the table, and compares
//! every row with the plain pendulum. It exits with 1 if a row fails, and with 2 at an error. After a stop, the same command continues: finished cells are
//! kept. `--seeds 3` is the short form; `--rows plain,action_40_50 --algorithms sac` a part.
//! Regret is the best possible mean return minus that of the greedy policy, over the grid of 256 starts and on the scale of the plain task.

mod cli;

use std::path::PathBuf;
use std::process::ExitCode;

use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::env::{RescaleAction, RescaleObservation, ScaleReward};
use actor_critic::experiment::{Experiment, Results, Scoring};
use actor_critic::prelude::*;
use actor_critic::preset::Task;
use actor_critic::statistics::interquartile_mean;
use actor_critic::train::{Evaluation, EvaluationSummary};
use clap::{Parser, ValueEnum};

/// Largest regret of a run that counts as solved.
const SOLVED: f64 = 20.0;

/// Share of the seeds that must solve a row.
const SHARE: f64 = 0.9;

/// Most that the interquartile mean of a row may be worse than that of the plain pendulum.
const MARGIN: f64 = 5.0;

/// The units of one row.
struct Row {
    name: &'static str,
    /// The interval that is mapped onto torques from -2 to 2 N·m.
    actions: [f32; 2],
    /// Factor and offset of each observation axis: cosine, sine, angular velocity.
    scale: [f64; 3],
    offset: [f64; 3],
    reward: f64,
}

const PLAIN: Row = Row { name: "plain", actions: [-2.0, 2.0], scale: [1.0; 3], offset: [0.0; 3], reward: 1.0 };

const ROWS: [Row; 16] = [
    PLAIN,
    Row { name: "action_0.01", actions: [-0.01, 0.01], ..PLAIN },
    Row { name: "action_0_0.3", actions: [0.0, 0.3], ..PLAIN },
    Row { name: "action_40_50", actions: [40.0, 50.0], ..PLAIN },
    Row { name: "action_100", actions: [-100.0, 100.0], ..PLAIN },
    Row { name: "action_-1000_3000", actions: [-1_000.0, 3_000.0], ..PLAIN },
    Row { name: "observation_x1e-3", scale: [1e-3; 3], ..PLAIN },
    Row { name: "observation_x1e3", scale: [1e3; 3], ..PLAIN },
    Row { name: "observation_plus_1000", offset: [1e3; 3], ..PLAIN },
    Row { name: "reward_x1e-4", reward: 1e-4, ..PLAIN },
    Row { name: "reward_x1e-2", reward: 1e-2, ..PLAIN },
    Row { name: "reward_x100", reward: 100.0, ..PLAIN },
    Row { name: "reward_x1e4", reward: 1e4, ..PLAIN },
    Row {
        name: "mixture_1",
        actions: [3.0, 4.0],
        scale: [10.0, 0.1, 1_000.0],
        offset: [-5.0, 100.0, 0.0],
        reward: 0.01,
    },
    Row {
        name: "mixture_2",
        actions: [-500.0, -100.0],
        scale: [1e-3, 1e3, 1.0],
        offset: [1.0, -1_000.0, 20.0],
        reward: 1_000.0,
    },
    Row {
        name: "mixture_3",
        actions: [-0.02, 0.01],
        scale: [200.0, 200.0, 0.005],
        offset: [1_000.0, 0.0, -1.0],
        reward: 1e-3,
    },
];

/// An environment in other units.
type InUnits<E> = ScaleReward<RescaleObservation<RescaleAction<E>>>;

impl Row {
    fn wrap<E: Environment>(&self, env: E) -> Result<InUnits<E>, Error> {
        let [low, high] = self.actions.map(|bound| vec![bound]);
        let env = RescaleAction::new(env, BoxSpace::new(low, high)?)?;
        let env = RescaleObservation::new(env, &self.scale, &self.offset)?;
        Ok(ScaleReward::new(env, self.reward)?)
    }

    /// Evaluates the greedy policy on the grid, with returns in the unit of the plain task.
    fn evaluate(&self, policy: &impl Act) -> Result<Evaluation, Error> {
        let mut evaluation = evaluate(policy, &mut self.wrap(PendulumGrid::v1())?, 0..256)?;
        evaluation.returns.iter_mut().for_each(|value| *value /= self.reward);
        Ok(evaluation)
    }

    fn description(&self) -> String {
        let Self { actions: [low, high], scale, offset, reward, .. } = self;
        format!("actions in [{low}, {high}], observations times {scale:?} plus {offset:?}, rewards times {reward}")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Algorithm {
    Sac,
    Td3,
    Ddpg,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sac => "sac",
            Self::Td3 => "td3",
            Self::Ddpg => "ddpg",
        }
    }
}

#[derive(Parser)]
#[command(about = "The pendulum in other units of actions, observations and rewards")]
struct Cli {
    /// Algorithms
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Algorithm::Sac, Algorithm::Td3])]
    algorithms: Vec<Algorithm>,
    /// Rows, by name [default: all]
    #[arg(long, value_delimiter = ',', value_parser = ROWS.map(|row| row.name))]
    rows: Vec<String>,
    /// Seeds of each: 0, 1, …
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Environment steps of each run
    #[arg(long, default_value_t = 10_000)]
    steps: usize,
    /// Evaluations of the greedy policy in a run, spread evenly; the last one counts
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    evaluations: u64,
    /// Runs at a time
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Folder for the results
    #[arg(long, default_value = "runs/units")]
    out: PathBuf,
    #[command(flatten)]
    device: cli::DeviceArg,
}

impl Cli {
    fn rows(&self) -> impl Iterator<Item = &'static Row> {
        static TABLE: [Row; 16] = ROWS;
        TABLE.iter().filter(|row| self.rows.is_empty() || self.rows.iter().any(|name| name == row.name))
    }

    /// Steps between two evaluations, such that one falls on the last step.
    fn every(&self) -> usize {
        let evaluations = usize::try_from(self.evaluations).unwrap_or(usize::MAX).min(self.steps);
        let most = (1..=evaluations.max(1)).rev().find(|n| self.steps.is_multiple_of(*n));
        (self.steps / most.unwrap_or(1)).max(1)
    }

    /// Describes the experiment: results in the folder that were made otherwise are refused.
    fn experiment(&self) -> Experiment {
        let experiment = Experiment::new(&self.out)
            .algorithms(self.algorithms.iter().map(|algorithm| algorithm.name()))
            .tasks(self.rows().map(|row| row.name))
            .seeds(0..self.seeds)
            .setting("steps", self.steps)
            .setting("every", self.every())
            .setting("sac", SacConfig::recommended())
            .setting("td3", Td3Config::recommended())
            .setting("ddpg", DdpgConfig::recommended())
            .setting("trainer", TrainerConfig::recommended(self.steps))
            .threads(self.threads);
        ROWS.iter().fold(experiment, |experiment, row| experiment.setting(row.name, row.description()))
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Runs what is missing, and says whether every row holds.
fn run(args: &Cli) -> Result<bool, Box<dyn std::error::Error>> {
    let experiment = args.experiment();
    let finished = experiment.run(|cell| {
        let row = args.rows().find(|row| row.name == cell.task()).expect("cells are made from rows");
        let evaluations = match cell.algorithm() {
            "sac" => train(&SacConfig::recommended(), row, cell.seed(), args),
            "td3" => train(&Td3Config::recommended(), row, cell.seed(), args),
            _ => train(&DdpgConfig::recommended(), row, cell.seed(), args),
        }?;
        println!("{cell}: regret {:.1}", evaluations.last().map_or(f64::NAN, regret));
        Ok::<_, Error>(evaluations)
    })?;
    println!("{} runs, {} were there already", finished.ran, finished.skipped);

    let results = experiment.results()?;
    let known = args.rows().fold(Scoring::new(), |scoring, row| {
        scoring.with_scale(row.name, Task::Pendulum.random_return(), GRID_OPTIMUM)
    });
    // Rows of earlier commands in the same folder are not asked for here.
    if results.tasks().len() == args.rows().count() {
        results.write(&args.out, &known)?;
    }
    let (table, holds) = judge(&results, args);
    println!("\n{table}");
    std::fs::write(args.out.join("units.md"), &table)?;
    Ok(holds)
}

fn regret(evaluation: &EvaluationSummary) -> f64 {
    GRID_OPTIMUM - evaluation.mean_return()
}

/// Trains in the units of a row.
fn train<C: AgentConfig + 'static>(
    config: &C,
    row: &'static Row,
    seed: Seed,
    args: &Cli,
) -> Result<Vec<EvaluationSummary>, Error> {
    let env = row.wrap(Pendulum::v1())?;
    let agent = config.init(&Spaces::of(&env)?, &args.device.device(), seed)?;
    let trainer_config = TrainerConfig::recommended(args.steps).with_replay_capacity(args.steps);
    let evaluation = EvaluateEvery::steps(args.every(), |agent: &C::Agent| row.evaluate(agent))?;
    let mut trainer = Trainer::new(env, agent, &trainer_config, seed)?.with_evaluation(evaluation);
    let mut diagnosis = Diagnosis::new();
    trainer.run(&mut [&mut diagnosis])?;
    diagnosis.findings().iter().for_each(|finding| println!("{}/{}: {finding}", row.name, seed.0));
    Ok(trainer.evaluations().to_vec())
}

/// Final regrets of the seeds that were asked for.
fn regrets(results: &Results, algorithm: Algorithm, row: &str, args: &Cli) -> Vec<f64> {
    let runs = results.runs_of(algorithm.name(), row).filter(|run| run.cell.seed < args.seeds);
    runs.map(|run| GRID_OPTIMUM - run.final_score()).collect()
}

/// Writes the table, and says whether every row holds.
fn judge(results: &Results, args: &Cli) -> (String, bool) {
    let mut table = String::from(
        "| row | algorithm | regret, interquartile mean | worst | regret at most 20 | worse than plain by | verdict |\n|---|---|---|---|---|---|---|\n",
    );
    let mut holds = true;
    for row in args.rows() {
        for &algorithm in &args.algorithms {
            let scores = regrets(results, algorithm, row.name, args);
            let (mean, worst) = (interquartile_mean(&scores), scores.iter().copied().fold(f64::MIN, f64::max));
            let solved = scores.iter().filter(|&&score| score <= SOLVED).count();
            let worse = mean - interquartile_mean(&regrets(results, algorithm, PLAIN.name, args));
            let (verdict, good) = verdict(solved, scores.len(), worse);
            holds &= good;
            let worse = if worse.is_nan() { "no plain row".to_owned() } else { format!("{worse:.1}") };
            let (name, algorithm, seeds) = (row.name, algorithm.name(), scores.len());
            table += &format!(
                "| {name} | {algorithm} | {mean:.1} | {worst:.1} | {solved} of {seeds} | {worse} | {verdict} |\n"
            );
        }
    }
    (table, holds)
}

/// Judges one row; `worse` is NaN without the plain row to compare with, and is then left out.
fn verdict(solved: usize, seeds: usize, worse: f64) -> (&'static str, bool) {
    match ((solved as f64) < SHARE * seeds as f64, worse > MARGIN) {
        (false, false) => ("holds", true),
        (true, false) => ("fails: too few seeds solve it", false),
        (false, true) => ("fails: worse than plain", false),
        (true, true) => ("fails: too few seeds solve it, and worse than plain", false),
    }
}
