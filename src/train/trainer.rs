//! The trainer: collects experience, learns from it, evaluates, and reports each step.

use std::fmt;
use std::time::{Duration, Instant};

use super::checkpoint_every::Attached;
use super::collect::{Collected, Collector};
use super::episode::History;
use super::evaluate_every::EvaluateEvery;
use super::learn::Updater;
use super::unreported::Unreported;
use super::{EpisodeHistory, EvaluationSummary, Schedule, StepReport, TrainerConfig};
use crate::agent::{Agent, Metrics};
use crate::config::{ConfigError, at_least};
use crate::env::{Environment, Spaces};
use crate::error::Error;
use crate::replay::{Replay, ReplayBuffer};
use crate::rng::Seed;

/// Trains an agent in one environment, or in several at once: acts, stores, samples, updates.
///
/// The trainer owns environments, agent and replay. [`run`](Self::run) takes steps to the end. [`step`](Self::step) takes one
/// environment step in each environment, for a loop of your own. Attach evaluations, schedules, another replay and checkpoints
/// before the run, by the `with_…` methods.
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let env = Pendulum::v1();
/// let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// let config = TrainerConfig::new(1).with_batch_size(8).with_learning_starts(198);
/// let mut trainer = Trainer::new(env, agent, &config, Seed(0))?;
/// let episodes = trainer.run(&mut [])?;
/// assert_eq!((episodes[0].steps, episodes[0].updates), (200, 3));
/// # Ok::<(), actor_critic::Error>(())
/// ```
pub struct Trainer<E, A> {
    pub(super) collector: Collector<E>,
    pub(super) updater: Updater,
    pub(super) agent: A,
    pub(super) replay: Box<dyn Replay>,
    pub(super) config: TrainerConfig,
    pub(super) history: History,
    pub(super) evaluation: Option<EvaluateEvery<A>>,
    pub(super) schedules: Vec<(Schedule, Apply<A>)>,
    pub(super) checkpoints: Option<Attached<Self, A>>,
    /// Results that are not reported yet: of more than one step only after a failure.
    pub(super) unreported: Unreported,
    evaluation_time: Duration,
}

/// A function that passes the factor of a schedule to an agent.
pub(super) type Apply<A> = Box<dyn FnMut(&mut A, f64) -> Result<(), ConfigError> + Send>;

impl<E: fmt::Debug, A: fmt::Debug> fmt::Debug for Trainer<E, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer")
            .field("collector", &self.collector)
            .field("updater", &self.updater)
            .field("agent", &self.agent)
            .field("replay", &self.replay)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Makes a trainer of one environment, an agent and a configuration.
    ///
    /// # Errors
    ///
    /// As [`with_environments`](Self::with_environments).
    pub fn new(env: E, agent: A, config: &TrainerConfig, seed: Seed) -> Result<Self, Error> {
        Self::with_environments(vec![env], agent, config, seed)
    }

    /// Makes a trainer of several environments of one type, an agent and a configuration.
    ///
    /// The trainer steps them together: it asks the agent once for all actions, takes a step in each environment, and stores every
    /// transition. [`updates_per_step`](TrainerConfig::updates_per_step) counts for each of them. The trainer resets an environment after its last observation
    /// is stored, before the next step. Seeds of episodes are drawn in the order in which the episodes start; for episodes that start together, by number of the
    /// environment.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] as [`TrainerConfig::validate`], or without an environment
    /// - [`Error::Space`] if an action axis has an infinite bound
    /// - [`Error::SpacesDiffer`] if the agent was built for other spaces than those of each environment
    /// - [`Error::Replay`] if the replay does not fit into memory
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// let environments: Vec<_> = (0..4).map(|_| Pendulum::v1()).collect();
    /// let agent = SacConfig::new().init(&Spaces::of(&environments[0])?, &device, Seed(0))?;
    /// // One update for each 8 environment steps.
    /// let config = TrainerConfig::new(4).with_batch_size(8).with_learning_starts(8).with_updates_per_step(0.125);
    /// let mut trainer = Trainer::with_environments(environments, agent, &config, Seed(0))?;
    /// trainer.run(&mut [])?;
    /// assert_eq!((trainer.environment_steps(), trainer.updates()), (800, 99));
    /// # Ok::<(), actor_critic::Error>(())
    /// ```
    pub fn with_environments(
        environments: Vec<E>,
        agent: A,
        config: &TrainerConfig,
        seed: Seed,
    ) -> Result<Self, Error> {
        config.validate()?;
        at_least("number of environments", 1, environments.len())?;
        for env in &environments {
            let spaces = Spaces::of(env)?;
            if spaces != *agent.spaces() {
                return Err(Error::spaces_differ(spaces, agent.spaces()));
            }
        }
        let spaces = agent.spaces().clone();
        let replay = ReplayBuffer::new(config.replay_capacity, spaces.observation().dim(), spaces.action().dim())?;
        let replay = replay.with_n_step(config.n_step)?;
        Ok(Self {
            collector: Collector::new(environments, spaces, config, seed),
            updater: Updater::new(config, seed),
            agent,
            replay: Box::new(replay),
            config: config.resolved(),
            history: History::new(config.average_window, A::Metrics::NAMES.len()),
            evaluation: None,
            schedules: Vec::new(),
            checkpoints: None,
            unreported: Unreported::default(),
            evaluation_time: Duration::ZERO,
        })
    }

    /// Takes one environment step in each environment, and the updates that follow.
    ///
    /// The report is a reference that is valid until the next step: clone what you keep.
    ///
    /// # Errors
    ///
    /// [`Error::Step`], with the number of the step, around one of these:
    ///
    /// - [`Error::Environment`] if an environment fails or breaks its contract: its episode is dropped, its stored transitions
    ///   stay, and the next call starts a new one; the steps of the other environments stand, without updates
    /// - [`Error::Agent`] if the agent cannot act: the next call asks it again; or if it cannot learn: the environment
    ///   step stands, and the next call takes the next one. After
    ///   [`AgentError::Diverged`](crate::agent::AgentError::Diverged) or
    ///   [`AgentError::Parameter`](crate::agent::AgentError::Parameter) it cannot be trained further
    /// - [`Error::Config`] if the agent refuses the factor of a schedule
    /// - any error of an evaluation: the step stands, and the next call evaluates again before it takes a step
    ///
    /// The results of a failed step are not lost: the report of the next successful step has its episodes too.
    pub fn step(&mut self) -> Result<&StepReport, Error> {
        self.advance()?;
        Ok(self.report())
    }

    /// As [`step`](Self::step), without the report.
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        self.unreported.begin();
        self.evaluate_if_overdue()?;
        let before = self.environment_steps();
        self.take_step().map_err(|error| self.at_step(before + 1, error))
    }

    fn at_step(&self, environment_step: usize, error: Error) -> Error {
        Error::Step { environment_step, updates: self.updates(), error: Box::new(error) }
    }

    /// Returns the results since the last report.
    pub(super) fn report(&mut self) -> &StepReport {
        self.unreported.give(self.collector.environment_steps, self.updater.updates)
    }

    /// Makes an evaluation that has failed, or that did not start because of another failure.
    pub(super) fn evaluate_if_overdue(&mut self) -> Result<(), Error> {
        self.evaluate_if_due().map_err(|error| self.at_step(self.environment_steps(), error))
    }

    fn evaluate_if_due(&mut self) -> Result<(), Error> {
        let progress = (self.environment_steps(), self.updates());
        let Some(evaluation) = &mut self.evaluation else { return Ok(()) };
        if evaluation.is_due(progress.0, &self.history.evaluations) {
            let started = Instant::now();
            let summary = evaluation.evaluate(&self.agent, progress, &self.history.evaluations);
            let elapsed = started.elapsed();
            self.evaluation_time += elapsed;
            self.unreported.report.evaluation_time += elapsed;
            let summary = summary?;
            self.history.evaluations.push(summary.clone());
            self.unreported.report.evaluations.push(summary);
        }
        Ok(())
    }

    fn take_step(&mut self) -> Result<(), Error> {
        for (schedule, apply) in &mut self.schedules {
            apply(&mut self.agent, schedule.factor(self.collector.environment_steps))?;
        }
        let Self { collector, updater, agent, replay, history, unreported, .. } = self;
        let Collected { stored, outcome } = collector.step(agent, replay.as_mut(), unreported)?;
        let learned = outcome.and_then(|()| {
            updater.learn(stored, agent, replay.as_mut(), |metrics| {
                collector.add_update(unreported.set_metrics(metrics.values()));
            })
        });
        let environment_steps = collector.environment_steps;
        for (i, slot) in collector.slots.iter_mut().enumerate() {
            let Some(last_step) = slot.last_step.take() else { continue };
            agent.end_episode(i);
            let summary = history.finish(&slot.episode, &last_step, environment_steps, updater.updates);
            unreported.report.episodes.push(summary);
        }
        learned?;
        self.evaluate_if_due()
    }

    /// Returns the spaces of environments and agent.
    pub(super) fn spaces(&self) -> &Spaces {
        self.collector.spaces()
    }

    /// Returns the agent.
    pub fn agent(&self) -> &A {
        &self.agent
    }

    /// Returns the agent, to change it between two steps.
    pub fn agent_mut(&mut self) -> &mut A {
        &mut self.agent
    }

    /// Returns the environment, the first if there are several.
    pub fn env(&self) -> &E {
        &self.collector.slots[0].env
    }

    /// Returns the environments, by number.
    pub fn environments(&self) -> impl ExactSizeIterator<Item = &E> {
        self.collector.slots.iter().map(|slot| &slot.env)
    }

    /// Returns the transitions of the replay.
    pub fn replay(&self) -> &ReplayBuffer {
        self.replay.transitions()
    }

    /// Returns the configuration, with `warmup_steps` and `learning_starts` as numbers.
    pub fn config(&self) -> &TrainerConfig {
        &self.config
    }

    /// Returns how many episodes have ended.
    pub fn episodes(&self) -> usize {
        self.history.episodes.len()
    }

    /// Returns all finished episodes of the run, also from before interruptions.
    pub fn history(&self) -> &EpisodeHistory {
        &self.history.episodes
    }

    /// Returns all evaluations of the run, also from before interruptions.
    pub fn evaluations(&self) -> &[EvaluationSummary] {
        &self.history.evaluations
    }

    /// Returns the time of the evaluations in this program, including failed ones. Training took the rest.
    pub fn evaluation_time(&self) -> Duration {
        self.evaluation_time
    }

    /// Returns how many environment steps have been taken, in all environments together.
    pub fn environment_steps(&self) -> usize {
        self.collector.environment_steps
    }

    /// Returns how many updates have been taken.
    pub fn updates(&self) -> usize {
        self.updater.updates
    }

    /// Returns the environments and the trained agent.
    pub fn into_parts(self) -> (Vec<E>, A) {
        (self.collector.slots.into_iter().map(|slot| slot.env).collect(), self.agent)
    }
}
