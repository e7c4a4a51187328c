//! SAC on Pendulum-v1 with the settings of a course exercise, the lab (`docs/lab.md`).
//!
//! `cargo run --release --example sac_pendulum -- --seed 0`
//! prints the lab's table and `regret R`; writes the history as CSV and the learning curve as SVG and PNG.
//! About three minutes on one core.

mod cli;

use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::nn::{ActionUnits, GaussianActorConfig, Initialization, QNetworkConfig};
use actor_critic::prelude::*;
use clap::Parser;

// The lab's numbers, in the lab's order.
const HIDDEN_DIMS: [usize; 2] = [256, 256];
const REPLAY_CAPACITY: usize = 50_000;
const BATCH_SIZE: usize = 128;
const DISCOUNT: f64 = 0.99;
const TAU: f64 = 0.005;
const LEARNING_RATE: f64 = 1e-3;
const TEMPERATURE: f64 = 0.1;
const EPISODES: usize = 200;
const TARGET_UPDATE_INTERVAL: usize = 1;
const WARMUP_STEPS: usize = 1_000;
/// The lab learns once the buffer holds more than one batch.
const LEARNING_STARTS: usize = BATCH_SIZE + 1;

#[derive(Parser)]
#[command(about = "Soft actor-critic on Pendulum-v1, with the lab's settings")]
struct Cli {
    #[command(flatten)]
    run: cli::RunArgs,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse().run;
    let (seed, device) = (Seed(args.seed), args.device.device());

    let env = Pendulum::v1();
    let spaces = Spaces::of(&env)?;

    // The notebook normalises nothing, and its networks know torques in N·m: the critics see them, the entropy is that of them.
    let actor = GaussianActorConfig::new()
        .with_density_units(ActionUnits::Environment)
        .with_hidden_dims(HIDDEN_DIMS.into())
        .with_initialization(Initialization::Xavier)
        .init(&spaces, &mut seed.stream(Stream::ActorWeights), &device)?;
    let critic = QNetworkConfig::new()
        .with_action_units(ActionUnits::Environment)
        .with_hidden_dims(HIDDEN_DIMS.into())
        .with_initialization(Initialization::Xavier);
    let mut weights = seed.stream(Stream::CriticWeights);
    let critics = Ensemble::twin(|| critic.init(&spaces, &mut weights, &device))?;

    let config = SacConfig::new()
        .with_normalize_observations(false)
        .with_discount(DISCOUNT)
        .with_tau(TAU)
        .with_actor_learning_rate(LEARNING_RATE)
        .with_critic_learning_rate(LEARNING_RATE)
        .with_temperature(TemperatureConfig::Fixed(TEMPERATURE))
        .with_target_update_interval(TARGET_UPDATE_INTERVAL);
    println!("{config}");
    let agent = Sac::new(actor, critics, &spaces, &config, &device, seed)?;

    let trainer_config = TrainerConfig::new(args.episodes.unwrap_or(EPISODES))
        .with_batch_size(BATCH_SIZE)
        .with_replay_capacity(REPLAY_CAPACITY)
        .with_warmup_steps(WARMUP_STEPS)
        .with_learning_starts(LEARNING_STARTS);
    let trainer = Trainer::new(env, agent, &trainer_config, seed)?.with_environment_state();
    let Some(trainer) = cli::train(trainer, &args, "sac_pendulum")? else {
        return Ok(());
    };
    if let Some(path) = &args.policy {
        trainer.agent().policy()?.save(path)?;
    }

    let regret = evaluate(trainer.agent(), &mut PendulumGrid::v1(), 0..256)?.regret(GRID_OPTIMUM);
    println!("regret {regret:.2}");
    Ok(())
}
