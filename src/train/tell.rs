//! Telling observers what a step has brought.

use std::ops::ControlFlow;

use super::{Observer, ObserverError, StepReport};
use crate::error::Error;

/// What the observers answered.
pub(super) struct Answers {
    /// Whether one of them ends the run.
    pub(super) ended: bool,
    /// The first failure.
    pub(super) outcome: Result<(), Error>,
}

impl Answers {
    fn add(&mut self, answer: Result<ControlFlow<()>, ObserverError>) {
        match answer {
            Ok(flow) => self.ended |= flow.is_break(),
            Err(error) if self.outcome.is_ok() => self.outcome = Err(Error::Observer(error)),
            Err(_) => {}
        }
    }
}

/// Tells every observer of a step, its episodes and its evaluations, even if another observer fails.
pub(super) fn tell_step(observers: &mut [&mut dyn Observer], report: &StepReport) -> Answers {
    let mut answers = Answers { ended: false, outcome: Ok(()) };
    observers.iter_mut().for_each(|observer| answers.add(observer.on_step(report)));
    tell_ends(observers, report, &mut answers);
    answers
}

/// Tells every observer of evaluations that were made up for before a step was taken.
pub(super) fn tell_made_up(observers: &mut [&mut dyn Observer], report: &StepReport) -> Answers {
    let mut answers = Answers { ended: false, outcome: Ok(()) };
    tell_ends(observers, report, &mut answers);
    answers
}

fn tell_ends(observers: &mut [&mut dyn Observer], report: &StepReport, answers: &mut Answers) {
    for episode in &report.episodes {
        observers.iter_mut().for_each(|observer| answers.add(observer.on_episode(episode)));
    }
    for evaluation in &report.evaluations {
        observers.iter_mut().for_each(|observer| answers.add(observer.on_evaluation(evaluation)));
    }
}
