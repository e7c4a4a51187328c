//! Summaries, learning curves and pictures of results.

use std::fs;

use actor_critic::experiment::{Cell, Measure, Results, Scoring};
use actor_critic::statistics::Bootstrap;

use super::{Failure, evaluations, experiment, message, scoring, work};

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
