//! The run of a trainer: takes steps until the end, and notifies the observers.

use std::ops::ControlFlow;

use super::episode::History;
use super::notify::{self, Answers};
use super::{AgentInfo, EpisodeSummary, Observer, RunInfo, StepReport, Trainer};
use crate::agent::{Agent, Metrics};
use crate::env::Environment;
use crate::error::Error;

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Takes steps until the configured number of episodes or environment steps is over, or an observer ends the run.
    ///
    /// Returns the summaries of the episodes that ended in this call. A run that was ended goes on when called again. Several
    /// environments may end more episodes with the last step than were asked for.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step), or [`Error::Observer`].
    pub fn run(&mut self, observers: &mut [&mut dyn Observer]) -> Result<Vec<EpisodeSummary>, Error> {
        self.run_with(observers, |_| Ok(ControlFlow::Continue(())))
    }

    /// As [`run`](Self::run), with a call after every step that may end the run.
    pub(super) fn run_with(
        &mut self,
        observers: &mut [&mut dyn Observer],
        after_step: impl FnMut(&mut Self) -> Result<ControlFlow<()>, Error>,
    ) -> Result<Vec<EpisodeSummary>, Error> {
        let outcome = self.run_observed(observers, after_step);
        let mut finished = Ok(());
        for observer in observers {
            // Every observer is told, even if another one fails to finish.
            finished = finished.and(observer.on_finish().map_err(Error::Observer));
        }
        let episodes = outcome?;
        finished.map(|()| episodes)
    }

    fn run_observed(
        &mut self,
        observers: &mut [&mut dyn Observer],
        mut after_step: impl FnMut(&mut Self) -> Result<ControlFlow<()>, Error>,
    ) -> Result<Vec<EpisodeSummary>, Error> {
        // What a failed step has left is in the history, of which the observers hear now.
        self.unreported = StepReport::default();
        let run = self.run_info();
        for observer in observers.iter_mut() {
            observer.on_start(&run).map_err(Error::Observer)?;
        }
        let episodes_before = run.history.len();
        let evaluated = self.evaluate_if_overdue();
        let report = std::mem::take(&mut self.unreported);
        let Answers { mut ended, outcome } = notify::notify_overdue(observers, &report);
        // No step was taken, so the report of the next one has to say how long this took.
        self.unreported.evaluation_time = report.evaluation_time;
        evaluated.and(outcome)?;
        let run = self.run_info();
        ended |= observers.iter().any(|observer| observer.is_over(&run));
        let max_steps = self.config.environment_steps.unwrap_or(usize::MAX);
        while !ended && self.episodes() < self.config.episodes && self.environment_steps() < max_steps {
            let before = self.environment_steps();
            let (report, stepped) = match self.step() {
                Ok(report) => (report, Ok(())),
                Err(error) if self.environment_steps() == before => return Err(error),
                Err(error) => (self.take_report(), Err(error)),
            };
            let answers = notify::notify_step(observers, &report);
            stepped?;
            let after = after_step(self);
            answers.outcome?;
            ended = answers.ended | after?.is_break();
        }
        Ok(self.history().iter().skip(episodes_before).collect())
    }

    fn run_info(&self) -> RunInfo<'_> {
        let History { episodes: history, evaluations, .. } = &self.history;
        let agent =
            AgentInfo { spaces: self.spaces(), discount: self.agent.discount(), normalizes: self.agent.normalizes() };
        RunInfo { config: &self.config, metric_names: A::Metrics::NAMES, agent, history, evaluations }
    }
}
