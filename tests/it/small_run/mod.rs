//! A run so small that its checkpoints have some kB, for tests and for tests/fuzz.

#![allow(dead_code, missing_docs, reason = "each test file uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};

use actor_critic::nn::{DeterministicActor, DeterministicActorConfig, QNetwork, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::state::State;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub type SmallAgent = Ddpg<DeterministicActor, QNetwork>;

pub type SmallTrainer = Trainer<TimeLimit<Pendulum>, SmallAgent>;

/// The files of a generation that have content of their own.
pub const PARTS: [&str; 4] = [MANIFEST, AGENT, TRAINER, REPLAY];
pub const MANIFEST: &str = "manifest.json";
pub const MANIFEST_DIGEST: &str = "manifest.sha256";
pub const AGENT: &str = "agent.safetensors";
pub const TRAINER: &str = "trainer.safetensors";
pub const REPLAY: &str = "replay-00000.safetensors";

pub fn agent(width: usize, config: &DdpgConfig, seed: Seed) -> SmallAgent {
    let (device, spaces) = (Device::flex(), Spaces::of(&Pendulum::v1()).unwrap());
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![width]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![width]);
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), &device).unwrap();
    let critic = critic.init(&spaces, &mut seed.stream(Stream::CriticWeights), &device).unwrap();
    Ddpg::new(actor, critic, &spaces, config, &device, seed).unwrap()
}

pub fn small_agent() -> SmallAgent {
    agent(2, &DdpgConfig::new(), Seed(0))
}

/// Learns from the third step on, and wraps its replay round after eight.
pub fn config() -> TrainerConfig {
    TrainerConfig::new(2).with_batch_size(2).with_warmup_steps(2).with_learning_starts(3).with_replay_capacity(8)
}

pub fn trainer() -> SmallTrainer {
    Trainer::new(Pendulum::v1(), small_agent(), &config(), Seed(0)).unwrap().with_environment_state()
}

/// Returns a trainer that has taken so many steps.
pub fn stepped(steps: usize) -> SmallTrainer {
    let mut trainer = trainer();
    (0..steps).for_each(|_| _ = trainer.step().unwrap());
    trainer
}

/// Returns where the files of a generation are.
pub fn generation(directory: &Path, generation: u64) -> PathBuf {
    directory.join(format!("generation-{generation:08}"))
}

/// Saves a run of five steps as generation 0 of `directory`.
pub fn save(directory: &Path) {
    stepped(5).save(&mut Checkpoints::open(directory).unwrap()).unwrap();
}

/// Puts `content` in the place of a file of a generation, and makes every digest right again.
pub fn replace(generation: &Path, part: &str, content: &[u8]) {
    fs::write(generation.join(part), content).unwrap();
    if part == MANIFEST {
        return fs::write(generation.join(MANIFEST_DIGEST), digest_line(content)).unwrap();
    }
    edit_manifest(generation, |manifest| {
        manifest["parts"][part]["bytes"] = content.len().into();
        manifest["parts"][part]["sha256"] = sha256(content).into();
    });
}

/// Changes what a manifest says, and makes its digest right again.
pub fn edit_manifest(generation: &Path, edit: impl FnOnce(&mut Value)) {
    let mut manifest = serde_json::from_slice(&fs::read(generation.join(MANIFEST)).unwrap()).unwrap();
    edit(&mut manifest);
    replace(generation, MANIFEST, &serde_json::to_vec_pretty(&manifest).unwrap());
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest_line(manifest: &[u8]) -> String {
    format!("{}  {MANIFEST}\n", sha256(manifest))
}

/// A generation that is whole again after each reading.
pub struct Generation(tempfile::TempDir);

impl Generation {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path());
        Self(folder)
    }

    /// Resumes from the generation with other content for one of [`PARTS`], which the first of `bytes` chooses.
    pub fn resume_with(&self, bytes: &[u8]) -> (SmallTrainer, Result<(), Error>) {
        let (index, content) = bytes.split_first().unwrap_or((&0, &[]));
        let part = PARTS[usize::from(*index) % PARTS.len()];
        let path = generation(self.0.path(), 0);
        let changed = [MANIFEST, MANIFEST_DIGEST, part].map(|file| path.join(file));
        let whole = changed.each_ref().map(|path| fs::read(path).unwrap());
        replace(&path, part, content);
        let mut trainer = trainer();
        let outcome = trainer.resume(&mut Checkpoints::open(self.0.path()).unwrap());
        changed.iter().zip(whole).for_each(|(path, content)| fs::write(path, content).unwrap());
        (trainer, outcome.map(drop))
    }
}

/// Returns valid bytes for each parser that takes bytes, by the name of its fuzz target.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path());
    let generation = generation(folder.path(), 0);
    let mut seeds = Vec::new();
    for (index, part) in PARTS.into_iter().enumerate() {
        let content = fs::read(generation.join(part)).unwrap();
        if part != MANIFEST {
            seeds.push(("state", content.clone()));
        }
        if part == AGENT {
            seeds.push(("agent_state", content.clone()));
        }
        seeds.push(("generation", [&[index as u8], content.as_slice()].concat()));
    }
    let mut state = State::new();
    state.put_array("weights", &[2, 2], vec![0.5_f32, -1.0, 0.0, 3e38]);
    state.put_array("empty", &[0, 3], Vec::<f64>::new());
    state.put("count", 7_u64);
    state.put_text("name", "Σ");
    let mut pendulum = Pendulum::v1();
    pendulum.reset(0).unwrap();
    seeds.push(("state", state.to_bytes().unwrap()));
    let agent = small_agent();
    let policy = agent.policy().unwrap();
    seeds.push(("policy", policy.to_bytes().unwrap()));
    seeds.push(("environment_state", pendulum.save_state().unwrap().to_bytes().unwrap()));
    seeds
}

/// Writes the seeds of the target `ACTOR_CRITIC_TARGET` to the directory `ACTOR_CRITIC_SEEDS`, where that is set.
pub fn write_seeds_if_asked() {
    let (Ok(wanted), Some(directory)) = (std::env::var("ACTOR_CRITIC_TARGET"), std::env::var_os("ACTOR_CRITIC_SEEDS"))
    else {
        return;
    };
    fs::create_dir_all(&directory).unwrap();
    for (index, (_, seed)) in seeds().iter().enumerate().filter(|(_, (target, _))| *target == wanted) {
        fs::write(Path::new(&directory).join(format!("seed-{index}")), seed).unwrap();
    }
}
