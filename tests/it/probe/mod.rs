//! What every probe needs: a task made of two functions, and the three algorithms trained on it.

use actor_critic::agent::Agent;
use actor_critic::burn::module::Module;
use actor_critic::burn::tensor::Tensor;
use actor_critic::env::check_action;
use actor_critic::nn::{DeterministicActor, DeterministicActorConfig, GaussianActor, GaussianActorConfig};
use actor_critic::nn::{QNetwork, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::rand::{SeedableRng, rngs::ChaCha8Rng};

use crate::fixture;

/// Neither centred nor of half-range 1, so that it shows if one of them is forgotten.
pub const LOW: f32 = -1.0;
pub const HIGH: f32 = 5.0;

/// Far enough from 1 for values to settle within the run, and from 0 for a second step to count.
pub const DISCOUNT: f64 = 0.8;

/// Environment steps of a run.
const STEPS: usize = 2_000;

/// Steps with uniform actions, which stay in the replay: the critic sees the whole axis to the end.
const WARMUP_STEPS: usize = 500;

/// The seeds that all have to pass.
const SEEDS: std::ops::Range<u64> = 0..5;

/// SAC's values are those of the soft return, which has α times the entropy of every later action in it. A density on
/// [−1, 1] has at most log 2 nats, so α = 1e-3 adds at most γ/(1 − γ) α log 2 = 0.003 to a value.
const TEMPERATURE: f64 = 1e-3;

/// A task whose next step depends on what is seen and done, and on nothing else.
pub struct Probe {
    observations: BoxSpace,
    actions: BoxSpace,
    begin: fn(&mut ChaCha8Rng) -> Vec<f32>,
    advance: fn(&[f32], f32) -> Step,
    observation: Option<Vec<f32>>,
}

impl Probe {
    pub fn new(dim: usize, begin: fn(&mut ChaCha8Rng) -> Vec<f32>, advance: fn(&[f32], f32) -> Step) -> Self {
        let observations = BoxSpace::unbounded(dim).unwrap();
        let actions = BoxSpace::new(vec![LOW], vec![HIGH]).unwrap();
        Self { observations, actions, begin, advance, observation: None }
    }
}

impl Environment for Probe {
    fn observation_space(&self) -> &BoxSpace {
        &self.observations
    }

    fn action_space(&self) -> &BoxSpace {
        &self.actions
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let observation = (self.begin)(&mut ChaCha8Rng::seed_from_u64(seed));
        self.observation = Some(observation.clone());
        Ok(observation)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.actions, action)?;
        let observation = self.observation.as_deref().ok_or(EnvironmentError::StepBeforeReset)?;
        let step = (self.advance)(observation, action[0]);
        self.observation = (!step.is_last()).then(|| step.observation.clone());
        Ok(step)
    }
}

/// Trains every algorithm on `task` with every seed, and hands each result to `check`.
pub fn probe(task: fn() -> Probe, check: impl Fn(&Trained)) {
    for device in fixture::devices() {
        for seed in SEEDS.map(Seed) {
            check(&Trained::of(ddpg, "DDPG", task(), &device, seed));
            check(&Trained::of(td3, "TD3", task(), &device, seed));
            check(&Trained::of(sac, "SAC", task(), &device, seed));
        }
    }
}

/// What an algorithm made of a task.
pub struct Trained {
    name: String,
    agent: Box<dyn Probed>,
    device: Device,
}

impl Trained {
    fn of<A: Agent + Probed + 'static>(
        init: fn(&Spaces, &Device, Seed) -> A,
        name: &str,
        task: Probe,
        device: &Device,
        seed: Seed,
    ) -> Self {
        let agent = init(&Spaces::of(&task).unwrap(), device, seed);
        let config = TrainerConfig::new(1)
            .with_batch_size(32)
            .with_warmup_steps(WARMUP_STEPS)
            .with_learning_starts(100)
            .with_replay_capacity(STEPS);
        let mut trainer = Trainer::new(task, agent, &config, seed).unwrap();
        for _ in 0..STEPS {
            trainer.step().unwrap();
        }
        let (_, agent) = trainer.into_parts();
        Self { name: format!("{name}, {seed:?}"), agent: Box::new(agent), device: device.clone() }
    }

    /// Checks Q of each observation with an action from either end and from the middle, for every critic.
    #[track_caller]
    pub fn assert_values<const O: usize>(&self, expected: &[([f32; O], f64)], tolerance: f64) {
        for &(observation, expected) in expected {
            for action in [LOW, (LOW + HIGH) / 2.0, HIGH] {
                self.assert_value(observation, action, expected, tolerance);
            }
        }
    }

    #[track_caller]
    pub fn assert_value<const O: usize>(&self, observation: [f32; O], action: f32, expected: f64, tolerance: f64) {
        let observations = Tensor::from_data([observation], &self.device);
        let action_unit = (action - (LOW + HIGH) / 2.0) / ((HIGH - LOW) / 2.0);
        for q in self.agent.q_values(observations, Tensor::from_data([[action_unit]], &self.device)) {
            let found = f64::from(q.into_scalar::<f32>());
            assert!(
                (found - expected).abs() <= tolerance,
                "{}: Q({observation:?}, {action}) must be within {tolerance} of {expected}, got {found}",
                self.name
            );
        }
    }

    #[track_caller]
    pub fn assert_acts<const O: usize>(&self, observation: [f32; O], expected: f32, tolerance: f32) {
        let found = self.agent.act(&[&observation]).unwrap()[0][0];
        assert!(
            (found - expected).abs() <= tolerance,
            "{}: the action for {observation:?} must be within {tolerance} of {expected}, got {found}",
            self.name
        );
    }
}

/// What a probe asks an agent.
trait Probed: Act {
    /// Returns Q of every critic.
    fn q_values(&self, observations: Tensor<2>, actions: Tensor<2>) -> Vec<Tensor<2>>;
}

impl Probed for Ddpg<DeterministicActor, QNetwork> {
    fn q_values(&self, observations: Tensor<2>, actions: Tensor<2>) -> Vec<Tensor<2>> {
        vec![self.critic().valid().q_value(observations, actions)]
    }
}

impl Probed for Td3<DeterministicActor, QNetwork> {
    fn q_values(&self, observations: Tensor<2>, actions: Tensor<2>) -> Vec<Tensor<2>> {
        self.critics().valid().q_values(observations, actions)
    }
}

impl Probed for Sac<GaussianActor, QNetwork> {
    fn q_values(&self, observations: Tensor<2>, actions: Tensor<2>) -> Vec<Tensor<2>> {
        self.critics().valid().q_values(observations, actions)
    }
}

const HIDDEN_DIMS: [usize; 2] = [32, 32];
const TAU: f64 = 0.05;
const ACTOR_LEARNING_RATE: f64 = 1e-3;
const CRITIC_LEARNING_RATE: f64 = 3e-3;

fn deterministic_actor(spaces: &Spaces, device: &Device, seed: Seed) -> DeterministicActor {
    let config = DeterministicActorConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    config.init(spaces, &mut seed.stream(Stream::ActorWeights), device).unwrap()
}

fn critics(spaces: &Spaces, device: &Device, seed: Seed) -> Ensemble<QNetwork> {
    let config = QNetworkConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    let mut rng = seed.stream(Stream::CriticWeights);
    Ensemble::twin(|| config.init(spaces, &mut rng, device)).unwrap()
}

fn ddpg(spaces: &Spaces, device: &Device, seed: Seed) -> Ddpg<DeterministicActor, QNetwork> {
    let config = DdpgConfig::new()
        .with_normalize_observations(false)
        .with_discount(DISCOUNT)
        .with_tau(TAU)
        .with_actor_learning_rate(ACTOR_LEARNING_RATE)
        .with_critic_learning_rate(CRITIC_LEARNING_RATE);
    let critic = critics(spaces, device, seed).critics.swap_remove(0);
    Ddpg::new(deterministic_actor(spaces, device, seed), critic, spaces, &config, device, seed).unwrap()
}

fn td3(spaces: &Spaces, device: &Device, seed: Seed) -> Td3<DeterministicActor, QNetwork> {
    let config = Td3Config::new()
        .with_normalize_observations(false)
        .with_discount(DISCOUNT)
        .with_tau(TAU)
        .with_actor_learning_rate(ACTOR_LEARNING_RATE)
        .with_critic_learning_rate(CRITIC_LEARNING_RATE);
    let actor = deterministic_actor(spaces, device, seed);
    Td3::new(actor, critics(spaces, device, seed), spaces, &config, device, seed).unwrap()
}

fn sac(spaces: &Spaces, device: &Device, seed: Seed) -> Sac<GaussianActor, QNetwork> {
    let config = SacConfig::new()
        .with_normalize_observations(false)
        .with_discount(DISCOUNT)
        .with_tau(TAU)
        .with_actor_learning_rate(ACTOR_LEARNING_RATE)
        .with_critic_learning_rate(CRITIC_LEARNING_RATE)
        .with_temperature(TemperatureConfig::Fixed(TEMPERATURE));
    let actor = GaussianActorConfig::new().with_hidden_dims(HIDDEN_DIMS.into());
    let actor = actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device).unwrap();
    Sac::new(actor, critics(spaces, device, seed), spaces, &config, device, seed).unwrap()
}
