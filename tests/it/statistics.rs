//! Aggregates, probabilities, tests and profiles equal those of rliable and SciPy, recorded in `tests/fixtures/statistics.json`.
//!
//! `ACTOR_CRITIC_STATISTICS=FILE cargo test --test it statistics::` compares with another recording.

use actor_critic::rng::Seed;
use actor_critic::statistics::{
    Bootstrap, interquartile_mean, mean, median, optimality_gap, performance_profile, permutation_test, pooled,
    probability_of_improvement, task_means,
};
use serde_json::Value;

/// The two sides add the same numbers in another order, so they agree but for a few roundings of numbers near one.
const ROUNDING: f64 = 1e-14;

fn recording() -> Value {
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/statistics.json");
    let path = std::env::var("ACTOR_CRITIC_STATISTICS").unwrap_or_else(|_| bundled.to_owned());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// Turns `[runs][tasks]` into the runs of each task.
fn tasks(value: &Value) -> Vec<Vec<f64>> {
    let runs: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    (0..runs[0].len()).map(|task| runs.iter().map(|run| run[task]).collect()).collect()
}

fn assert_close(found: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, not {expected}");
}

#[test]
fn aggregates_equal_rliables() {
    let recording = recording();
    let cases = recording["cases"].as_array().unwrap();
    assert!(cases.len() >= 20);
    for case in cases {
        let tasks = tasks(&case["scores"]);
        let what = format!("{} tasks of {} runs", tasks.len(), tasks[0].len());
        assert_close(mean(&task_means(&tasks)), &case["mean"], ROUNDING, &what);
        assert_close(median(&task_means(&tasks)), &case["median"], ROUNDING, &what);
        assert_close(interquartile_mean(&pooled(&tasks)), &case["interquartile_mean"], ROUNDING, &what);
        for (gamma, expected) in
            numbers(&recording["gammas"]).into_iter().zip(case["optimality_gap"].as_array().unwrap())
        {
            assert_close(optimality_gap(&pooled(&tasks), gamma), expected, ROUNDING, &what);
        }
    }
}

#[test]
fn profiles_equal_rliables() {
    let recording = recording();
    let thresholds = numbers(&recording["thresholds"]);
    for case in recording["cases"].as_array().unwrap() {
        let profile =
            performance_profile(&tasks(&case["scores"]), &thresholds, &Bootstrap::default().with_resamples(1));
        for (point, expected) in profile.unwrap().iter().zip(case["profile"].as_array().unwrap()) {
            assert_close(point.fraction, expected, ROUNDING, "fraction");
        }
    }
}

#[test]
fn probabilities_of_improvement_equal_rliables_and_p_values_equal_scipys() {
    let recording = recording();
    let pairs = recording["pairs"].as_array().unwrap();
    assert!(pairs.len() >= 5);
    for pair in pairs {
        let (first, second) = (tasks(&pair["first"]), tasks(&pair["second"]));
        let of_tasks: Vec<f64> = first.iter().zip(&second).map(|(x, y)| probability_of_improvement(x, y)).collect();
        assert_close(mean(&of_tasks), &pair["probability_of_improvement"], ROUNDING, "probability");
        let test = permutation_test(&first[0], &second[0], Seed(0)).unwrap();
        assert!(test.is_exact);
        assert_close(test.p_value, &pair["p_value"], ROUNDING, "p-value");
    }
}

#[test]
fn intervals_agree_with_rliables_but_for_the_draws() {
    let mut compared = 0;
    for case in recording()["cases"].as_array().unwrap() {
        let Some(expected) = case.get("interval") else { continue };
        let tasks = tasks(&case["scores"]);
        let interval =
            Bootstrap::default().with_resamples(5_000).interval(&tasks, |tasks| interquartile_mean(&pooled(tasks)));
        let interval = interval.unwrap();
        // A percentile of 5,000 draws has a standard error of about 2 % of the width, of 20,000 half of it; where runs
        // are few, percentiles lie on steps, which are wider.
        let tolerance = 0.1 * (interval.high - interval.low);
        assert_close(interval.low, &expected[0], tolerance, "lower end");
        assert_close(interval.high, &expected[1], tolerance, "upper end");
        compared += 1;
    }
    assert!(compared >= 10);
}
