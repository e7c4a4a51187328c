//! Attaching to a trainer, before it runs, everything that takes part in the run.

use super::{EvaluateEvery, Schedule, Trainer};
use crate::agent::Agent;
use crate::config::{ConfigError, at_least};
use crate::env::Environment;
use crate::error::Error;
use crate::replay::Replay;

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Exchanges the replay, for one that draws its batches by another law.
    ///
    /// It takes over [`n_step`](TrainerConfig::n_step) and the agent's discount.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if it holds less than [`learning_starts`](TrainerConfig::learning_starts)
    /// - [`Error::Replay`] if its transitions have other lengths
    pub fn with_replay(mut self, mut replay: impl Replay + 'static) -> Result<Self, Error> {
        let transitions = replay.transitions_mut();
        transitions.check_dims(self.spaces().observation().dim(), self.spaces().action().dim())?;
        at_least("capacity of the replay", self.config.learning_starts(), transitions.capacity())?;
        transitions.set_n_step(self.config.n_step, self.agent.discount())?;
        self.replay = Box::new(replay);
        Ok(self)
    }

    /// Evaluates the greedy policy along the run.
    ///
    /// An evaluation that is due and has not been made is made before the next step: after one that failed, and also when a run
    /// that had no evaluations goes on with them.
    #[must_use]
    pub fn with_evaluation(mut self, evaluation: EvaluateEvery<A>) -> Self {
        self.evaluation = Some(evaluation);
        self
    }

    /// Applies a schedule to the agent before every step.
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// let env = Pendulum::v1();
    /// let agent = Td3Config::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
    /// let mut trainer = Trainer::new(env, agent, &TrainerConfig::new(1), Seed(0))?
    ///     .with_schedule(Schedule::linear(1.0, 0.0, 100_000)?, Td3::set_learning_rate_factor)
    ///     .with_schedule(Schedule::jump(2.0, 1.0, 5_000)?, Td3::set_noise_factor);
    /// trainer.run(&mut [])?;
    /// # Ok::<(), actor_critic::Error>(())
    /// ```
    #[must_use]
    pub fn with_schedule(
        mut self,
        schedule: Schedule,
        apply: impl FnMut(&mut A, f64) -> Result<(), ConfigError> + Send + 'static,
    ) -> Self {
        self.schedules.push((schedule, Box::new(apply)));
        self
    }

    /// Steps the environments over the threads of rayon, with the same bits; worth it if a step takes tens of microseconds.
    #[cfg(feature = "threads")]
    #[must_use]
    pub fn over_threads(mut self) -> Self
    where
        E: Send,
    {
        self.collector.step_over_threads();
        self
    }
}
