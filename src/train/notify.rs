//! Notifying observers of a step, its episodes and its evaluations.

use std::ops::ControlFlow;

use super::{Observer, ObserverError, StepReport};
use crate::error::Error;

/// The results of the observers.
pub(super) struct Answers {
    /// Whether an observer ends the run.
    pub(super) ended: bool,
    /// The first failure.
    pub(super) outcome: Result<(), Error>,
}

impl Answers {
    fn none() -> Self {
        Self { ended: false, outcome: Ok(()) }
    }

    fn add(&mut self, answer: Result<ControlFlow<()>, ObserverError>) {
        match answer {
            Ok(flow) => self.ended |= flow.is_break(),
            Err(error) if self.outcome.is_ok() => self.outcome = Err(Error::Observer(error)),
            Err(_) => {}
        }
    }
}

/// Notifies every observer of a step, its episodes and its evaluations, even if another observer fails.
pub(super) fn notify_step(observers: &mut [&mut dyn Observer], report: &StepReport) -> Answers {
    let mut answers = Answers::none();
    observers.iter_mut().for_each(|observer| answers.add(observer.on_step(report)));
    notify_ends(observers, report, &mut answers);
    answers
}

/// Notifies every observer of an overdue evaluation, which was made before any step.
pub(super) fn notify_overdue(observers: &mut [&mut dyn Observer], report: &StepReport) -> Answers {
    let mut answers = Answers::none();
    notify_ends(observers, report, &mut answers);
    answers
}

fn notify_ends(observers: &mut [&mut dyn Observer], report: &StepReport, answers: &mut Answers) {
    for episode in &report.episodes {
        observers.iter_mut().for_each(|observer| answers.add(observer.on_episode(episode)));
    }
    for evaluation in &report.evaluations {
        observers.iter_mut().for_each(|observer| answers.add(observer.on_evaluation(evaluation)));
    }
}
