//! Runs that a rule has ended, and their command again.

use std::ops::ControlFlow;

use actor_critic::prelude::*;
use actor_critic::train::{Evaluation, ObserverError, RunInfo};
use actor_critic::train::{StopAt, StopAtEvaluation, StopWithoutImprovement, TimeBudget};

use super::{SmallDdpg, by_steps, ddpg, every, limited};

/// Runs the same command again and again, and returns the steps that the run had each time.
fn repeated(stop: &dyn Fn() -> Box<dyn Observer>) -> [usize; 3] {
    let folder = tempfile::tempdir().unwrap();
    [(); 3].map(|()| {
        let flat = |_: &SmallDdpg| Ok(Evaluation { returns: vec![-1.0] });
        let evaluation = EvaluateEvery::steps(10, flat).unwrap();
        let trainer = Trainer::new(limited(20), ddpg(&DdpgConfig::new()), &by_steps(500), Seed(0)).unwrap();
        let trainer = trainer.with_environment_state().with_evaluation(evaluation);
        let mut trainer = trainer.with_checkpoints(every(10, &folder));
        trainer.resume_newest().unwrap();
        trainer.run(&mut [stop().as_mut()]).unwrap();
        trainer.environment_steps()
    })
}

/// Ends a run after an episode, and knows it.
struct AfterEpisodes(usize);

impl Observer for AfterEpisodes {
    fn is_over(&self, run: &RunInfo<'_>) -> bool {
        run.history.len() >= self.0
    }

    fn on_episode(&mut self, episode: &actor_critic::train::EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        Ok(if episode.episode + 1 >= self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

#[test]
fn a_run_that_was_ended_by_a_rule_does_nothing_when_the_command_is_repeated() {
    assert_eq!(repeated(&|| Box::new(StopWithoutImprovement::new(3, 0.0))), [40; 3]);
    assert_eq!(repeated(&|| Box::new(StopAtEvaluation { threshold: -1.0 })), [10; 3]);
    assert_eq!(repeated(&|| Box::new(StopAt { threshold: f64::NEG_INFINITY, min_episodes: 3 })), [60; 3]);
    assert_eq!(repeated(&|| Box::new(AfterEpisodes(2))), [40; 3]);
    #[cfg(feature = "progress")]
    assert_eq!(repeated(&|| Box::new(Progress::around(AfterEpisodes(2)))), [40; 3], "an observer inside another");
    // Time is counted from when a command begins, so there is time for a step each time.
    assert_eq!(repeated(&|| Box::new(TimeBudget::new(std::time::Duration::ZERO))), [1, 2, 3]);
}

#[test]
fn a_rule_that_asks_for_more_lets_a_run_go_on() {
    let mut trainer = Trainer::new(limited(20), ddpg(&DdpgConfig::new()), &by_steps(100), Seed(0)).unwrap();
    trainer.run(&mut [&mut AfterEpisodes(1)]).unwrap();
    assert_eq!(trainer.run(&mut [&mut AfterEpisodes(1)]).unwrap(), []);
    assert_eq!(trainer.run(&mut [&mut AfterEpisodes(2), &mut AfterEpisodes(3)]).unwrap().len(), 1);
    assert_eq!(trainer.run(&mut []).unwrap().len(), 3);
}
