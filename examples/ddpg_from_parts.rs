//! DDPG in one `main`, from building blocks: no `Agent`, no `Trainer`.
//!
//! `cargo run --release --example ddpg_from_parts`
//! prints the return of every fifth episode, then `regret R`; networks of 64 keep it to about half a minute.
//! Read it beside Algorithm 1 of arXiv:1509.02971.

mod cli;

use actor_critic::burn::module::Module;
use actor_critic::burn::optim::{AdamConfig, GradientsParams};
use actor_critic::burn::tensor::{Device, Tensor, TensorData};
use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::nn::{DeterministicActor, DeterministicActorConfig, QNetworkConfig};
use actor_critic::noise::{ActionNoise, OrnsteinUhlenbeckConfig};
use actor_critic::objective::{deterministic_actor_loss, td_loss, td_target};
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;
use actor_critic::target::polyak_update;
use clap::Parser;

const HIDDEN_DIMS: [usize; 2] = [64, 64];
const REPLAY_CAPACITY: usize = 50_000;
const BATCH_SIZE: usize = 128;
const DISCOUNT: f64 = 0.99;
const TAU: f64 = 0.005;
const CRITIC_LEARNING_RATE: f64 = 2e-3;
const ACTOR_LEARNING_RATE: f64 = 1e-3;
const EPISODES: usize = 100;
/// Ornstein-Uhlenbeck noise, in half-ranges; every episode begins at zero.
const NOISE_VOLATILITY: f64 = 0.2;
const NOISE_REVERSION: f64 = 0.15;
const NOISE_DT: f64 = 1.0;
/// States of the grid that the policy is judged from.
const STARTS: u64 = 256;
const ADAM_EPSILON: f32 = 1e-8;

#[derive(Parser)]
#[command(about = "DDPG on Pendulum-v1 as one loop over building blocks")]
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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    let (seed, device) = (Seed(args.seed), args.device.device());
    let mut env = Pendulum::v1();
    let spaces = Spaces::of(&env)?;

    // Networks that learn live on the tape (`train`), their targets off it (`valid`).
    let actor = DeterministicActorConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    let mut actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), &device)?.train();
    let critic = QNetworkConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    let mut critic = critic.init(&spaces, &mut seed.stream(Stream::CriticWeights), &device)?.train();
    let (mut target_actor, mut target_critic) = (actor.valid(), critic.valid());
    let adam = AdamConfig::new().with_epsilon(ADAM_EPSILON);
    let (mut actor_optimizer, mut critic_optimizer) = (adam.init(), adam.init());

    let mut replay = ReplayBuffer::new(REPLAY_CAPACITY, spaces.observation().dim(), spaces.action().dim())?;
    let noise = OrnsteinUhlenbeckConfig::new()
        .with_volatility(NOISE_VOLATILITY)
        .with_reversion(NOISE_REVERSION)
        .with_dt(NOISE_DT);
    let mut noise = noise.init(spaces.action().dim())?;
    let mut noise_rng = seed.stream(Stream::Exploration);
    let mut replay_rng = seed.stream(Stream::Replay);
    let mut episode_rng = seed.stream(Stream::Episodes);

    for episode in 0..args.episodes {
        let mut observation = env.reset(episode_rng.random())?;
        let mut episode_return = 0.0;
        noise.end_episode();
        loop {
            // Act: a = clamp(μ(o) + noise, ±1). Networks and replay know actions in [−1, 1]; the environment takes N·m.
            let mut action = act(&actor.valid(), &observation, &device)?;
            for (a, noise) in action.iter_mut().zip(noise.sample(&mut noise_rng)) {
                *a = (*a + noise).clamp(-1.0, 1.0);
            }
            let step = env.step(&torque(spaces.action(), &action))?;
            spaces.check_step(&step)?;
            episode_return += f64::from(step.reward);
            replay.push(&Transition::new(&observation, &action, &step))?;

            if replay.len() > BATCH_SIZE {
                let batch = replay.sample(BATCH_SIZE, DISCOUNT, &mut replay_rng)?.upload(&device);

                // y = r + γ (1 − d) Q′(o′, μ′(o′)); the batch has γ (1 − d) as `discounts`.
                let next_actions = target_actor.act(batch.next_observations.clone());
                let next_values = target_critic.q_value(batch.next_observations.clone(), next_actions);
                let targets = td_target(batch.rewards.clone(), batch.discounts.clone(), next_values);

                // Critic: descend (Q(o, a) − y)².
                let values = critic.q_value(batch.observations.clone(), batch.actions.clone());
                let gradients = GradientsParams::from_grads(td_loss(values, targets).backward(), &critic);
                critic = critic_optimizer.step(CRITIC_LEARNING_RATE, critic, gradients);

                // Actor: ascend Q(o, μ(o)); `valid` makes the critic's weights constants.
                let actions = actor.act(batch.observations.clone());
                let values = critic.valid().q_value(batch.observations.clone(), actions);
                let gradients = GradientsParams::from_grads(deterministic_actor_loss(values).backward(), &actor);
                actor = actor_optimizer.step(ACTOR_LEARNING_RATE, actor, gradients);

                target_critic = polyak_update(target_critic, &critic, TAU)?;
                target_actor = polyak_update(target_actor, &actor, TAU)?;
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
            let step = env.step(&torque(spaces.action(), &act(&actor, &observation, &device)?))?;
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

/// Maps `[−1, 1]` to the bounds.
fn torque(space: &BoxSpace, action: &[f32]) -> Vec<f32> {
    let axes = space.center().into_iter().zip(space.half_range());
    action.iter().zip(axes).map(|(a, (center, half_range))| center + half_range * a).collect()
}

fn act(
    actor: &DeterministicActor,
    observation: &[f32],
    device: &Device,
) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let observation = TensorData::new(observation.to_vec(), [1, observation.len()]);
    Ok(actor.act(Tensor::from_data(observation, device)).try_into_vec_as()?)
}
