//! rlevo: `rlevo run sac [--width W] [--batch B] [--warmup N] [--steps N]`.
//!
//! Its own agent, networks, training loop and Pendulum. Its SAC differs from ours in the loss of the actor: it sees the first
//! critic alone, so an update has one pass through a critic less.

use std::time::Instant;

use peers::{
    ACTION, Args, DISCOUNT, LOG_STD, OBSERVATION, REPLAY_CAPACITY, SAC_LEARNING_RATE, TAU, TEMPERATURE, report,
};
use rlevo::burn::optim::AdamConfig;
use rlevo::burn::tensor::Device;
use rlevo::core::bounds::Bounds;
use rlevo::core::rand::{SeedableRng, rngs::StdRng};
use rlevo::envs::classic::pendulum::{Pendulum, PendulumAction, PendulumConfig, PendulumObservation};
use rlevo::envs::wrappers::TimeLimit;
use rlevo::harness::evaluator::train;
use rlevo::rl::algorithms::ddpg::ddpg_model::{MlpCritic, MlpCriticConfig};
use rlevo::rl::algorithms::sac::sac_agent::SacAgent;
use rlevo::rl::algorithms::sac::sac_config::SacTrainingConfig;
use rlevo::rl::algorithms::sac::sac_policy::{SquashedGaussianPolicyHead, SquashedGaussianPolicyHeadConfig};
use rlevo::rl::target::TargetUpdate;

type Agent = SacAgent<SquashedGaussianPolicyHead, MlpCritic, PendulumObservation, PendulumAction, 1, 2, 1, 2>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    if (args.word(0), args.word(1)) != ("run", "sac") {
        return Err("usage: rlevo run sac [options]".into());
    }
    let (width, batch) = (args.number("width", 64), args.number("batch", 100));
    let (warmup, steps) = (args.number("warmup", 1000), args.number("steps", 10_000));

    let device = Device::flex();
    device.seed(0);
    let actor = SquashedGaussianPolicyHeadConfig {
        obs_dim: OBSERVATION,
        hidden: width,
        action_dim: ACTION,
        log_std: Bounds::new(LOG_STD.0, LOG_STD.1),
        action_scale: 2.0,
        action_bias: 0.0,
    };
    let critic = MlpCriticConfig { obs_dim: OBSERVATION, action_dim: ACTION, hidden: vec![width; 2] };
    let config = SacTrainingConfig {
        replay_buffer_capacity: REPLAY_CAPACITY,
        batch_size: batch,
        learning_starts: batch + 1,
        actor_lr: SAC_LEARNING_RATE,
        critic_lr: SAC_LEARNING_RATE,
        gamma: DISCOUNT as f32,
        autotune: false,
        initial_alpha: TEMPERATURE as f32,
        // Its default is every second update.
        policy_frequency: 1,
        target_update: TargetUpdate::polyak(TAU as f32, 1),
        optimizer: AdamConfig::new().with_epsilon(1e-8),
        ..Default::default()
    };
    let mut agent: Agent =
        SacAgent::new(actor.try_init(&device)?, critic.try_init(&device)?, critic.try_init(&device)?, config, device)?;
    let mut env = TimeLimit::new(Pendulum::with_config(PendulumConfig::default())?, 200);
    let mut rng = StdRng::seed_from_u64(0);

    train(&mut env, &mut agent, warmup, usize::MAX, &mut rng)?;
    let (before, start) = (agent.critic_updates(), Instant::now());
    train(&mut env, &mut agent, steps, usize::MAX, &mut rng)?;
    report("rlevo-sac-run", start, steps);
    assert_eq!(agent.critic_updates() - before, steps, "one update a step");
    Ok(())
}
