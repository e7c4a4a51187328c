//! This crate: `ours update ddpg|sac [--updates N]` and
//! `ours run ddpg|td3|sac [--width W] [--batch B] [--critic lab|joint] [--warmup N] [--steps N]`.

use std::time::Instant;

use actor_critic::nn::lab::TwoStreamCriticConfig;
use actor_critic::nn::{DeterministicActor, DeterministicActorConfig, GaussianActor, GaussianActorConfig, Initialization, QNetwork, QNetworkConfig};
use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;
use peers::{
    ACTION, Args, DDPG_ACTOR_LEARNING_RATE, DDPG_CRITIC_LEARNING_RATE, DISCOUNT, OBSERVATION, REPLAY_CAPACITY,
    SAC_LEARNING_RATE, TAU, TEMPERATURE, report,
};

const SEED: Seed = Seed(0);
/// Batches that lie ready. More than one, so that the agents do not fit a single one to the end.
const BATCHES: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let width = args.number("width", 256);
    match (args.word(0), args.word(1), args.text("critic", "lab")) {
        ("update", "ddpg", "lab") => update(&args, ddpg_lab()?),
        ("run", "ddpg", "lab") => run(&args, ddpg_lab()?),
        ("run", "ddpg", "joint") => run(&args, ddpg_joint(width)?),
        ("run", "td3", _) => run(&args, td3(width)?),
        ("update", "sac", _) => update(&args, sac(width)?),
        ("run", "sac", _) => run(&args, sac(width)?),
        _ => Err("usage: ours update ddpg|sac [options], ours run ddpg|td3|sac [options]".into()),
    }
}

fn actor(width: usize) -> Result<DeterministicActor, Box<dyn std::error::Error>> {
    let mut weights = SEED.stream(Stream::ActorWeights);
    let config = DeterministicActorConfig::new().with_hidden_dims(vec![width; 2]);
    Ok(config.init(&Spaces::of(&Pendulum::v1())?, &mut weights, &Device::flex())?)
}

fn ddpg<C: Critic>(
    actor: DeterministicActor,
    critic: C,
) -> Result<Ddpg<DeterministicActor, C>, Box<dyn std::error::Error>> {
    // 0.2 N·m on an axis from −2 to 2 N·m, as in the lab.
    let noise = OrnsteinUhlenbeckConfig::new().with_volatility(0.1).with_dt(0.01).with_reset_each_episode(false);
    let config = DdpgConfig::new()
        .with_discount(DISCOUNT)
        .with_tau(TAU)
        .with_actor_learning_rate(DDPG_ACTOR_LEARNING_RATE)
        .with_critic_learning_rate(DDPG_CRITIC_LEARNING_RATE)
        .with_noise(NoiseConfig::OrnsteinUhlenbeck(noise));
    Ok(Ddpg::new(actor, critic, &Spaces::of(&Pendulum::v1())?, &config, &Device::flex(), SEED)?)
}

/// The critic of the lab, with a stream for each input.
fn ddpg_lab() -> Result<Ddpg<DeterministicActor, impl Critic>, Box<dyn std::error::Error>> {
    let mut weights = SEED.stream(Stream::CriticWeights);
    let critic = TwoStreamCriticConfig::new().init(&Spaces::of(&Pendulum::v1())?, &mut weights, &Device::flex())?;
    ddpg(actor(256)?, critic)
}

/// The critic of most libraries, on observation and action together.
fn ddpg_joint(width: usize) -> Result<Ddpg<DeterministicActor, QNetwork>, Box<dyn std::error::Error>> {
    let mut weights = SEED.stream(Stream::CriticWeights);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![width; 2]);
    ddpg(actor(width)?, critic.init(&Spaces::of(&Pendulum::v1())?, &mut weights, &Device::flex())?)
}

/// The paper's TD3, which the defaults are: Gaussian noise, and one update of actor and targets for two of the critics.
fn td3(width: usize) -> Result<Td3<DeterministicActor, QNetwork>, Box<dyn std::error::Error>> {
    let (spaces, device) = (Spaces::of(&Pendulum::v1())?, Device::flex());
    let critic = QNetworkConfig::new().with_hidden_dims(vec![width; 2]);
    let mut weights = SEED.stream(Stream::CriticWeights);
    let critics = Ensemble::twin(|| critic.init(&spaces, &mut weights, &device))?;
    let config = Td3Config::new().with_discount(DISCOUNT).with_tau(TAU);
    Ok(Td3::new(actor(width)?, critics, &spaces, &config, &device, SEED)?)
}

fn sac(width: usize) -> Result<Sac<GaussianActor, QNetwork>, Box<dyn std::error::Error>> {
    let (spaces, device) = (Spaces::of(&Pendulum::v1())?, Device::flex());
    let actor = GaussianActorConfig::new()
        .with_hidden_dims(vec![width; 2])
        .with_initialization(Initialization::Xavier)
        .init(&spaces, &mut SEED.stream(Stream::ActorWeights), &device)?;
    let critic = QNetworkConfig::new().with_hidden_dims(vec![width; 2]).with_initialization(Initialization::Xavier);
    let mut weights = SEED.stream(Stream::CriticWeights);
    let critics = Ensemble::twin(|| critic.init(&spaces, &mut weights, &device))?;
    let config = SacConfig::new()
        .with_discount(DISCOUNT)
        .with_tau(TAU)
        .with_actor_learning_rate(SAC_LEARNING_RATE)
        .with_critic_learning_rate(SAC_LEARNING_RATE)
        .with_temperature(TemperatureConfig::Fixed(TEMPERATURE));
    Ok(Sac::new(actor, critics, &spaces, &config, &device, SEED)?)
}

/// Times updates alone, on batches that lie ready.
fn update(args: &Args, mut agent: impl Agent) -> Result<(), Box<dyn std::error::Error>> {
    let (batch, warmup, updates) = (args.number("batch", 128), 100, args.number("updates", 1000));
    let mut rng = SEED.stream(Stream::WarmUp);
    let mut replay = ReplayBuffer::new(10_000, OBSERVATION, ACTION)?;
    for _ in 0..10_000 {
        let [observation, next_observation]: [[f32; OBSERVATION]; 2] =
            std::array::from_fn(|_| std::array::from_fn(|_| rng.random_range(-1.0..1.0)));
        replay.push(&Transition {
            observation: &observation,
            action: &[rng.random_range(-2.0..2.0)],
            reward: rng.random_range(-16.0..0.0),
            next_observation: &next_observation,
            terminated: false,
        })?;
    }
    let batches = (0..BATCHES).map(|_| replay.sample(batch, 0.99, &mut rng)).collect::<Result<Vec<_>, _>>()?;
    let mut batches = batches.iter().cycle();
    let mut next = || batches.next().expect("there are batches");
    for _ in 0..warmup {
        agent.update(next())?;
    }
    let start = Instant::now();
    for _ in 0..updates {
        agent.update(next())?;
    }
    report(&format!("ours-{}-update", args.word(1)), start, updates);
    Ok(())
}

/// Times whole steps: act, step the environment, store, sample, update.
fn run(args: &Args, agent: impl Agent) -> Result<(), Box<dyn std::error::Error>> {
    let (batch, warmup, steps) = (args.number("batch", 128), args.number("warmup", 1000), args.number("steps", 10_000));
    // The lab learns once the buffer holds more than one batch. The random actions end with what is not timed.
    let trainer_config = TrainerConfig::new(1)
        .with_batch_size(batch)
        .with_replay_capacity(REPLAY_CAPACITY)
        .with_warmup_steps(if args.word(1) == "sac" { warmup } else { 0 })
        .with_learning_starts(batch + 1);
    let mut trainer = Trainer::new(Pendulum::v1(), agent, &trainer_config, SEED)?;
    for _ in 0..warmup {
        trainer.step()?;
    }
    let (before, start) = (trainer.updates(), Instant::now());
    for _ in 0..steps {
        trainer.step()?;
    }
    report(&format!("ours-{}-run", args.word(1)), start, steps);
    assert_eq!(trainer.updates() - before, steps, "one update a step");
    Ok(())
}
