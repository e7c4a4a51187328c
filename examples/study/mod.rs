//! DDPG runs with the lab's settings, one of them changed: what the two studies share.

use std::path::{Path, PathBuf};

use actor_critic::agent::AgentError;
use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::nn::lab::TwoStreamCriticConfig;
use actor_critic::nn::{ActionUnits, DeterministicActorConfig};
use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;
use actor_critic::train::plot::{Curve, Plot};
use clap::{Args, builder::RangedU64ValueParser};
use rayon::prelude::*;

#[path = "../cli/mod.rs"]
mod cli;

/// Episodes between two evaluations on the grid.
const EVALUATE_EVERY: usize = 10;
/// The lab's noise, which no study varies: 0.2 N·m on an axis from −2 to 2 N·m, never reset.
const NOISE_VOLATILITY: f64 = 0.2 / 2.0;
const NOISE_REVERSION: f64 = 0.15;
const NOISE_DT: f64 = 0.01;

/// Seeds of each setting, and episodes of each run: half the lab's, since what a setting decides is decided early.
const SEEDS: u64 = 3;
const EPISODES: usize = 100;

/// The flags of a study.
#[derive(Debug, Args)]
pub struct StudyArgs {
    /// Seeds per setting: 0, 1, …
    #[arg(long, default_value_t = SEEDS, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Episodes of each run
    #[arg(long, default_value_t = EPISODES, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub episodes: usize,
    #[command(flatten)]
    pub device: cli::DeviceArg,
    /// Folder for the results
    #[arg(long, default_value = "runs")]
    pub out: PathBuf,
}

/// The settings that the studies vary.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub label: String,
    pub discount: f64,
    pub tau: f64,
    pub batch_size: usize,
    pub critic_learning_rate: f64,
    pub actor_learning_rate: f64,
    pub hidden_dim: usize,
    pub replay_capacity: usize,
}

impl Setting {
    /// The lab's.
    pub fn lab() -> Self {
        Self {
            label: "lab".to_owned(),
            discount: 0.99,
            tau: 0.005,
            batch_size: 128,
            critic_learning_rate: 2e-3,
            actor_learning_rate: 1e-3,
            hidden_dim: 256,
            replay_capacity: 50_000,
        }
    }
}

/// Mean greedy return on the grid after some episodes of one run.
pub type Learning = Vec<(usize, f64)>;

/// Trains one agent, evaluating it as it goes. A run that diverges is judged by the policy it had last, to the end.
fn learn(setting: &Setting, seed: Seed, episodes: usize, device: &Device) -> Result<Learning, Error> {
    let env = Pendulum::v1();
    let spaces = Spaces::of(&env)?;
    let hidden_dims = vec![setting.hidden_dim; 2];
    let actor = DeterministicActorConfig::new().with_hidden_dims(hidden_dims.clone());
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), device)?;
    let critic = TwoStreamCriticConfig::new().with_hidden_dims(hidden_dims).with_action_units(ActionUnits::Environment);
    let critic = critic.init(&spaces, &mut seed.stream(Stream::CriticWeights), device)?;
    let noise = OrnsteinUhlenbeckConfig::new()
        .with_volatility(NOISE_VOLATILITY)
        .with_reversion(NOISE_REVERSION)
        .with_dt(NOISE_DT)
        .with_reset_each_episode(false);
    let config = DdpgConfig::new()
        .with_normalize_observations(false)
        .with_discount(setting.discount)
        .with_tau(setting.tau)
        .with_actor_learning_rate(setting.actor_learning_rate)
        .with_critic_learning_rate(setting.critic_learning_rate)
        .with_noise(NoiseConfig::OrnsteinUhlenbeck(noise));
    let agent = Ddpg::new(actor, critic, &spaces, &config, device, seed)?;
    let trainer_config = TrainerConfig::new(episodes)
        .with_batch_size(setting.batch_size)
        .with_replay_capacity(setting.replay_capacity)
        .with_warmup_steps(0)
        .with_learning_starts(setting.batch_size + 1);
    let mut trainer = Trainer::new(env, agent, &trainer_config, seed)?;

    let mut learning = Vec::new();
    while trainer.episodes() < episodes {
        let ended = match trainer.step() {
            Ok(report) => !report.episodes.is_empty(),
            Err(Error::Step { error, .. })
                if matches!(*error, Error::Agent(AgentError::Diverged { .. } | AgentError::Parameter { .. })) =>
            {
                println!("{} seed {}: {error} in episode {}", setting.label, seed.0, trainer.episodes());
                let mean_return = evaluate(trainer.agent(), &mut PendulumGrid::v1(), 0..256)?.mean_return();
                let left = (trainer.episodes() + 1..=episodes).filter(|n| n % EVALUATE_EVERY == 0 || *n == episodes);
                learning.extend(left.map(|episode| (episode, mean_return)));
                break;
            }
            Err(error) => return Err(error),
        };
        if ended && (trainer.episodes() % EVALUATE_EVERY == 0 || trainer.episodes() == episodes) {
            learning
                .push((trainer.episodes(), evaluate(trainer.agent(), &mut PendulumGrid::v1(), 0..256)?.mean_return()));
        }
    }
    Ok(learning)
}

/// Runs every setting with every seed, as many at a time as there are cores, in the order of the settings.
pub fn run(settings: &[Setting], args: &StudyArgs) -> Result<Vec<Vec<Learning>>, Error> {
    let device = args.device.device();
    let jobs: Vec<(&Setting, u64)> =
        settings.iter().flat_map(|setting| (0..args.seeds).map(move |seed| (setting, seed))).collect();
    let learnings: Vec<Learning> = (jobs.par_iter().with_max_len(1))
        .map(|&(setting, seed)| {
            let learning = learn(setting, Seed(seed), args.episodes, &device)?;
            let last = learning.last().map_or(f64::NAN, |&(_, mean_return)| mean_return);
            println!("{} seed {seed}: regret {:.2}", setting.label, GRID_OPTIMUM - last);
            Ok(learning)
        })
        .collect::<Result<_, Error>>()?;
    Ok(learnings.chunks(args.seeds as usize).map(<[Learning]>::to_vec).collect())
}

/// The mean over seeds with a band from the worst to the best.
pub fn curve(setting: &Setting, learnings: &[Learning]) -> Curve {
    let at = |i: usize| learnings.iter().map(move |learning| learning[i].1);
    let xs = learnings[0].iter().map(|&(episode, _)| episode as f64).enumerate();
    let mean = xs.clone().map(|(i, x)| (x, at(i).sum::<f64>() / learnings.len() as f64));
    let band =
        xs.clone().map(|(i, x)| (x, at(i).fold(f64::INFINITY, f64::min), at(i).fold(f64::NEG_INFINITY, f64::max)));
    Curve::new(&setting.label, mean).with_band(band)
}

pub fn plot(title: &str, curves: Vec<Curve>) -> Plot {
    let plot = Plot::new(title).with_labels("episode", "mean greedy return on the grid");
    curves.into_iter().fold(plot, Plot::with_curve).with_reference("optimum", GRID_OPTIMUM)
}

/// Final regrets of one setting over its seeds: each, then their mean.
pub fn final_regrets(learnings: &[Learning]) -> (Vec<f64>, f64) {
    let regrets: Vec<f64> = learnings.iter().map(|learning| GRID_OPTIMUM - learning[learning.len() - 1].1).collect();
    let mean = regrets.iter().sum::<f64>() / regrets.len() as f64;
    (regrets, mean)
}

/// Prints a Markdown table of final regrets.
pub fn print_table(settings: &[Setting], learnings: &[Vec<Learning>]) {
    println!("\n| setting | mean regret | regret of each seed |\n|---|---|---|");
    for (setting, learnings) in settings.iter().zip(learnings) {
        let (regrets, mean) = final_regrets(learnings);
        let regrets: Vec<String> = regrets.iter().map(|regret| format!("{regret:.1}")).collect();
        println!("| {} | {mean:.1} | {} |", setting.label, regrets.join(", "));
    }
}

/// Writes every evaluation of every run.
pub fn write_csv(path: &Path, settings: &[Setting], learnings: &[Vec<Learning>]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["setting", "seed", "episode", "mean_return", "regret"])?;
    for (setting, learnings) in settings.iter().zip(learnings) {
        for (seed, learning) in learnings.iter().enumerate() {
            for (episode, mean_return) in learning {
                writer.write_record([
                    setting.label.clone(),
                    seed.to_string(),
                    episode.to_string(),
                    mean_return.to_string(),
                    (GRID_OPTIMUM - mean_return).to_string(),
                ])?;
            }
        }
    }
    writer.flush()
}
