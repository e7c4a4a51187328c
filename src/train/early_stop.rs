//! Observers that end a run: when it is good enough, when it no longer improves, or when its time is over.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{EpisodeSummary, EvaluationSummary, Observer, ObserverError, RunInfo, StepReport};

/// Stops training once the running average of the return reaches `threshold`.
///
/// It waits for `min_episodes`, because the average of a few lucky episodes says little. A resumed run that has reached the threshold
/// before takes no step.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
/// use actor_critic::train::StopAt;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let env = Pendulum::v1();
/// # let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// # let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(9), Seed(0))?;
/// // Every return of the pendulum is above −2,000, so this run ends after its second episode.
/// let episodes = trainer.run(&mut [&mut StopAt { threshold: -2_000.0, min_episodes: 2 }])?;
/// assert_eq!(episodes.len(), 2);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StopAt {
    /// Average return to reach.
    pub threshold: f64,
    /// Fewest episodes before it can stop.
    pub min_episodes: usize,
}

impl StopAt {
    fn is_enough(&self, episode: &EpisodeSummary) -> bool {
        episode.episode + 1 >= self.min_episodes && episode.average_return >= self.threshold
    }
}

impl Observer for StopAt {
    fn is_over(&self, run: &RunInfo<'_>) -> bool {
        run.history.iter().any(|episode| self.is_enough(&episode))
    }

    fn on_episode(&mut self, episode: &EpisodeSummary) -> Result<ControlFlow<()>, ObserverError> {
        Ok(break_if(self.is_enough(episode)))
    }
}

/// Stops training once an [evaluation](super::EvaluateEvery) of the greedy policy reaches `threshold`.
///
/// A resumed run that has reached it before takes no step.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
/// use actor_critic::train::StopAtEvaluation;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let env = Pendulum::v1();
/// # let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let evaluation = EvaluateEvery::steps(200, |agent: &Sac<_, _>| {
///     evaluate(agent, &mut Pendulum::v1(), 0..2)
/// })?;
/// let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(9), Seed(0))?.with_evaluation(evaluation);
/// // Every return of the pendulum is above −4,000, so the first evaluation ends this run.
/// trainer.run(&mut [&mut StopAtEvaluation { threshold: -4_000.0 }])?;
/// assert_eq!(trainer.evaluations().len(), 1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StopAtEvaluation {
    /// Mean return to reach.
    pub threshold: f64,
}

impl StopAtEvaluation {
    fn is_enough(&self, evaluation: &EvaluationSummary) -> bool {
        evaluation.mean_return() >= self.threshold
    }
}

impl Observer for StopAtEvaluation {
    fn is_over(&self, run: &RunInfo<'_>) -> bool {
        run.evaluations.iter().any(|evaluation| self.is_enough(evaluation))
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        Ok(break_if(self.is_enough(evaluation)))
    }
}

/// Stops training after `patience` evaluations in a row without a better mean return than the best before.
///
/// A resumed run counts earlier evaluations, and takes no step if they are enough.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
/// use actor_critic::train::StopWithoutImprovement;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let env = Pendulum::v1();
/// # let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let evaluation = EvaluateEvery::steps(200, |agent: &Sac<_, _>| {
///     evaluate(agent, &mut Pendulum::v1(), 0..2)
/// })?;
/// let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(9), Seed(0))?.with_evaluation(evaluation);
/// // No evaluation of the pendulum can improve by 4,000, so the second one ends this run.
/// trainer.run(&mut [&mut StopWithoutImprovement::new(1, 4_000.0)])?;
/// assert_eq!(trainer.evaluations().len(), 2);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StopWithoutImprovement {
    patience: usize,
    min_improvement: f64,
    best: f64,
    without: usize,
}

impl StopWithoutImprovement {
    /// Waits for `patience` evaluations; an improvement counts only if it is more than `min_improvement`.
    pub fn new(patience: usize, min_improvement: f64) -> Self {
        Self { patience, min_improvement, best: f64::NEG_INFINITY, without: 0 }
    }

    fn count(&mut self, evaluation: &EvaluationSummary) {
        let mean_return = evaluation.mean_return();
        if mean_return > self.best + self.min_improvement {
            (self.best, self.without) = (mean_return, 0);
        } else {
            self.without += 1;
        }
    }
}

impl Observer for StopWithoutImprovement {
    fn on_start(&mut self, run: &RunInfo<'_>) -> Result<(), ObserverError> {
        (self.best, self.without) = (f64::NEG_INFINITY, 0);
        run.evaluations.iter().for_each(|evaluation| self.count(evaluation));
        Ok(())
    }

    fn is_over(&self, run: &RunInfo<'_>) -> bool {
        !run.evaluations.is_empty() && self.without >= self.patience
    }

    fn on_evaluation(&mut self, evaluation: &EvaluationSummary) -> Result<ControlFlow<()>, ObserverError> {
        self.count(evaluation);
        Ok(break_if(self.without >= self.patience))
    }
}

/// Stops training when `budget` has passed since the run was started or resumed, for example on a machine that is available for some hours.
///
/// A resumed run gets the same time again. Its results are those of a run that was never stopped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use actor_critic::prelude::*;
/// use actor_critic::train::TimeBudget;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let env = Pendulum::v1();
/// # let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// # let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?;
/// trainer.run(&mut [&mut TimeBudget::new(Duration::from_secs(3_600))])?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TimeBudget {
    budget: Duration,
    started: Option<Instant>,
}

impl TimeBudget {
    /// Stops at the first step after `budget`.
    pub fn new(budget: Duration) -> Self {
        Self { budget, started: None }
    }
}

impl Observer for TimeBudget {
    fn on_start(&mut self, _: &RunInfo<'_>) -> Result<(), ObserverError> {
        self.started = Some(Instant::now());
        Ok(())
    }

    fn on_step(&mut self, _: &StepReport) -> Result<ControlFlow<()>, ObserverError> {
        Ok(break_if(self.started.is_some_and(|started| started.elapsed() >= self.budget)))
    }
}

fn break_if(stop: bool) -> ControlFlow<()> {
    if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::episode::summary_for_tests;
    use crate::train::{EpisodeHistory, TrainerConfig};

    fn evaluation(mean_return: f64) -> EvaluationSummary {
        let returns = vec![mean_return - 1.0, mean_return + 1.0];
        EvaluationSummary { environment_steps: 0, updates: 0, returns }
    }

    fn start(observer: &mut impl Observer, evaluations: &[EvaluationSummary]) {
        let config = TrainerConfig::new(1);
        observer
            .on_start(&RunInfo {
                config: &config,
                metric_names: &[],
                history: &EpisodeHistory::default(),
                evaluations,
                agent: crate::train::AgentInfo::for_tests(),
            })
            .unwrap();
    }

    #[test]
    fn it_stops_at_the_threshold_but_not_before_enough_episodes() {
        let mut stop = StopAt { threshold: -150.0, min_episodes: 3 };
        assert!(stop.on_episode(&summary_for_tests(1, 0.0, -100.0)).unwrap().is_continue());
        assert!(stop.on_episode(&summary_for_tests(2, 0.0, -150.1)).unwrap().is_continue());
        assert!(stop.on_episode(&summary_for_tests(2, 0.0, -150.0)).unwrap().is_break());
    }

    #[test]
    fn it_stops_at_an_evaluation_that_is_good_enough() {
        let mut stop = StopAtEvaluation { threshold: -150.0 };
        assert!(stop.on_evaluation(&evaluation(-150.5)).unwrap().is_continue());
        assert!(stop.on_evaluation(&evaluation(-150.0)).unwrap().is_break());
    }

    #[test]
    fn it_stops_after_evaluations_without_improvement_even_across_a_resume() {
        let mut stop = StopWithoutImprovement::new(2, 0.5);
        start(&mut stop, &[]);
        // Better; not by enough; better; then twice not.
        let flows = [-9.0, -8.75, -8.0, -8.0, -10.0].map(|x| stop.on_evaluation(&evaluation(x)).unwrap().is_break());
        assert_eq!(flows, [false, false, false, false, true]);
        start(&mut stop, &[-9.0, -8.0, -8.0].map(evaluation));
        assert!(stop.on_evaluation(&evaluation(-8.0)).unwrap().is_break());
    }

    #[test]
    fn it_stops_when_time_is_up() {
        let step = StepReport { environment_steps: 1, updates: 0, metrics: None, ..StepReport::default() };
        let (mut none, mut plenty) = (TimeBudget::new(Duration::ZERO), TimeBudget::new(Duration::MAX));
        start(&mut none, &[]);
        start(&mut plenty, &[]);
        assert!(none.on_step(&step).unwrap().is_break());
        assert!(plenty.on_step(&step).unwrap().is_continue());
    }
}
