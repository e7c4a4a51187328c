//! The run of a trainer: takes steps until the end, and calls the observers.

use super::checkpointing::SaveTimer;
use super::episode::History;
use super::notify::{self, Answers};
use super::{AgentInfo, EpisodeSummary, Observer, RunInfo, Trainer};
use crate::agent::{Agent, Metrics};
use crate::env::Environment;
use crate::error::Error;

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Takes steps until the configured number of episodes or environment steps is reached, an observer ends the run, or it is
    /// interrupted.
    ///
    /// Returns the summaries of the episodes that ended in this call. Call it again to continue a run that an observer has ended. With
    /// several environments, the last step may end more episodes than configured.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step), or [`Error::Observer`]. With [checkpoints](Self::with_checkpoints) also as [`save`](Self::save): the run
    /// ends if it cannot be saved, and another call continues it. If saving can never work, the error comes before the first
    /// step, or else after the first step and the first update:
    ///
    /// - [`CheckpointError::MidEpisode`](crate::checkpoint::CheckpointError::MidEpisode) if you have not chosen what happens to
    ///   running episodes
    /// - [`CheckpointError::Write`](crate::checkpoint::CheckpointError::Write) or [`Error::State`] if a state cannot be written as a file
    pub fn run(&mut self, observers: &mut [&mut dyn Observer]) -> Result<Vec<EpisodeSummary>, Error> {
        let timer = self.begin_saving()?;
        let outcome = self.run_observed(observers, timer);
        let mut finished = Ok(());
        for observer in observers {
            // Every observer is notified, even if another one fails to finish.
            finished = finished.and(observer.on_finish().map_err(Error::Observer));
        }
        let episodes = outcome?;
        finished?;
        self.save_end()?;
        Ok(episodes)
    }

    fn run_observed(
        &mut self,
        observers: &mut [&mut dyn Observer],
        mut timer: SaveTimer,
    ) -> Result<Vec<EpisodeSummary>, Error> {
        // The results of a failed step are in the history, which the observers get now.
        self.unreported.clear();
        let run = self.run_info();
        for observer in observers.iter_mut() {
            observer.on_start(&run).map_err(Error::Observer)?;
        }
        let episodes_before = run.history.len();
        let evaluated = self.evaluate_if_overdue();
        let Answers { mut ended, outcome } = notify::notify_overdue(observers, self.report());
        // No step was taken, so the report of the next one has to say how long this took.
        self.unreported.clear_all_but_time();
        evaluated.and(outcome)?;
        let run = self.run_info();
        ended |= observers.iter().any(|observer| observer.is_over(&run));
        let max_steps = self.config.environment_steps.unwrap_or(usize::MAX);
        while !ended && self.episodes() < self.config.episodes && self.environment_steps() < max_steps {
            let before = self.environment_steps();
            let stepped = match self.advance() {
                Err(error) if self.environment_steps() == before => return Err(error),
                stepped => stepped,
            };
            let answers = notify::notify_step(observers, self.report());
            stepped?;
            let saved = self.save_if_due(&mut timer);
            answers.outcome?;
            ended = answers.ended | saved?.is_break();
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
