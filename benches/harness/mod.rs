//! What the benchmarks share: agents of every size, batches, the matrix products of an update, and fair timing.
#![allow(dead_code, reason = "no benchmark uses all of it")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use actor_critic::burn::tensor::{Tensor, TensorData};
use actor_critic::nn::lab::TwoStreamCriticConfig;
use actor_critic::nn::{DeterministicActorConfig, GaussianActorConfig, QNetwork, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;

/// Observation and action axes of the Pendulum.
pub const OBSERVATION: usize = 3;
pub const ACTION: usize = 1;
pub const SEED: Seed = Seed(0);

pub type Ddpg<C> = actor_critic::agent::Ddpg<actor_critic::nn::DeterministicActor, C>;
pub type Sac = actor_critic::agent::Sac<actor_critic::nn::GaussianActor, QNetwork>;

pub fn device() -> Device {
    Device::flex()
}

pub fn spaces() -> Spaces {
    Spaces::of(&Pendulum::v1()).expect("the Pendulum's spaces are valid")
}

/// DDPG with two hidden layers, and a critic on observation and action together.
pub fn ddpg(width: usize) -> Ddpg<QNetwork> {
    let (spaces, device, dims) = (spaces(), device(), vec![width; 2]);
    let actor = DeterministicActorConfig::new().with_hidden_dims(dims.clone());
    let critic = QNetworkConfig::new().with_hidden_dims(dims);
    let actor = actor.init(&spaces, &mut SEED.stream(Stream::ActorWeights), &device).unwrap();
    let critic = critic.init(&spaces, &mut SEED.stream(Stream::CriticWeights), &device).unwrap();
    Ddpg::new(actor, critic, &spaces, &DdpgConfig::new(), &device, SEED).unwrap()
}

/// DDPG with the lab's networks: 256 wide, and a critic with a stream for each input.
pub fn ddpg_lab() -> Ddpg<actor_critic::nn::lab::TwoStreamCritic> {
    let (spaces, device) = (spaces(), device());
    let actor = DeterministicActorConfig::new();
    let actor = actor.init(&spaces, &mut SEED.stream(Stream::ActorWeights), &device).unwrap();
    let critic = TwoStreamCriticConfig::new();
    let critic = critic.init(&spaces, &mut SEED.stream(Stream::CriticWeights), &device).unwrap();
    Ddpg::new(actor, critic, &spaces, &DdpgConfig::new(), &device, SEED).unwrap()
}

/// SAC with two hidden layers, two critics and a learned temperature; 256 wide, the lab's networks.
pub fn sac(width: usize) -> Sac {
    let (spaces, device, dims) = (spaces(), device(), vec![width; 2]);
    let actor = GaussianActorConfig::new().with_hidden_dims(dims.clone());
    let actor = actor.init(&spaces, &mut SEED.stream(Stream::ActorWeights), &device).unwrap();
    let mut rng = SEED.stream(Stream::CriticWeights);
    let critic = QNetworkConfig::new().with_hidden_dims(dims);
    let critics = Ensemble::twin(|| critic.init(&spaces, &mut rng, &device)).unwrap();
    Sac::new(actor, critics, &spaces, &SacConfig::new(), &device, SEED).unwrap()
}

/// A replay of `len` transitions with random numbers, in episodes as long as the Pendulum's.
pub fn replay(len: usize) -> ReplayBuffer {
    const EPISODE: usize = 200;
    let mut rng = SEED.stream(Stream::WarmUp);
    let mut replay = ReplayBuffer::new(len, OBSERVATION, ACTION).unwrap();
    let mut draw = |low: f32, high| rng.random_range(low..high);
    let mut observation = [0.0; OBSERVATION];
    for step in 0..len {
        if step % EPISODE == 0 {
            observation = std::array::from_fn(|_| draw(-1.0, 1.0));
        }
        let next_observation: [f32; OBSERVATION] = std::array::from_fn(|_| draw(-1.0, 1.0));
        let transition = Transition {
            observation: &observation,
            action: &[draw(-2.0, 2.0)],
            reward: draw(-16.0, 0.0),
            next_observation: &next_observation,
            terminated: false,
        };
        replay.push(&transition).unwrap();
        observation = next_observation;
    }
    replay
}

pub fn batch(n: usize) -> Batch {
    replay(1000).sample(n, 0.99, &mut SEED.stream(Stream::Replay)).unwrap()
}

/// Returns a matrix of numbers in `[−1, 1)`.
pub fn random(shape: [usize; 2]) -> Tensor<2> {
    let mut rng = SEED.stream(Stream::Update);
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), &device())
}

/// The matrix products of an update, through the same backend, on operands that lie ready.
pub struct Products(Vec<[Tensor<2>; 2]>);

/// Which gradients a pass of a network computes.
#[derive(Clone, Copy, PartialEq)]
pub enum Pass {
    /// None: targets.
    Forward,
    /// Of the weights.
    Weights,
    /// Of the input: the critic in the loss of the actor.
    Input,
}

impl Products {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a pass of `n` rows through layers of the given widths.
    pub fn pass(mut self, n: usize, widths: &[usize], pass: Pass) -> Self {
        for (i, layer) in widths.windows(2).enumerate() {
            let (inputs, outputs) = (layer[0], layer[1]);
            let [x, w, delta] = [[n, inputs], [inputs, outputs], [n, outputs]].map(random);
            if pass == Pass::Weights {
                self.0.push([x.clone().transpose(), delta.clone()]);
            }
            if pass == Pass::Input || (pass == Pass::Weights && i > 0) {
                self.0.push([delta, w.clone().transpose()]);
            }
            self.0.push([x, w]);
        }
        self
    }

    /// Adds a pass of the lab's critic.
    pub fn lab_critic(self, n: usize, pass: Pass) -> Self {
        let head = [64, 256, 256, 1];
        match pass {
            Pass::Forward => {
                self.pass(n, &[OBSERVATION, 16, 32], pass).pass(n, &[ACTION, 32], pass).pass(n, &head, pass)
            }
            // The loss reaches the streams through the first layer of the head, the actor through that of the action.
            Pass::Weights => {
                let mut all =
                    self.pass(n, &[OBSERVATION, 16, 32], pass).pass(n, &[ACTION, 32], pass).pass(n, &head, pass);
                let [delta, w] = [[n, 256], [64, 256]].map(random);
                all.0.push([delta, w.transpose()]);
                all
            }
            Pass::Input => {
                self.pass(n, &[OBSERVATION, 16, 32], Pass::Forward).pass(n, &[ACTION, 32], pass).pass(n, &head, pass)
            }
        }
    }

    pub fn run(&self) {
        for [a, b] in &self.0 {
            black_box(a.clone().matmul(b.clone()));
        }
    }
}

pub fn ddpg_products(n: usize, width: usize) -> Products {
    let (actor, critic) = ([OBSERVATION, width, width, ACTION], [OBSERVATION + ACTION, width, width, 1]);
    Products::new()
        .pass(n, &actor, Pass::Forward)
        .pass(n, &critic, Pass::Forward)
        .pass(n, &critic, Pass::Weights)
        .pass(n, &actor, Pass::Weights)
        .pass(n, &critic, Pass::Input)
}

pub fn ddpg_lab_products(n: usize) -> Products {
    let actor = [OBSERVATION, 256, 256, ACTION];
    Products::new()
        .pass(n, &actor, Pass::Forward)
        .lab_critic(n, Pass::Forward)
        .lab_critic(n, Pass::Weights)
        .pass(n, &actor, Pass::Weights)
        .lab_critic(n, Pass::Input)
}

pub fn sac_products(n: usize, width: usize) -> Products {
    // The two heads of the actor are one product of as many columns, which is kind to the products.
    let (actor, critic) = ([OBSERVATION, width, width, 2 * ACTION], [OBSERVATION + ACTION, width, width, 1]);
    let mut all = Products::new().pass(n, &actor, Pass::Forward).pass(n, &actor, Pass::Weights);
    for _ in 0..2 {
        all = all.pass(n, &critic, Pass::Forward).pass(n, &critic, Pass::Weights).pass(n, &critic, Pass::Input);
    }
    all
}

/// Times several pieces of work in turn, so that whatever else the machine does meets all of them, and returns the median
/// seconds of one call of each.
pub fn interleaved<const N: usize>(budget: Duration, work: [&mut dyn FnMut(); N]) -> [f64; N] {
    let medians = interleaved_all(budget, work.into());
    medians.try_into().expect("a median for each piece of work")
}

/// As [`interleaved`], of as many pieces of work as there are at run time.
pub fn interleaved_all(budget: Duration, mut work: Vec<&mut dyn FnMut()>) -> Vec<f64> {
    let calls = |work: &mut dyn FnMut()| {
        // Long enough for the clock, short enough to take turns.
        let (start, mut calls) = (Instant::now(), 0);
        while calls < 3 || start.elapsed() < Duration::from_millis(20) {
            work();
            calls += 1;
        }
        calls
    };
    let calls: Vec<u32> = work.iter_mut().map(|work| calls(work)).collect();
    let mut samples: Vec<Vec<f64>> = vec![Vec::new(); work.len()];
    let start = Instant::now();
    while samples[0].len() < 5 || start.elapsed() < budget {
        for ((work, &calls), samples) in work.iter_mut().zip(&calls).zip(&mut samples) {
            let start = Instant::now();
            for _ in 0..calls {
                work();
            }
            samples.push(start.elapsed().as_secs_f64() / f64::from(calls));
        }
    }
    let median = |mut samples: Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    };
    samples.into_iter().map(median).collect()
}

/// Returns the resident memory of this process in MiB.
pub fn resident() -> f64 {
    const PAGE: f64 = 4096.0;
    let statm = std::fs::read_to_string("/proc/self/statm").expect("this benchmark needs Linux");
    let pages: f64 =
        statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("statm has two numbers");
    pages * PAGE / (1024.0 * 1024.0)
}
