//! The loop of off-policy training.

use std::ops::ControlFlow;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::episode::{Episode, History};
use super::resume::EnvironmentState;
use super::{EpisodeSummary, Observer, RunInfo, StepReport, TrainerConfig};
use crate::agent::{ActionMode, Agent, Metrics};
use crate::env::{Environment, EnvironmentError, Spaces, check_action};
use crate::error::Error;
use crate::replay::{Minibatch, ReplayBuffer, Transition};
use crate::rng::{Seed, Stream};

/// Trains an agent in an environment: acts, stores, samples, updates.
///
/// It owns environment, agent, replay and schedule. [`run`](Self::run) goes to the end; [`step`](Self::step) takes one
/// environment step, for a loop of your own.
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
#[derive(Debug)]
pub struct Trainer<E, A> {
    pub(super) env: E,
    pub(super) environment_state: Option<EnvironmentState<E>>,
    pub(super) agent: A,
    spaces: Spaces,
    pub(super) replay: ReplayBuffer,
    minibatch: Minibatch,
    pub(super) config: TrainerConfig,
    pub(super) episode_rng: ChaCha8Rng,
    pub(super) warmup_rng: ChaCha8Rng,
    pub(super) replay_rng: ChaCha8Rng,
    pub(super) environment_steps: usize,
    pub(super) updates: usize,
    pub(super) history: History,
    pub(super) episode: Episode,
    /// What the agent sees now; `None` between episodes.
    pub(super) observation: Option<Vec<f32>>,
}

impl<E: Environment, A: Agent> Trainer<E, A> {
    /// Joins an environment, an agent and a schedule.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] as [`TrainerConfig::validate`]
    /// - [`Error::Space`] if an action axis has an infinite bound
    /// - [`Error::SpacesDiffer`] if the agent was built for other spaces
    /// - [`Error::Replay`] if the replay does not fit into memory
    pub fn new(env: E, agent: A, config: &TrainerConfig, seed: Seed) -> Result<Self, Error> {
        config.validate()?;
        let spaces = Spaces::of(&env)?;
        if spaces != *agent.spaces() {
            return Err(Error::SpacesDiffer { environment: Box::new(spaces), agent: Box::new(agent.spaces().clone()) });
        }
        let replay = ReplayBuffer::new(config.replay_capacity, spaces.observation().dim(), spaces.action().dim())?;
        Ok(Self {
            env,
            environment_state: None,
            agent,
            spaces,
            replay,
            minibatch: Minibatch::new(),
            config: config.clone(),
            episode_rng: seed.stream(Stream::Episodes),
            warmup_rng: seed.stream(Stream::WarmUp),
            replay_rng: seed.stream(Stream::Replay),
            environment_steps: 0,
            updates: 0,
            history: History::new(config.average_window),
            episode: Episode::default(),
            observation: None,
        })
    }

    /// Takes steps until the configured number of episodes is over, or an observer ends the run.
    ///
    /// Returns the summaries of the episodes that ended in this call. A run that was ended goes on when called again.
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
        let history = &self.history.episodes;
        let run = RunInfo { config: &self.config, metric_names: A::Metrics::NAMES, history, evaluations: &[] };
        for observer in observers.iter_mut() {
            observer.on_start(&run).map_err(Error::Observer)?;
        }
        let mut episodes = Vec::new();
        while self.episodes() < self.config.episodes {
            let report = self.step()?;
            let mut ended = false;
            for observer in observers.iter_mut() {
                ended |= observer.on_step(&report).map_err(Error::Observer)?.is_break();
            }
            for episode in report.episodes {
                for observer in observers.iter_mut() {
                    ended |= observer.on_episode(&episode).map_err(Error::Observer)?.is_break();
                }
                episodes.push(episode);
            }
            ended |= after_step(self)?.is_break();
            if ended {
                break;
            }
        }
        Ok(episodes)
    }

    /// Takes one environment step, and the updates that follow it.
    ///
    /// # Errors
    ///
    /// [`Error::Step`], which says at which step, around one of these:
    ///
    /// - [`Error::Environment`] if the environment fails or breaks its contract: the episode is dropped, what was stored
    ///   of it stays, and the next call begins a new one
    /// - [`Error::Agent`] if the agent cannot act: the next call asks it again; or if it cannot learn: the environment
    ///   step stands, and the next call takes the next one. After
    ///   [`AgentError::Diverged`](crate::agent::AgentError::Diverged) or
    ///   [`AgentError::Parameter`](crate::agent::AgentError::Parameter) it cannot be trained on
    pub fn step(&mut self) -> Result<StepReport, Error> {
        let before = self.environment_steps;
        self.take_step().map_err(|error| Error::Step {
            environment_step: before + 1,
            updates: self.updates,
            error: Box::new(error),
        })
    }

    fn take_step(&mut self) -> Result<StepReport, Error> {
        if self.observation.is_none() {
            self.begin_episode()?;
        }
        let observation = self.observation.as_deref().expect("an episode has begun");
        let action = if self.environment_steps < self.config.warmup_steps {
            self.spaces.action().sample(&mut self.warmup_rng)
        } else {
            self.agent.select_action(observation, ActionMode::Explore)?
        };
        check_action(self.spaces.action(), &action)?;
        let mut step = match self.env.step(&action).and_then(|step| self.spaces.check_step(&step).map(|()| step)) {
            Ok(step) => step,
            Err(error) => {
                self.observation = None;
                self.agent.end_episode();
                return Err(error.into());
            }
        };

        self.replay.push(&Transition::new(observation, &action, &step))?;
        self.environment_steps += 1;
        self.episode.add_step(step.reward);
        self.observation = (!step.is_last()).then(|| std::mem::take(&mut step.observation));

        let metrics = self.learn();
        let episode = step.is_last().then(|| {
            self.agent.end_episode();
            let episode = std::mem::take(&mut self.episode);
            self.history.finish(episode, &step, self.environment_steps, self.updates)
        });
        Ok(StepReport {
            environment_steps: self.environment_steps,
            updates: self.updates,
            metrics: metrics?,
            episodes: episode.into_iter().collect(),
        })
    }

    fn begin_episode(&mut self) -> Result<(), EnvironmentError> {
        let observation = self.env.reset(self.episode_rng.random())?;
        self.spaces.check_observation(&observation)?;
        self.episode = Episode::default();
        self.observation = Some(observation);
        Ok(())
    }

    /// Takes the updates of one environment step; returns the metrics of the last.
    fn learn(&mut self) -> Result<Option<Vec<f64>>, Error> {
        if self.replay.len() < self.config.learning_starts {
            return Ok(None);
        }
        let mut last = None;
        for _ in 0..self.config.updates_per_step {
            self.replay.sample_into(self.config.batch_size, &mut self.replay_rng, &mut self.minibatch)?;
            let batch = self.minibatch.upload(self.agent.device());
            let metrics = self.agent.update(&batch)?.values();
            self.updates += 1;
            self.episode.add_update(&metrics);
            last = Some(metrics);
        }
        Ok(last)
    }

    /// Returns the agent.
    pub fn agent(&self) -> &A {
        &self.agent
    }

    /// Returns the agent, to evaluate it in mid-run.
    pub fn agent_mut(&mut self) -> &mut A {
        &mut self.agent
    }

    /// Returns the environment.
    pub fn env(&self) -> &E {
        &self.env
    }

    /// Returns the replay.
    pub fn replay(&self) -> &ReplayBuffer {
        &self.replay
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
    pub fn history(&self) -> &[EpisodeSummary] {
        &self.history.episodes
    }

    /// Returns how many environment steps have been taken.
    pub fn environment_steps(&self) -> usize {
        self.environment_steps
    }

    /// Returns how many updates have been taken.
    pub fn updates(&self) -> usize {
        self.updates
    }

    /// Gives back the environment and the trained agent.
    pub fn into_parts(self) -> (E, A) {
        (self.env, self.agent)
    }
}
