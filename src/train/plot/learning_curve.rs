//! An observer that draws the learning curve of a run.

use std::ops::ControlFlow;
use std::path::PathBuf;

use super::picture::with_ending;
use super::{Curve, Plot, PlotError};
use crate::log_file::Claim;
use crate::train::{EpisodeSummary, Observer, ObserverError, RunInfo};

/// Draws the run when it is over: the return of every episode, and their running average.
///
/// A run that ends with an error is drawn up to that step; a run without a finished episode writes no file. If a run
/// continues with the same observer, the new picture shows all of it; an episode with index 0 starts again. The SVG file is locked
/// during the run: a second run with the same stem ends at its start with [`LogError::InUse`](crate::train::LogError::InUse).
///
/// # Examples
///
/// ```no_run
/// use actor_critic::train::plot::LearningCurve;
///
/// // Writes results/sac.svg and results/sac.png.
/// let mut picture = LearningCurve::new("results/sac", "SAC on Pendulum-v1").with_optimum("optimum", -137.5);
/// # let trainer_run = |_: &mut [&mut dyn actor_critic::train::Observer]| ();
/// trainer_run(&mut [&mut picture]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LearningCurve {
    stem: PathBuf,
    title: String,
    optimum: Option<(String, f64)>,
    window: Option<usize>,
    returns: Vec<(f64, f64)>,
    averages: Vec<(f64, f64)>,
    claim: Claim,
}

impl LearningCurve {
    /// Makes an observer that writes `stem` + `.svg` and `stem` + `.png`, and makes their parent folders.
    pub fn new(stem: impl Into<PathBuf>, title: impl Into<String>) -> Self {
        let (stem, title) = (stem.into(), title.into());
        Self {
            stem,
            title,
            optimum: None,
            window: None,
            returns: Vec::new(),
            averages: Vec::new(),
            claim: Claim::default(),
        }
    }

    /// Marks the best possible return, undiscounted, with a dashed line.
    #[must_use]
    pub fn with_optimum(mut self, label: impl Into<String>, value: f64) -> Self {
        self.optimum = Some((label.into(), value));
        self
    }

    fn add(&mut self, episode: &EpisodeSummary) {
        let x = episode.episode as f64;
        self.returns.push((x, episode.episode_return));
        self.averages.push((x, episode.average_return));
    }

    /// Returns the plot of the episodes so far, to add to it or to use it in panels.
    pub fn plot(&self) -> Plot {
        let average =
            self.window.map_or_else(|| "running average".to_owned(), |window| format!("average of the last {window}"));
        let plot = Plot::new(&self.title)
            .with_labels("episode", "return")
            .with_curve(Curve::thin("each episode", self.returns.iter().copied()).with_color(0))
            .with_curve(Curve::new(average, self.averages.iter().copied()).with_color(0));
        match &self.optimum {
            Some((label, value)) => plot.with_reference(label, *value),
            None => plot,
        }
    }
}

impl Observer for LearningCurve {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        self.window = Some(run.config.average_window);
        self.returns.clear();
        self.averages.clear();
        self.claim.take(&with_ending(&self.stem, ".svg"))?;
        run.history.iter().for_each(|episode| self.add(&episode));
        Ok(())
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.add(episode);
        Ok(ControlFlow::Continue(()))
    }

    fn on_finish(&mut self) -> Result<(), ObserverError> {
        if self.claim.is_refused() || self.returns.is_empty() {
            self.claim.give_back();
            return Ok(());
        }
        let picture = self.plot().draw()?;
        let svg = with_ending(&self.stem, ".svg");
        match self.claim.write(picture.svg().as_bytes()) {
            Ok(true) => {}
            Ok(false) => picture.write_svg(svg)?,
            Err(source) => return Err(PlotError::Io { path: svg, source }.into()),
        }
        Ok(picture.write_png(with_ending(&self.stem, ".png"))?)
    }
}
