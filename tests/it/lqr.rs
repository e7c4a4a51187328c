//! The linear-quadratic regulator: a task of many steps whose best policy is known, to compare each algorithm with.
//!
//! ```text
//! x′ = A x + B u,   r = −(xᵀ Q x + R u²),   best action u = −K x
//! ```
//!
//! Policies and critics here are of the form of the solution, so nothing is lost to approximation and what is left is the
//! algorithm. Both add a constant, which the solution needs in two places:
//!
//! - TD3 values noisy actions. Noise of variance σ² on u lowers every value by the same amount and leaves K as it is
//!   (certainty equivalence), as long as it does not meet the bounds of the action.
//! - SAC's best policy is exp(Q/α) up to a factor. As Q is quadratic in u, that is a Gaussian with the mean −K x and the variance
//!   α/(2 (R + γ Bᵀ P B)), the same for every x. So the policy is a Gaussian that is not squashed: the mean of a squashed one
//!   is linear near 0 only. Its entropy is the same everywhere too, a constant again.

use crate::fixture;
use std::num::NonZeroUsize;

use actor_critic::agent::Agent;
use actor_critic::burn::module::{Module, Param};
use actor_critic::burn::nn::Linear;
use actor_critic::burn::tensor::Tensor;
use actor_critic::env::check_action;
use actor_critic::nn::{ActionSample, StochasticActor};
use actor_critic::nn::{Initialization, linear};
use actor_critic::prelude::*;
use actor_critic::rand::{Rng, RngExt, SeedableRng, rngs::ChaCha8Rng};

type Matrix = [[f64; 2]; 2];

/// A body on a line with position and speed, pushed for half a second a step.
const A: Matrix = [[1.0, 0.5], [0.0, 1.0]];
const B: [f64; 2] = [0.125, 0.5];

/// Weight of the position, of the speed, and of the push.
const Q: [f64; 2] = [1.0, 0.1];
const R: f64 = 5.0;

const DISCOUNT: f64 = 0.9;

/// Room for every action that counts: a start lies in [−1, 1]², one push of 3 leads to a position of at most 1.9 and a speed of
/// 2.5, and −K x is 2.3 there. A bound that is met would be another task, with another K.
const LARGEST_ACTION: f32 = 3.0;

/// One step from a random state, cut off: the value is that of the endless task all the same, and what is learned from is
/// spread evenly over states.
const EPISODE_STEPS: NonZeroUsize = NonZeroUsize::new(1).expect("1 is not 0");

/// K, and the curvature R + γ Bᵀ P B of the best action's value.
#[derive(Debug)]
struct Optimum {
    gain: [f64; 2],
    curvature: f64,
}

impl Optimum {
    /// Iterates the discounted Riccati equation from P = 0 until it stands still:
    /// K = γ Bᵀ P A / (R + γ Bᵀ P B), P ← Q + γ Aᵀ P (A − B K).
    fn new() -> Self {
        let mut p: Matrix = [[0.0; 2]; 2];
        loop {
            // Bᵀ P, then Bᵀ P A
            let bp: [f64; 2] = std::array::from_fn(|j| B[0] * p[0][j] + B[1] * p[1][j]);
            let bpa: [f64; 2] = std::array::from_fn(|j| bp[0] * A[0][j] + bp[1] * A[1][j]);
            let curvature = R + DISCOUNT * (bp[0] * B[0] + bp[1] * B[1]);
            let gain = bpa.map(|x| DISCOUNT * x / curvature);
            let closed: Matrix = std::array::from_fn(|i| std::array::from_fn(|j| A[i][j] - B[i] * gain[j]));
            let next: Matrix = std::array::from_fn(|i| {
                std::array::from_fn(|j| {
                    let apc: f64 = (0..2).flat_map(|k| (0..2).map(move |l| A[k][i] * p[k][l] * closed[l][j])).sum();
                    (if i == j { Q[i] } else { 0.0 }) + DISCOUNT * apc
                })
            });
            let moved = (0..2).any(|i| (0..2).any(|j| (next[i][j] - p[i][j]).abs() > 1e-12));
            if !moved {
                return Self { gain, curvature };
            }
            p = next;
        }
    }
}

/// The regulator's environment; it has no end of its own.
struct Regulator {
    observations: BoxSpace,
    actions: BoxSpace,
    state: Option<[f64; 2]>,
}

impl Regulator {
    fn new() -> TimeLimit<Self> {
        let observations = BoxSpace::unbounded(2).unwrap();
        let actions = BoxSpace::symmetric(LARGEST_ACTION, 1).unwrap();
        TimeLimit::new(Self { observations, actions, state: None }, EPISODE_STEPS)
    }
}

fn observe(state: [f64; 2]) -> Vec<f32> {
    state.map(|x| x as f32).into()
}

impl Environment for Regulator {
    fn observation_space(&self) -> &BoxSpace {
        &self.observations
    }

    fn action_space(&self) -> &BoxSpace {
        &self.actions
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let state = std::array::from_fn(|_| rng.random_range(-1.0..1.0));
        self.state = Some(state);
        Ok(observe(state))
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.actions, action)?;
        let x = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        let u = f64::from(action[0]);
        let reward = -(Q[0] * x[0] * x[0] + Q[1] * x[1] * x[1] + R * u * u);
        let next = std::array::from_fn(|i| A[i][0] * x[0] + A[i][1] * x[1] + B[i] * u);
        self.state = Some(next);
        Ok(Step { observation: observe(next), reward: reward as f32, terminated: false, truncated: false })
    }
}

/// μ(x) = −K x + k, in the units of the regulator, whose largest action is 1 for the agent.
#[derive(Module, Debug)]
struct LinearActor {
    output: Linear,
}

impl Actor for LinearActor {
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        self.output.forward(observations) / LARGEST_ACTION
    }
}

/// 𝒩(−K x + k, σ²), with one σ for every x.
#[derive(Module, Debug)]
struct LinearGaussian {
    mean: LinearActor,
    log_std: Param<Tensor<2>>,
}

const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;

impl Actor for LinearGaussian {
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        self.mean.act(observations)
    }
}

impl StochasticActor for LinearGaussian {
    fn sample(&self, observations: Tensor<2>, noise: Tensor<2>) -> ActionSample {
        let log_std = self.log_std.val();
        let log_volume = LARGEST_ACTION.ln();
        let log_probs = noise.clone().square() * -0.5 - log_std.clone() - HALF_LOG_TWO_PI + log_volume;
        let actions = self.act(observations) + log_std.exp() * noise / LARGEST_ACTION;
        ActionSample { actions, log_probs: Some(log_probs) }
    }
}

/// A quadratic form of position, speed and action in the units of the regulator, and a constant.
#[derive(Module, Debug)]
struct QuadraticCritic {
    output: Linear,
}

impl Critic for QuadraticCritic {
    fn q_value(&self, observations: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        let actions = actions * LARGEST_ACTION;
        let [x, v] = [0, 1].map(|axis| observations.clone().narrow(1, axis, 1));
        let products = [[&x, &x], [&x, &v], [&v, &v], [&x, &actions], [&v, &actions], [&actions, &actions]];
        let products = products.map(|[left, right]| left.clone() * right.clone());
        self.output.forward(Tensor::cat(products.into(), 1))
    }
}

fn actor(device: &Device, seed: Seed) -> LinearActor {
    LinearActor { output: linear(2, 1, Initialization::FanIn, &mut seed.stream(Stream::ActorWeights), device) }
}

fn critic(rng: &mut impl Rng, device: &Device) -> QuadraticCritic {
    QuadraticCritic { output: linear(6, 1, Initialization::FanIn, rng, device) }
}

fn critics(device: &Device, seed: Seed) -> Ensemble<QuadraticCritic> {
    let mut rng = seed.stream(Stream::CriticWeights);
    Ensemble::twin(|| Ok(critic(&mut rng, device))).unwrap()
}

const STEPS: usize = 8_000;
const TAU: f64 = 0.02;
const ACTOR_LEARNING_RATE: f64 = 2e-3;
const CRITIC_LEARNING_RATE: f64 = 2e-2;

/// Trains on uniform actions throughout: those of a linear policy are a linear function of the state, but for a little noise,
/// and would leave the critic's six products nearly dependent.
fn train<A: Agent>(agent: A, seed: Seed) -> A {
    let config = TrainerConfig::new(1)
        .with_batch_size(64)
        .with_warmup_steps(STEPS)
        .with_learning_starts(64)
        .with_replay_capacity(STEPS);
    let mut trainer = Trainer::new(Regulator::new(), agent, &config, seed).unwrap();
    for _ in 0..STEPS {
        trainer.step().unwrap();
    }
    trainer.into_parts().1
}

/// Checks each component of the gain to 5 %, the bar of this test.
#[track_caller]
fn assert_gain(name: &str, seed: Seed, actor: &LinearActor) {
    let weights: Vec<f32> = actor.output.weight.val().inner().try_into_vec_as().unwrap();
    let optimum = Optimum::new().gain;
    let errors: Vec<f64> =
        weights.iter().zip(optimum).map(|(&weight, gain)| (f64::from(-weight) / gain - 1.0).abs()).collect();
    println!("{name}, {seed:?}: errors of the gain {errors:.4?}");
    assert!(
        errors.iter().all(|&error| error <= 0.05),
        "{name}, {seed:?}: the gain must be within 5 % of {optimum:?}, got {weights:?} negated"
    );
}

const SEEDS: std::ops::Range<u64> = 0..5;

#[test]
fn the_regulator_keeps_the_contract() {
    check_environment(&mut Regulator::new()).unwrap();
}

#[test]
fn ddpg_finds_the_gain() {
    for device in fixture::devices() {
        for seed in SEEDS.map(Seed) {
            let config = DdpgConfig::new()
                .with_normalize_observations(false)
                .with_discount(DISCOUNT)
                .with_tau(TAU)
                .with_actor_learning_rate(ACTOR_LEARNING_RATE)
                .with_critic_learning_rate(CRITIC_LEARNING_RATE);
            let critic = critic(&mut seed.stream(Stream::CriticWeights), &device);
            let spaces = Spaces::of(&Regulator::new()).unwrap();
            let agent = Ddpg::new(actor(&device, seed), critic, &spaces, &config, &device, seed).unwrap();
            assert_gain("DDPG", seed, train(agent, seed).actor());
        }
    }
}

#[test]
fn td3_finds_the_gain() {
    for device in fixture::devices() {
        for seed in SEEDS.map(Seed) {
            // At most 0.3 of noise on target actions, for which the bounds have room.
            let config = Td3Config::new()
                .with_normalize_observations(false)
                .with_smoothing_std(0.05)
                .with_smoothing_clip(0.1)
                .with_discount(DISCOUNT)
                .with_tau(TAU)
                .with_actor_learning_rate(ACTOR_LEARNING_RATE)
                .with_critic_learning_rate(CRITIC_LEARNING_RATE);
            let spaces = Spaces::of(&Regulator::new()).unwrap();
            let (actor, critics) = (actor(&device, seed), critics(&device, seed));
            let agent = Td3::new(actor, critics, &spaces, &config, &device, seed).unwrap();
            assert_gain("TD3", seed, train(agent, seed).actor());
        }
    }
}

/// Asks for a standard deviation of 0.083, so that no action that counts is near a bound.
const TEMPERATURE: f64 = 0.1;

#[test]
fn sac_finds_the_gain_and_the_deviation_that_its_temperature_asks_for() {
    for device in fixture::devices() {
        for seed in SEEDS.map(Seed) {
            let config = SacConfig::new()
                .with_normalize_observations(false)
                .with_discount(DISCOUNT)
                .with_tau(TAU)
                .with_actor_learning_rate(ACTOR_LEARNING_RATE)
                .with_critic_learning_rate(CRITIC_LEARNING_RATE)
                .with_temperature(TemperatureConfig::Fixed(TEMPERATURE));
            let spaces = Spaces::of(&Regulator::new()).unwrap();
            let actor = LinearGaussian { mean: actor(&device, seed), log_std: Param::from_data([[0.0_f32]], &device) };
            let agent = Sac::new(actor, critics(&device, seed), &spaces, &config, &device, seed).unwrap();
            let agent = train(agent, seed);
            assert_gain("SAC", seed, &agent.actor().mean);

            let deviation = f64::from(agent.actor().log_std.val().into_scalar::<f32>()).exp();
            let expected = (TEMPERATURE / (2.0 * Optimum::new().curvature)).sqrt();
            assert!(
                (deviation / expected - 1.0).abs() <= 0.05,
                "SAC, {seed:?}: the deviation must be within 5 % of {expected}, got {deviation}"
            );
        }
    }
}
