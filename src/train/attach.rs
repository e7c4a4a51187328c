//! Parts that you attach to a trainer before it runs.

use super::env_slot::MidEpisode;
use super::{EvaluateEvery, Schedule, Trainer};
use crate::agent::Agent;
use crate::config::{ConfigError, at_least};
use crate::env::Environment;
use crate::error::Error;
use crate::replay::Replay;
use crate::state::SaveState;

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Replaces the replay buffer, for example by prioritised sampling.
    ///
    /// The new replay gets [`n_step`](super::TrainerConfig::n_step).
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if it holds less than [`learning_starts`](super::TrainerConfig::learning_starts)
    /// - [`Error::Replay`] if its transitions have other lengths
    pub fn with_replay(mut self, mut replay: impl Replay + 'static) -> Result<Self, Error> {
        let transitions = replay.transitions_mut();
        transitions.check_dims(self.spaces().observation().dim(), self.spaces().action().dim())?;
        at_least("capacity of the replay", self.config.learning_starts(), transitions.capacity())?;
        transitions.set_n_step(self.config.n_step)?;
        self.replay = Box::new(replay);
        Ok(self)
    }

    /// Evaluates the greedy policy during the run.
    ///
    /// The trainer makes an overdue evaluation before the next step. An evaluation is overdue if it has failed, or if the resumed run
    /// had no evaluations.
    #[must_use]
    pub fn with_evaluation(mut self, evaluation: EvaluateEvery<A>) -> Self {
        self.evaluation = Some(evaluation);
        self
    }

    /// Passes the factor of a schedule to the agent before every step.
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    /// use actor_critic::train::Schedule;
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

    /// Steps the environments in parallel on the threads of rayon, with the same bits.
    ///
    /// Use it if a step takes tens of microseconds.
    #[cfg(feature = "threads")]
    #[must_use]
    pub fn over_threads(mut self) -> Self
    where
        E: Send,
    {
        self.collector.step_over_threads();
        self
    }

    /// Saves running episodes with the state of their environments. A resumed run continues bit for bit.
    #[must_use]
    pub fn with_environment_state(mut self) -> Self
    where
        E: SaveState,
    {
        self.collector.mid_episode = MidEpisode::Saved { save: E::save_state, load: E::load_state };
        self
    }

    /// Saves without the state of the environments, for environments that cannot save it.
    ///
    /// The replay keeps the transitions of running episodes, and their steps are counted. A resumed run drops
    /// these episodes and starts new ones, each with the next seed. So the resumed run is valid, but not the same bit for bit as one that was
    /// never interrupted. Saving does not change the run that is saved.
    #[must_use]
    pub fn with_restarted_episodes(mut self) -> Self {
        self.collector.mid_episode = MidEpisode::Restarted;
        self
    }
}
