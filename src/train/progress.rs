//! A progress bar on the terminal.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};

use super::{EpisodeSummary, EvaluationSummary, Observer, ObserverError, RunInfo, StepReport};

/// How often the bar is updated within an episode.
const REFRESH: Duration = Duration::from_millis(200);

/// Shows a bar over the episodes of a run, or over its steps if those are limited, with elapsed and remaining time, steps per second and the running average.
///
/// The bar is drawn on standard error, and only if that is a terminal. Other output would appear in the
/// middle of it. Put an observer that prints inside, with [`around`](Self::around): the bar then makes room for its lines.
///
/// Steps per second count the time of training; evaluation time is shown separately.
///
/// # Examples
///
/// ```no_run
/// use actor_critic::train::Progress;
///
/// use actor_critic::prelude::*;
///
/// # fn run<E: Environment, A: Agent>(mut trainer: Trainer<E, A>) -> Result<(), Error> {
/// let mut bar = Progress::around(Console::every(5)); // or Progress::new()
/// trainer.run(&mut [&mut bar])?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Progress<O = ()> {
    inner: O,
    bar: ProgressBar,
    steps: usize,
    /// The end of the bar, if it does not count episodes.
    max_steps: Option<usize>,
    started: Instant,
    refreshed: Instant,
    /// Time of the evaluations since the start.
    evaluation_time: Duration,
}

impl Progress {
    /// Makes a bar that appears when the run starts.
    pub fn new() -> Self {
        Self::around(())
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Observer> Progress<O> {
    /// Makes a bar that makes room for the output of `inner` after an episode and at the end.
    ///
    /// `inner` is called at the start before the bar appears. It is called for single steps too, but should not print then: the
    /// bar stays in place.
    pub fn around(inner: O) -> Self {
        Self::drawing_to(ProgressDrawTarget::stderr(), inner)
    }

    /// Returns the observer inside.
    pub fn into_inner(self) -> O {
        self.inner
    }

    fn drawing_to(target: ProgressDrawTarget, inner: O) -> Self {
        // Nothing is drawn before the run starts; a bar that is dropped in mid-run keeps what it shows.
        let bar = ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::Abandon);
        let now = Instant::now();
        Self { inner, bar, steps: 0, max_steps: None, started: now, refreshed: now, evaluation_time: Duration::ZERO }
    }

    /// Updates the number of steps per second and redraws the bar.
    fn refresh(&mut self, now: Instant) {
        self.refreshed = now;
        let training = now.duration_since(self.started).saturating_sub(self.evaluation_time);
        let seconds = training.as_secs_f64();
        if seconds > 0.0 {
            let evaluation = self.evaluation_time.as_secs_f64();
            let share = if evaluation > 0.0 { format!(", evaluations {evaluation:.1} s") } else { String::new() };
            self.bar.set_prefix(format!("  {:.0} steps/s{share}", self.steps as f64 / seconds));
        }
    }
}

impl<O: Observer> Observer for Progress<O> {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        self.inner.on_start(run)?;
        self.steps = 0;
        self.evaluation_time = Duration::ZERO;
        self.started = Instant::now();
        self.refreshed = self.started;
        // The bar itself takes what the texts leave, so that the whole never needs a second line.
        self.max_steps = run.config.environment_steps;
        let (unit, length) = match self.max_steps {
            Some(steps) => ("steps", steps),
            None => ("episodes", run.config.episodes),
        };
        let template =
            format!("{{elapsed_precise}} {{wide_bar}} {{pos}}/{{len}} {unit}{{prefix}}{{msg}}  {{eta}} left");
        self.bar.set_style(ProgressStyle::with_template(&template)?.progress_chars("=> "));
        self.bar.set_length(length as u64);
        // A bar that has shown one run starts again for the next.
        self.bar.reset();
        if self.max_steps.is_none() {
            self.bar.set_position(run.history.len() as u64);
        }
        Ok(())
    }

    fn is_over(&self, run: &RunInfo<'_>) -> bool {
        self.inner.is_over(run)
    }

    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        self.steps += 1;
        self.evaluation_time += step.evaluation_time;
        if self.max_steps.is_some() {
            self.bar.set_position(step.environment_steps as u64);
        }
        let now = Instant::now();
        if now.duration_since(self.refreshed) >= REFRESH {
            self.refresh(now);
        }
        self.inner.on_step(step)
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        let inner = &mut self.inner;
        let flow = self.bar.suspend(|| inner.on_episode(episode))?;
        self.bar.set_message(format!("  average {:.1}", episode.average_return));
        if self.max_steps.is_none() {
            self.bar.set_position(episode.episode as u64 + 1);
        }
        Ok(flow)
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        let inner = &mut self.inner;
        self.bar.suspend(|| inner.on_evaluation(evaluation))
    }

    fn on_finish(&mut self) -> Result<(), ObserverError> {
        self.refresh(Instant::now());
        // Unlike `finish`, this does not claim episodes that a run cut short has not had.
        self.bar.abandon();
        let inner = &mut self.inner;
        self.bar.suspend(|| inner.on_finish())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;
    use crate::train::{EpisodeHistory, TrainerConfig};

    /// A terminal, 80 columns wide, that remembers what was written to it.
    #[derive(Debug, Clone, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl Paper {
        fn write(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn text(&self) -> String {
            self.0.lock().unwrap().clone()
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
            if lines == 0 { Ok(()) } else { self.write(&format!("<up {lines}>")) }
        }
        fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
            self.write(&format!("<down {lines}>"))
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.write("<clear>")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Prints one line per episode on the same paper as the bar, and fails or stops on demand.
    #[derive(Debug)]
    struct Printer {
        paper: Paper,
        calls: Vec<&'static str>,
        stop_after: usize,
    }

    impl Observer for Printer {
        fn on_start(&mut self, _: &RunInfo<'_>) -> Result<(), ObserverError> {
            self.calls.push("start");
            Ok(())
        }
        fn on_step(&mut self, _: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
            self.calls.push("step");
            Ok(ControlFlow::Continue(()))
        }
        fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
            self.calls.push("episode");
            self.paper.write_line(&format!("<line {}>", episode.episode))?;
            Ok(if episode.episode >= self.stop_after { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        }
        fn on_finish(&mut self) -> Result<(), ObserverError> {
            self.calls.push("finish");
            Err("the disk is full".into())
        }
    }

    fn summary(episode: usize) -> EpisodeSummary {
        EpisodeSummary {
            episode,
            steps: 1,
            episode_return: -2.0,
            average_return: -523.44,
            terminated: false,
            truncated: true,
            environment_steps: episode + 1,
            updates: 0,
            metrics: None,
        }
    }

    fn start(progress: &mut Progress<impl Observer>, episodes: usize) {
        let config = TrainerConfig::new(episodes);
        progress
            .on_start(&RunInfo {
                config: &config,
                metric_names: &[],
                history: &EpisodeHistory::default(),
                evaluations: &[],
                agent: crate::train::AgentInfo::for_tests(),
            })
            .unwrap();
    }

    fn play<O: Observer>(progress: &mut Progress<O>, episode: usize) -> ControlFlow<()> {
        let step = StepReport { environment_steps: episode + 1, updates: 0, metrics: None, ..StepReport::default() };
        assert!(progress.on_step(&step).unwrap().is_continue());
        progress.on_episode(&summary(episode)).unwrap()
    }

    #[test]
    fn it_counts_episodes_and_steps_even_when_hidden() {
        let mut progress = Progress::drawing_to(ProgressDrawTarget::hidden(), ());
        start(&mut progress, 3);
        assert_eq!((progress.bar.length(), progress.bar.position()), (Some(3), 0));
        for episode in 0..3 {
            assert!(play(&mut progress, episode).is_continue());
        }
        assert_eq!((progress.bar.position(), progress.steps), (3, 3));
        assert_eq!(progress.bar.message(), "  average -523.4");
        progress.on_finish().unwrap();
        assert!(progress.bar.is_finished());
        assert!(progress.bar.prefix().ends_with(" steps/s"));
    }

    #[test]
    fn a_run_of_so_many_steps_is_counted_in_steps() {
        let mut progress = Progress::drawing_to(ProgressDrawTarget::hidden(), ());
        let config = TrainerConfig::steps(7);
        progress
            .on_start(&RunInfo {
                config: &config,
                metric_names: &[],
                history: &EpisodeHistory::default(),
                evaluations: &[],
                agent: crate::train::AgentInfo::for_tests(),
            })
            .unwrap();
        for step in 0..2 {
            let _ = play(&mut progress, step);
        }
        assert_eq!((progress.bar.length(), progress.bar.position()), (Some(7), 2));
    }

    #[test]
    fn the_time_of_evaluations_is_told_apart_from_that_of_training() {
        let mut progress = Progress::drawing_to(ProgressDrawTarget::hidden(), ());
        start(&mut progress, 3);
        let step =
            StepReport { environment_steps: 1, evaluation_time: Duration::from_secs(3_000), ..StepReport::default() };
        assert!(progress.on_step(&step).unwrap().is_continue());
        progress.started = Instant::now();
        progress.refresh(progress.started + Duration::from_secs(3_010));
        assert_eq!(progress.bar.prefix(), "  0 steps/s, evaluations 3000.0 s");
        progress.steps = 1_000;
        progress.refresh(progress.started + Duration::from_secs(3_010));
        assert_eq!(progress.bar.prefix(), "  100 steps/s, evaluations 3000.0 s");
    }

    #[test]
    fn a_run_that_is_cut_short_does_not_show_a_full_bar() {
        let mut progress = Progress::drawing_to(ProgressDrawTarget::hidden(), ());
        start(&mut progress, 10);
        let _ = play(&mut progress, 0);
        progress.on_finish().unwrap();
        assert_eq!((progress.bar.position(), progress.bar.is_finished()), (1, true));
    }

    #[test]
    fn a_run_that_goes_on_is_counted_from_where_it_was() {
        let mut progress = Progress::drawing_to(ProgressDrawTarget::hidden(), ());
        start(&mut progress, 10);
        let _ = play(&mut progress, 0);
        progress.on_finish().unwrap();
        start(&mut progress, 10);
        let _ = play(&mut progress, 1);
        assert_eq!((progress.bar.position(), progress.steps, progress.bar.is_finished()), (2, 1, false));
    }

    #[test]
    fn the_observer_inside_hears_everything_and_its_answers_count() {
        let printer = Printer { paper: Paper::default(), calls: Vec::new(), stop_after: 1 };
        let mut progress = Progress::drawing_to(ProgressDrawTarget::hidden(), printer);
        start(&mut progress, 3);
        assert!(play(&mut progress, 0).is_continue());
        assert!(play(&mut progress, 1).is_break());
        assert_eq!(progress.on_finish().unwrap_err().to_string(), "the disk is full");
        assert_eq!(progress.into_inner().calls, ["start", "step", "episode", "step", "episode", "finish"]);
    }

    #[test]
    fn a_printed_line_begins_where_the_bar_was_cleared() {
        let paper = Paper::default();
        let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
        let printer = Printer { paper: paper.clone(), calls: Vec::new(), stop_after: 9 };
        let mut progress = Progress::drawing_to(target, printer);
        assert_eq!(paper.text(), "", "nothing is drawn before the run");
        start(&mut progress, 2);
        let _ = play(&mut progress, 0);
        let _ = play(&mut progress, 1);
        let text = paper.text();
        assert!(text.contains("<clear><line 0>\n") && text.contains("<clear><line 1>\n"), "{text}");
        assert!(text.contains("0/2 episodes") && !text.contains("<up"), "the bar must stay on one line: {text}");
    }
}
