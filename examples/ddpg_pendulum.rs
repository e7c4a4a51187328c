//! DDPG on Pendulum-v1 with the settings of a course exercise, the lab (`docs/lab.md`).
//!
//! `cargo run --release --example ddpg_pendulum -- --seed 0`
//! prints the lab's table and `regret R`; writes the history as CSV and the learning curve as SVG and PNG.
//! About two minutes on one core.

mod cli;

use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::nn::lab::TwoStreamCriticConfig;
use actor_critic::nn::{ActionUnits, DeterministicActorConfig};
use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;
use clap::Parser;

// The lab's numbers, in the lab's order.
const HIDDEN_DIMS: [usize; 2] = [256, 256];
const REPLAY_CAPACITY: usize = 50_000;
const BATCH_SIZE: usize = 128;
const DISCOUNT: f64 = 0.99;
const TAU: f64 = 0.005;
const CRITIC_LEARNING_RATE: f64 = 2e-3;
const ACTOR_LEARNING_RATE: f64 = 1e-3;
const EPISODES: usize = 200;
/// 0.2 N·m, on an axis from −2 to 2 N·m.
const NOISE_VOLATILITY: f64 = 0.2 / 2.0;
const NOISE_REVERSION: f64 = 0.15;
const NOISE_DT: f64 = 0.01;
/// The critic's layers before observation and action meet.
const OBSERVATION_DIMS: [usize; 2] = [16, 32];
const ACTION_DIMS: [usize; 1] = [32];
/// The lab learns once the buffer holds more than one batch.
const LEARNING_STARTS: usize = BATCH_SIZE + 1;

#[derive(Parser)]
#[command(about = "Deep deterministic policy gradient on Pendulum-v1, with the lab's settings")]
struct Cli {
    #[command(flatten)]
    run: cli::RunArgs,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse().run;
    let (seed, device) = (Seed(args.seed), args.device.device());

    let env = Pendulum::v1();
    let spaces = Spaces::of(&env)?;

    let actor = DeterministicActorConfig::new().with_hidden_dims(HIDDEN_DIMS.into()).init(
        &spaces,
        &mut seed.stream(Stream::ActorWeights),
        &device,
    )?;
    // The notebook normalises nothing, and its critic sees torques in N·m.
    let critic = TwoStreamCriticConfig::new()
        .with_observation_dims(OBSERVATION_DIMS.into())
        .with_action_dims(ACTION_DIMS.into())
        .with_hidden_dims(HIDDEN_DIMS.into())
        .with_action_units(ActionUnits::Environment)
        .init(&spaces, &mut seed.stream(Stream::CriticWeights), &device)?;

    let noise = OrnsteinUhlenbeckConfig::new()
        .with_volatility(NOISE_VOLATILITY)
        .with_reversion(NOISE_REVERSION)
        .with_dt(NOISE_DT)
        .with_reset_each_episode(false);
    let config = DdpgConfig::new()
        .with_normalize_observations(false)
        .with_discount(DISCOUNT)
        .with_tau(TAU)
        .with_actor_learning_rate(ACTOR_LEARNING_RATE)
        .with_critic_learning_rate(CRITIC_LEARNING_RATE)
        .with_noise(NoiseConfig::OrnsteinUhlenbeck(noise));
    println!("{config}");
    let agent = Ddpg::new(actor, critic, &spaces, &config, &device, seed)?;

    let trainer_config = TrainerConfig::new(args.episodes.unwrap_or(EPISODES))
        .with_batch_size(BATCH_SIZE)
        .with_replay_capacity(REPLAY_CAPACITY)
        .with_warmup_steps(0)
        .with_learning_starts(LEARNING_STARTS);
    let trainer = Trainer::new(env, agent, &trainer_config, seed)?.with_environment_state();
    let Some(trainer) = cli::train(trainer, &args, "ddpg_pendulum")? else {
        return Ok(());
    };
    if let Some(path) = &args.policy {
        trainer.agent().policy()?.save(path)?;
    }

    let regret = evaluate(trainer.agent(), &mut PendulumGrid::v1(), 0..256)?.regret(GRID_OPTIMUM);
    println!("regret {regret:.2}");
    Ok(())
}
