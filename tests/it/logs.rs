//! What observers leave behind of a run that was interrupted is what they leave of one that was not, to the byte.

use crate::small_run;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use actor_critic::prelude::*;
use actor_critic::report::RunReport;
use actor_critic::train::CsvEvaluations;
use actor_critic::train::{ObserverError, StepReport};

/// Ends the run at a step.
struct Until(usize);

impl Observer for Until {
    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        Ok(if step.environment_steps >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// The small run, with its greedy policy judged from two starts every 90 steps.
fn trainer() -> small_run::SmallTrainer {
    let judge = |agent: &small_run::SmallAgent| evaluate(agent, &mut Pendulum::v1(), 0..2);
    small_run::trainer().with_evaluation(EvaluateEvery::steps(90, judge).unwrap())
}

/// Trains up to a step under every observer that leaves a file, all in `folder`.
fn train(trainer: &mut small_run::SmallTrainer, folder: &Path, until: usize) {
    let mut history = CsvHistory::create(folder.join("history.csv")).unwrap();
    let mut evaluations = CsvEvaluations::create(folder.join("evaluations.csv")).unwrap();
    let settings = small_run::config();
    let mut lines = JsonLines::create(folder.join("run.jsonl")).unwrap().with_settings("again", &settings).unwrap();
    let mut curves = TensorBoard::create_with_clock(folder, || 1.0).unwrap().with_settings("again", &settings).unwrap();
    let mut report = RunReport::new(folder.join("run.html"), "a small run").without_timing();
    trainer
        .run(&mut [&mut history, &mut evaluations, &mut lines, &mut curves, &mut report, &mut Until(until)])
        .unwrap();
}

/// The files of a folder by name, in the order of their names.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn a_run_that_is_resumed_in_mid_episode_leaves_the_files_of_one_that_was_not_interrupted() {
    let [whole, first, second, saved] = [(); 4].map(|()| tempfile::tempdir().unwrap());
    train(&mut trainer(), whole.path(), usize::MAX);
    let whole = files(whole.path());
    let names: Vec<_> = whole.iter().map(|(name, _)| name.as_str()).collect();
    let event_file = "events.out.tfevents.0000000001.000000.actor-critic";
    assert_eq!(names, ["evaluations.csv", event_file, "history.csv", "run.html", "run.jsonl"]);
    let lines = String::from_utf8(whole[4].1.clone()).unwrap();
    let of_kind = |kind: &str| lines.lines().filter(|line| line.contains(&format!("\"kind\":\"{kind}\""))).count();
    assert_eq!((of_kind("episode"), of_kind("evaluation")), (2, 4));
    assert_eq!(whole[0].1.iter().filter(|&&byte| byte == b'\n').count(), 5);
    assert!(lines.contains("\"critic_loss\":"));

    let mut interrupted = trainer();
    train(&mut interrupted, first.path(), 250);
    assert_eq!(interrupted.environment_steps(), 250);
    let mut checkpoints = Checkpoints::open(saved.path()).unwrap();
    interrupted.save(&mut checkpoints).unwrap();
    let mut resumed = trainer();
    resumed.resume(&mut checkpoints).unwrap().unwrap();
    train(&mut resumed, second.path(), usize::MAX);
    assert_eq!(files(second.path()), whole);
}

#[test]
fn observers_that_stay_go_on_where_they_were() {
    let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let run = |folder: &Path, ends: &[usize]| {
        let mut trainer = trainer();
        let mut lines = JsonLines::create(folder.join("run.jsonl")).unwrap();
        let mut curves = TensorBoard::create_with_clock(folder, || 1.0).unwrap().every_steps(7);
        let mut report = RunReport::new(folder.join("run.html"), "a small run").without_timing();
        for end in ends {
            trainer.run(&mut [&mut lines, &mut curves, &mut report, &mut Until(*end)]).unwrap();
        }
    };
    run(whole.path(), &[usize::MAX]);
    run(parts.path(), &[100, 210, 399, usize::MAX]);
    assert_eq!(files(parts.path()), files(whole.path()));
}
