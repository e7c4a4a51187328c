//! The loop of off-policy training.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::episode::History;
use super::evaluate_every::EvaluateEvery;
use super::play::{self, MidEpisode, Play, StepAll};
use super::tell::{self, Answers};
use super::{
    AgentInfo, EnvironmentStep, EpisodeHistory, EpisodeSummary, EvaluationSummary, Observer, RunInfo, Schedule,
    StepReport, TrainerConfig,
};
use crate::agent::{Agent, Metrics, Update};
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
    /// What steps have brought and no report has told: more than one step's only after a failure.
    pub(super) untold: StepReport,
    evaluation_time: Duration,
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
        let replay = replay.with_n_step(config.n_step)?;
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
            config: config.resolved(),
            episode_rng: seed.stream(Stream::Episodes),
            warmup_rng: seed.stream(Stream::WarmUp),
            replay_rng: seed.stream(Stream::Replay),
            environment_steps: 0,
            learning_steps: 0,
            updates: 0,
            history: History::new(config.average_window, A::Metrics::NAMES.len()),
            untold: StepReport::default(),
            evaluation_time: Duration::ZERO,
        })
    }

    /// Exchanges the replay, for one that draws its batches by another law.
    ///
    /// It takes over [`n_step`](TrainerConfig::n_step).
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] if it holds less than [`learning_starts`](TrainerConfig::learning_starts)
    /// - [`Error::Replay`] if its transitions have other lengths
    pub fn with_replay(mut self, mut replay: impl Replay + 'static) -> Result<Self, Error> {
        let transitions = replay.transitions_mut();
        transitions.check_dims(self.spaces.observation().dim(), self.spaces.action().dim())?;
        at_least("capacity of the replay", self.config.learning_starts(), transitions.capacity())?;
        transitions.set_n_step(self.config.n_step)?;
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
    /// use actor_critic::train::Schedule;
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
        // What a failed step has left is in the history, of which the observers hear now.
        self.untold = StepReport::default();
        let run = self.run_info();
        for observer in observers.iter_mut() {
            observer.on_start(&run).map_err(Error::Observer)?;
        }
        let episodes_before = run.history.len();
        let made_up = self.make_up_evaluation();
        let report = std::mem::take(&mut self.untold);
        let Answers { mut ended, outcome } = tell::tell_made_up(observers, &report);
        // No step was taken, so the report of the next one has to say how long this took.
        self.untold.evaluation_time = report.evaluation_time;
        made_up.and(outcome)?;
        let run = self.run_info();
        ended |= observers.iter().any(|observer| observer.is_over(&run));
        let max_steps = self.config.environment_steps.unwrap_or(usize::MAX);
        while !ended && self.episodes() < self.config.episodes && self.environment_steps < max_steps {
            let before = self.environment_steps;
            let (report, stepped) = match self.step() {
                Ok(report) => (report, Ok(())),
                Err(error) if self.environment_steps == before => return Err(error),
                Err(error) => (self.take_report(), Err(error)),
            };
            let told = tell::tell_step(observers, &report);
            stepped?;
            let after = after_step(self);
            told.outcome?;
            ended = told.ended | after?.is_break();
        }
        Ok(self.history().iter().skip(episodes_before).collect())
    }

    fn run_info(&self) -> RunInfo<'_> {
        let History { episodes: history, evaluations, .. } = &self.history;
        let agent =
            AgentInfo { spaces: &self.spaces, discount: self.agent.discount(), normalizes: self.agent.normalizes() };
        RunInfo { config: &self.config, metric_names: A::Metrics::NAMES, agent, history, evaluations }
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
    /// - whatever an evaluation reports: the step stands, and the next call evaluates again before it takes a step
    ///
    /// What a step that fails has brought is not lost: the report of the next step that succeeds has its episodes too.
    pub fn step(&mut self) -> Result<StepReport, Error> {
        self.make_up_evaluation()?;
        let before = self.environment_steps;
        self.take_step().map_err(|error| self.at_step(before + 1, error))?;
        Ok(self.take_report())
    }

    fn at_step(&self, environment_step: usize, error: Error) -> Error {
        Error::Step { environment_step, updates: self.updates, error: Box::new(error) }
    }

    /// Takes what the steps have brought since the last report.
    fn take_report(&mut self) -> StepReport {
        let (environment_steps, updates) = (self.environment_steps, self.updates);
        StepReport { environment_steps, updates, ..std::mem::take(&mut self.untold) }
    }

    /// Makes up for an evaluation that is due and has failed, or was never begun since something else failed.
    fn make_up_evaluation(&mut self) -> Result<(), Error> {
        self.evaluate_if_due().map_err(|error| self.at_step(self.environment_steps, error))
    }

    fn evaluate_if_due(&mut self) -> Result<(), Error> {
        let progress = (self.environment_steps, self.updates);
        let Some(evaluation) = &mut self.evaluation else { return Ok(()) };
        if evaluation.is_due(self.environment_steps, &self.history.evaluations) {
            let started = Instant::now();
            let summary = evaluation.evaluate(&self.agent, progress, &self.history.evaluations);
            let elapsed = started.elapsed();
            self.evaluation_time += elapsed;
            self.untold.evaluation_time += elapsed;
            let summary = summary?;
            self.history.evaluations.push(summary.clone());
            self.untold.evaluations.push(summary);
        }
        Ok(())
    }

    fn take_step(&mut self) -> Result<(), Error> {
        let before = self.environment_steps;
        for (schedule, apply) in &mut self.schedules {
            apply(&mut self.agent, schedule.factor(before))?;
        }
        self.begin_episodes()?;
        let actions = self.select_actions()?;
        self.untold.is_warmup = before < self.config.warmup_steps();
        let steps = (self.step_all)(&mut self.plays, &actions, &self.spaces);
        let (ended, stored) = self.store(&actions, steps);
        let learned = stored.and_then(|()| self.learn(self.environment_steps - before));
        for (i, last_step) in ended {
            self.agent.end_episode(i);
            let episode = std::mem::take(&mut self.plays[i].episode);
            let summary = self.history.finish(episode, &last_step, self.environment_steps, self.updates);
            self.untold.episodes.push(summary);
        }
        learned?;
        self.evaluate_if_due()
    }

    fn begin_episodes(&mut self) -> Result<(), Error> {
        for play in self.plays.iter_mut().filter(|play| play.observation.is_none()) {
            let observation = play.begin(self.episode_rng.random(), &self.spaces)?;
            if let Err(error) = self.agent.observe(observation) {
                // Another episode begins at the next call: the agent has not seen this one.
                play.observation = None;
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn select_actions(&mut self) -> Result<Vec<Vec<f32>>, Error> {
        let actions = if self.environment_steps < self.config.warmup_steps() {
            self.plays.iter().map(|_| self.spaces.action().sample(&mut self.warmup_rng)).collect()
        } else {
            let observations = self.plays.iter().map(|play| play.observation.as_deref().expect("an episode has begun"));
            self.agent.explore(&observations.collect::<Vec<_>>())?
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
            let stored = step.map_err(Error::from).and_then(|step| self.store_one(i, action, step, &mut ended));
            if let Err(error) = stored {
                // An episode that has ended is whole, whatever failed after it.
                if ended.last().is_none_or(|(last, _)| *last != i) {
                    self.plays[i].observation = None;
                    self.agent.end_episode(i);
                    self.replay.transitions_mut().end_episode(i);
                }
                outcome = outcome.and(Err(error));
            }
        }
        (ended, outcome)
    }

    /// Stores one step, and adds it to `ended` if it is the last of its episode.
    fn store_one(
        &mut self,
        i: usize,
        action: &[f32],
        mut step: Step,
        ended: &mut Vec<(usize, Step)>,
    ) -> Result<(), Error> {
        let play = &mut self.plays[i];
        let observation = play.observation.as_deref().expect("an episode has begun");
        self.replay.push(i, &Transition::new(observation, action, &step))?;
        self.environment_steps += 1;
        play.episode.add_step(step.reward);
        self.untold.environments.push(EnvironmentStep {
            environment: i,
            action: action.to_vec(),
            observation: step.observation.clone(),
            reward: step.reward,
            terminated: step.terminated,
            truncated: step.truncated,
        });
        let observed = self.agent.observe_step(i, &step);
        if step.is_last() {
            play.observation = None;
            self.replay.transitions_mut().end_episode(i);
            ended.push((i, step));
        } else {
            play.observation = Some(std::mem::take(&mut step.observation));
        }
        Ok(observed?)
    }

    /// Takes the updates of so many environment steps, and notes the metrics of the last.
    fn learn(&mut self, steps: usize) -> Result<(), Error> {
        if self.replay.transitions().len() < self.config.learning_starts() {
            return Ok(());
        }
        let due = |learning_steps: usize| (learning_steps as f64 * self.config.updates_per_step).floor() as usize;
        let updates = due(self.learning_steps + steps) - due(self.learning_steps);
        self.learning_steps += steps;
        for _ in 0..updates {
            let (n, discount) = (self.config.batch_size, self.agent.discount());
            self.replay.sample_into(n, discount, &mut self.replay_rng, &mut self.minibatch)?;
            let batch = self.minibatch.upload(self.agent.device());
            let Update { metrics, td_errors } = self.agent.update(&batch)?;
            let metrics = metrics.values();
            // The update is taken, even if the replay then refuses its priorities.
            self.updates += 1;
            self.plays.iter_mut().for_each(|play| play.episode.add_update(&metrics));
            self.untold.metrics = Some(metrics);
            if batch.weights().is_some() {
                self.replay.update_priorities(&self.minibatch, &td_errors.unwrap_or_default())?;
            }
        }
        Ok(())
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

    /// Returns how long evaluations have taken in this program, those that failed included. Training took the rest.
    pub fn evaluation_time(&self) -> Duration {
        self.evaluation_time
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
