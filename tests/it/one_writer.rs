//! Every file that an observer writes has one writer at a time.

use crate::small_run;
use std::path::Path;

use actor_critic::prelude::*;
use actor_critic::report::RunReport;
use actor_critic::train::CsvEvaluations;
use actor_critic::train::LogError;
use actor_critic::train::plot::LearningCurve;

fn refused<T>(opened: Result<T, LogError>, path: &Path) {
    match opened.err().expect("the file has a writer") {
        LogError::InUse { path: found } => assert_eq!(found, path),
        other => panic!("{other}"),
    }
}

#[test]
fn the_second_of_two_logs_of_one_file_is_refused_and_the_first_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let run = |observer: &mut dyn Observer| small_run::trainer().run(&mut [observer]).unwrap();

    let mut log = CsvHistory::create(&path).unwrap();
    run(&mut log);
    refused(CsvHistory::create(&path), &path);
    refused(JsonLines::create(&path), &path);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3, "a header and two episodes");
    drop(log);

    let log = CsvEvaluations::create(&path).unwrap();
    refused(CsvEvaluations::create(&path), &path);
    drop(log);

    let mut log = JsonLines::create(&path).unwrap();
    run(&mut log);
    refused(JsonLines::create(&path), &path);
    refused(CsvEvaluations::create(&path), &path);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3, "a run and two episodes");

    let error = Error::from(JsonLines::create(&path).unwrap_err()).to_string();
    assert!(error.starts_with(&format!("{} must have one writer at a time", path.display())), "{error}");
}

#[test]
fn a_folder_of_tensorboard_shows_one_run_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let count = || std::fs::read_dir(folder.path()).unwrap().count();
    let first = TensorBoard::create(folder.path()).unwrap();
    refused(TensorBoard::create(folder.path()), folder.path());
    assert_eq!(count(), 1, "what was refused leaves no file");
    drop(first);
    let _second = TensorBoard::create(folder.path()).unwrap();
    assert_eq!(count(), 2);
}

#[test]
fn pictures_and_reports_are_refused_at_the_start_of_the_second_run() {
    let folder = tempfile::tempdir().unwrap();
    let new = || {
        let curve = LearningCurve::new(folder.path().join("run"), "a run");
        (curve, RunReport::new(folder.path().join("run.html"), "a run"))
    };
    let ((mut curve, mut report), (mut other_curve, mut other_report)) = (new(), new());
    let refused = |other: &mut dyn Observer, file: &str| {
        let mut trainer = small_run::trainer();
        let error = trainer.run(&mut [other]).unwrap_err();
        let path = folder.path().join(file);
        let expected = format!("an observer failed: {} must have one writer at a time", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert_eq!(trainer.environment_steps(), 0);
        assert_eq!(std::fs::read(path).unwrap(), b"", "the run that was refused has written nothing");
    };
    // A run within a run, as another process would have it.
    let mut refuse = |episode| match episode {
        0 => refused(&mut other_curve, "run.svg"),
        _ => refused(&mut other_report, "run.html"),
    };
    let mut during = During(&mut refuse);
    small_run::trainer().run(&mut [&mut curve, &mut report, &mut during]).unwrap();
    for file in ["run.svg", "run.png", "run.html"] {
        assert!(std::fs::metadata(folder.path().join(file)).unwrap().len() > 1_000, "{file}");
    }
    // The first run is over.
    small_run::trainer().run(&mut [&mut other_curve, &mut other_report]).unwrap();
}

/// Calls a closure at every end of an episode.
struct During<'a>(&'a mut dyn FnMut(usize));

impl Observer for During<'_> {
    fn on_episode(
        &mut self,
        episode: &actor_critic::train::EpisodeSummary,
    ) -> Result<std::ops::ControlFlow<()>, actor_critic::train::ObserverError> {
        (self.0)(episode.episode);
        Ok(std::ops::ControlFlow::Continue(()))
    }
}
