//! Random configurations: each is refused with a typed error or makes an agent that works, and none panics.
//!
//! ```sh
//! ACTOR_CRITIC_CASES=100000 cargo test --test it random_configurations # more than the default
//! ACTOR_CRITIC_CASE=1234 cargo test --test it random_configurations    # the one that failed
//! ```
//!
//! A case is a function of its number: spaces, networks, an agent and a schedule, most of them sensible, with more or fewer
//! wild numbers among them (negative, NaN, infinite, zero, the largest and the smallest there are). An agent that is made has to
//! act inside its bounds, before and after an update, and to go through a few steps of a trainer. On the way any typed error
//! will do: that a discount of 0.99 does not help an action axis of 1e38 is the user's to find.

mod draw;

use crate::fixture;
use std::panic::{AssertUnwindSafe, catch_unwind};

use actor_critic::agent::Agent;
use actor_critic::env::check_action;
use actor_critic::nn::lab::TwoStreamCriticConfig;
use actor_critic::nn::{
    Activation, DeterministicActor, DeterministicActorConfig, GaussianActorConfig, Initialization, QNetworkConfig,
};
use actor_critic::prelude::*;
use actor_critic::rand::{RngExt, rngs::ChaCha8Rng};
use draw::{AgentConfig, CriticConfig, Draw};
use rayon::prelude::*;

/// About six seconds of one core.
const DEFAULT_CASES: u64 = 5_000;

/// Steps of the trainer in a case.
const STEPS: usize = 12;

/// Everything that a case is made of, to be printed when it fails.
#[derive(Debug)]
struct Case {
    seed: Seed,
    observation_dim: usize,
    low: Vec<f32>,
    high: Vec<f32>,
    actor_dims: Vec<usize>,
    activation: Activation,
    initialization: Initialization,
    actor_residual: bool,
    critic: CriticConfig,
    agent: AgentConfig,
    trainer: TrainerConfig,
    /// Size of the numbers that the environment gives.
    scale: f32,
}

/// What became of a case that did not panic.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    /// A constructor said no.
    Refused,
    /// It acted or learned with a typed error on the way.
    Failed,
    Worked,
}

impl Case {
    fn new(number: u64) -> Self {
        let mut draw = Draw::of_case(number);
        let action_dim = draw.count(&[1, 2], &[0]);
        let (low, high) = draw.bounds(action_dim);
        let activation = draw.one_of(&[Activation::Relu, Activation::Tanh, Activation::Elu, Activation::Silu]);
        let initialization = draw.one_of(&[Initialization::FanIn, Initialization::Xavier]);
        let agent = draw.agent();
        let critic = if draw.rng.random() {
            CriticConfig::Joined(
                QNetworkConfig::new()
                    .with_hidden_dims(draw.widths())
                    .with_activation(activation)
                    .with_layer_norm(draw.rng.random())
                    .with_dropout(draw.number(&[0.0, 0.0, 0.5]))
                    .with_residual(draw.rng.random_bool(0.2))
                    .with_value_dim(draw.count(&[agent.value_dim()], &[0, 2]))
                    .with_initialization(initialization),
            )
        } else {
            CriticConfig::TwoStream(
                TwoStreamCriticConfig::new()
                    .with_observation_dims(draw.widths())
                    .with_action_dims(draw.widths())
                    .with_hidden_dims(draw.widths())
                    .with_activation(activation)
                    .with_initialization(initialization),
            )
        };
        Self {
            seed: Seed(number),
            observation_dim: draw.count(&[1, 3], &[0]),
            low,
            high,
            actor_dims: draw.widths(),
            activation,
            initialization,
            actor_residual: draw.rng.random_bool(0.2),
            critic,
            agent,
            trainer: draw.trainer(),
            scale: draw.one_of(&[1.0, 1.0, 1.0, 1.0, 0.0, 1e-45, 1e15, 1e25, 1e38, f32::MAX]),
        }
    }

    fn run(&self, device: &Device) -> Outcome {
        self.make(device).unwrap_or(Outcome::Refused)
    }

    fn make(&self, device: &Device) -> Result<Outcome, Error> {
        let actions = BoxSpace::new(self.low.clone(), self.high.clone())?;
        let spaces = Spaces::new(BoxSpace::unbounded(self.observation_dim)?, actions)?;
        match &self.critic {
            CriticConfig::Joined(config) => {
                self.with_critics(|rng| Ok(config.init(&spaces, rng, device)?), &spaces, device)
            }
            CriticConfig::TwoStream(config) => {
                self.with_critics(|rng| Ok(config.init(&spaces, rng, device)?), &spaces, device)
            }
        }
    }

    fn with_critics<C: Critic>(
        &self,
        mut critic: impl FnMut(&mut ChaCha8Rng) -> Result<C, Error>,
        spaces: &Spaces,
        device: &Device,
    ) -> Result<Outcome, Error> {
        let mut rng = self.seed.stream(Stream::CriticWeights);
        let first = critic(&mut rng)?;
        let mut both = |first| -> Result<_, Error> { Ok(Ensemble::new(vec![first, critic(&mut rng)?])?) };
        match &self.agent {
            AgentConfig::Ddpg(config) => {
                let actor = self.deterministic_actor(spaces, device)?;
                self.live(Ddpg::new(actor, first, spaces, config, device, self.seed)?)
            }
            AgentConfig::Td3(config) => {
                let actor = self.deterministic_actor(spaces, device)?;
                self.live(Td3::new(actor, both(first)?, spaces, config, device, self.seed)?)
            }
            AgentConfig::Sac(config, Some(noise)) => {
                let actor = self.deterministic_actor(spaces, device)?;
                let actor = noise.init(actor)?;
                self.live(Sac::new(actor, both(first)?, spaces, config, device, self.seed)?)
            }
            AgentConfig::Sac(config, None) => {
                let actor = GaussianActorConfig::new()
                    .with_hidden_dims(self.actor_dims.clone())
                    .with_activation(self.activation)
                    .with_residual(self.actor_residual)
                    .with_initialization(self.initialization);
                let actor = actor.init(spaces, &mut self.seed.stream(Stream::ActorWeights), device)?;
                self.live(Sac::new(actor, both(first)?, spaces, config, device, self.seed)?)
            }
        }
    }

    fn deterministic_actor(&self, spaces: &Spaces, device: &Device) -> Result<DeterministicActor, Error> {
        let config = DeterministicActorConfig::new()
            .with_hidden_dims(self.actor_dims.clone())
            .with_activation(self.activation)
            .with_residual(self.actor_residual)
            .with_initialization(self.initialization);
        Ok(config.init(spaces, &mut self.seed.stream(Stream::ActorWeights), device)?)
    }

    /// Lets an agent act, learn and act again, by hand and then in a trainer.
    fn live<A: Agent>(&self, mut agent: A) -> Result<Outcome, Error> {
        let mut env = Noise::new(agent.spaces(), self.scale);
        let mut replay = ReplayBuffer::new(8, self.observation_dim, self.low.len())?;
        let mut failed = false;
        let mut observation = env.reset(self.seed.0)?;
        for _ in 0..2 {
            let action = match self.act(&mut agent, &observation) {
                Ok(action) => action,
                Err(_) => {
                    failed = true;
                    agent.spaces().action().sample(&mut self.seed.stream(Stream::WarmUp))
                }
            };
            let step = env.step(&action)?;
            replay.push(&Transition::new(&observation, &action, &step))?;
            observation = step.observation;

            let batch = replay.sample(replay.len(), agent.discount(), &mut self.seed.stream(Stream::Replay))?;
            failed |= agent.update(&batch).is_err();
        }
        for not_finite in [f32::NAN, f32::INFINITY] {
            let observation = vec![not_finite; self.observation_dim];
            assert!(agent.explore(&[&observation]).is_err(), "{not_finite} was accepted");
        }
        self.act(&mut agent, &observation).unwrap_or_else(|_| {
            failed = true;
            Vec::new()
        });

        let mut trainer = Trainer::new(env, agent, &self.trainer, self.seed)?;
        // Updates without number are legal, and never over: the run ends before the first of them.
        let endless = self.trainer.updates_per_step > 2.0;
        let steps = if endless { STEPS.min(self.trainer.learning_starts() - 1) } else { STEPS };
        for _ in 0..steps {
            failed |= trainer.step().is_err();
        }
        Ok(if failed { Outcome::Failed } else { Outcome::Worked })
    }

    /// Acts in both modes; what comes back lies in the box, which NaN and infinity never do.
    fn act<A: Agent>(&self, agent: &mut A, observation: &[f32]) -> Result<Vec<f32>, Error> {
        let greedy = agent.act(&[observation])?.concat();
        let action = agent.explore(&[observation])?.concat();
        for action in [&greedy, &action] {
            assert!(agent.spaces().action().contains(action), "the action {action:?} is outside of its bounds");
        }
        Ok(action)
    }
}

/// An environment of finite random numbers of a given size.
struct Noise {
    spaces: Spaces,
    scale: f32,
    rng: ChaCha8Rng,
}

impl Noise {
    fn new(spaces: &Spaces, scale: f32) -> Self {
        Self { spaces: spaces.clone(), scale, rng: Seed(0).stream(Stream::Episodes) }
    }

    fn observe(&mut self) -> Vec<f32> {
        (0..self.spaces.observation().dim()).map(|_| self.scale * self.rng.random_range(-1.0_f32..1.0)).collect()
    }
}

impl Environment for Noise {
    fn observation_space(&self) -> &BoxSpace {
        self.spaces.observation()
    }

    fn action_space(&self) -> &BoxSpace {
        self.spaces.action()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.rng = Seed(seed).stream(Stream::Episodes);
        Ok(self.observe())
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(self.spaces.action(), action)?;
        let reward = self.scale * self.rng.random_range(-1.0_f32..1.0);
        let observation = self.observe();
        Ok(Step { observation, reward, terminated: self.rng.random_bool(0.1), truncated: self.rng.random_bool(0.1) })
    }
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number, got {value}")))
}

#[test]
fn a_width_that_no_memory_holds_is_refused() {
    let space = BoxSpace::symmetric(1.0, 2).unwrap();
    let spaces = Spaces::new(space.clone(), space).unwrap();
    for device in fixture::devices() {
        for initialization in [Initialization::FanIn, Initialization::Xavier] {
            let config = QNetworkConfig::new().with_hidden_dims(vec![usize::MAX]).with_initialization(initialization);
            assert!(config.init(&spaces, &mut Seed(0).stream(Stream::CriticWeights), &device).is_err());
            let config = TwoStreamCriticConfig::new()
                .with_observation_dims(vec![usize::MAX])
                .with_action_dims(vec![usize::MAX])
                .with_initialization(initialization);
            assert!(config.init(&spaces, &mut Seed(0).stream(Stream::CriticWeights), &device).is_err());
        }
    }
}

#[test]
fn every_configuration_is_refused_or_works_and_none_panics() {
    let cases = match variable("ACTOR_CRITIC_CASE") {
        Some(number) => number..number + 1,
        None => 0..variable("ACTOR_CRITIC_CASES").unwrap_or(DEFAULT_CASES),
    };
    for device in fixture::devices() {
        let outcomes: Vec<Result<Outcome, u64>> = (cases.clone().into_par_iter())
            .map(|number| {
                let case = Case::new(number);
                catch_unwind(AssertUnwindSafe(|| case.run(&device))).map_err(|_| {
                    eprintln!("case {number} panicked: {case:#?}");
                    number
                })
            })
            .collect();
        let panicked: Vec<u64> = outcomes.iter().filter_map(|outcome| outcome.err()).collect();
        assert!(panicked.is_empty(), "repeat a case with ACTOR_CRITIC_CASE=…; panicked: {panicked:?}");

        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == Ok(wanted)).count();
        let (refused, failed, worked) = (count(Outcome::Refused), count(Outcome::Failed), count(Outcome::Worked));
        println!("{} cases: {worked} worked, {refused} refused, {failed} with an error on the way", outcomes.len());
        // Where all are refused, or none is, the test shows nothing.
        let enough = outcomes.len() / 10;
        assert!(outcomes.len() < 100 || (worked > enough && refused > enough), "{worked} worked, {refused} refused");
    }
}
