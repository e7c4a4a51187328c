//! Networks of your own: any burn module that implements [`Actor`] or [`Critic`].
//!
//! `cargo run --release --example custom_networks`
//! trains a policy with layer normalisation and a critic with a skip connection on the pendulum, and prints `regret R`.
//! About half a minute on one core.

mod cli;

use actor_critic::burn::module::Module;
use actor_critic::burn::nn::{LayerNorm, LayerNormConfig, Linear};
use actor_critic::burn::tensor::{Device, Tensor, activation::silu};
use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::nn::{Initialization, linear};
use actor_critic::prelude::*;
use actor_critic::rand::Rng;
use clap::Parser;

const HIDDEN_DIM: usize = 64;

/// One normalised hidden layer, squashed into [−1, 1]: the agent knows the bounds of the torque.
#[derive(Module, Debug)]
struct NormalisedActor {
    input: Linear,
    norm: LayerNorm,
    output: Linear,
}

impl NormalisedActor {
    fn new(spaces: &Spaces, rng: &mut impl Rng, device: &Device) -> Self {
        Self {
            input: linear(spaces.observation().dim(), HIDDEN_DIM, Initialization::FanIn, rng, device),
            norm: LayerNormConfig::new(HIDDEN_DIM).init(device),
            output: linear(HIDDEN_DIM, spaces.action().dim(), Initialization::FanIn, rng, device),
        }
    }
}

impl Actor for NormalisedActor {
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        let features = silu(self.norm.forward(self.input.forward(observations)));
        self.output.forward(features).tanh()
    }
}

/// Two hidden layers, the second around a skip connection.
#[derive(Module, Debug)]
struct SkipCritic {
    input: Linear,
    hidden: Linear,
    output: Linear,
}

impl SkipCritic {
    fn new(spaces: &Spaces, rng: &mut impl Rng, device: &Device) -> Self {
        let inputs = spaces.observation().dim() + spaces.action().dim();
        Self {
            input: linear(inputs, HIDDEN_DIM, Initialization::FanIn, rng, device),
            hidden: linear(HIDDEN_DIM, HIDDEN_DIM, Initialization::FanIn, rng, device),
            output: linear(HIDDEN_DIM, 1, Initialization::FanIn, rng, device),
        }
    }
}

impl Critic for SkipCritic {
    fn q_value(&self, observations: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        let features = silu(self.input.forward(Tensor::cat(vec![observations, actions], 1)));
        let features = features.clone() + silu(self.hidden.forward(features));
        self.output.forward(features)
    }
}

#[derive(Parser)]
#[command(about = "Networks of your own, trained by DDPG on Pendulum-v1")]
struct Cli {
    /// Root of every random number of the run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Episodes to train for
    #[arg(long, default_value_t = 80)]
    episodes: usize,
    #[command(flatten)]
    device: cli::DeviceArg,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    let (seed, device) = (Seed(args.seed), args.device.device());

    let env = Pendulum::v1();
    let spaces = Spaces::of(&env)?;
    let actor = NormalisedActor::new(&spaces, &mut seed.stream(Stream::ActorWeights), &device);
    let critic = SkipCritic::new(&spaces, &mut seed.stream(Stream::CriticWeights), &device);
    let agent = Ddpg::new(actor, critic, &spaces, &DdpgConfig::new(), &device, seed)?;

    let trainer_config = TrainerConfig::new(args.episodes).with_batch_size(128);
    let mut trainer = Trainer::new(env, agent, &trainer_config, seed)?;
    trainer.run(&mut [&mut Console::every(10)])?;

    let regret = evaluate(trainer.agent(), &mut PendulumGrid::v1(), 0..256)?.regret(GRID_OPTIMUM);
    println!("regret {regret:.2}");
    Ok(())
}
