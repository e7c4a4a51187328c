//! One seed makes a run: the same bits of weights, returns and CSV, whatever else goes on.

use crate::fixture;
use std::process::Command;

use actor_critic::agent::Agent;
use actor_critic::burn::module::{Module, ModuleVisitor, Param};
use actor_critic::burn::tensor::{Device, Tensor};
use actor_critic::nn::{DeterministicActorConfig, GaussianActorConfig, QNetworkConfig};
use actor_critic::noise::{NoiseConfig, OrnsteinUhlenbeckConfig};
use actor_critic::prelude::*;

/// The bits of every weight of a module, in order.
struct Bits(Vec<u32>);

impl ModuleVisitor for Bits {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values: Vec<f32> = param.val().inner().try_into_vec_as().unwrap();
        self.0.extend(values.into_iter().map(f32::to_bits));
    }
}

fn bits(modules: &[&impl Module]) -> Vec<u32> {
    let mut bits = Bits(Vec::new());
    modules.iter().for_each(|module| module.visit(&mut bits));
    bits.0
}

/// What a run leaves behind: the bits of all networks, and the history as CSV.
#[derive(Debug, PartialEq)]
struct Trace {
    weights: Vec<u32>,
    csv: Vec<u8>,
}

impl Trace {
    /// A short text that differs whenever one bit does (FNV-1a).
    fn digest(&self) -> String {
        let bytes = self.weights.iter().flat_map(|bits| bits.to_le_bytes()).chain(self.csv.iter().copied());
        let hash =
            bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        format!("{hash:016x}")
    }
}

/// Two episodes of Pendulum with networks wide enough that a threaded product would split: 128 × 256 × 256.
fn train<A: Agent>(agent: A, seed: Seed, observed: bool, weights: impl Fn(&A) -> Vec<u32>) -> Trace {
    let config = TrainerConfig::new(2)
        .with_batch_size(128)
        .with_learning_starts(340)
        .with_warmup_steps(100)
        .with_replay_capacity(350);
    let mut trainer = Trainer::new(Pendulum::v1(), agent, &config, seed).unwrap();
    let mut csv = Vec::new();
    if observed {
        let (mut console, mut history) = (Console::to(Vec::new(), 1), CsvHistory::to(&mut csv));
        trainer.run(&mut [&mut console, &mut history]).unwrap();
    } else {
        trainer.run(&mut []).unwrap();
    }
    assert_eq!((trainer.environment_steps(), trainer.updates()), (400, 61));
    Trace { weights: weights(trainer.agent()), csv }
}

fn spaces() -> Spaces {
    Spaces::of(&Pendulum::v1()).unwrap()
}

fn ddpg(seed: u64, observed: bool, device: &Device) -> Trace {
    let seed = Seed(seed);
    let actor =
        DeterministicActorConfig::new().init(&spaces(), &mut seed.stream(Stream::ActorWeights), device).unwrap();
    let critic = QNetworkConfig::new().init(&spaces(), &mut seed.stream(Stream::CriticWeights), device).unwrap();
    let noise = NoiseConfig::OrnsteinUhlenbeck(OrnsteinUhlenbeckConfig::new());
    let config = DdpgConfig::new().with_noise(noise).with_max_gradient_norm(Some(1.0));
    let agent = Ddpg::new(actor, critic, &spaces(), &config, device, seed).unwrap();
    train(agent, seed, observed, |agent| {
        let actors = bits(&[agent.actor(), agent.target_actor()]);
        [actors, bits(&[agent.critic(), agent.target_critic()])].concat()
    })
}

fn td3(seed: u64, observed: bool, device: &Device) -> Trace {
    let agent = Td3Config::new().init(&spaces(), device, Seed(seed)).unwrap();
    train(agent, Seed(seed), observed, |agent| {
        let actors = bits(&[agent.actor(), agent.target_actor()]);
        [actors, bits(&[agent.critics(), agent.target_critics()])].concat()
    })
}

fn sac(seed: u64, observed: bool, device: &Device) -> Trace {
    let seed = Seed(seed);
    let actor = GaussianActorConfig::new().init(&spaces(), &mut seed.stream(Stream::ActorWeights), device).unwrap();
    let mut weights = seed.stream(Stream::CriticWeights);
    let critics = Ensemble::twin(|| QNetworkConfig::new().init(&spaces(), &mut weights, device)).unwrap();
    let agent = Sac::new(actor, critics, &spaces(), &SacConfig::new(), device, seed).unwrap();
    train(agent, seed, observed, |agent| {
        [bits(&[agent.actor()]), bits(&[agent.critics(), agent.target_critics()])].concat()
    })
}

const ALGORITHMS: [fn(u64, bool, &Device) -> Trace; 3] = [ddpg, td3, sac];

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    for device in fixture::devices() {
        for run in ALGORITHMS {
            let first = run(7, true, &device);
            assert!(first.csv.len() > 100, "the history holds the episodes");
            assert_eq!(first, run(7, true, &device));
            assert_ne!(first.weights, run(8, true, &device).weights);
        }
    }
}

#[test]
fn observers_change_nothing() {
    for device in fixture::devices() {
        for run in ALGORITHMS {
            assert_eq!(run(7, true, &device).weights, run(7, false, &device).weights);
        }
    }
}

#[test]
fn another_agent_that_trains_in_another_thread_changes_nothing() {
    for device in fixture::devices() {
        for run in ALGORITHMS {
            let alone = run(7, true, &device);
            let beside = std::thread::scope(|scope| {
                let other = scope.spawn(|| sac(1, true, &device));
                let beside = run(7, true, &device);
                other.join().unwrap();
                beside
            });
            assert_eq!(alone, beside);
        }
    }
}

#[test]
fn another_process_gives_the_same_bits_with_any_number_of_threads() {
    // This test calls itself as a process of its own, which prints its digests instead of comparing them.
    const CHILD: &str = "ACTOR_CRITIC_PRINT_DIGESTS";
    const NAME: &str = "determinism::another_process_gives_the_same_bits_with_any_number_of_threads";
    let digests: Vec<String> = (fixture::devices().iter())
        .flat_map(|device| ALGORITHMS.map(|run| format!("digest {}", run(7, true, device).digest())))
        .collect();
    if std::env::var_os(CHILD).is_some() {
        digests.iter().for_each(|digest| println!("{digest}"));
        return;
    }
    for threads in ["1", "2", "8"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([NAME, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // The test harness prints the test's name on the line of the first digest.
        let found: Vec<&str> = text.lines().filter_map(|line| line.find("digest ").map(|at| &line[at..])).collect();
        assert_eq!(found, digests, "{threads} threads: {text}");
    }
}
