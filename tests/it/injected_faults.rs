//! NaN, infinities and 1e38 at eight places of a run, 25 times each: every one is named, with its place and its step.

use crate::fixture;
use actor_critic::agent::AgentError;
use actor_critic::burn::module::{Module, Param};
use actor_critic::burn::tensor::{Device, Tensor};
use actor_critic::nn::{DeterministicActor, DeterministicActorConfig, QNetwork, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::rand::{Rng, RngExt};

const FAULTS: [f32; 4] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38];
const TIMES: u64 = 25;
const OBSERVATION_DIM: usize = 3;

/// What one injection is: a value, the step that meets it, and a draw that decides where in an array it lies.
struct Injection {
    value: f32,
    step: usize,
    draw: usize,
}

fn injections() -> impl Iterator<Item = Injection> {
    FAULTS.into_iter().enumerate().flat_map(|(i, value)| {
        (0..TIMES).map(move |time| {
            let mut rng = Seed(i as u64 * TIMES + time).stream(Stream::Replay);
            Injection { value, step: rng.random_range(1..40), draw: rng.next_u32() as usize }
        })
    })
}

/// Injects at one place a hundred times, and returns how often what came of it was named as it should.
fn count(place: &str, mut inject: impl FnMut(&Injection, &Device) -> (String, String)) {
    for device in fixture::devices() {
        let mut named = 0;
        for injection in injections() {
            let (error, expected) = inject(&injection, &device);
            let Injection { value, step, draw } = injection;
            assert!(error.contains(&expected), "{value} in {place} at step {step} ({draw}): {error}\n  {expected}");
            named += 1;
        }
        println!("{place}: {named} of {} named", FAULTS.len() * TIMES as usize);
    }
}

/// Pushes a point about; the fault is in what one of its steps answers.
struct Task<'a> {
    spaces: Spaces,
    injection: &'a Injection,
    place: Place,
    steps: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    FirstObservation,
    Observation,
    Reward,
    Nowhere,
}

fn spaces() -> Spaces {
    Spaces::new(BoxSpace::unbounded(OBSERVATION_DIM).unwrap(), BoxSpace::symmetric(2.0, 1).unwrap()).unwrap()
}

impl Task<'_> {
    fn observation(&self, place: Place) -> Vec<f32> {
        let mut observation = vec![0.1, 0.2, self.steps as f32 / 100.0];
        if self.place == place && self.steps >= self.injection.step {
            observation[self.injection.draw % OBSERVATION_DIM] = self.injection.value;
        }
        observation
    }
}

impl Environment for Task<'_> {
    fn observation_space(&self) -> &BoxSpace {
        self.spaces.observation()
    }

    fn action_space(&self) -> &BoxSpace {
        self.spaces.action()
    }

    fn reset(&mut self, _: u64) -> Result<Vec<f32>, EnvironmentError> {
        Ok(self.observation(Place::FirstObservation))
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        self.steps += 1;
        let spoilt = self.place == Place::Reward && self.steps >= self.injection.step;
        let reward = if spoilt { self.injection.value } else { -action[0].abs() };
        let observation = self.observation(Place::Observation);
        // Every step ends an episode, so that every step begins one.
        Ok(Step { observation, reward, terminated: false, truncated: self.place == Place::FirstObservation })
    }
}

fn small_agent(device: &Device) -> Ddpg<DeterministicActor, QNetwork> {
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![8]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![8]);
    let actor = actor.init(&spaces(), &mut Seed(0).stream(Stream::ActorWeights), device).unwrap();
    let critic = critic.init(&spaces(), &mut Seed(0).stream(Stream::CriticWeights), device).unwrap();
    Ddpg::new(actor, critic, &spaces(), &DdpgConfig::new(), device, Seed(0)).unwrap()
}

/// Trains until something is wrong, and returns what the run says and the step it should name.
fn train<A: Agent>(agent: A, injection: &Injection, place: Place) -> (String, usize) {
    let env = Task { spaces: spaces(), injection, place, steps: 0 };
    let config = TrainerConfig::new(1_000_000).with_warmup_steps(5).with_batch_size(4).with_learning_starts(4);
    let mut trainer = Trainer::new(env, agent, &config, Seed(1)).unwrap();
    for _ in 0..50 {
        if let Err(error) = trainer.step() {
            return (error.to_string(), trainer.env().steps);
        }
    }
    ("no error in 50 steps".to_owned(), 0)
}

/// The beginning of the message about an environment's number.
fn rule(quantity: &str, value: f32) -> String {
    if value.is_finite() {
        return format!("{quantity} must be at most 1e18 in magnitude, got {value:e}");
    }
    format!("{quantity} must be finite, got {value}")
}

#[test]
fn in_the_first_observation() {
    count("the first observation", |injection, device| {
        let (error, steps) = train(small_agent(device), injection, Place::FirstObservation);
        assert!(error.contains(&format!("at environment step {}", steps + 1)), "{error}");
        assert_eq!(steps, injection.step);
        (error, rule("observation", injection.value))
    });
}

#[test]
fn in_a_later_observation() {
    count("a later observation", |injection, device| {
        let (error, steps) = train(small_agent(device), injection, Place::Observation);
        assert!(error.contains(&format!("at environment step {steps}")), "{error}");
        assert_eq!(steps, injection.step);
        (error, rule("observation", injection.value))
    });
}

#[test]
fn in_a_reward() {
    count("a reward", |injection, device| {
        let (error, steps) = train(small_agent(device), injection, Place::Reward);
        assert!(error.contains(&format!("at environment step {steps}")), "{error}");
        assert_eq!(steps, injection.step);
        (error, rule("reward", injection.value))
    });
}

#[test]
fn in_a_batch() {
    count("a batch", |injection, _| {
        let Injection { value, draw, .. } = *injection;
        let mut rows = rows();
        // Of a row: observation, action, reward, next observation.
        let (row, at) = (draw % rows.len(), draw / 8 % 8);
        rows[row][at] = value;
        let error = Batch::new(&transitions(&rows), 0.99).unwrap_err().to_string();
        let field = match at {
            0..3 => "observation",
            3 => "action",
            4 => "reward",
            _ => "next observation",
        };
        let index = match at {
            0..3 => at,
            3 | 4 => 0,
            _ => at - 5,
        };
        let expected = if value.is_finite() {
            format!("{field} must be at most 1e18 in magnitude, got {value:e} at index {index}")
        } else {
            format!("{field} must be finite, got {value} at index {index}")
        };
        (error, expected)
    });
}

fn rows() -> Vec<[f32; 8]> {
    (0..6).map(|i| std::array::from_fn(|j| ((i * 8 + j) as f32 * 0.37).sin())).collect()
}

fn transitions(rows: &[[f32; 8]]) -> Vec<Transition<'_>> {
    rows.iter().map(transition_of).collect()
}

fn transition_of(row: &[f32; 8]) -> Transition<'_> {
    Transition {
        observation: &row[..3],
        action: &row[3..4],
        reward: row[4],
        next_observation: &row[5..],
        terminated: false,
    }
}

fn batch() -> Batch {
    Batch::new(&transitions(&rows()), 0.99).unwrap()
}

/// Trains a few steps with a network whose weights are sound, then replaces one of them.
fn with_spoilt_weight(injection: &Injection, device: &Device, network: &str) -> String {
    let mut agent = small_agent(device);
    let batch = batch();
    for _ in 0..injection.step % 4 {
        agent.update(&batch).unwrap();
    }
    let mut state = agent.save_state().unwrap();
    let prefix = format!("{network}.network.");
    let names: Vec<String> = state.names().filter(|name| name.starts_with(&prefix)).map(str::to_owned).collect();
    let name = &names[injection.draw % names.len()];
    let shape = state.shape(name).unwrap().to_vec();
    let mut values: Vec<f32> = state.take_array(name, &shape).unwrap();
    let at = injection.draw / 8 % values.len();
    values[at] = injection.value;
    state.put_array(name, &shape, values);
    // In memory; a file would be refused.
    agent.load_state(state).unwrap();
    let error = (0..3).find_map(|_| agent.update(&batch).err());
    let error = error.map_or_else(|| "no error in 3 updates".to_owned(), |error| error.to_string());
    let parameter = name.strip_prefix(&prefix).unwrap();
    if !error.contains(&format!("in {parameter}: training has diverged")) {
        format!("{error} ({parameter})")
    } else {
        error
    }
}

#[test]
fn in_a_weight_of_the_actor() {
    count("a weight of the actor", |injection, device| {
        let error = with_spoilt_weight(injection, device, "actor");
        (error, "weight of the actor must be finite and at most 1e18 in magnitude, got".to_owned())
    });
}

#[test]
fn in_a_weight_of_the_critic() {
    count("a weight of the critic", |injection, device| {
        let error = with_spoilt_weight(injection, device, "critics");
        (error, "weight of the critic must be finite and at most 1e18 in magnitude, got".to_owned())
    });
}

/// A critic whose value or whose gradient is spoilt, while all that goes in is sound.
#[derive(Module, Debug)]
struct SpoiltCritic {
    weight: Param<Tensor<2>>,
    value: f32,
    in_gradient: bool,
}

impl SpoiltCritic {
    fn new(value: f32, in_gradient: bool, device: &Device) -> Self {
        Self { weight: Param::from_data([[0.0_f32]], device), value, in_gradient }
    }
}

impl Critic for SpoiltCritic {
    fn q_value(&self, observations: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        // Of the weight 0 and a finite input; the loss of either form is finite in its value or in its gradient only.
        let (weight, n) = (self.weight.val(), observations.dims()[0]);
        let one = weight.clone().ones_like();
        let spoilt = match (self.in_gradient, self.value) {
            // 0 · ∞ in the chain rule of √w².
            (true, value) if value.is_nan() => weight.square().sqrt(),
            (true, f32::INFINITY) => weight.sqrt(),
            (true, f32::NEG_INFINITY) => -weight.sqrt(),
            (true, value) => weight * value,
            (false, value) => weight + one * value,
        };
        spoilt.expand([n, 1]) + actions * 0.5 + 1.0
    }
}

/// Updates an agent whose critic is spoilt.
fn with_spoilt_critic(injection: &Injection, in_gradient: bool, device: &Device) -> String {
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![8]);
    let actor = actor.init(&spaces(), &mut Seed(0).stream(Stream::ActorWeights), device).unwrap();
    let critic = SpoiltCritic::new(injection.value, in_gradient, device);
    let agent = Ddpg::new(actor, critic, &spaces(), &DdpgConfig::new(), device, Seed(0)).unwrap();
    let (error, steps) = train(agent, injection, Place::Nowhere);
    assert!(error.contains(&format!("at environment step {steps} after 0 updates")), "{error}");
    error
}

#[test]
fn in_a_loss() {
    count("a loss", |injection, device| {
        (with_spoilt_critic(injection, false, device), "critic loss must be finite, got ".to_owned())
    });
}

#[test]
fn in_a_gradient() {
    count("a gradient", |injection, device| {
        let error = with_spoilt_critic(injection, true, device);
        (error, "gradient of the critic must be finite and at most 1e18 in magnitude, got ".to_owned())
    });
}

#[test]
fn a_diverged_agent_is_never_saved() {
    for device in fixture::devices() {
        let mut agent = small_agent(&device);
        let mut state = agent.save_state().unwrap();
        let shape = state.shape("actor.network.trunk.layers.0.bias").unwrap().to_vec();
        let mut values: Vec<f32> = state.take_array("actor.network.trunk.layers.0.bias", &shape).unwrap();
        values[3] = f32::NAN;
        state.put_array("actor.network.trunk.layers.0.bias", &shape, values);
        agent.load_state(state).unwrap();
        assert!(matches!(agent.update(&batch()), Err(AgentError::Parameter { .. })));

        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
        let nowhere = Injection { value: 0.0, step: 0, draw: 0 };
        let env = Task { spaces: spaces(), injection: &nowhere, place: Place::Nowhere, steps: 0 };
        let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0)).unwrap();
        let error = trainer.save(&mut checkpoints).unwrap_err();
        let cause = "`actor.network.trunk.layers.0.bias` must be finite, got NaN at index 3";
        assert_eq!(error.to_string(), format!("agent.safetensors cannot be written: {cause}"));
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), cause);
        assert_eq!(checkpoints.generations().unwrap(), [0_u64; 0]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "only the lock");
    }
}
