//! Evaluations, settings and folders that an experiment does not take.

use std::fs;
use std::path::Path;

use actor_critic::experiment::{Cell, Experiment, Results};
use actor_critic::train::EvaluationSummary;

use super::{Failure, evaluations, experiment, file, message, work};

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
fn a_file_in_the_place_of_a_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let message = message(Results::read([&path]));
    assert!(message.starts_with(&format!("{} cannot be read: ", path.join("plan.json").display())), "{message}");
}
