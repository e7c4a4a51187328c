//! An experiment of small trainings that is killed at random moments, and restarted by the same command until it ends, leaves the files
//! that it would have left.
//!
//! `ACTOR_CRITIC_KILLS=100 cargo test --release --test it experiment_kill -- --nocapture` kills a hundred times.

use crate::small_run;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use actor_critic::experiment::{Cell, Experiment, Finished, Results, Scoring};
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;
use actor_critic::statistics::Bootstrap;
use actor_critic::train::EvaluationSummary;

const NAME: &str = "experiment_kill::an_experiment_that_is_killed_ends_as_if_it_had_not_been";

/// Tells a child process, which is this test again, its folder.
const JOB: &str = "ACTOR_CRITIC_EXPERIMENT_KILL_JOB";

/// What a child says before its first cell.
const BEGUN: &str = "the experiment begins";

/// Cells note here that they went on with a checkpoint.
const RESUMED: &str = "resumed.txt";

const SEEDS: u64 = 8;

fn kills() -> usize {
    std::env::var("ACTOR_CRITIC_KILLS").map_or(12, |kills| kills.parse().unwrap())
}

fn experiment(folder: &Path) -> Experiment {
    Experiment::new(folder).algorithms(["ddpg"]).tasks(["pendulum"]).seeds(0..SEEDS).setting("width", 2)
}

/// A training of 400 steps with four evaluations, from wherever the last process was stopped.
fn train(cell: &Cell) -> Result<Vec<EvaluationSummary>, Error> {
    let agent = small_run::agent(2, &DdpgConfig::new(), cell.seed());
    let evaluation =
        EvaluateEvery::steps(100, |agent: &small_run::SmallAgent| evaluate(agent, &mut Pendulum::v1(), 0..2))?;
    let trainer = Trainer::new(Pendulum::v1(), agent, &small_run::config(), cell.seed())?;
    let checkpoints = CheckpointEvery::steps(50, Checkpoints::open(cell.folder().join("checkpoints"))?)?;
    let mut trainer = trainer.with_environment_state().with_evaluation(evaluation).with_checkpoints(checkpoints);
    if trainer.resume_newest()?.is_some() {
        fs::write(cell.folder().join(RESUMED), "from a checkpoint").unwrap();
    }
    trainer.run(&mut [])?;
    Ok(trainer.evaluations().to_vec())
}

fn child(folder: &Path) {
    println!("{BEGUN}");
    std::io::stdout().flush().unwrap();
    experiment(folder).threads(2).run(train).unwrap();
}

fn start(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME, "--nocapture"]).env(JOB, folder);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = BufReader::new(child.stdout.as_mut().unwrap()).lines().any(|line| line.unwrap().ends_with(BEGUN));
    assert!(begun, "the experiment did not begin");
    child
}

fn cells(folder: &Path) -> PathBuf {
    folder.join("cells").join("ddpg").join("pendulum")
}

fn finished(folder: &Path) -> usize {
    (0..SEEDS).filter(|seed| cells(folder).join(format!("{seed}.json")).exists()).count()
}

/// The results of each cell, and the tables.
fn outcome(folder: &Path) -> BTreeMap<String, String> {
    let out = tempfile::tempdir().unwrap();
    let bootstrap = Bootstrap::default().with_resamples(50);
    Results::read([folder]).unwrap().write(out.path(), &Scoring::new().with_bootstrap(bootstrap)).unwrap();
    let names = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path());
    let files = names.chain((0..SEEDS).map(|seed| cells(folder).join(format!("{seed}.json"))));
    let read =
        |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap());
    files.map(read).collect()
}

#[test]
fn an_experiment_that_is_killed_ends_as_if_it_had_not_been() {
    if let Some(folder) = std::env::var_os(JOB) {
        return child(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let reference = folder.path().join("reference");
    assert_eq!(experiment(&reference).run(train).unwrap(), Finished { ran: 8, skipped: 0 });
    let expected = outcome(&reference);
    let mut rng = Seed(0).stream(Stream::Replay);
    let (mut killed, mut resumed) = (0, 0);
    for run in 0.. {
        if killed >= kills() {
            break;
        }
        let folder = folder.path().join(run.to_string());
        let mut left = kills() - killed;
        loop {
            let mut child = start(&folder);
            if left > 0 {
                let before = finished(&folder);
                if rng.random_bool(0.5) {
                    sleep(Duration::from_secs_f64(rng.random_range(0.0..0.2)));
                } else {
                    // Around the moment in which results are written.
                    for _ in 0..2_000 {
                        if finished(&folder) > before {
                            break;
                        }
                        sleep(Duration::from_micros(500));
                    }
                    sleep(Duration::from_micros(rng.random_range(0..3_000)));
                }
                // SIGKILL.
                child.kill().unwrap();
            }
            let mut complaint = String::new();
            child.stderr.as_mut().unwrap().read_to_string(&mut complaint).unwrap();
            let status = child.wait().unwrap();
            assert!(complaint.is_empty(), "the experiment failed: {status}: {complaint}");
            if status.success() {
                break;
            }
            // Whatever else ends a child is no kill of ours.
            assert!(status.code().is_none(), "the experiment failed: {status}");
            killed += 1;
            left -= 1;
        }
        assert_eq!(outcome(&folder), expected, "run {run}");
        resumed += (0..SEEDS).filter(|seed| cells(&folder).join(seed.to_string()).join(RESUMED).exists()).count();
    }
    println!("killed {killed} times; {resumed} cells went on with a checkpoint");
    assert!(resumed > 0, "no cell was killed in the middle");
}
