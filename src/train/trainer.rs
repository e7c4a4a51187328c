//! The loop of off-policy training.

use std::fmt;
use std::ops::ControlFlow;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::episode::History;
use super::evaluate_every::EvaluateEvery;
use super::play::{self, Play, StepAll};
use super::resume::MidEpisode;
use super::{
    EpisodeHistory, EpisodeSummary, EvaluationSummary, Observer, RunInfo, Schedule, StepReport, TrainerConfig,
};
use crate::agent::{ActionMode, Agent, Metrics};
use crate::config::{ConfigError, at_least};
use crate::env::{Environment, EnvironmentError, Spaces, Step, check_action};
use crate::error::Error;
use crate::replay::{Minibatch, Replay, ReplayBuffer, Transition};
use crate::rng::{Seed, Stream};

/// Trains an agent in an environment, or in several at once: acts, stores, samples, updates.
///
/// It owns environments, agent, replay and schedule. [`run`](Self::run) goes to the end; [`step`](Self::step) takes one
/// environment step in each environment, for a loop of your own.
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
    pub(super) plays: Vec<Play<E>>,
    step_all: StepAll<E>,
    pub(super) mid_episode: MidEpisode<E>,
    pub(super) agent: A,
    spaces: Spaces,
    pub(super) replay: Box<dyn Replay>,
    minibatch: Minibatch,
    evaluation: Option<EvaluateEvery<A>>,
    schedules: Vec<(Schedule, Apply<A>)>,
    pub(super) config: TrainerConfig,
    pub(super) episode_rng: ChaCha8Rng,
    pub(super) warmup_rng: ChaCha8Rng,
    pub(super) replay_rng: ChaCha8Rng,
    pub(super) environment_steps: usize,
    /// Environment steps since learning has started.
    pub(super) learning_steps: usize,
    pub(super) updates: usize,
    pub(super) history: History,
}

type Apply<A> = Box<dyn FnMut(&mut A, f64) -> Result<(), ConfigError> + Send>;

impl<E: fmt::Debug, A: fmt::Debug> fmt::Debug for Trainer<E, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trainer")
            .field("plays", &self.plays)
            .field("agent", &self.agent)
            .field("replay", &self.replay)
            .field("config", &self.config)
            .field("environment_steps", &self.environment_steps)
            .field("updates", &self.updates)
            .finish_non_exhaustive()
    }
}

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Joins an environment, an agent and a schedule.
    ///
    /// # Errors
    ///
    /// As [`with_environments`](Self::with_environments).
    pub fn new(env: E, agent: A, config: &TrainerConfig, seed: Seed) -> Result<Self, Error> {
        Self::with_environments(vec![env], agent, config, seed)
    }

    /// Joins several environments of one kind, an agent and a schedule.
    ///
    /// They are stepped together: the agent is asked once for all actions, each environment takes a step, every transition is
    /// stored, and [`updates_per_step`](TrainerConfig::updates_per_step) counts for each of them. An environment whose episode has
    /// ended is reset before the next step, so the last observation of an episode is never replaced by the first of the
    /// next. Seeds of episodes are drawn in the order in which the episodes begin, by number of the environment where they
    /// begin together.
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
        let replay = replay.with_n_step(config.n_step, agent.discount())?;
        Ok(Self {
            plays: environments.into_iter().map(Play::new).collect(),
            step_all: play::in_order,
            mid_episode: MidEpisode::Refused,
            agent,
            spaces,
            replay: Box::new(replay),
            minibatch: Minibatch::new(),
            evaluation: None,
            schedules: Vec::new(),
            config: config.clone(),
            episode_rng: seed.stream(Stream::Episodes),
            warmup_rng: seed.stream(Stream::WarmUp),
            replay_rng: seed.stream(Stream::Replay),
            environment_steps: 0,
            learning_steps: 0,
            updates: 0,
            history: History::new(config.average_window, A::Metrics::NAMES.len()),
        })
    }

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
        transitions.check_dims(self.spaces.observation().dim(), self.spaces.action().dim())?;
        at_least("capacity of the replay", self.config.learning_starts, transitions.capacity())?;
        transitions.set_n_step(self.config.n_step, self.agent.discount())?;
        self.replay = Box::new(replay);
        Ok(self)
    }

    /// Evaluates the greedy policy along the run.
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
        self.step_all = play::over_threads;
        self
    }

    /// Takes steps until the configured number of episodes or environment steps is over, or an observer ends the run.
    ///
    /// Returns the summaries of the episodes that ended in this call. A run that was ended goes on when called again. Several
    /// environments may end more episodes with the last step than were asked for.
    ///
    /// # Errors
    ///
    /// As [`step`](Self::step), or [`Error::Observer`].
    pub fn run(&mut self, observers: &mut [&mut dyn Observer]) -> Result<Vec<EpisodeSummary>, Error> {
        self.run_with(observers, |_| Ok(ControlFlow::Continue(())))
    }

    /// As [`run`](Self::run), with a call after every step that may end the run.
    pub(super) fn run_with(
        &mut self,
        observers: &mut [&mut dyn Observer],
        after_step: impl FnMut(&mut Self) -> Result<ControlFlow<()>, Error>,
    ) -> Result<Vec<EpisodeSummary>, Error> {
        let outcome = self.run_observed(observers, after_step);
        let mut finished = Ok(());
        for observer in observers {
            // Every observer is told, even if another one fails to finish.
            finished = finished.and(observer.on_finish().map_err(Error::Observer));
        }
        let episodes = outcome?;
        finished.map(|()| episodes)
    }

    fn run_observed(
        &mut self,
        observers: &mut [&mut dyn Observer],
        mut after_step: impl FnMut(&mut Self) -> Result<ControlFlow<()>, Error>,
    ) -> Result<Vec<EpisodeSummary>, Error> {
        let History { episodes: history, evaluations, .. } = &self.history;
        let run = RunInfo { config: &self.config, metric_names: A::Metrics::NAMES, history, evaluations };
        for observer in observers.iter_mut() {
            observer.on_start(&run).map_err(Error::Observer)?;
        }
        let episodes_before = run.history.len();
        if observers.iter().any(|observer| observer.is_over(&run)) {
            return Ok(Vec::new());
        }
        let max_steps = self.config.environment_steps.unwrap_or(usize::MAX);
        while self.episodes() < self.config.episodes && self.environment_steps < max_steps {
            let report = self.step()?;
            let mut ended = false;
            for observer in observers.iter_mut() {
                ended |= observer.on_step(&report).map_err(Error::Observer)?.is_break();
            }
            for episode in report.episodes {
                for observer in observers.iter_mut() {
                    ended |= observer.on_episode(&episode).map_err(Error::Observer)?.is_break();
                }
            }
            if let Some(evaluation) = &report.evaluation {
                for observer in observers.iter_mut() {
                    ended |= observer.on_evaluation(evaluation).map_err(Error::Observer)?.is_break();
                }
            }
            ended |= after_step(self)?.is_break();
            if ended {
                break;
            }
        }
        Ok(self.history().iter().skip(episodes_before).collect())
    }

    /// Takes one environment step in each environment, and the updates that follow.
    ///
    /// # Errors
    ///
    /// [`Error::Step`], which says at which step, around one of these:
    ///
    /// - [`Error::Environment`] if an environment fails or breaks its contract: its episode is dropped, what was stored
    ///   of it stays, and the next call begins a new one; the steps of the other environments stand, without updates
    /// - [`Error::Agent`] if the agent cannot act: the next call asks it again; or if it cannot learn: the environment
    ///   step stands, and the next call takes the next one. After
    ///   [`AgentError::Diverged`](crate::agent::AgentError::Diverged) or
    ///   [`AgentError::Parameter`](crate::agent::AgentError::Parameter) it cannot be trained on
    /// - [`Error::Config`] if the agent refuses what a schedule gives
    /// - whatever an evaluation reports: the step stands
    pub fn step(&mut self) -> Result<StepReport, Error> {
        let before = self.environment_steps;
        self.take_step().map_err(|error| Error::Step {
            environment_step: before + 1,
            updates: self.updates,
            error: Box::new(error),
        })
    }

    fn take_step(&mut self) -> Result<StepReport, Error> {
        let before = self.environment_steps;
        for (schedule, apply) in &mut self.schedules {
            apply(&mut self.agent, schedule.factor(before))?;
        }
        self.begin_episodes()?;
        let actions = self.select_actions()?;
        let steps = (self.step_all)(&mut self.plays, &actions, &self.spaces);
        let (ended, stored) = self.store(&actions, steps);
        let metrics = stored.and_then(|()| self.learn(self.environment_steps - before));
        let mut episodes = Vec::new();
        for (i, last_step) in ended {
            self.agent.end_episode(i);
            let episode = std::mem::take(&mut self.plays[i].episode);
            episodes.push(self.history.finish(episode, &last_step, self.environment_steps, self.updates));
        }
        let metrics = metrics?;
        let (progress, evaluations) = ((self.environment_steps, self.updates), &mut self.history.evaluations);
        let evaluation = match &mut self.evaluation {
            Some(evaluation) => evaluation.after_step(&mut self.agent, before, progress, evaluations)?,
            None => None,
        };
        let (environment_steps, updates) = progress;
        Ok(StepReport { environment_steps, updates, metrics, episodes, evaluation })
    }

    fn begin_episodes(&mut self) -> Result<(), Error> {
        for play in self.plays.iter_mut().filter(|play| play.observation.is_none()) {
            let observation = play.begin(self.episode_rng.random(), &self.spaces)?;
            self.agent.observe(observation)?;
        }
        Ok(())
    }

    fn select_actions(&mut self) -> Result<Vec<Vec<f32>>, Error> {
        let actions = if self.environment_steps < self.config.warmup_steps {
            self.plays.iter().map(|_| self.spaces.action().sample(&mut self.warmup_rng)).collect()
        } else {
            let observations = self.plays.iter().map(|play| play.observation.as_deref().expect("an episode has begun"));
            self.agent.select_actions(&observations.collect::<Vec<_>>(), ActionMode::Explore)?
        };
        at_least("number of actions", self.plays.len(), actions.len())?;
        actions.iter().try_for_each(|action| check_action(self.spaces.action(), action))?;
        Ok(actions)
    }

    /// Stores what the environments have answered; returns which episodes have ended by what step, and the first error.
    fn store(
        &mut self,
        actions: &[Vec<f32>],
        steps: Vec<Result<Step, EnvironmentError>>,
    ) -> (Vec<(usize, Step)>, Result<(), Error>) {
        let (mut ended, mut outcome) = (Vec::new(), Ok(()));
        for (i, (step, action)) in steps.into_iter().zip(actions).enumerate() {
            let stored = step.map_err(Error::from).and_then(|step| self.store_one(i, action, step));
            match stored {
                Ok(last_step) => ended.extend(last_step.map(|step| (i, step))),
                Err(error) => {
                    self.plays[i].observation = None;
                    self.agent.end_episode(i);
                    self.replay.transitions_mut().end_episode(i);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        (ended, outcome)
    }

    /// Stores one step; returns it if it is the last of its episode.
    fn store_one(&mut self, i: usize, action: &[f32], mut step: Step) -> Result<Option<Step>, Error> {
        let play = &mut self.plays[i];
        let observation = play.observation.as_deref().expect("an episode has begun");
        self.replay.push(i, &Transition::new(observation, action, &step))?;
        self.agent.observe(&step.observation)?;
        self.environment_steps += 1;
        play.episode.add_step(step.reward);
        if step.is_last() {
            play.observation = None;
            self.replay.transitions_mut().end_episode(i);
            return Ok(Some(step));
        }
        play.observation = Some(std::mem::take(&mut step.observation));
        Ok(None)
    }

    /// Takes the updates of so many environment steps; returns the metrics of the last.
    fn learn(&mut self, steps: usize) -> Result<Option<Vec<f64>>, Error> {
        if self.replay.transitions().len() < self.config.learning_starts {
            return Ok(None);
        }
        let due = |learning_steps: usize| (learning_steps as f64 * self.config.updates_per_step).floor() as usize;
        let updates = due(self.learning_steps + steps) - due(self.learning_steps);
        self.learning_steps += steps;
        let mut last = None;
        for _ in 0..updates {
            self.replay.sample_into(self.config.batch_size, &mut self.replay_rng, &mut self.minibatch)?;
            let batch = self.minibatch.upload(self.agent.device());
            let metrics = self.agent.update(&batch)?.values();
            if batch.weights.is_some() {
                self.replay.update_priorities(&self.minibatch, self.agent.td_errors().unwrap_or(&[]))?;
            }
            self.updates += 1;
            self.plays.iter_mut().for_each(|play| play.episode.add_update(&metrics));
            last = Some(metrics);
        }
        Ok(last)
    }

    /// Returns the spaces of environments and agent.
    pub(super) fn spaces(&self) -> &Spaces {
        &self.spaces
    }

    /// Returns the agent.
    pub fn agent(&self) -> &A {
        &self.agent
    }

    /// Returns the agent, to evaluate it in mid-run.
    pub fn agent_mut(&mut self) -> &mut A {
        &mut self.agent
    }

    /// Returns the environment, the first if there are several.
    pub fn env(&self) -> &E {
        &self.plays[0].env
    }

    /// Returns the environments, by number.
    pub fn environments(&self) -> impl ExactSizeIterator<Item = &E> {
        self.plays.iter().map(|play| &play.env)
    }

    /// Returns the transitions of the replay.
    pub fn replay(&self) -> &ReplayBuffer {
        self.replay.transitions()
    }

    /// Returns the schedule.
    pub fn config(&self) -> &TrainerConfig {
        &self.config
    }

    /// Returns how many episodes have ended.
    pub fn episodes(&self) -> usize {
        self.history.episodes.len()
    }

    /// Returns the episodes that have ended, from the first of the run, however often it was interrupted.
    pub fn history(&self) -> &EpisodeHistory {
        &self.history.episodes
    }

    /// Returns the evaluations, from the first of the run, however often it was interrupted.
    pub fn evaluations(&self) -> &[EvaluationSummary] {
        &self.history.evaluations
    }

    /// Returns how many environment steps have been taken, in all environments together.
    pub fn environment_steps(&self) -> usize {
        self.environment_steps
    }

    /// Returns how many updates have been taken.
    pub fn updates(&self) -> usize {
        self.updates
    }

    /// Gives back the environments and the trained agent.
    pub fn into_parts(self) -> (Vec<E>, A) {
        (self.plays.into_iter().map(|play| play.env).collect(), self.agent)
    }
}
