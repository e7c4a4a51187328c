//! Evaluation of the greedy policy during a run.

use std::fmt;

use super::{Evaluation, EvaluationSummary};
use crate::config::{ConfigError, at_least};
use crate::error::Error;

/// Evaluates the greedy policy every so many environment steps, and can save the best policy.
///
/// Attach it to a trainer by [`Trainer::with_evaluation`](super::Trainer::with_evaluation). The evaluations are part of the run:
/// checkpoints save them, and [`Observer::on_evaluation`](super::Observer::on_evaluation) is called with each.
///
/// If an evaluation fails, the run ends with its error. The next call of [`Trainer::run`](super::Trainer::run) or
/// [`Trainer::step`](super::Trainer::step) evaluates again before it takes a step, so no evaluation is lost.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let best = folder.path().join("best.safetensors");
/// let env = Pendulum::v1();
/// let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let path = best.clone();
/// let evaluation = EvaluateEvery::steps(100, |agent: &Sac<_, _>| {
///     evaluate(agent, &mut Pendulum::v1(), 0..3)
/// })?
/// .keep_best(move |agent, _| Ok(agent.policy()?.save(&path)?));
/// let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?.with_evaluation(evaluation);
/// trainer.run(&mut [])?;
/// assert_eq!(trainer.evaluations().len(), 2);
/// assert!(Policy::load(&best, &device).is_ok());
/// # Ok::<(), Error>(())
/// ```
pub struct EvaluateEvery<A> {
    pub(super) steps: usize,
    evaluate: Evaluate<A>,
    on_best: Option<OnBest<A>>,
    /// An evaluation whose policy could not be saved. The next call only saves.
    unsaved: Option<EvaluationSummary>,
}

type Evaluate<A> = Box<dyn FnMut(&A) -> Result<Evaluation, Error> + Send>;
type OnBest<A> = Box<dyn FnMut(&A, &EvaluationSummary) -> Result<(), Error> + Send>;

impl<A> fmt::Debug for EvaluateEvery<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluateEvery").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl<A> EvaluateEvery<A> {
    /// Calls `evaluate` whenever the number of environment steps passes a multiple of `steps`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if `steps` is 0.
    pub fn steps(
        steps: usize,
        evaluate: impl FnMut(&A) -> Result<Evaluation, Error> + Send + 'static,
    ) -> Result<Self, ConfigError> {
        at_least("steps between two evaluations", 1, steps)?;
        Ok(Self { steps, evaluate: Box::new(evaluate), on_best: None, unsaved: None })
    }

    /// Calls `save` when an evaluation has a higher mean return than all before.
    #[must_use]
    pub fn keep_best(mut self, save: impl FnMut(&A, &EvaluationSummary) -> Result<(), Error> + Send + 'static) -> Self {
        self.on_best = Some(Box::new(save));
        self
    }

    /// Returns whether a multiple of the interval has been passed since the last evaluation.
    ///
    /// It uses the evaluations that were made, not the last step. So an evaluation that failed stays due, also in a run that is
    /// saved and resumed.
    pub(super) fn is_due(&self, environment_steps: usize, evaluations: &[EvaluationSummary]) -> bool {
        let last = evaluations.last().map_or(0, |evaluation| evaluation.environment_steps);
        environment_steps / self.steps > last / self.steps
    }

    /// Evaluates, and saves the policy if it is better than in all evaluations before.
    pub(super) fn evaluate(
        &mut self,
        agent: &A,
        (environment_steps, updates): (usize, usize),
        before: &[EvaluationSummary],
    ) -> Result<EvaluationSummary, Error> {
        let is_same =
            |summary: &EvaluationSummary| (summary.environment_steps, summary.updates) == (environment_steps, updates);
        let summary = match self.unsaved.take().filter(is_same) {
            Some(summary) => summary,
            None => EvaluationSummary { environment_steps, updates, returns: (self.evaluate)(agent)?.returns },
        };
        let best = before.iter().map(EvaluationSummary::mean_return).fold(f64::NEG_INFINITY, f64::max);
        if let Some(save) = self.on_best.as_mut().filter(|_| summary.mean_return() > best)
            && let Err(error) = save(agent, &summary)
        {
            self.unsaved = Some(summary);
            return Err(error);
        }
        Ok(summary)
    }
}
