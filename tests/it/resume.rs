//! A run that is stopped at any step and resumed in a new process goes on as if nothing had happened, bit for bit.
//!
//! `ACTOR_CRITIC_INTERRUPTIONS=100 cargo test --release --test it resume::` stops each algorithm at a hundred steps.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

use actor_critic::agent::{ExplorationNoise, LearnedTemperatureConfig, NetworksConfig};
use actor_critic::nn::{
    Activation, DeterministicActor, DeterministicActorConfig, GaussianActor, GaussianActorConfig, QNetwork,
    QNetworkConfig, Reduction,
};
use actor_critic::noise::OrnsteinUhlenbeckConfig;
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;
use actor_critic::state::{State, StateError};

const STEPS: usize = 5_000;
/// Half of the run is in a replay that wraps round.
const CAPACITY: usize = 2_500;
const WARMUP: usize = 300;
const EVALUATION_INTERVAL: usize = 500;

/// Tells a child process, which is this test again, what to do: algorithm, first and last step, and the directory.
const JOB: &str = "ACTOR_CRITIC_RESUME_JOB";

/// An environment that prints the bits of every reward.
struct Printed<E>(E);

impl<E: Environment> Environment for Printed<E> {
    fn observation_space(&self) -> &BoxSpace {
        self.0.observation_space()
    }

    fn action_space(&self) -> &BoxSpace {
        self.0.action_space()
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.0.reset(seed)
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        let step = self.0.step(action)?;
        println!("reward {:08x}", step.reward.to_bits());
        Ok(step)
    }
}

impl<E: SaveState> SaveState for Printed<E> {
    fn save_state(&self) -> Result<State, StateError> {
        self.0.save_state()
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        self.0.load_state(state)
    }
}

fn ddpg(spaces: &Spaces, device: &Device, seed: Seed) -> Result<Ddpg<DeterministicActor, QNetwork>, Error> {
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![16]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![16]);
    let noise = OrnsteinUhlenbeckConfig::new().with_reset_each_episode(false);
    Ok(Ddpg::new(
        actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device)?,
        critic.init(spaces, &mut seed.stream(Stream::CriticWeights), device)?,
        spaces,
        &DdpgConfig::new()
            .with_noise(NoiseConfig::OrnsteinUhlenbeck(noise))
            .with_policy_delay(2)
            .with_target_update_interval(3),
        device,
        seed,
    )?)
}

fn td3(spaces: &Spaces, device: &Device, seed: Seed) -> Result<Td3<DeterministicActor, QNetwork>, Error> {
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![16]).with_activation(Activation::Silu);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![16]).with_residual(true);
    let mut rng = seed.stream(Stream::CriticWeights);
    Ok(Td3::new(
        actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device)?,
        Ensemble::twin(|| critic.init(spaces, &mut rng, device))?,
        spaces,
        // A delay that no interruption is likely to meet in step.
        &Td3Config::new().with_policy_delay(3),
        device,
        seed,
    )?)
}

fn sac(spaces: &Spaces, device: &Device, seed: Seed) -> Result<Sac<GaussianActor, QNetwork>, Error> {
    let actor = GaussianActorConfig::new().with_hidden_dims(vec![16]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![16]);
    let mut rng = seed.stream(Stream::CriticWeights);
    Ok(Sac::new(
        actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device)?,
        Ensemble::twin(|| critic.init(spaces, &mut rng, device))?,
        spaces,
        &SacConfig::new().with_target_update_interval(3).with_max_gradient_norm(Some(10.0)),
        device,
        seed,
    )?)
}

/// Quantiles, dropout, subsets of critics, resets and correlated noise: all that has a state of its own.
fn parts(spaces: &Spaces, device: &Device, seed: Seed) -> Result<Sac<GaussianActor, QNetwork>, Error> {
    let networks = NetworksConfig::new().with_hidden_dims(vec![16]).with_critic_dropout(0.1);
    let temperature = LearnedTemperatureConfig::new().with_initial(0.02).with_minimum(0.02);
    let config = SacConfig::tqc()
        .with_networks(networks.with_critic_layer_norm(true))
        .with_critic_count(3)
        .with_target_reduction(Reduction::SmallestOf(2))
        .with_policy_delay(3)
        .with_reset_at(vec![150, 1_000, 3_000])
        .with_temperature(TemperatureConfig::Learned(temperature))
        .with_exploration_noise(ExplorationNoise::Adaptive);
    Ok(config.init(spaces, device, seed)?)
}

/// Runs a part of a run, printing every number it meets, in this process.
fn run_part<A: Agent + SaveState>(
    agent: fn(&Spaces, &Device, Seed) -> Result<A, Error>,
    last: usize,
    directory: &Path,
) -> Result<(), Error> {
    let device = Device::flex();
    let env = Printed(Pendulum::v1());
    let agent = agent(&Spaces::of(&env)?, &device, Seed(3))?;
    let config = TrainerConfig::new(usize::MAX)
        .with_batch_size(16)
        .with_replay_capacity(CAPACITY)
        .with_warmup_steps(WARMUP)
        .with_learning_starts(100);
    let mut trainer = Trainer::new(env, agent, &config, Seed(3))?.with_environment_state();
    let mut checkpoints = Checkpoints::open(directory)?;
    trainer.resume(&mut checkpoints)?;
    while trainer.environment_steps() < last {
        let report = trainer.step()?;
        println!("{report:?}");
        if report.environment_steps.is_multiple_of(EVALUATION_INTERVAL) {
            let evaluation = evaluate(trainer.agent(), &mut Pendulum::v1(), 0..2)?;
            println!("{evaluation:?}");
        }
    }
    if last == STEPS {
        let mut hasher = DefaultHasher::new();
        trainer.agent().save_state()?.to_bytes().expect("the weights are finite").hash(&mut hasher);
        println!("agent {:016x}, history {:?}", hasher.finish(), trainer.history());
    } else {
        trainer.save(&mut checkpoints)?;
    }
    Ok(())
}

/// Runs a part of a run in a process of its own and returns what it printed.
fn child(test: &str, last: usize, directory: &Path) -> String {
    let job = format!("{last} {}", directory.display());
    let exe = std::env::current_exe().unwrap();
    let output = Command::new(exe).args(["--exact", test, "--nocapture"]).env(JOB, job).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // The test harness prints of its own, and nothing else begins like this.
    let ours = ["reward", "StepReport", "Evaluation", "agent"];
    text.lines().filter(|line| ours.iter().any(|word| line.starts_with(word))).map(|line| format!("{line}\n")).collect()
}

/// Steps to stop at: those where something changes, and random ones.
fn interruptions() -> BTreeSet<usize> {
    let count = std::env::var("ACTOR_CRITIC_INTERRUPTIONS").map_or(8, |count| count.parse().unwrap());
    // The first step, in warm-up, learning begins, an episode ends, warm-up ends, an evaluation, the replay wraps round.
    let mut steps: BTreeSet<usize> =
        [1, 50, 100, 200, 300, 500, CAPACITY, CAPACITY + 1].into_iter().take(count).collect();
    let mut rng = Seed(0).stream(Stream::Replay);
    while steps.len() < count {
        steps.insert(rng.random_range(1..STEPS));
    }
    steps
}

fn check<A: Agent + SaveState>(test: &str, agent: fn(&Spaces, &Device, Seed) -> Result<A, Error>) {
    if let Ok(job) = std::env::var(JOB) {
        let (last, directory) = job.split_once(' ').unwrap();
        return run_part(agent, last.parse().unwrap(), directory.as_ref()).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let reference = child(test, STEPS, &folder.path().join("uninterrupted"));
    assert_eq!(reference.lines().filter(|line| line.starts_with("reward")).count(), STEPS);
    let steps = interruptions();
    for &step in &steps {
        let directory = folder.path().join(step.to_string());
        let first = child(test, step, &directory);
        let resumed = first + &child(test, STEPS, &directory);
        if let Some((line, (expected, found))) =
            reference.lines().zip(resumed.lines()).enumerate().find(|(_, (expected, found))| expected != found)
        {
            panic!("interrupted at step {step}, line {line} is {found} instead of {expected}");
        }
        assert_eq!(reference.lines().count(), resumed.lines().count(), "interrupted at step {step}");
    }
    println!("{} of {} interruptions left no trace", steps.len(), steps.len());
}

#[test]
fn ddpg_goes_on_where_it_was() {
    check("resume::ddpg_goes_on_where_it_was", ddpg);
}

#[test]
fn td3_goes_on_where_it_was() {
    check("resume::td3_goes_on_where_it_was", td3);
}

#[test]
fn sac_goes_on_where_it_was() {
    check("resume::sac_goes_on_where_it_was", sac);
}

#[test]
fn sac_of_many_parts_goes_on_where_it_was() {
    check("resume::sac_of_many_parts_goes_on_where_it_was", parts);
}
