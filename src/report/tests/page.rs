use std::collections::BTreeMap;

use super::square;
use crate::report::{Animation, Report, RunReport, Table};
use crate::train::plot::{Curve, Plot};
use crate::train::{EpisodeHistory, EpisodeSummary, EvaluationSummary, Observer, RunInfo, StepReport, TrainerConfig};

const HOSTILE: &str = "<script>alert(\"x\")</script>&'";

/// Counts what would load or run something.
fn dangers(html: &str) -> Vec<&str> {
    [
        "<script",
        "<iframe",
        "<object",
        "<foreignObject",
        "href=\"http",
        "src=\"http",
        "url(",
        "@import",
        "onload=",
        "<base",
    ]
    .into_iter()
    .filter(|danger| html.contains(danger))
    .collect()
}

#[test]
fn every_text_is_escaped_and_nothing_is_loaded() {
    let plot = Plot::new(HOSTILE)
        .with_labels(HOSTILE, HOSTILE)
        .with_curve(Curve::from_values(HOSTILE, [1.0, 2.0]))
        .with_reference(HOSTILE, 1.5);
    let gif = Animation::new([square(0)]).gif().unwrap();
    let html = Report::new(HOSTILE)
        .with_subtitle(HOSTILE)
        .with_key_figure(HOSTILE, HOSTILE)
        .with_text(HOSTILE, HOSTILE)
        .with_settings(HOSTILE, &BTreeMap::from([(HOSTILE, HOSTILE)]))
        .unwrap()
        .with_table(HOSTILE, &Table::new([HOSTILE]).with_row([HOSTILE]))
        .unwrap()
        .with_plot(HOSTILE, &plot)
        .unwrap()
        .with_animation(HOSTILE, &gif, HOSTILE)
        .unwrap()
        .html();
    assert_eq!(dangers(&html), [""; 0]);
    assert!(html.matches("&lt;script&gt;alert(").count() >= 20);
    assert!(html.contains("content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "));
    assert!(html.contains("src=\"data:image/gif;base64,R0lGODlh"));
    assert!(html.contains("width=\"200\" height=\"100\""), "the size that the GIF says");
    assert!(html.contains("class=\"plot wide\"") && html.contains("class=\"plot narrow\""));
}

#[test]
fn settings_are_flattened_and_columns_of_numbers_stand_right() {
    let settings =
        serde_json::json!({ "noise": { "sigma": 0.2, "kind": "ou" }, "dims": [64, 64], "none": null, "empty": {} });
    let html = Report::new("t").with_settings("Settings", &settings).unwrap().html();
    for row in [
        "<th scope=\"row\">dims</th><td>[64,64]</td>",
        "<th scope=\"row\">empty</th><td>{}</td>",
        "<th scope=\"row\">noise.kind</th><td>ou</td>",
        "<th scope=\"row\">noise.sigma</th><td>0.2</td>",
        "<th scope=\"row\">none</th><td>null</td>",
    ] {
        assert!(html.contains(row), "{row}");
    }
    let table = Table::new(["name", "regret", "none"]).with_row(["SAC-2", "-1,002.5", ""]).with_row(["TD3", "", ""]);
    let html = Report::new("t").with_table("", &table).unwrap().html();
    assert!(html.contains("<td>SAC-2</td><td class=\"number\">−1,002.5</td><td></td>"));
}

#[test]
fn settings_end_the_page_and_a_long_one_has_a_table_of_contents() {
    let few = Report::new("t").with_settings("Agent", &3).unwrap().with_text("One", "a\n\nb");
    let html = few.html();
    let order = ["<h2>One</h2><p>a</p><p>b</p>", "<h2>Settings</h2>", "<h3>Agent</h3>", "<td>3</td>"];
    let places: Vec<_> = order.iter().map(|text| html.find(text).unwrap()).collect();
    assert!(places.is_sorted() && !html.contains("<nav"));
    let many = ["Two", "Three", "Four"].into_iter().fold(few, |report, heading| report.with_text(heading, "c")).html();
    assert!(many.contains("<a href=\"#section-4\">Settings</a></nav>") && many.contains("<section id=\"section-4\">"));
}

#[test]
fn what_does_not_fit_a_report_is_named() {
    let table = Table::new(["a", "b"]).with_row(["1", "2"]).with_row(["3"]);
    let error = Report::new("t").with_table("", &table).unwrap_err();
    assert_eq!(error.to_string(), "row 1 of a table must have 2 cells, one per column, got 1");
    let error = Report::new("t").with_plot("", &Plot::new("return")).unwrap_err();
    assert_eq!(error.to_string(), "cannot draw the plot \"return\": a plot needs at least one point, got none");
    let error = Report::new("t").with_animation("", b"GIF8", "").unwrap_err();
    assert_eq!(error.to_string(), "an animation in a report must be a GIF, got bytes that begin with [71, 73, 70, 56]");
    assert!(Report::new("t").with_animation("", b"\x89PNG\r\n\x1a\n\0\0\0\0", "").is_err());
    let map = BTreeMap::from([(vec![1], 2)]);
    let text = "the settings \"map\" must be data that JSON can hold: key must be a string";
    assert_eq!(Report::new("t").with_settings("map", &map).unwrap_err().to_string(), text);
    assert_eq!(RunReport::new("", "t").with_settings("map", &map).unwrap_err().to_string(), text);
}

fn episode(index: usize, loss: Option<f64>) -> EpisodeSummary {
    EpisodeSummary {
        episode: index,
        steps: 600,
        episode_return: -10.0 * index as f64,
        average_return: -5.0 * index as f64,
        terminated: false,
        truncated: true,
        environment_steps: 600 * (index + 1),
        updates: 500 * (index + 1),
        metrics: loss.map(|loss| vec![loss]),
    }
}

#[test]
fn the_report_of_a_run_that_was_resumed_is_that_of_the_whole_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/report.html");
    let config = TrainerConfig::new(3);
    let episodes = [episode(0, None), episode(1, Some(0.5)), episode(2, Some(f64::NAN))];
    let evaluations = [(600, vec![-30.0, -20.0]), (1_800, vec![-4.0, -2.0])]
        .map(|(environment_steps, returns)| EvaluationSummary { environment_steps, updates: 500, returns });
    let run = |history, evaluations| RunInfo {
        config: &config,
        metric_names: &["critic_loss"],
        history,
        evaluations,
        agent: crate::train::AgentInfo::for_tests(),
    };
    let step =
        |environment_steps, updates| StepReport { environment_steps, updates, metrics: None, ..StepReport::default() };
    let report = || {
        let report = RunReport::new(&path, "a run").with_optimum("optimum", 0.0).without_timing();
        report.with_settings("Agent", &serde_json::json!({ "tau": 0.005 })).unwrap()
    };

    let mut whole = report();
    let none = EpisodeHistory::default();
    whole.on_start(&run(&none, &[])).unwrap();
    assert!(whole.on_episode(&episodes[0]).unwrap().is_continue());
    assert!(whole.on_evaluation(&evaluations[0]).unwrap().is_continue());
    assert!(whole.on_episode(&episodes[1]).unwrap().is_continue());
    assert!(whole.on_step(&step(1_800, 1_500)).unwrap().is_continue());
    assert!(whole.on_episode(&episodes[2]).unwrap().is_continue());
    assert!(whole.on_evaluation(&evaluations[1]).unwrap().is_continue());
    whole.on_finish().unwrap();
    let html = std::fs::read_to_string(&path).unwrap();
    for text in [
        "<dt>Episodes</dt><dd>3</dd>",
        "<dt>Environment steps</dt><dd>1,800</dd>",
        "<dt>Updates</dt><dd>1,500</dd>",
        "<dt>Mean return, last 3</dt><dd>−10.00</dd>",
        "<dt>Best evaluation</dt><dd>−3.00</dd>",
        "<td class=\"number\">−25.00</td><td class=\"number\">−30.00</td><td class=\"number\">−20.00</td>",
        "aria-label=\"critic_loss\"",
        "<th scope=\"row\">tau</th><td>0.005</td>",
        "<th scope=\"row\">batch_size</th><td>256</td>",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("Time") && dangers(&html).is_empty());

    let mut resumed = report();
    resumed.on_start(&run(&episodes[..2].iter().cloned().collect(), &evaluations[..1])).unwrap();
    assert!(resumed.on_step(&step(1_800, 1_500)).unwrap().is_continue());
    assert!(resumed.on_episode(&episodes[2]).unwrap().is_continue());
    assert!(resumed.on_evaluation(&evaluations[1]).unwrap().is_continue());
    resumed.on_finish().unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), html);
}

#[test]
fn a_run_without_an_episode_has_a_report_and_the_time_is_of_this_program() {
    let config = TrainerConfig::new(3);
    let history = [episode(0, None)];
    let folder = tempfile::tempdir().unwrap();
    let mut report = RunReport::new(folder.path().join("first.html"), "a run");
    let run = |history| RunInfo {
        config: &config,
        metric_names: &["critic_loss"],
        history,
        evaluations: &[],
        agent: crate::train::AgentInfo::for_tests(),
    };
    let (none, history) = (EpisodeHistory::default(), history.into_iter().collect());
    report.on_start(&run(&none)).unwrap();
    let html = report.report().unwrap().html();
    assert!(html.contains("<dt>Episodes</dt><dd>0</dd>") && html.contains("<dt>Time</dt>") && !html.contains("<svg"));
    let mut resumed = RunReport::new(folder.path().join("second.html"), "a run");
    resumed.on_start(&run(&history)).unwrap();
    let step = StepReport { environment_steps: 601, updates: 0, metrics: None, ..StepReport::default() };
    assert!(resumed.on_step(&step).unwrap().is_continue());
    let html = resumed.report().unwrap().html();
    assert!(html.contains("<dt>Time since the resume</dt>") && html.contains("<dt>Steps per second</dt>"));
    assert!(html.contains("<dt>Environment steps</dt><dd>601</dd>") && !html.contains("Time of evaluations"));

    let evaluation_time = std::time::Duration::from_secs(90);
    let step = StepReport { environment_steps: 602, evaluation_time, ..StepReport::default() };
    assert!(resumed.on_step(&step).unwrap().is_continue());
    assert!(resumed.report().unwrap().html().contains("<dt>Time of evaluations</dt><dd>1 min 30 s</dd>"));
}
