//! modurl: `modurl run ddpg|sac [--width W] [--batch B] [--warmup N] [--steps N]`.
//!
//! Its own agents, networks, replay and training loop, on our Pendulum: its own comes with a crate of Box2D.

use std::cell::Cell;
use std::time::Instant;

use actor_critic::env::{Environment, Pendulum, TimeLimit};
use candle_core::{DType, Device, Module, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, VarBuilder, VarMap};
use modurl::prelude::*;
use peers::{
    ACTION, Args, DDPG_ACTOR_LEARNING_RATE, DDPG_CRITIC_LEARNING_RATE, DISCOUNT, LOG_STD, OBSERVATION, REPLAY_CAPACITY,
    SAC_LEARNING_RATE, TAU, TEMPERATURE, report,
};

const DEVICE: Device = Device::Cpu;
const MAX_TORQUE: f32 = 2.0;

type Failure = Box<dyn std::error::Error>;
type Envs = VectorizedGymWrapper<PendulumGym>;

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    match (args.word(0), args.word(1)) {
        ("run", "ddpg") => ddpg(&args),
        ("run", "sac") => sac(&args),
        _ => Err("usage: modurl run ddpg|sac [options]".into()),
    }
}

/// Our Pendulum, time limit included, as its trait wants it.
struct PendulumGym {
    env: TimeLimit<Pendulum>,
    episodes: u64,
}

impl Gym for PendulumGym {
    type Error = candle_core::Error;
    type SpaceError = candle_core::Error;

    fn step(&mut self, action: Tensor) -> candle_core::Result<StepInfo> {
        let step = self.env.step(&action.to_vec1::<f32>()?).map_err(candle_core::Error::wrap)?;
        Ok(StepInfo {
            state: Tensor::from_vec(step.observation, OBSERVATION, &DEVICE)?,
            reward: step.reward,
            done: step.terminated,
            truncated: step.truncated,
            info: (),
        })
    }

    fn reset(&mut self) -> candle_core::Result<ResetInfo> {
        self.episodes += 1;
        let observation = self.env.reset(self.episodes).map_err(candle_core::Error::wrap)?;
        Ok(ResetInfo { state: Tensor::from_vec(observation, OBSERVATION, &DEVICE)?, info: () })
    }

    fn observation_space(&self) -> Box<dyn Space<Error = candle_core::Error>> {
        Box::new(observation_space())
    }

    fn action_space(&self) -> Box<dyn Space<Error = candle_core::Error>> {
        Box::new(action_space())
    }
}

fn observation_space() -> BoxSpace {
    BoxSpace::new_with_universal_bounds(vec![OBSERVATION], -8.0, 8.0, &DEVICE)
}

fn action_space() -> BoxSpace {
    BoxSpace::new_with_universal_bounds(vec![ACTION], -MAX_TORQUE, MAX_TORQUE, &DEVICE)
}

fn envs() -> Envs {
    VectorizedGymWrapper::new(vec![PendulumGym { env: Pendulum::v1(), episodes: 0 }])
}

/// Its constructor wants one device for the replay and the updates.
fn replay_storage() -> ReplayStorageConfig {
    ReplayStorageConfig::new(ReplayDeviceStrategy::OneDevice(DEVICE))
}

/// candle has AdamW; without decay it is Adam.
fn adam(vars: &VarMap, lr: f64) -> candle_core::Result<AdamW> {
    AdamW::new(vars.all_vars(), ParamsAdamW { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 })
}

/// Two hidden layers with ReLU.
fn mlp(vars: &VarMap, inputs: usize, width: usize, outputs: usize) -> candle_core::Result<MLP> {
    MLP::builder()
        .input_size(inputs)
        .output_size(outputs)
        .hidden_layer_sizes(vec![width; 2])
        .vb(VarBuilder::from_varmap(vars, DType::F32, &DEVICE))
        .build()
}

fn critic<'a>(
    online: &'a VarMap,
    target: &'a mut VarMap,
    width: usize,
    lr: f64,
) -> Result<SACCritic<'a, AdamW>, Failure> {
    let inputs = OBSERVATION + ACTION;
    Ok(SACCritic::builder()
        .online_network(ScalarStateActionCritic::new(mlp(online, inputs, width, 1)?))
        .target_network(ScalarStateActionCritic::new(mlp(target, inputs, width, 1)?))
        .optimizer(adam(online, lr)?)
        .online_vars(online)
        .target_vars(target)
        .build()?)
}

/// Mean and clamped log-std, side by side.
struct GaussianActor(MLP);

impl Module for GaussianActor {
    fn forward(&self, observations: &Tensor) -> candle_core::Result<Tensor> {
        let outputs = self.0.forward(observations)?;
        let log_std = outputs.narrow(1, ACTION, ACTION)?.clamp(LOG_STD.0, LOG_STD.1)?;
        Tensor::cat(&[outputs.narrow(1, 0, ACTION)?, log_std], 1)
    }
}

/// An action within the bounds.
struct DeterministicActor(MLP);

impl Module for DeterministicActor {
    fn forward(&self, observations: &Tensor) -> candle_core::Result<Tensor> {
        self.0.forward(observations)?.tanh()? * f64::from(MAX_TORQUE)
    }
}

/// Counts updates, to check that a step takes one.
struct Updates<'a>(&'a Cell<usize>);

impl Updates<'_> {
    fn count(&self) {
        self.0.set(self.0.get() + 1);
    }
}

impl SACLogger for Updates<'_> {
    fn log_update(&mut self, _: &SACLogEntry) {
        self.count();
    }

    fn log_collection(&mut self, _: &SACCollectionLogEntry) {}
}

impl DDPGLogger for Updates<'_> {
    fn log(&mut self, _: &DeterministicActorCriticLogEntry) {
        self.count();
    }
}

fn sac(args: &Args) -> Result<(), Failure> {
    let (width, batch) = (args.number("width", 64), args.number("batch", 100));
    let (warmup, steps) = (args.number("warmup", 1000), args.number("steps", 10_000));

    let (actor_vars, critic_vars) = (VarMap::new(), [VarMap::new(), VarMap::new()]);
    let mut target_vars = [VarMap::new(), VarMap::new()];
    let bounds = action_space();
    let squash = TransformedDistribution::new(
        TransformedDistribution::new(GaussianDistribution::new(vec![ACTION])?, TanhTransform),
        AffineTransform::from_bounds(&bounds_tensor(-MAX_TORQUE)?, &bounds_tensor(MAX_TORQUE)?)?,
    );
    let actor = GaussianActor(mlp(&actor_vars, OBSERVATION, width, 2 * ACTION)?);
    let critics = critic_vars
        .iter()
        .zip(&mut target_vars)
        .map(|(online, target)| critic(online, target, width, SAC_LEARNING_RATE))
        .collect::<Result<Vec<_>, _>>()?;
    let updates = Cell::new(0);
    let mut logger = Updates(&updates);
    let mut agent = SACAgent::builder()
        .policy(ProbabilisticPolicyModel::with_distribution(actor, squash))
        .actor_optimizer(adam(&actor_vars, SAC_LEARNING_RATE)?)
        .critics(critics)
        .entropy_configuration(SACEntropyConfiguration::<AdamW>::fixed(TEMPERATURE))
        .action_space(Box::new(bounds))
        .observation_space(Box::new(observation_space()))
        .replay_storage_config(replay_storage())
        .logger(&mut logger)
        .gamma(DISCOUNT)
        .tau(TAU)
        .replay_capacity(REPLAY_CAPACITY)
        .batch_size(batch)
        .training_start(batch + 1)
        .training_horizon(warmup + steps)
        .build()?;
    let mut envs = envs();
    time(&mut agent, &mut envs, &updates, warmup, steps, "modurl-sac-run")
}

fn ddpg(args: &Args) -> Result<(), Failure> {
    let (width, batch) = (args.number("width", 64), args.number("batch", 100));
    let (warmup, steps) = (args.number("warmup", 1000), args.number("steps", 10_000));

    let (actor_vars, mut target_actor_vars) = (VarMap::new(), VarMap::new());
    let (critic_vars, mut target_critic_vars) = (VarMap::new(), VarMap::new());
    let updates = Cell::new(0);
    let mut logger = Updates(&updates);
    let mut agent = DDPGAgent::builder()
        .online_actor(DeterministicActor(mlp(&actor_vars, OBSERVATION, width, ACTION)?))
        .target_actor(DeterministicActor(mlp(&target_actor_vars, OBSERVATION, width, ACTION)?))
        .actor_optimizer(adam(&actor_vars, DDPG_ACTOR_LEARNING_RATE)?)
        .online_actor_vars(&actor_vars)
        .target_actor_vars(&mut target_actor_vars)
        .critic(critic(&critic_vars, &mut target_critic_vars, width, DDPG_CRITIC_LEARNING_RATE)?)
        .action_space(action_space())
        .observation_space(Box::new(observation_space()))
        .replay_storage_config(replay_storage())
        .logger(&mut logger)
        .gamma(DISCOUNT)
        .tau(TAU)
        .exploration_noise(0.2)
        .replay_capacity(REPLAY_CAPACITY)
        .batch_size(batch)
        .training_start(batch + 1)
        .training_horizon(warmup + steps)
        .build()?;
    let mut envs = envs();
    time(&mut agent, &mut envs, &updates, warmup, steps, "modurl-ddpg-run")
}

fn bounds_tensor(bound: f32) -> candle_core::Result<Tensor> {
    Tensor::full(bound, ACTION, &DEVICE)
}

fn time<A>(
    agent: &mut A,
    envs: &mut Envs,
    updates: &Cell<usize>,
    warmup: usize,
    steps: usize,
    name: &str,
) -> Result<(), Failure>
where
    A: Agent<GymError = VectorizedGymError<candle_core::Error>, SpaceError = candle_core::Error>,
    A::Error: std::fmt::Debug,
{
    let failed = |error: A::Error| format!("{error:?}");
    agent.learn(envs, warmup).map_err(failed)?;
    let (before, start) = (updates.get(), Instant::now());
    agent.learn(envs, steps).map_err(failed)?;
    report(name, start, steps);
    assert_eq!(updates.get() - before, steps, "one update a step");
    Ok(())
}
