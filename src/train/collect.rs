//! Collecting experience: steps environments and stores their transitions, without knowing the algorithm.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::behavior::Behavior;
use super::env_slot::{self, EnvSlot, MidEpisode, StepAll};
use super::episode::Episode;
use super::{EnvironmentStep, TrainerConfig};
use crate::config::at_least;
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
}

/// The result of one step in every environment.
pub(super) struct Collected {
    /// Whether the actions were random ones.
    pub(super) is_warmup: bool,
    /// The steps that were stored.
    pub(super) steps: Vec<EnvironmentStep>,
    /// The environments whose episodes have ended, each with its last step.
    pub(super) ended: Vec<(usize, Step)>,
    /// The first failure. The steps of the other environments stand.
    pub(super) outcome: Result<(), Error>,
}

impl<E: Environment> Collector<E> {
    pub(super) fn new(environments: Vec<E>, spaces: Spaces, config: &TrainerConfig, seed: Seed) -> Self {
        Self {
            slots: environments.into_iter().map(EnvSlot::new).collect(),
            step_all: env_slot::in_order,
            mid_episode: MidEpisode::Refused,
            spaces,
            warmup_steps: config.warmup_steps(),
            episode_rng: seed.stream(Stream::Episodes),
            warmup_rng: seed.stream(Stream::WarmUp),
            environment_steps: 0,
        }
    }

    #[cfg(feature = "threads")]
    pub(super) fn step_over_threads(&mut self)
    where
        E: Send,
    {
        self.step_all = env_slot::over_threads;
    }

    /// Takes one step in every environment, after beginning an episode wherever none is under way.
    ///
    /// An error means that no step was taken.
    pub(super) fn step(&mut self, behavior: &mut impl Behavior, replay: &mut dyn Replay) -> Result<Collected, Error> {
        self.begin_episodes(behavior)?;
        let is_warmup = self.environment_steps < self.warmup_steps;
        let actions = self.choose_actions(is_warmup, behavior)?;
        let steps = (self.step_all)(&mut self.slots, &actions, &self.spaces);
        let mut collected = Collected { is_warmup, steps: Vec::new(), ended: Vec::new(), outcome: Ok(()) };
        for (i, (step, action)) in steps.into_iter().zip(actions).enumerate() {
            let stored = step.map_err(Error::from);
            let stored = stored.and_then(|step| self.store(i, action, step, behavior, replay, &mut collected));
            if let Err(error) = stored {
                // An episode that has ended is complete, whatever failed after it.
                if collected.ended.last().is_none_or(|(last, _)| *last != i) {
                    self.slots[i].observation = None;
                    behavior.end_episode(i);
                    replay.transitions_mut().end_episode(i);
                }
                collected.outcome = collected.outcome.and(Err(error));
            }
        }
        Ok(collected)
    }

    fn begin_episodes(&mut self, behavior: &mut impl Behavior) -> Result<(), Error> {
        for slot in self.slots.iter_mut().filter(|slot| slot.observation.is_none()) {
            let observation = slot.begin(self.episode_rng.random(), &self.spaces)?;
            if let Err(error) = behavior.observe(observation) {
                // The next call begins another episode: the agent has not seen this one.
                slot.observation = None;
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn choose_actions(&mut self, is_warmup: bool, behavior: &mut impl Behavior) -> Result<Vec<Vec<f32>>, Error> {
        let actions = if is_warmup {
            self.slots.iter().map(|_| self.spaces.action().sample(&mut self.warmup_rng)).collect()
        } else {
            let observations = self.slots.iter().map(|slot| slot.observation.as_deref().expect("an episode has begun"));
            behavior.explore(&observations.collect::<Vec<_>>())?
        };
        at_least("number of actions", self.slots.len(), actions.len())?;
        actions.iter().try_for_each(|action| check_action(self.spaces.action(), action))?;
        Ok(actions)
    }

    /// Stores one step, and notes in `collected` whether it has ended its episode.
    fn store(
        &mut self,
        i: usize,
        action: Vec<f32>,
        mut step: Step,
        behavior: &mut impl Behavior,
        replay: &mut dyn Replay,
        collected: &mut Collected,
    ) -> Result<(), Error> {
        let slot = &mut self.slots[i];
        let observation = slot.observation.as_deref().expect("an episode has begun");
        replay.push(i, &Transition::new(observation, &action, &step))?;
        self.environment_steps += 1;
        slot.episode.add_step(step.reward);
        collected.steps.push(EnvironmentStep {
            environment: i,
            action,
            observation: step.observation.clone(),
            reward: step.reward,
            terminated: step.terminated,
            truncated: step.truncated,
        });
        let observed = behavior.observe_step(i, &step);
        if step.is_last() {
            slot.observation = None;
            replay.transitions_mut().end_episode(i);
            collected.ended.push((i, step));
        } else {
            slot.observation = Some(std::mem::take(&mut step.observation));
        }
        Ok(observed?)
    }

    /// Adds the metrics of an update to every episode under way, and to those that have just ended.
    pub(super) fn add_update(&mut self, metrics: &[f64]) {
        self.slots.iter_mut().for_each(|slot| slot.episode.add_update(metrics));
    }

    /// Takes the sums of the episode that has ended in environment `i`.
    pub(super) fn take_episode(&mut self, i: usize) -> Episode {
        std::mem::take(&mut self.slots[i].episode)
    }

    pub(super) fn spaces(&self) -> &Spaces {
        &self.spaces
    }
}
