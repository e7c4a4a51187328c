//! Observers: watch a run without changing it.

use std::ops::ControlFlow;

use super::{EpisodeHistory, EpisodeSummary, EvaluationSummary, StepReport, TrainerConfig};
use crate::agent::Normalizes;
use crate::env::Spaces;

/// An observer's own failure, such as a full disk.
pub type ObserverError = Box<dyn std::error::Error + Send + Sync>;

/// Watches a run: a console, a log file, a picture, a rule to stop.
///
/// Observers change nothing: a run gives the same bits with them and without.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
///
/// use actor_critic::prelude::*;
/// use actor_critic::train::{EpisodeSummary, ObserverError};
///
/// /// Keeps the best return of a run.
/// struct Best(f64);
///
/// impl Observer for Best {
///     fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
///         self.0 = self.0.max(episode.episode_return);
///         Ok(ControlFlow::Continue(()))
///     }
/// }
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let env = Pendulum::v1();
/// # let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// # let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?;
/// let mut best = Best(f64::NEG_INFINITY);
/// trainer.run(&mut [&mut best])?;
/// println!("best return {:.1}", best.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Observer {
    /// Called once, before the first step of a [`Trainer::run`](super::Trainer::run).
    ///
    /// # Errors
    ///
    /// The run ends before its first step.
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        let _ = run;
        Ok(())
    }

    /// Returns whether the run has already met the rule by which this observer ends it. The run then ends before its first step.
    ///
    /// Called after [`on_start`](Self::on_start) of all observers. With it, the same command takes no further step after its run has ended. If
    /// your observer returns `Break` because of the results so far, decide here by [`history`](RunInfo::history) and
    /// [`evaluations`](RunInfo::evaluations).
    fn is_over(&self, run: &RunInfo<'_>) -> bool {
        let _ = run;
        false
    }

    /// Called after every environment step; `Break` ends the run there, in the middle of an episode.
    ///
    /// Also called if something fails after the step was taken, such as an update or an evaluation. The step stands, and the run
    /// ends after every observer has been called.
    ///
    /// # Errors
    ///
    /// The run ends, after the other observers have been called with the step.
    fn on_step(&mut self, step: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        let _ = step;
        Ok(ControlFlow::Continue(()))
    }

    /// Called after every episode; `Break` ends the run.
    ///
    /// # Errors
    ///
    /// The run ends.
    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        let _ = episode;
        Ok(ControlFlow::Continue(()))
    }

    /// Called after every evaluation of the greedy policy; `Break` ends the run.
    ///
    /// # Errors
    ///
    /// The run ends.
    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        let _ = evaluation;
        Ok(ControlFlow::Continue(()))
    }

    /// Called once, when the run is over, even after an error.
    ///
    /// # Errors
    ///
    /// Becomes the error of the run, unless the run already has one.
    fn on_finish(&mut self) -> Result<(), ObserverError> {
        Ok(())
    }
}

/// An observer that does nothing.
impl Observer for () {}

/// Information about a run before its first step.
#[derive(Debug, Clone)]
pub struct RunInfo<'a> {
    /// The settings of the trainer.
    pub config: &'a TrainerConfig,
    /// Names of the metrics in every [`StepReport`] and [`EpisodeSummary`].
    pub metric_names: &'static [&'static str],
    /// The agent.
    pub agent: AgentInfo<'a>,
    /// The earlier episodes: empty, unless the run was ended or interrupted and now continues.
    pub history: &'a EpisodeHistory,
    /// The earlier evaluations, likewise.
    pub evaluations: &'a [EvaluationSummary],
}

/// Information about an agent whose type the observer does not know.
#[derive(Debug, Clone, Copy)]
pub struct AgentInfo<'a> {
    /// Its spaces.
    pub spaces: &'a Spaces,
    /// The discount γ, `[0, 1]`.
    pub discount: f64,
    /// What it normalises.
    pub normalizes: Normalizes,
}

#[cfg(test)]
impl AgentInfo<'static> {
    /// One axis each, actions in [-1, 1].
    pub(crate) fn for_tests() -> Self {
        static SPACES: std::sync::LazyLock<Spaces> = std::sync::LazyLock::new(|| {
            let [observation, action] =
                [crate::space::BoxSpace::unbounded(1), crate::space::BoxSpace::symmetric(1.0, 1)];
            Spaces::new(observation.unwrap(), action.unwrap()).unwrap()
        });
        Self { spaces: &SPACES, discount: 0.99, normalizes: Normalizes::default() }
    }
}
