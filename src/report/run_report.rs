//! An observer that writes the report of a run.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::{Report, ReportError, Table};
use crate::log_file::Claim;
use crate::train::plot::{Curve, Plot};
use crate::train::{
    Diagnosis, EpisodeSummary, EvaluationSummary, Observer, ObserverError, RunInfo, StepReport, TrainerConfig,
};

/// Most points of a curve; neighbours are averaged if there are more.
const MOST_POINTS: usize = 500;

/// Writes the report of a run when it is over: key figures, findings of a [`Diagnosis`], learning curve, evaluations, metrics and settings.
///
/// A run that ends with an error is reported up to that step. If a run continues, with the same observer or resumed from a
/// checkpoint, the report shows all of it, except for timing and diagnosis, which cover the steps of this program. The file is locked during the run: a
/// second run with the same path ends at its start with [`LogError::InUse`](crate::train::LogError::InUse).
///
/// # Examples
///
/// The report of a run, with an animation of the trained policy:
///
/// ```no_run
/// use actor_critic::prelude::*;
/// use actor_critic::report::{Animation, RunReport, record_episode};
///
/// # fn run<A: Agent>(mut trainer: Trainer<TimeLimit<Pendulum>, A>, config: SacConfig) -> Result<(), Box<dyn std::error::Error>> {
/// let mut report = RunReport::new("runs/sac.html", "SAC on Pendulum-v1")
///     .with_optimum("optimum", -137.5)
///     .with_settings("Agent", &config)?;
/// trainer.run(&mut [&mut report])?;
///
/// let agent = trainer.agent();
/// let act = |observation: &[f32]| Ok(agent.act(&[observation])?.concat());
/// let recording = record_episode(act, &mut Pendulum::v1(), 0)?;
/// let gif = Animation::new(recording.frames).gif()?;
/// report.report()?.with_animation("A greedy episode", &gif, "From seed 0")?.write("runs/sac.html")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RunReport {
    path: PathBuf,
    title: String,
    optimum: Option<(String, f64)>,
    settings: Vec<(String, Value)>,
    schedule: Option<TrainerConfig>,
    metric_names: &'static [&'static str],
    episodes: Vec<EpisodeSummary>,
    evaluations: Vec<EvaluationSummary>,
    environment_steps: usize,
    updates: usize,
    timing: Option<Timing>,
    claim: Claim,
    diagnosis: Diagnosis,
}

impl RunReport {
    /// Makes an observer that writes the HTML file `path`, and makes its parent folders.
    pub fn new(path: impl Into<PathBuf>, title: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            title: title.into(),
            optimum: None,
            settings: Vec::new(),
            schedule: None,
            metric_names: &[],
            episodes: Vec::new(),
            evaluations: Vec::new(),
            environment_steps: 0,
            updates: 0,
            timing: Some(Timing::default()),
            claim: Claim::default(),
            diagnosis: Diagnosis::new(),
        }
    }

    /// Marks the best possible return, undiscounted, with a dashed line.
    #[must_use]
    pub fn with_optimum(mut self, label: impl Into<String>, value: f64) -> Self {
        self.optimum = Some((label.into(), value));
        self
    }

    /// Adds a table of settings, such as the config of the agent.
    ///
    /// # Errors
    ///
    /// [`ReportError::Settings`] if they cannot be written as JSON, as a map whose keys are not texts.
    pub fn with_settings(mut self, heading: impl Into<String>, settings: &impl Serialize) -> Result<Self, ReportError> {
        let heading = heading.into();
        match serde_json::to_value(settings) {
            Ok(settings) => self.settings.push((heading, settings)),
            Err(source) => return Err(ReportError::Settings { name: heading, source }),
        }
        Ok(self)
    }

    /// Leaves out the timing, so that the same run gives the same file.
    #[must_use]
    pub fn without_timing(mut self) -> Self {
        self.timing = None;
        self
    }

    /// Returns the report of the run so far, to add sections of your own.
    ///
    /// # Errors
    ///
    /// [`ReportError::Plot`] if values differ by more than an `f64` can hold.
    pub fn report(&self) -> Result<Report, ReportError> {
        let mut report = self.key_figures();
        let findings: Vec<_> = self.diagnosis.findings().iter().map(|finding| format!("{finding}.")).collect();
        if !findings.is_empty() {
            report = report.with_text("Diagnosis", &findings.join("\n\n"));
        }
        if let Some(plot) = self.learning_curve() {
            report = report.with_plot("Learning curve", &plot)?;
        }
        if !self.evaluations.is_empty() {
            report = report.with_table("Evaluations of the greedy policy", &self.evaluation_table())?;
        }
        let metrics: Vec<_> = (0..self.metric_names.len()).filter_map(|metric| self.metric_plot(metric)).collect();
        if !metrics.is_empty() {
            report = report.with_plots("Metrics, mean of each episode", &metrics)?;
        }
        for (heading, settings) in &self.settings {
            report = report.with_settings(heading, settings)?;
        }
        match &self.schedule {
            Some(schedule) => report.with_settings("Schedule", schedule),
            None => Ok(report),
        }
    }

    fn key_figures(&self) -> Report {
        let mut report = Report::new(&self.title)
            .with_key_figure("Episodes", grouped(self.episodes.len()))
            .with_key_figure("Environment steps", grouped(self.environment_steps))
            .with_key_figure("Updates", grouped(self.updates));
        if let (Some(episode), Some(schedule)) = (self.episodes.last(), &self.schedule) {
            let window = schedule.average_window.min(self.episodes.len());
            let label = format!("Mean return, last {}", grouped(window));
            report = report.with_key_figure(label, number(episode.average_return));
        }
        let best = self.evaluations.iter().map(EvaluationSummary::mean_return).reduce(f64::max);
        if let Some(best) = best {
            report = report.with_key_figure("Best evaluation", number(best));
        }
        if let Some(timing) = &self.timing {
            let elapsed = timing.elapsed();
            let since = if timing.resumed { "Time since the resume" } else { "Time" };
            report = report.with_key_figure(since, duration(elapsed.as_secs_f64()));
            if !timing.evaluations.is_zero() {
                report = report.with_key_figure("Time of evaluations", duration(timing.evaluations.as_secs_f64()));
            }
            let seconds = elapsed.saturating_sub(timing.evaluations).as_secs_f64();
            if seconds > 0.0 && timing.steps > 0 {
                let pace = format!("{:.0}", timing.steps as f64 / seconds);
                report = report.with_key_figure("Steps per second", pace);
            }
        }
        report
    }

    fn learning_curve(&self) -> Option<Plot> {
        let over_steps = |of: fn(&EpisodeSummary) -> f64| {
            let points = self.episodes.iter().map(|episode| (episode.environment_steps as f64, of(episode)));
            thinned(points.filter(|point| point.1.is_finite()).collect())
        };
        let evaluations = self.evaluations.iter();
        let evaluations = evaluations.map(|evaluation| (evaluation.environment_steps as f64, evaluation.mean_return()));
        let evaluations: Vec<_> = evaluations.filter(|point| point.1.is_finite()).collect();
        let returns = over_steps(|episode| episode.episode_return);
        if returns.is_empty() && evaluations.is_empty() {
            return None;
        }
        let mut plot = Plot::new(format!("{}: return", self.title)).with_labels("environment steps", "return");
        if !returns.is_empty() {
            let window = self.schedule.as_ref().map_or(0, |schedule| schedule.average_window);
            plot = plot.with_curve(Curve::thin("each episode", returns).with_color(0)).with_curve(
                Curve::new(format!("average of the last {window}"), over_steps(|episode| episode.average_return))
                    .with_color(0),
            );
        }
        if !evaluations.is_empty() {
            plot = plot.with_curve(Curve::new("evaluation", evaluations).with_color(1));
        }
        Some(match &self.optimum {
            Some((label, value)) => plot.with_reference(label, *value),
            None => plot,
        })
    }

    fn metric_plot(&self, metric: usize) -> Option<Plot> {
        let point = |episode: &EpisodeSummary| {
            Some((episode.environment_steps as f64, *episode.metrics.as_ref()?.get(metric)?))
        };
        // A plot refuses what is not finite, and a report of a run that diverged is wanted most.
        let points: Vec<_> = self.episodes.iter().filter_map(point).filter(|point| point.1.is_finite()).collect();
        let name = self.metric_names[metric];
        let curve = Curve::new("", thinned(points)).with_color(0);
        (!curve.points.is_empty()).then(|| Plot::new(name).with_labels("environment steps", "").with_curve(curve))
    }

    fn evaluation_table(&self) -> Table {
        let mut table = Table::new(["environment steps", "updates", "episodes", "mean return", "least", "greatest"]);
        for evaluation in &self.evaluations {
            let returns = evaluation.returns.iter().copied();
            let or_empty = |value: Option<f64>| value.map_or_else(String::new, number);
            table = table.with_row([
                grouped(evaluation.environment_steps),
                grouped(evaluation.updates),
                grouped(evaluation.returns.len()),
                or_empty((!evaluation.returns.is_empty()).then(|| evaluation.mean_return())),
                or_empty(returns.clone().reduce(f64::min)),
                or_empty(returns.reduce(f64::max)),
            ]);
        }
        table
    }
}

impl Observer for RunReport {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        self.claim.take(&self.path)?;
        self.diagnosis.on_start(run)?;
        if let Some(timing) = &mut self.timing {
            timing.start(!run.history.is_empty() && self.schedule.is_none());
        }
        self.schedule = Some(run.config.clone());
        if let Some(last) = run.history.last() {
            (self.environment_steps, self.updates) = (last.environment_steps, last.updates);
        }
        self.metric_names = run.metric_names;
        self.episodes = run.history.iter().collect();
        self.evaluations = run.evaluations.to_vec();
        Ok(())
    }

    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        if let Some(timing) = &mut self.timing {
            timing.step(step.environment_steps);
            timing.evaluations += step.evaluation_time;
        }
        (self.environment_steps, self.updates) = (step.environment_steps, step.updates);
        self.diagnosis.on_step(step)
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.episodes.push(episode.clone());
        self.diagnosis.on_episode(episode)
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.evaluations.push(evaluation.clone());
        self.diagnosis.on_evaluation(evaluation)
    }

    fn on_finish(&mut self) -> Result<(), ObserverError> {
        if let Some(timing) = &mut self.timing {
            timing.finish();
        }
        if self.claim.is_refused() {
            return Ok(());
        }
        let report = self.report()?;
        match self.claim.write(report.html().as_bytes()) {
            Ok(true) => Ok(()),
            Ok(false) => Ok(report.write(&self.path)?),
            Err(source) => Err(ReportError::Io { path: self.path.clone(), source }.into()),
        }
    }
}

/// How long the parts of a run in this program took.
#[derive(Debug, Clone, Default)]
struct Timing {
    before: Duration,
    /// Time of the evaluations in it.
    evaluations: Duration,
    started: Option<Instant>,
    steps: usize,
    /// Environment steps at the last step before the present part.
    last_step: Option<usize>,
    /// Whether an earlier program ran a part.
    resumed: bool,
}

impl Timing {
    fn start(&mut self, resumed: bool) {
        self.finish();
        self.resumed |= resumed;
        (self.started, self.last_step) = (Some(Instant::now()), None);
    }

    fn step(&mut self, environment_steps: usize) {
        let before = self.last_step.replace(environment_steps).unwrap_or(environment_steps.saturating_sub(1));
        self.steps += environment_steps.saturating_sub(before);
    }

    fn finish(&mut self) {
        self.before = self.elapsed();
        self.started = None;
    }

    fn elapsed(&self) -> Duration {
        self.before + self.started.map_or(Duration::ZERO, |started| started.elapsed())
    }
}

/// Averages neighbours until at most [`MOST_POINTS`] are left.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |group: &[(f64, f64)]| {
        let n = group.len() as f64;
        (group.iter().map(|point| point.0).sum::<f64>() / n, group.iter().map(|point| point.1).sum::<f64>() / n)
    };
    if group == 1 { points } else { points.chunks(group).map(mean).collect() }
}

/// Writes a count with commas: 1,000,000.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

/// Writes a return with two digits after the point, and a true minus sign.
fn number(value: f64) -> String {
    format!("{value:.2}").replace('-', "−")
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    // A run of more seconds than an integer holds has not been yet.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = seconds.round() as u64;
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([-137.456, 0.0].map(number), ["−137.46", "0.00"]);
        assert_eq!(
            [0.04, 59.94, 59.99, 3_599.6, 7_265.0].map(duration),
            ["0.0 s", "59.9 s", "60.0 s", "1 h 0 min", "2 h 1 min"]
        );
    }

    #[test]
    fn a_long_curve_is_averaged_and_a_short_one_kept() {
        let line = |n: usize| (0..n).map(|i| (i as f64, 2.0 * i as f64)).collect::<Vec<_>>();
        assert_eq!(thinned(line(500)), line(500));
        let thin = thinned(line(1_000));
        assert_eq!((thin.len(), thin[0], thin[499]), (500, (0.5, 1.0), (998.5, 1997.0)));
    }
}
