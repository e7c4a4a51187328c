//! Tests of the drawn bytes; what they look like is for eyes.

use std::error::Error;
use std::ops::ControlFlow;

use super::axis::Axis;
use super::draw::pieces_within;
use super::{Curve, LearningCurve, Picture, Plot, PlotError, draw_panels, share_y_range, write_panels};
use crate::train::{EpisodeHistory, EpisodeSummary, Observer, RunInfo, TrainerConfig};

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

fn plot() -> Plot {
    Plot::new("Pendulum-v1 & friends")
        .with_labels("episode", "return")
        .with_curve(Curve::thin("each episode", [(0.0, -1500.0), (1.0, -900.0), (2.0, -150.0)]).with_color(0))
        .with_curve(Curve::from_values("mean", [-1400.0, -950.0, -200.0]).with_band([
            (0.0, -1500.0, -1300.0),
            (1.0, -1000.0, -900.0),
            (2.0, -250.0, -150.0),
        ]))
        .with_reference("optimum", -137.5)
}

/// The width and height that the head of a PNG file names.
fn png_size(png: &[u8]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

fn y_axis(plot: &Plot) -> Axis {
    Axis::y(plot, 12.0).unwrap()
}

fn numbers(axis: &Axis) -> Vec<String> {
    axis.ticks.iter().map(|tick| axis.number(*tick)).collect()
}

#[test]
fn the_same_plot_gives_the_same_bytes() {
    let (first, second) = (plot().draw().unwrap(), plot().draw().unwrap());
    assert_eq!(first.svg(), second.svg());
    assert!(first.png().unwrap() == second.png().unwrap());
}

#[test]
fn a_plot_is_1000_by_600_px_in_both_formats() {
    let picture = plot().draw().unwrap();
    let head = r#"<svg width="1000" height="600" stroke-linejoin="round" viewBox="0 0 10000 6000""#;
    assert!(picture.svg().starts_with(head), "{:.200}", picture.svg());
    assert!(picture.svg().trim_end().ends_with("</svg>"));
    let png = picture.png().unwrap();
    assert!(png.starts_with(PNG_SIGNATURE));
    assert_eq!(png_size(&png), (1000, 600));
}

#[test]
fn every_text_is_there_and_escaped() {
    let picture = plot().draw().unwrap();
    for text in ["Pendulum-v1 &amp; friends", "episode", "return", "mean", "each episode", "optimum", "\u{2212}1400"] {
        assert!(picture.svg().contains(&format!(">\n{text}\n</text>")), "{text}");
    }
}

#[test]
fn texts_are_rendered_with_a_font_of_our_own() {
    let without_texts = Plot::new("").with_curve(Curve::from_values("", [0.0, 1.0])).draw().unwrap();
    let blanked: String = {
        let mut lines: Vec<&str> = without_texts.svg().lines().collect();
        let is_number = |line: &str| line.parse::<f64>().is_ok();
        lines.retain(|line| !is_number(line));
        lines.join("\n")
    };
    assert!(without_texts.png().unwrap() != Picture::new(blanked).png().unwrap());
}

#[test]
fn panels_lie_row_by_row() {
    let panels = vec![plot(); 5];
    assert_eq!(png_size(&draw_panels(&panels, 3).unwrap().png().unwrap()), (1500, 720));
    assert_eq!(png_size(&draw_panels(&panels, 0).unwrap().png().unwrap()), (500, 1800));
    assert_eq!(png_size(&draw_panels(&panels, 9).unwrap().png().unwrap()), (2500, 360));
}

#[test]
fn shared_y_ranges_fit_every_panel() {
    let panel = |low: f64, high: f64| Plot::new("").with_curve(Curve::from_values("", [low, high]));
    let mut panels = [panel(0.0, 10.0), panel(-90.0, 5.0).with_reference("", 110.0)];
    share_y_range(&mut panels).unwrap();
    assert_eq!(panels.map(|panel| panel.y_range), [Some((-98.0, 118.0)); 2]);
    share_y_range(&mut []).unwrap();
}

#[test]
fn a_plot_without_points_is_an_error() {
    let message = "a plot needs at least one point, got none";
    let only_reference = Plot::new("").with_reference("optimum", 0.0).with_curve(Curve::new("empty", []));
    assert_eq!(only_reference.draw().unwrap_err().to_string(), message);
    assert_eq!(draw_panels(&[], 2).unwrap_err().to_string(), message);
}

#[test]
fn a_nan_is_named_by_its_curve_and_index() {
    let curve = Curve::from_values("SAC", [1.0, 2.0, f64::NAN]);
    let error = Plot::new("").with_curve(curve.clone()).draw().unwrap_err();
    assert_eq!(error.to_string(), r#"point 2 of "SAC" must be finite, got NaN"#);

    let band = Curve::from_values("DDPG", [1.0]).with_band([(0.0, f64::NEG_INFINITY, 1.0)]);
    let error = Plot::new("").with_curve(band).draw().unwrap_err();
    assert_eq!(error.to_string(), r#"point 0 of "DDPG" must be finite, got -inf"#);

    let fixed = Plot::new("").with_curve(curve).with_y_range(0.0, 1.0).draw().unwrap_err();
    assert!(matches!(fixed, PlotError::NonFinite { index: 2, .. }));

    let reference = Plot::new("").with_curve(Curve::from_values("", [1.0])).with_reference("best", f64::INFINITY);
    assert_eq!(reference.draw().unwrap_err().to_string(), r#"point 0 of "best" must be finite, got inf"#);
}

#[test]
fn a_range_must_be_ascending_and_finite() {
    let range = |low, high| plot().with_y_range(low, high).draw().unwrap_err().to_string();
    assert_eq!(range(1.0, 0.0), "the y range must ascend and have a finite width, got 1 to 0");
    assert_eq!(range(f64::NAN, 0.0), "the y range must ascend and have a finite width, got NaN to 0");
    let wide = Plot::new("").with_curve(Curve::new("", [(-1e308, 0.0), (1e308, 1.0)])).draw().unwrap_err();
    assert!(wide.to_string().starts_with("the x range must ascend and have a finite width, got -1000"));
}

#[test]
fn extreme_values_still_draw() {
    let extremes: [&[f64]; 6] =
        [&[0.0], &[1e300, 1e300], &[1e-320, 2e-320], &[-1e-5, 1e-5], &[1e15, 1e15 + 1.0], &[-8e307, 8e307]];
    for values in extremes {
        let plot = Plot::new("").with_curve(Curve::from_values("", values.iter().copied()));
        let axis = y_axis(&plot);
        assert!((2..=13).contains(&axis.ticks.len()), "{values:?}: {axis:?}");
        plot.draw().unwrap();
    }
}

#[test]
fn ticks_are_round_and_have_a_true_minus() {
    let ticks = |low, high| {
        let plot = Plot::new("").with_curve(Curve::from_values("", [0.0])).with_y_range(low, high);
        numbers(&Axis::y(&plot, 4.0).unwrap())
    };
    assert_eq!(ticks(-1600.0, 0.0), ["\u{2212}1500", "\u{2212}1000", "\u{2212}500", "0"]);
    assert_eq!(ticks(-0.1, 0.3), ["\u{2212}0.1", "0.0", "0.1", "0.2", "0.3"]);
    assert_eq!(ticks(0.0, 0.003), ["0.000", "0.001", "0.002", "0.003"]);
    assert_eq!(ticks(0.0, 2e8), ["0", "5.0e7", "1.0e8", "1.5e8", "2.0e8"]);
    assert_eq!(ticks(0.0, 2e-5), ["0", "5.0e\u{2212}6", "1.0e\u{2212}5", "1.5e\u{2212}5", "2.0e\u{2212}5"]);
}

#[test]
fn a_line_is_cut_where_it_leaves_the_axis() {
    let axis = y_axis(&Plot::new("").with_curve(Curve::from_values("", [0.0])).with_y_range(0.0, 10.0));
    let cut = |points: &[(f64, f64)]| pieces_within(points, &axis);
    assert_eq!(cut(&[(0.0, 5.0), (1.0, 15.0), (2.0, 5.0)]), [[(0.0, 5.0), (0.5, 10.0)], [(1.5, 10.0), (2.0, 5.0)]]);
    assert_eq!(cut(&[(0.0, -10.0), (4.0, 30.0)]), [[(1.0, 0.0), (2.0, 10.0)]]);
    assert_eq!(cut(&[(0.0, 11.0), (1.0, 12.0)]), [[]; 0]);
    assert_eq!(cut(&[(0.0, 4.0), (1.0, 4.0)]), [[(0.0, 4.0), (1.0, 4.0)]]);
    assert_eq!(cut(&[(0.0, 4.0)]), [[(0.0, 4.0)]]);
}

#[test]
fn a_broken_picture_is_a_drawing_error_with_a_source() {
    let error = Picture::new("no picture".to_owned()).png().unwrap_err();
    let source = error.source().unwrap().to_string();
    assert_eq!(error.to_string(), format!("cannot draw the picture: {source}"));
    let huge = Picture::new(r#"<svg width="60000" height="60000" xmlns="http://www.w3.org/2000/svg"/>"#.to_owned());
    assert_eq!(huge.png().unwrap_err().source().unwrap().to_string(), "60000 by 60000 px are too many");
}

#[test]
fn both_files_are_written_into_a_new_folder() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("new/sac-0.1");
    write_panels(&[plot(), plot()], 2, &stem).unwrap();
    assert!(std::fs::read_to_string(folder.path().join("new/sac-0.1.svg")).unwrap().starts_with("<svg"));
    assert!(std::fs::read(folder.path().join("new/sac-0.1.png")).unwrap().starts_with(PNG_SIGNATURE));
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let path = file.join("curve.svg");
    let error = plot().draw().unwrap().write_svg(&path).unwrap_err();
    let source = error.source().unwrap().to_string();
    assert_eq!(error.to_string(), format!("cannot write {}: {source}", path.display()));
}

fn episode(episode: usize, episode_return: f64) -> EpisodeSummary {
    EpisodeSummary {
        episode,
        steps: 200,
        episode_return,
        average_return: episode_return / 2.0,
        terminated: false,
        truncated: true,
        environment_steps: 200 * (episode + 1),
        updates: 0,
        metrics: None,
    }
}

#[test]
fn the_learning_curve_of_a_run_is_written_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("run/curve");
    let mut picture = LearningCurve::new(&stem, "SAC").with_optimum("best", -1.0);
    let config = TrainerConfig::new(2);
    picture
        .on_start(&RunInfo {
            config: &config,
            metric_names: &[],
            history: &EpisodeHistory::default(),
            evaluations: &[],
            agent: crate::train::AgentInfo::for_tests(),
        })
        .unwrap();
    for (index, value) in [-4.0, -2.0].into_iter().enumerate() {
        assert_eq!(picture.on_episode(&episode(index, value)).unwrap(), ControlFlow::Continue(()));
    }
    let placeholder = std::fs::read(folder.path().join("run/curve.svg")).unwrap();
    assert!(placeholder.is_empty(), "until the run is over the file only keeps other runs out");
    picture.on_finish().unwrap();

    let plot = picture.plot();
    assert_eq!(plot.curves[0].points, [(0.0, -4.0), (1.0, -2.0)]);
    assert_eq!(plot.curves[1].points, [(0.0, -2.0), (1.0, -1.0)]);
    assert_eq!(plot.curves[1].label, "average of the last 100");
    assert_eq!(std::fs::read_to_string(folder.path().join("run/curve.svg")).unwrap(), plot.draw().unwrap().svg());
    assert!(folder.path().join("run/curve.png").exists());

    // Another run, resumed after its first episode.
    picture
        .on_start(&RunInfo {
            config: &config,
            metric_names: &[],
            history: &[episode(0, -9.0)].into_iter().collect(),
            evaluations: &[],
            agent: crate::train::AgentInfo::for_tests(),
        })
        .unwrap();
    let _ = picture.on_episode(&episode(1, -8.0)).unwrap();
    assert_eq!(picture.plot().curves[0].points, [(0.0, -9.0), (1.0, -8.0)]);
}

#[test]
fn a_run_without_an_episode_leaves_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    LearningCurve::new(folder.path().join("run/curve"), "SAC").on_finish().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
