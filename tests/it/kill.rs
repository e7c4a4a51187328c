//! A run that is killed at random moments, and restarted by the same command until it ends, ends as if nothing had happened.
//!
//! `ACTOR_CRITIC_KILLS=500 cargo test --release --test it kill::a_run -- --nocapture` kills five hundred times.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use actor_critic::nn::{DeterministicActorConfig, GaussianActorConfig, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;
use actor_critic::rand::rngs::ChaCha8Rng;
use serde_json::Value;

const NAME: &str = "kill::a_run_that_is_killed_ends_as_if_it_had_not_been";

/// Tells a child process, which is this test again, what to do: algorithm, episodes and folder.
const JOB: &str = "ACTOR_CRITIC_KILL_JOB";

/// What a worker says once it has resumed.
const BEGUN: &str = "the worker has begun";

const STEPS_BETWEEN_SAVES: usize = 50;

/// In a save, milliseconds from its beginning to the kill, at most.
const LONGEST_SAVE: f64 = 6.0;

fn kills() -> usize {
    std::env::var("ACTOR_CRITIC_KILLS").map_or(12, |kills| kills.parse().unwrap())
}

/// Trains to the end, from wherever the last process was stopped.
fn work<A: Agent + SaveState>(agent: A, env: impl Environment + SaveState, episodes: usize, folder: &Path) {
    let config = TrainerConfig::new(episodes)
        .with_batch_size(16)
        .with_replay_capacity(1_500)
        .with_warmup_steps(300)
        .with_learning_starts(100);
    let checkpoints = Checkpoints::open(folder.join("checkpoints")).unwrap();
    let mut trainer = Trainer::new(env, agent, &config, Seed(5))
        .unwrap()
        .with_environment_state()
        .with_checkpoints(CheckpointEvery::steps(STEPS_BETWEEN_SAVES, checkpoints).unwrap());
    trainer.resume_newest().unwrap();
    let mut history = CsvHistory::create(folder.join("history.csv")).unwrap();
    println!("{BEGUN}");
    trainer.run(&mut [&mut history]).unwrap();
}

fn worker(job: &str) {
    let [algorithm, episodes, folder] = job.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
    let (episodes, folder) = (episodes.parse().unwrap(), Path::new(folder));
    let (device, seed, env) = (Device::flex(), Seed(5), Pendulum::v1());
    let spaces = Spaces::of(&env).unwrap();
    let critic = QNetworkConfig::new().with_hidden_dims(vec![16]);
    let (mut actor_rng, mut rng) = (seed.stream(Stream::ActorWeights), seed.stream(Stream::CriticWeights));
    if algorithm == "sac" {
        let actor =
            GaussianActorConfig::new().with_hidden_dims(vec![16]).init(&spaces, &mut actor_rng, &device).unwrap();
        let critics = Ensemble::twin(|| critic.init(&spaces, &mut rng, &device)).unwrap();
        let agent = Sac::new(actor, critics, &spaces, &SacConfig::new(), &device, seed).unwrap();
        work(agent, env, episodes, folder);
    } else {
        let actor = DeterministicActorConfig::new().with_hidden_dims(vec![16]);
        let actor = actor.init(&spaces, &mut actor_rng, &device).unwrap();
        let critic = critic.init(&spaces, &mut rng, &device).unwrap();
        let agent = Ddpg::new(actor, critic, &spaces, &DdpgConfig::new(), &device, seed).unwrap();
        work(agent, env, episodes, folder);
    }
}

/// Starts a worker and waits until it has resumed.
fn start(algorithm: &str, episodes: usize, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME, "--nocapture"]).env(JOB, format!("{algorithm} {episodes} {}", folder.display()));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.as_mut().unwrap());
    if !output.lines().any(|line| line.unwrap() == BEGUN) {
        panic!("the worker could not begin: {}", complaint(&mut child));
    }
    child
}

/// Waits for what a worker that ends says of an error.
fn complaint(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.as_mut().unwrap().read_to_string(&mut text).unwrap();
    text
}

fn is_saving(checkpoints: &Path) -> bool {
    let names = std::fs::read_dir(checkpoints).unwrap().map(|entry| entry.unwrap().file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with(".unfinished-0"))
}

/// What became of the kills of one run.
#[derive(Default)]
struct Count {
    kills: usize,
    aimed: usize,
    left_unfinished: usize,
}

/// Runs to the end with at most `budget` kills on the way.
fn run_with_kills(algorithm: &str, episodes: usize, folder: &Path, budget: usize, rng: &mut ChaCha8Rng) -> Count {
    let checkpoints = folder.join("checkpoints");
    let mut count = Count::default();
    loop {
        let mut worker = start(algorithm, episodes, folder);
        if count.kills < budget {
            if rng.random_bool(0.5) {
                // Into the middle of a save: from the moment that the directory is there.
                let begun = Instant::now();
                while !is_saving(&checkpoints) && begun.elapsed() < Duration::from_secs(2) {
                    sleep(Duration::from_micros(50));
                }
                let saving = begun.elapsed() < Duration::from_secs(2);
                count.aimed += usize::from(saving);
                sleep(Duration::from_secs_f64(rng.random_range(0.0..LONGEST_SAVE) / 1e3));
            } else {
                sleep(Duration::from_secs_f64(rng.random_range(0.0..0.15)));
            }
            worker.kill().unwrap();
        }
        // A worker that is killed while it fails has failed.
        let complaint = complaint(&mut worker);
        let status = worker.wait().unwrap();
        assert!(complaint.is_empty(), "the worker failed: {status}: {complaint}");
        if status.success() {
            return count;
        }
        // Whatever else ends a worker is no kill of ours.
        assert!(status.code().is_none(), "the worker failed: {status}");
        count.kills += 1;
        count.left_unfinished += usize::from(is_saving(&checkpoints));
    }
}

/// The newest generation, its digests, and the history.
fn outcome(folder: &Path) -> (u64, BTreeMap<String, String>, String) {
    let checkpoints = Checkpoints::open(folder.join("checkpoints")).unwrap();
    let newest = *checkpoints.generations().unwrap().last().unwrap();
    let manifest = std::fs::read_to_string(checkpoints.path(newest).join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let parts = manifest["parts"].as_object().unwrap();
    let digests = parts.iter().map(|(part, form)| (part.clone(), form["sha256"].to_string())).collect();
    (newest, digests, std::fs::read_to_string(folder.join("history.csv")).unwrap())
}

#[test]
fn a_run_that_is_killed_ends_as_if_it_had_not_been() {
    if let Ok(job) = std::env::var(JOB) {
        return worker(&job);
    }
    let folder = tempfile::tempdir().unwrap();
    let (kills, mut rng) = (kills(), Seed(0).stream(Stream::Replay));
    let episodes = if kills > 50 { 100 } else { 8 };
    let algorithms = ["sac", "ddpg"];
    let references = algorithms.map(|algorithm| {
        let folder = folder.path().join(algorithm);
        std::fs::create_dir(&folder).unwrap();
        run_with_kills(algorithm, episodes, &folder, 0, &mut rng);
        outcome(&folder)
    });
    let mut total = Count::default();
    for run in 0.. {
        if total.kills >= kills && run >= algorithms.len() {
            break;
        }
        let algorithm = algorithms[run % algorithms.len()];
        let folder = folder.path().join(run.to_string());
        std::fs::create_dir(&folder).unwrap();
        let budget = (kills - total.kills).min((kills / 4).max(6));
        let count = run_with_kills(algorithm, episodes, &folder, budget, &mut rng);
        let (expected, found) = (&references[run % algorithms.len()], outcome(&folder));
        assert_eq!(found.0, expected.0, "{algorithm}, run {run}: another number of generations");
        assert_eq!(found.1, expected.1, "{algorithm}, run {run}: another checkpoint");
        assert_eq!(found.2, expected.2, "{algorithm}, run {run}: another history");
        let Count { kills, aimed, left_unfinished } = count;
        println!(
            "{algorithm}: killed {kills} times, {aimed} of them aimed at a save, {left_unfinished} left one unfinished; \
             generation {}, the same end",
            found.0
        );
        total.kills += kills;
        total.aimed += aimed;
        total.left_unfinished += left_unfinished;
    }
    println!("{} kills, {} aimed at a save, {} in the middle of one", total.kills, total.aimed, total.left_unfinished);
    assert!(total.kills >= kills.min(4), "the runs were over before they could be killed");
    assert!(5 * total.aimed >= total.kills, "too few were killed in a save");
}
