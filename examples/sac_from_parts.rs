//! SAC in one `main`, from building blocks: no `Agent`, no `Trainer`.
//!
//! `cargo run --release --example sac_from_parts`
//! prints the return of every fifth episode, then `regret R`; networks of 64 keep it to about a minute.
//! Read it beside Algorithm 1 of arXiv:1812.05905.

mod cli;

use actor_critic::burn::module::{Module, Param};
use actor_critic::burn::optim::{AdamConfig, GradientsParams};
use actor_critic::burn::tensor::{Device, Tensor, TensorData};
use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::nn::{GaussianActorConfig, QNetworkConfig};
use actor_critic::objective::{soft_actor_loss, soft_value, td_loss, td_target, temperature_loss};
use actor_critic::prelude::*;
use actor_critic::rand::{Rng, RngExt};
use actor_critic::target::polyak_update;
use clap::Parser;
use rand_distr::{Distribution, StandardNormal};

const HIDDEN_DIMS: [usize; 2] = [64, 64];
const REPLAY_CAPACITY: usize = 50_000;
const BATCH_SIZE: usize = 128;
const DISCOUNT: f64 = 0.99;
const TAU: f64 = 0.005;
const LEARNING_RATE: f64 = 1e-3;
/// H̄, in nats: −1 for each axis of the action.
const TARGET_ENTROPY: f64 = -1.0;
const EPISODES: usize = 60;
/// States of the grid that the policy is judged from.
const STARTS: u64 = 256;
const ADAM_EPSILON: f32 = 1e-8;

#[derive(Parser)]
#[command(about = "SAC on Pendulum-v1 as one loop over building blocks")]
struct Cli {
    /// Root of every random number of the run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Episodes to train for
    #[arg(long, default_value_t = EPISODES)]
    episodes: usize,
    #[command(flatten)]
    device: cli::DeviceArg,
}

/// log α as a module of one parameter, so that Adam can step it.
#[derive(Module, Debug)]
struct LogTemperature {
    value: Param<Tensor<1>>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    let (seed, device) = (Seed(args.seed), args.device.device());
    let mut env = Pendulum::v1();
    let spaces = Spaces::of(&env)?;

    // Networks that learn live on the tape (`train`), their targets off it (`valid`).
    let actor = GaussianActorConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    let mut actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), &device)?.train();
    let critic = QNetworkConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    let mut critic_rng = seed.stream(Stream::CriticWeights);
    let mut critics = Ensemble::twin(|| critic.init(&spaces, &mut critic_rng, &device))?.train();
    let mut target_critics = critics.valid();
    let mut log_temperature = LogTemperature { value: Param::from_data([0.0_f32], &device) }.train();
    let adam = AdamConfig::new().with_epsilon(ADAM_EPSILON);
    let (mut actor_optimizer, mut critic_optimizer, mut temperature_optimizer) =
        (adam.init(), adam.init(), adam.init());

    let mut replay = ReplayBuffer::new(REPLAY_CAPACITY, spaces.observation().dim(), spaces.action().dim())?;
    let mut exploration_rng = seed.stream(Stream::Exploration);
    let mut update_rng = seed.stream(Stream::Update);
    let mut replay_rng = seed.stream(Stream::Replay);
    let mut episode_rng = seed.stream(Stream::Episodes);

    for episode in 0..args.episodes {
        let mut observation = env.reset(episode_rng.random())?;
        let mut episode_return = 0.0;
        loop {
            // Act: a ~ π(·∣o). Networks and replay know actions in [−1, 1]; the environment takes N·m.
            let noise = normal(1, spaces.action().dim(), &mut exploration_rng, &device);
            let action: Vec<f32> = actor.valid().sample(row(&observation, &device), noise).actions.try_into_vec_as()?;
            let step = env.step(&torque(spaces.action(), &action))?;
            spaces.check_step(&step)?;
            episode_return += f64::from(step.reward);
            replay.push(&Transition::new(&observation, &action, &step))?;

            if replay.len() > BATCH_SIZE {
                let batch = replay.sample(BATCH_SIZE, DISCOUNT, &mut replay_rng)?.upload(&device);
                let mut noise = || normal(BATCH_SIZE, spaces.action().dim(), &mut update_rng, &device);
                let temperature = f64::from(log_temperature.valid().value.val().try_into_scalar::<f32>()?).exp();

                // y = r + γ (1 − d) (min Q′(o′, a′) − α log π(a′∣o′)), a′ ~ π; the batch has γ (1 − d) as `discounts`.
                let next = actor.valid().sample(batch.next_observations.clone(), noise());
                let next_values = smallest(target_critics.q_values(batch.next_observations.clone(), next.actions));
                let next_values = soft_value(next_values, next.log_probs.expect(DENSITY), temperature);
                let targets = td_target(batch.rewards.clone(), batch.discounts.clone(), next_values);

                // Critics: descend (Q₁(o, a) − y)² + (Q₂(o, a) − y)².
                let values = critics.q_values(batch.observations.clone(), batch.actions.clone());
                let losses = values.into_iter().map(|values| td_loss(values, targets.clone()));
                let loss = losses.reduce(|sum, loss| sum + loss).expect("there are two critics");
                let gradients = GradientsParams::from_grads(loss.backward(), &critics);
                critics = critic_optimizer.step(LEARNING_RATE, critics, gradients);

                // Actor: descend α log π(a∣o) − min Q(o, a), a ~ π; `valid` makes the critics' weights constants.
                let sample = actor.sample(batch.observations.clone(), noise());
                let values = smallest(critics.valid().q_values(batch.observations.clone(), sample.actions));
                let log_probs = sample.log_probs.expect(DENSITY);
                let loss = soft_actor_loss(values, log_probs.clone(), temperature);
                let gradients = GradientsParams::from_grads(loss.backward(), &actor);
                actor = actor_optimizer.step(LEARNING_RATE, actor, gradients);

                // Temperature: descend −log α (log π(a∣o) + H̄).
                let loss = temperature_loss(log_temperature.value.val(), log_probs.inner(), TARGET_ENTROPY);
                let gradients = GradientsParams::from_grads(loss.backward(), &log_temperature);
                log_temperature = temperature_optimizer.step(LEARNING_RATE, log_temperature, gradients);

                target_critics = polyak_update(target_critics, &critics, TAU)?;
            }

            if step.is_last() {
                break;
            }
            observation = step.observation;
        }
        if episode % 5 == 0 {
            println!("Episode {episode:<5} Total reward: {episode_return:>9.2}");
        }
    }

    // Judge the greedy policy on the grid.
    let (actor, mut total) = (actor.valid(), 0.0);
    let mut env = PendulumGrid::v1();
    for start in 0..STARTS {
        let mut observation = env.reset(start)?;
        loop {
            let action: Vec<f32> = actor.act(row(&observation, &device)).try_into_vec_as()?;
            let step = env.step(&torque(spaces.action(), &action))?;
            total += f64::from(step.reward);
            if step.is_last() {
                break;
            }
            observation = step.observation;
        }
    }
    println!("regret {:.2}", GRID_OPTIMUM - total / STARTS as f64);
    Ok(())
}

const DENSITY: &str = "a Gaussian policy has a density";

/// Returns the smaller value of each row.
fn smallest(values: Vec<Tensor<2>>) -> Tensor<2> {
    values.into_iter().reduce(Tensor::min_pair).expect("there are two critics")
}

/// Draws from 𝒩(0, 1).
fn normal(rows: usize, columns: usize, rng: &mut impl Rng, device: &Device) -> Tensor<2> {
    let draws: Vec<f32> = StandardNormal.sample_iter(rng).take(rows * columns).collect();
    Tensor::from_data(TensorData::new(draws, [rows, columns]), device)
}

fn row(observation: &[f32], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(observation.to_vec(), [1, observation.len()]), device)
}

/// Maps `[−1, 1]` to the bounds.
fn torque(space: &BoxSpace, action: &[f32]) -> Vec<f32> {
    let axes = space.center().into_iter().zip(space.half_range());
    action.iter().zip(axes).map(|(a, (center, half_range))| center + half_range * a).collect()
}
