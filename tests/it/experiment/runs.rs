//! What is run, by whom, and what becomes of cells that fail.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use actor_critic::experiment::{
    Cell, CellError, Estimate, Experiment, ExperimentError, Finished, Measure, Results, Shard,
};
use actor_critic::train::EvaluationSummary;

use super::{Failure, experiment, file, message, scoring, tables, work};

#[test]
fn one_thread_and_several_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [one, four] = [1, 4].map(|threads| {
        let folder = folder.path().join(threads.to_string());
        let finished = experiment(&folder).threads(threads).run(work).unwrap();
        assert_eq!(finished, Finished { ran: 30, skipped: 0 });
        tables(&[&folder])
    });
    assert_eq!(one, four);
    assert_eq!(one["results.csv"].lines().count(), 1 + 30 * 3);
    assert_eq!(one["runs.csv"].lines().count(), 1 + 30);
}

#[test]
fn shards_of_several_machines_merge_into_the_same_bytes_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    experiment(&whole).run(work).unwrap();
    let shards: Vec<_> = (0..4)
        .map(|index| {
            let folder = folder.path().join(format!("shard{index}"));
            let shard = Shard::new(index, 4).unwrap();
            let finished = experiment(&folder).shard(shard).threads(2).run(work).unwrap();
            assert!([7, 8].contains(&finished.ran));
            folder
        })
        .collect();
    assert_eq!(tables(&shards), tables(&[&whole]));
    let reversed: Vec<_> = shards.iter().rev().collect();
    assert_eq!(tables(&reversed), tables(&[&whole]));
    // Twice the same folder is no contradiction, nor are shards that write to one folder.
    assert_eq!(tables(&[&whole, &shards[2], &whole]), tables(&[&whole]));
    let shared = folder.path().join("shared");
    for index in [3, 0, 2, 1] {
        experiment(&shared).shard(Shard::new(index, 4).unwrap()).run(work).unwrap();
    }
    assert_eq!(tables(&[&shared]), tables(&[&whole]));
}

#[test]
fn what_is_finished_is_not_run_again_and_a_grid_can_grow() {
    let folder = tempfile::tempdir().unwrap();
    let calls = AtomicUsize::new(0);
    let counted = |cell: &Cell| {
        calls.fetch_add(1, Ordering::Relaxed);
        work(cell)
    };
    experiment(folder.path()).seeds([0, 2]).run(counted).unwrap();
    let before = fs::metadata(file(folder.path(), "a/tank/0")).unwrap().modified().unwrap();
    let finished = experiment(folder.path()).run(counted).unwrap();
    assert_eq!(finished, Finished { ran: 18, skipped: 12 });
    assert_eq!(calls.into_inner(), 30);
    assert_eq!(fs::metadata(file(folder.path(), "a/tank/0")).unwrap().modified().unwrap(), before);
    let fresh = tempfile::tempdir().unwrap();
    experiment(fresh.path()).run(work).unwrap();
    assert_eq!(tables(&[folder.path()]), tables(&[fresh.path()]));
    // How long it took is noted, but beside the results.
    assert_eq!(fs::read_to_string(folder.path().join("timing.csv")).unwrap().lines().count(), 31);
}

#[test]
fn a_cell_that_fails_or_panics_stops_no_other_and_shows_in_the_results() {
    let folder = tempfile::tempdir().unwrap();
    let fragile = |cell: &Cell| match cell.to_string().as_str() {
        "b/pole/3" => Err(Failure::from("the pole fell")),
        "a/tank/1" => panic!("at seed {}", cell.seed().0),
        "c/pole/0" => Ok(Vec::new()),
        "c/tank/4" => Ok(vec![EvaluationSummary { environment_steps: 1, updates: 0, returns: vec![1.0, f64::NAN] }]),
        _ => work(cell),
    };
    let error = experiment(folder.path()).threads(3).run(fragile).unwrap_err();
    assert_eq!(
        error.to_string(),
        "4 of 30 cells failed: a/tank/1: panicked: at seed 1; b/pole/3: the pole fell; \
         c/pole/0: a run must have at least one evaluation, got none; \
         c/tank/4: return 1 of evaluation 0 must be finite and at most 1e300 in magnitude, got NaN"
    );
    // In a program with one error for everything, nothing is lost.
    let one_for_all = |error: ExperimentError| -> Result<(), actor_critic::Error> { Err(error)? };
    let text = error.to_string();
    let boxed = one_for_all(error).unwrap_err();
    assert_eq!(boxed.to_string(), text);
    let actor_critic::Error::Experiment(boxed) = boxed else { panic!("another error") };
    let ExperimentError::Cells { finished: 26, failures } = *boxed.downcast().unwrap() else { panic!("another error") };
    assert!(matches!(failures[0].cause, CellError::Panic(_)));
    let results = Results::read([folder.path()]).unwrap();
    let missing: Vec<String> = results.missing().iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["a/tank/1", "b/pole/3", "c/pole/0", "c/tank/4"]);
    let tables_then = tables(&[folder.path()]);
    assert!(tables_then["runs.csv"].contains("\na,tank,1,missing,,,,,,\n"));
    let of_a = |estimate: &&Estimate| {
        estimate.algorithm == "a" && estimate.task.as_deref() == Some("tank") && estimate.measure == Measure::Mean
    };
    let summary = results.summary(&scoring()).unwrap();
    let estimate = summary.iter().find(of_a).unwrap();
    assert_eq!((estimate.runs, estimate.missing), (4, 1));

    // Once the reason is gone, the same command runs what is missing.
    assert_eq!(experiment(folder.path()).run(work).unwrap(), Finished { ran: 4, skipped: 26 });
    let fresh = tempfile::tempdir().unwrap();
    experiment(fresh.path()).run(work).unwrap();
    assert_eq!(tables(&[folder.path()]), tables(&[fresh.path()]));
}

#[test]
fn a_cell_that_another_process_runs_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let one = || Experiment::new(folder.path()).algorithms(["a"]).tasks(["tank"]).seeds([7]);
    let within = |cell: &Cell| {
        // Locks of a file that was opened twice exclude each other also in one process.
        let lock = folder.path().join("cells/a/tank/.7.lock");
        let expected = format!("1 of 1 cells failed: a/tank/7: {} is in use by another process", lock.display());
        assert_eq!(message(one().run(work)), expected);
        work(cell)
    };
    assert_eq!(one().run(within).unwrap(), Finished { ran: 1, skipped: 0 });
    assert_eq!(one().run(work).unwrap(), Finished { ran: 0, skipped: 1 });
    let left: Vec<_> = fs::read_dir(folder.path().join("cells/a/tank")).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
