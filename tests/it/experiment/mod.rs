//! An experiment gives the same result files with any number of threads and shards, tells what is missing, and takes no file that it
//! would not have written.

mod files;
mod refusals;
mod runs;
mod summaries;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use actor_critic::experiment::{Cell, Experiment, ExperimentError, Results, Scoring};
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
