//! Collecting experience: steps environments and stores their transitions, without knowing the algorithm.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::TrainerConfig;
use super::behavior::Behavior;
use super::env_slot::{self, EnvSlot, MidEpisode, StepAll};
use super::unreported::Unreported;
use crate::env::{Environment, Spaces, Step, check_action};
use crate::error::Error;
use crate::replay::{Replay, Transition};
use crate::rng::{Seed, Stream};

/// Steps environments, and stores each transition in the replay.
#[derive(Debug)]
pub(super) struct Collector<E> {
    pub(super) slots: Vec<EnvSlot<E>>,
    step_all: StepAll<E>,
    pub(super) mid_episode: MidEpisode<E>,
    spaces: Spaces,
    warmup_steps: usize,
    pub(super) episode_rng: ChaCha8Rng,
    pub(super) warmup_rng: ChaCha8Rng,
    /// Steps so far, in all environments together.
    pub(super) environment_steps: usize,
    /// The observations to act on, `[n, O]` row by row.
    observations: Vec<f32>,
    /// The newest actions, `[n, A]` row by row.
    actions: Vec<f32>,
}

/// The result of one step in every environment.
pub(super) struct Collected {
    /// How many steps were stored.
    pub(super) stored: usize,
    /// The first failure. The steps of the other environments stand.
    pub(super) outcome: Result<(), Error>,
}

impl<E: Environment> Collector<E> {
    pub(super) fn new(environments: Vec<E>, spaces: Spaces, config: &TrainerConfig, seed: Seed) -> Self {
        let actions = vec![0.0; environments.len() * spaces.action().dim()];
        Self {
            slots: environments.into_iter().map(EnvSlot::new).collect(),
            step_all: env_slot::in_order,
            mid_episode: MidEpisode::Refused,
            spaces,
            warmup_steps: config.warmup_steps(),
            episode_rng: seed.stream(Stream::Episodes),
            warmup_rng: seed.stream(Stream::WarmUp),
            environment_steps: 0,
            observations: Vec::new(),
            actions,
        }
    }

    #[cfg(feature = "threads")]
    pub(super) fn step_over_threads(&mut self)
    where
        E: Send,
    {
        self.step_all = env_slot::over_threads;
    }

    /// Takes one step in every environment, after starting an episode where none is running, and reports it.
    ///
    /// An error means that no step was taken.
    pub(super) fn step(
        &mut self,
        behavior: &mut impl Behavior,
        replay: &mut dyn Replay,
        report: &mut Unreported,
    ) -> Result<Collected, Error> {
        self.begin_episodes(behavior)?;
        let before = self.environment_steps;
        let is_warmup = before < self.warmup_steps;
        self.choose_actions(is_warmup, behavior)?;
        report.report.is_warmup = is_warmup;
        (self.step_all)(&mut self.slots, &self.actions, &self.spaces);
        let mut outcome = Ok(());
        for i in 0..self.slots.len() {
            let answer = self.slots[i].answer.take().expect("every environment has been stepped");
            let stored = answer.map_err(|error| Error::of_environment(i, self.slots.len(), error));
            if let Err(error) = stored.and_then(|step| self.store(i, step, behavior, replay, report)) {
                // An episode that has ended is complete, whatever failed after it.
                if self.slots[i].last_step.is_none() {
                    self.slots[i].observation = None;
                    behavior.end_episode(i);
                    replay.transitions_mut().end_episode(i);
                }
                outcome = outcome.and(Err(error));
            }
        }
        Ok(Collected { stored: self.environment_steps - before, outcome })
    }

    fn begin_episodes(&mut self, behavior: &mut impl Behavior) -> Result<(), Error> {
        let environments = self.slots.len();
        for (i, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.observation.is_none()) {
            let observation = slot.begin(self.episode_rng.random(), &self.spaces);
            let observation = observation.map_err(|error| Error::of_environment(i, environments, error))?;
            if let Err(error) = behavior.observe(observation) {
                // The next call begins another episode: the agent has not seen this one.
                slot.observation = None;
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Writes the next action of each environment into `actions`.
    fn choose_actions(&mut self, is_warmup: bool, behavior: &mut impl Behavior) -> Result<(), Error> {
        let (space, rng) = (self.spaces.action(), &mut self.warmup_rng);
        if is_warmup {
            self.actions.chunks_exact_mut(space.dim()).for_each(|action| space.sample_into(rng, action));
        } else {
            self.observations.clear();
            for slot in &self.slots {
                let observation = slot.observation.as_deref().expect("an episode has begun");
                self.observations.extend_from_slice(observation);
            }
            behavior.explore_into(&self.observations, &mut self.actions)?;
        }
        Ok(self.actions.chunks_exact(space.dim()).try_for_each(|action| check_action(space, action))?)
    }

    /// Stores and reports one step, and keeps it in its slot if it has ended the episode.
    fn store(
        &mut self,
        i: usize,
        step: Step,
        behavior: &mut impl Behavior,
        replay: &mut dyn Replay,
        report: &mut Unreported,
    ) -> Result<(), Error> {
        let (slot, axes) = (&mut self.slots[i], self.spaces.action().dim());
        let (observation, action) =
            (slot.observation.as_deref().expect("an episode has begun"), &self.actions[i * axes..][..axes]);
        replay.push(i, &Transition::new(observation, action, &step))?;
        self.environment_steps += 1;
        slot.episode.add_step(step.reward);
        report.add_step(i, action, &step);
        let observed = behavior.observe_step(i, &step);
        if step.is_last() {
            slot.observation = None;
            replay.transitions_mut().end_episode(i);
            slot.last_step = Some(step);
        } else {
            slot.observation = Some(step.observation);
        }
        Ok(observed?)
    }

    /// Adds the metrics of an update to every running episode, and to those that have just ended.
    pub(super) fn add_update(&mut self, metrics: &[f64]) {
        self.slots.iter_mut().for_each(|slot| slot.episode.add_update(metrics));
    }

    pub(super) fn spaces(&self) -> &Spaces {
        &self.spaces
    }
}
