//! What a checkpoint of a long run costs: a million transitions of 17 observation and 6 action axes, networks of 256.
//!
//! `cargo bench --bench checkpoint` prints how long training stands still for the first save, which writes everything, and for
//! those that follow a thousand steps after the one before, beside a plain write of as many bytes to the same disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use actor_critic::burn::tensor::Device;
use actor_critic::prelude::*;

const TRANSITIONS: usize = 1_000_000;
const OBSERVATION_DIM: usize = 17;
const ACTION_DIM: usize = 6;
const STEPS_BETWEEN: usize = 1_000;
const SAVES: usize = 10;
const MIB: f64 = 1024.0 * 1024.0;

/// Episodes of a thousand steps in which nothing is to be learned.
struct Drift {
    spaces: Spaces,
    steps: usize,
}

impl Environment for Drift {
    fn observation_space(&self) -> &BoxSpace {
        self.spaces.observation()
    }

    fn action_space(&self) -> &BoxSpace {
        self.spaces.action()
    }

    fn reset(&mut self, _: u64) -> Result<Vec<f32>, EnvironmentError> {
        self.steps = 0;
        Ok(vec![0.0; OBSERVATION_DIM])
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        self.steps += 1;
        let observation = (0..OBSERVATION_DIM).map(|i| action[i % ACTION_DIM] + i as f32).collect();
        Ok(Step { observation, reward: action[0], terminated: false, truncated: self.steps == 1_000 })
    }
}

fn trainer() -> Result<Trainer<Drift, impl Agent + SaveState>, Error> {
    let spaces = Spaces::new(BoxSpace::unbounded(OBSERVATION_DIM)?, BoxSpace::symmetric(1.0, ACTION_DIM)?)?;
    let mut agent = SacConfig::new().init(&spaces, &Device::flex(), Seed(0))?;
    // One update gives the optimizers their moments. In the run there is none: it takes minutes and changes nothing for a save.
    let (observation, action) = ([0.5; OBSERVATION_DIM], [0.5; ACTION_DIM]);
    let next_observation = &observation;
    let transition =
        Transition { observation: &observation, action: &action, reward: 1.0, next_observation, terminated: false };
    agent.update(&Batch::new(&[transition], 0.99)?)?;
    let capacity = TRANSITIONS + (SAVES + 1) * STEPS_BETWEEN;
    let config = TrainerConfig::new(usize::MAX)
        .with_replay_capacity(capacity)
        .with_warmup_steps(usize::MAX)
        .with_learning_starts(capacity);
    Trainer::new(Drift { spaces, steps: 0 }, agent, &config, Seed(0))
}

fn advance(trainer: &mut Trainer<Drift, impl Agent>, steps: usize) -> Result<(), Error> {
    (0..steps).try_for_each(|_| trainer.step().map(drop))
}

fn milliseconds(f: impl FnOnce() -> Result<(), Error>) -> Result<f64, Error> {
    let begun = Instant::now();
    f()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// Writes and flushes one file of `bytes`, as fast as the disk takes it.
fn plain_write(folder: &Path, bytes: usize) -> std::io::Result<f64> {
    let content = vec![1_u8; bytes];
    let begun = Instant::now();
    let mut file = File::create(folder.join("plain"))?;
    file.write_all(&content)?;
    file.sync_all()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let mut checkpoints = Checkpoints::open(folder.path().join("checkpoints"))?;
    let mut trainer = trainer()?;
    advance(&mut trainer, TRANSITIONS)?;

    let first = milliseconds(|| trainer.save(&mut checkpoints).map(drop))?;
    let newest = |checkpoints: &Checkpoints| checkpoints.path(*checkpoints.generations().unwrap().last().unwrap());
    let files = std::fs::read_dir(newest(&checkpoints))?.map(|entry| Ok(entry?.metadata()?.len()));
    let bytes = files.sum::<std::io::Result<u64>>()? as usize;
    let plain = plain_write(folder.path(), bytes)?;
    println!("first save … {first:.0} ms for {:.1} MiB … {:.2} of a plain write", bytes as f64 / MIB, first / plain);

    let mut saves = Vec::new();
    for _ in 0..SAVES {
        advance(&mut trainer, STEPS_BETWEEN)?;
        saves.push(milliseconds(|| trainer.save(&mut checkpoints).map(drop))?);
    }
    saves.sort_by(f64::total_cmp);
    println!("save after {STEPS_BETWEEN} steps … {:.0} ms, {:.0} at most", saves[SAVES / 2], saves[SAVES - 1]);
    Ok(())
}
