//! The results of an experiment on one page.

use actor_critic::experiment::{Experiment, Results, Scoring};
use actor_critic::train::EvaluationSummary;

/// Runs that come to what their names say.
fn results(folder: &std::path::Path, tasks: &[&str]) -> Results {
    let experiment = Experiment::new(folder).algorithms(["a", "b"]).tasks(tasks.iter().copied()).seeds(0..3);
    let experiment = experiment.setting("steps", 20).setting("note", "<b>bold</b>");
    experiment
        .run(|cell| {
            let better = if cell.algorithm() == "b" { 5.0 } else { 0.0 };
            let at = |steps: usize| EvaluationSummary {
                environment_steps: steps,
                updates: steps,
                returns: vec![steps as f64 + better + cell.seed().0 as f64],
            };
            Ok::<_, std::convert::Infallible>(vec![at(10), at(20)])
        })
        .unwrap();
    experiment.results().unwrap()
}

#[test]
fn a_report_has_every_run_and_every_estimate_and_escapes_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let results = results(folder.path(), &["north", "south"]);
    let scoring = Scoring::new()
        .with_scale("north", 0.0, 30.0)
        .with_threshold("north", 24.0)
        .with_reference("north", "by <hand>", 29.0)
        .with_reference("north", "the best", 30.0);
    let html = results.report("Two <tasks>", &scoring).unwrap().html();

    assert!(
        html.contains("Two &lt;tasks&gt;") && html.contains("&lt;b&gt;bold&lt;/b&gt;") && !html.contains("<b>bold")
    );
    assert!(html.contains("by &lt;hand&gt;") && html.contains("the best"));
    for algorithm in ["a", "b"] {
        for task in ["north", "south"] {
            for seed in 0..3 {
                assert!(html.contains(&format!("{algorithm}/{task}/{seed}")));
            }
        }
    }
    // The interquartile mean of 20, 21 and 22 with its interval; regret from 30; two of three below 24 for neither, all for a.
    let row = |cells: &[&str]| {
        let rows: Vec<&str> = html.split("</tr>").filter(|row| cells.iter().all(|cell| row.contains(cell))).collect();
        assert_eq!(rows.len(), 1, "{cells:?}");
    };
    row(&[">north<", ">a<", "interquartile mean", "21.0", "20.0 to 22.0"]);
    row(&[">north<", ">a<", "regret", "9.000"]);
    row(&[">north<", ">b<", "failed", "0.000"]);
    row(&[">north<", ">a<", "failed", "1.000"]);
    row(&[">north<", "a over b", "probability of improvement", "0.000"]);
    assert_eq!(html.matches("<svg").count(), 4, "learning curves and profiles of two tasks");
    assert!(!html.contains("src=\"http") && !html.contains("href=\"http"));

    // The same results give the same page.
    assert_eq!(results.report("Two <tasks>", &scoring).unwrap().html(), html);
}

#[test]
fn a_scoring_of_another_task_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let results = results(folder.path(), &["north"]);
    let error = results.report("x", &Scoring::new().with_threshold("west", 0.0)).unwrap_err();
    assert_eq!(error.to_string(), "the results have no task \"west\"; they have north");
}
