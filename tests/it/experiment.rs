//! An experiment gives the same result files with any number of threads and shards, tells what is missing, and takes no file that it
//! would not have written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use actor_critic::experiment::{
    Cell, CellError, Estimate, Experiment, ExperimentError, Finished, Measure, Results, Scoring, Shard,
};
use actor_critic::prelude::Stream;
use actor_critic::rand::RngExt;
use actor_critic::statistics::Bootstrap;
use actor_critic::train::EvaluationSummary;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Files that do not depend on how an experiment was run.
const TABLES: [&str; 5] = ["results.csv", "results.json", "runs.csv", "summary.csv", "summary.json"];

/// Three evaluations of two episodes, computed from the cell alone; each algorithm is a little better than the one before.
fn evaluations(cell: &Cell) -> Vec<EvaluationSummary> {
    let mut rng = cell.seed().stream(Stream::Exploration);
    let skill = f64::from(cell.algorithm().as_bytes()[0]) / 10.0;
    let evaluation = |i: usize| EvaluationSummary {
        environment_steps: 100 * i,
        updates: 90 * i,
        returns: (0..2).map(|_| skill * i as f64 + rng.random::<f64>() - cell.task().len() as f64).collect(),
    };
    (1..=3).map(evaluation).collect()
}

fn work(cell: &Cell) -> Result<Vec<EvaluationSummary>, Failure> {
    Ok(evaluations(cell))
}

fn experiment(folder: &Path) -> Experiment {
    Experiment::new(folder).algorithms(["a", "b", "c"]).tasks(["tank", "pole"]).seeds(0..5).setting("steps", 300)
}

fn scoring() -> Scoring {
    let scoring = Scoring::new().with_bootstrap(Bootstrap::default().with_resamples(200));
    scoring.with_scale("tank", -5.0, 30.0).with_scale("pole", -5.0, 30.0).with_threshold("tank", 25.5)
}

/// The tables of what some folders hold.
fn tables<P: AsRef<Path>>(folders: &[P]) -> BTreeMap<&'static str, String> {
    let out = tempfile::tempdir().unwrap();
    Results::read(folders).unwrap().write(out.path(), &scoring()).unwrap();
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), TABLES.len());
    TABLES.into_iter().map(|name| (name, fs::read_to_string(out.path().join(name)).unwrap())).collect()
}

fn file(folder: &Path, cell: &str) -> std::path::PathBuf {
    folder.join("cells").join(format!("{cell}.json"))
}

fn message<T: std::fmt::Debug>(result: Result<T, ExperimentError>) -> String {
    result.unwrap_err().to_string()
}

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
fn evaluations_that_are_not_in_order_or_have_no_return_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let evaluation = |environment_steps, returns: &[f64]| EvaluationSummary {
        environment_steps,
        updates: 0,
        returns: returns.to_vec(),
    };
    let one = Experiment::new(folder.path()).algorithms(["a"]).tasks(["tank"]).seeds([0]);
    let refused = |evaluations: Vec<EvaluationSummary>| message(one.run(|_| Ok::<_, Failure>(evaluations.clone())));
    assert_eq!(
        refused(vec![evaluation(100, &[1.0]), evaluation(100, &[1.0])]),
        "1 of 1 cells failed: a/tank/0: environment steps must ascend, got 100 after 100 in evaluation 1"
    );
    assert_eq!(
        refused(vec![evaluation(100, &[])]),
        "1 of 1 cells failed: a/tank/0: evaluation 0 must have at least one return, got none"
    );
    assert_eq!(one.results().unwrap().missing().len(), 1);
}

#[test]
fn other_settings_are_refused_before_anything_is_run() {
    let folder = tempfile::tempdir().unwrap();
    experiment(folder.path()).run(work).unwrap();
    let plan = folder.path().join("plan.json");
    let never = |_: &Cell| -> Result<Vec<EvaluationSummary>, Failure> { unreachable!("nothing may be run") };
    let rule = "; give each experiment a folder of its own";
    assert_eq!(
        message(experiment(folder.path()).setting("steps", 400).run(never)),
        format!("{} must have setting steps 400, got 300{rule}", plan.display())
    );
    assert_eq!(
        message(experiment(folder.path()).setting("tau", 0.5).run(never)),
        format!("{} must have setting tau 0.5, got none{rule}", plan.display())
    );
    // Nor do folders of different settings merge.
    let other = tempfile::tempdir().unwrap();
    experiment(other.path()).setting("steps", 400).run(work).unwrap();
    assert_eq!(
        message(Results::read([folder.path(), other.path()])),
        format!("{} must have setting steps 300, got 400{rule}", other.path().join("plan.json").display())
    );
    // A file that was copied in is looked at too.
    fs::copy(file(other.path(), "a/tank/0"), file(folder.path(), "a/tank/0")).unwrap();
    assert_eq!(
        message(experiment(folder.path()).run(never)),
        format!("{} must have setting steps 300, got 400{rule}", file(folder.path(), "a/tank/0").display())
    );
}

#[test]
fn folders_that_contradict_each_other_do_not_merge() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    experiment(&first).run(work).unwrap();
    let unlike = |cell: &Cell| {
        let mut evaluations = evaluations(cell);
        if cell.to_string() == "b/tank/2" {
            evaluations[2].returns[0] += 1e-9;
        }
        Ok::<_, Failure>(evaluations)
    };
    experiment(&second).run(unlike).unwrap();
    assert_eq!(
        message(Results::read([&first, &second])),
        format!(
            "{} and {} must hold the same results, since both are of b/tank/2; keep the right one",
            file(&first, "b/tank/2").display(),
            file(&second, "b/tank/2").display()
        )
    );
}

#[test]
fn a_folder_without_a_plan_is_no_experiment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    assert!(message(Results::read([folder.path()])).starts_with(&format!("cannot read {}: ", path.display())));
    let none: [&Path; 0] = [];
    assert_eq!(message(Results::read(none)), "an experiment needs at least one folder, got none");
    fs::write(&path, "{}").unwrap();
    assert!(message(experiment(folder.path()).run(work)).contains("must be a file that an experiment has written"));
    assert_eq!(fs::read_to_string(path).unwrap(), "{}");
}

#[test]
fn a_file_that_would_not_have_been_written_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    experiment(folder.path()).run(work).unwrap();
    let path = file(folder.path(), "b/tank/2");
    let whole = fs::read_to_string(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let message = message(Results::read([folder.path()]));
        let never = |_: &Cell| -> Result<Vec<EvaluationSummary>, Failure> { unreachable!("nothing may be run") };
        let again = experiment(folder.path()).run(never).unwrap_err();
        assert_eq!(again.to_string(), message);
        assert_eq!(fs::read(&path).unwrap(), bytes, "a hostile file must be left as it is");
        let rest = message.strip_prefix(&format!("{} ", path.display())).expect("the file is named");
        rest.to_owned()
    };
    let edited = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_str(&whole).unwrap();
        edit(&mut value);
        value.to_string().into_bytes()
    };
    let no_record = "must be a file that an experiment has written: ";
    for length in 0..whole.len() - 1 {
        // A digest that is cut short, and all before: no JSON.
        fs::write(&path, &whole.as_bytes()[..length]).unwrap();
        let message = message(Results::read([folder.path()]));
        assert!(message.contains(no_record), "{length}: {message}");
    }
    for text in ["null", "[]", "{\"format\":1}", "\u{feff}{}", "NaN", &"[".repeat(100_000), &whole.repeat(2)] {
        assert!(refused(text.as_bytes()).starts_with(no_record));
    }
    assert!(refused(b"\xff\xfe\x00").starts_with(no_record));
    let first_return = whole.split("\"returns\":[").nth(1).unwrap().split(',').next().unwrap();
    for number in ["NaN", "Infinity", "null", "1e999", "\"1\"", "[]"] {
        assert!(refused(whole.replacen(first_return, number, 1).as_bytes()).starts_with(no_record), "{number}");
    }
    let other = refused(whole.replacen(first_return, "1.5", 1).as_bytes());
    assert!(other.starts_with("is damaged: its SHA-256 must be "), "{other}");
    assert!(refused(&edited(&|value| value["format"] = 2.into())).starts_with("must have format 1, which this"));
    assert!(refused(&edited(&|value| value["more"] = 2.into())).starts_with(no_record));
    // Whole, but of another cell.
    let another = fs::read(file(folder.path(), "b/tank/3")).unwrap();
    assert_eq!(refused(&another), "must have cell b/tank/2, got b/tank/3; give each experiment a folder of its own");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(message(Results::read([folder.path()])).ends_with("must be a regular file"));
    fs::remove_dir(&path).unwrap();
    // As the message says: removed, its cell is run again.
    assert_eq!(experiment(folder.path()).run(work).unwrap(), Finished { ran: 1, skipped: 29 });
    assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    // A copy that a file manager made.
    fs::copy(&path, file(folder.path(), "b/tank/02")).unwrap();
    assert!(message(Results::read([folder.path()])).ends_with("02.json must be named after its seed, such as 3.json"));
}

#[test]
fn every_flipped_byte_is_noticed_or_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let one = Experiment::new(folder.path()).algorithms(["a"]).tasks(["tank"]).seeds([0]).setting("steps", 300);
    one.run(work).unwrap();
    let path = file(folder.path(), "a/tank/0");
    let (whole, expected) = (fs::read(&path).unwrap(), one.results().unwrap());
    let mut refused = 0;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, &bytes).unwrap();
        match one.results() {
            Ok(results) => assert_eq!(results, expected, "byte {place}"),
            Err(error) => {
                assert!(matches!(error, ExperimentError::File { .. }), "{error}");
                refused += 1;
            }
        }
    }
    // A last digit may stand for the same number as its neighbour.
    assert!(refused >= whole.len() - 5, "{refused} of {}", whole.len());
}

#[test]
fn the_version_of_the_crate_is_part_of_what_results_must_share() {
    let folder = tempfile::tempdir().unwrap();
    experiment(folder.path()).run(work).unwrap();
    let path = folder.path().join("plan.json");
    let plan = fs::read_to_string(&path).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    fs::write(&path, plan.replace(&format!("\"{version}\""), "\"0.0.1\"")).unwrap();
    assert!(message(experiment(folder.path()).run(work)).contains(&format!("crate_version {version}, got 0.0.1")));
}

#[test]
fn a_scoring_of_other_tasks_or_without_order_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    experiment(folder.path()).run(work).unwrap();
    let results = Results::read([folder.path()]).unwrap();
    let refused = |scoring: Scoring| message(results.summary(&scoring));
    assert_eq!(
        refused(Scoring::new().with_scale("tank", 1.0, 1.0)),
        "the scale of tank must ascend from one finite score to another, got 1 to 1"
    );
    assert_eq!(
        refused(Scoring::new().with_threshold("tank", f64::NAN)),
        "the threshold of tank must be finite, got NaN"
    );
    assert_eq!(
        refused(Scoring::new().with_reference("tank", "random", f64::INFINITY)),
        "the score \"random\" of tank must be finite, got inf"
    );
    let unknown = "the results have no task \"tnak\"; they have pole, tank";
    assert_eq!(refused(Scoring::new().with_threshold("tnak", 0.0)), unknown);
    assert_eq!(refused(Scoring::new().with_reference("tnak", "random", 0.0)), unknown);
    let bootstrap = Bootstrap::default().with_level(2.0);
    assert_eq!(
        refused(Scoring::new().with_bootstrap(bootstrap)),
        "the level of an interval must be between 0 and 1, got 2"
    );
}

#[test]
fn a_summary_has_the_measures_of_each_algorithm_and_of_each_pair() {
    let folder = tempfile::tempdir().unwrap();
    experiment(folder.path()).run(work).unwrap();
    let results = Results::read([folder.path()]).unwrap();
    let summary = results.summary(&scoring()).unwrap();
    let find = |algorithm: &str, other: Option<&str>, task: Option<&str>, measure: Measure| {
        let mut found = summary.iter().filter(|estimate| {
            (estimate.algorithm.as_str(), estimate.other.as_deref(), estimate.task.as_deref(), estimate.measure)
                == (algorithm, other, task, measure)
        });
        let estimate = found.next().unwrap();
        assert!(found.next().is_none(), "{measure:?} is there twice");
        estimate
    };
    let scores: Vec<f64> = results.runs_of("a", "tank").map(|run| run.final_score()).collect();
    let mean = find("a", None, Some("tank"), Measure::Mean);
    assert_eq!(mean.value, Some(scores.iter().sum::<f64>() / 5.0));
    let interval = mean.interval.unwrap();
    assert!(interval.low < mean.value.unwrap() && mean.value.unwrap() < interval.high);
    // a scores about 25.6 on the tank: some of its runs end below the threshold, and none of c's, which scores 0.6 more.
    let failed = scores.iter().filter(|score| **score < 25.5).count() as f64 / 5.0;
    assert!(failed > 0.0 && failed < 1.0);
    assert_eq!(find("a", None, Some("tank"), Measure::Failed).value, Some(failed));
    // The same draws and a skill of 0.3 more at the third evaluation: better than most, and the regret falls by it.
    let regret = |algorithm| find(algorithm, None, Some("pole"), Measure::Regret).value.unwrap();
    assert!((regret("a") - regret("b") - 0.3).abs() < 1e-9);
    let gap = |algorithm| find(algorithm, None, None, Measure::OptimalityGap).value.unwrap();
    assert!((gap("a") - gap("b") - 0.3 / 35.0).abs() < 1e-9);
    let improvement = find("a", Some("c"), None, Measure::ProbabilityOfImprovement);
    assert!(improvement.value.unwrap() < 0.2 && improvement.interval.unwrap().low >= 0.0);
    let p = find("a", Some("b"), Some("tank"), Measure::PValue);
    // 0.3 apart, of scores that vary by as much: not to be told by five seeds. There are C(10, 5) = 252 arrangements.
    let extreme = p.value.unwrap() * 252.0;
    assert!(p.value.unwrap() > 0.05 && (extreme - extreme.round()).abs() < 1e-9);
    assert_eq!((p.runs, p.interval), (10, None));
    let csv = fs::read_to_string({
        results.write(folder.path(), &scoring()).unwrap();
        folder.path().join("summary.csv")
    });
    assert_eq!(csv.unwrap().lines().count(), 1 + summary.len());
}

#[test]
fn learning_curves_are_aggregated_where_every_seed_was_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let uneven = |cell: &Cell| {
        let mut evaluations = evaluations(cell);
        if cell.seed().0 == 1 {
            evaluations[1].environment_steps += 1;
        }
        Ok::<_, Failure>(evaluations)
    };
    experiment(folder.path()).run(uneven).unwrap();
    let results = Results::read([folder.path()]).unwrap();
    let bootstrap = Bootstrap::default().with_resamples(100);
    let curve = results.learning_curve("b", "pole", &bootstrap).unwrap();
    assert_eq!(curve.iter().map(|point| point.environment_steps).collect::<Vec<_>>(), [100, 300]);
    let mut scores: Vec<f64> = results.runs_of("b", "pole").map(|run| run.final_score()).collect();
    scores.sort_by(f64::total_cmp);
    assert_eq!(curve[1].value, (scores[1] + scores[2] + scores[3]) / 3.0);
    assert!(results.learning_curve("b", "absent", &bootstrap).unwrap().is_empty());
}

#[test]
fn pictures_show_every_task_and_have_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    experiment(folder.path()).run(work).unwrap();
    let results = Results::read([folder.path()]).unwrap();
    results.write_pictures(folder.path(), &scoring()).unwrap();
    let stems = [
        "learning_curves_pole",
        "learning_curves_tank",
        "performance_profiles",
        "performance_profiles_pole",
        "performance_profiles_tank",
    ];
    let read = |stem: &str| fs::read(folder.path().join(format!("{stem}.svg"))).unwrap();
    let first = stems.map(read);
    results.write_pictures(folder.path(), &scoring()).unwrap();
    assert!(stems.map(read) == first);
    // Five seeds of three algorithms thin, and the three aggregates.
    let plot = results.plot_learning_curves("tank", &scoring()).unwrap();
    assert_eq!(plot.curves.len(), 18);
    assert_eq!(plot.curves.iter().filter(|curve| curve.band.as_ref().is_some_and(|band| band.len() == 3)).count(), 3);
    let profiles = results.plot_performance_profiles(None, &scoring()).unwrap();
    for curve in &profiles.curves {
        let (first, last) = (curve.points[0].1, curve.points[curve.points.len() - 1].1);
        assert_eq!((first, last), (1.0, 0.0), "{}", curve.label);
    }
    assert_eq!(
        message(results.plot_learning_curves("absent", &scoring())),
        "the results have no task \"absent\"; they have pole, tank"
    );
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

#[test]
fn an_algorithm_without_any_result_is_in_the_tables_without_values() {
    let folder = tempfile::tempdir().unwrap();
    let broken = |cell: &Cell| if cell.algorithm() == "b" { Err(Failure::from("no")) } else { work(cell) };
    experiment(folder.path()).run(broken).unwrap_err();
    let results = Results::read([folder.path()]).unwrap();
    assert_eq!(results.algorithms(), ["a", "b", "c"]);
    results.write(folder.path(), &scoring()).unwrap();
    results.write_pictures(folder.path(), &scoring()).unwrap();
    let summary = fs::read_to_string(folder.path().join("summary.csv")).unwrap();
    assert!(summary.contains("\nb,,pole,mean,,,,0,5\n"), "{summary}");
    assert!(summary.contains("\nb,,,optimality_gap,,,,0,10\n"), "{summary}");
    assert!(summary.contains("\na,b,tank,p_value,,,,5,5\n"), "{summary}");
}

#[test]
fn one_seed_has_estimates_and_pictures_without_intervals() {
    let folder = tempfile::tempdir().unwrap();
    experiment(folder.path()).seeds([4]).run(work).unwrap();
    let results = Results::read([folder.path()]).unwrap();
    let summary = results.summary(&scoring()).unwrap();
    assert!(summary.iter().all(|estimate| estimate.value.is_some() && estimate.interval.is_none()));
    results.write_pictures(folder.path(), &scoring()).unwrap();
}

#[test]
fn settings_that_could_not_be_read_again_are_refused_before_anything_is_run() {
    let folder = tempfile::tempdir().unwrap();
    // As deep as JSON is read, and some levels more in a file.
    let deep = "[".repeat(127) + &"]".repeat(127);
    let message = message(experiment(folder.path()).setting("deep", deep).run(work));
    let path = folder.path().join("plan.json");
    let rule = "must be a file that an experiment has written: recursion limit exceeded";
    assert!(message.starts_with(&format!("{} {rule}", path.display())), "{message}");
    assert!(!path.exists());
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let message = message(Results::read([&path]));
    assert!(message.starts_with(&format!("{} cannot be read: ", path.join("plan.json").display())), "{message}");
}
