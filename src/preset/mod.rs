//! Presets: the bundled tasks, and runs of an algorithm on them.
//!
//! A [`Preset`] joins a [`Task`] and the settings of an algorithm. The recommended settings are the same for every task. For a task of your
//! own, start with [`SacConfig::recommended`](crate::agent::SacConfig::recommended). [`docs/results.md`](crate::_docs::results) has the returns on every task, and the commands.
//!
//! # Examples
//!
//! ```
//! use actor_critic::preset::{Preset, Task};
//! use actor_critic::prelude::*;
//!
//! # let device = actor_critic::burn::tensor::Device::flex();
//! let mut preset = Preset::recommended(Task::Pendulum);
//! // A tenth of a second, to show the calls.
//! preset.trainer_config.environment_steps = Some(150);
//! let mut trainer = preset.trainer(&device, Seed(0))?;
//! trainer.run(&mut [])?;
//! let evaluation = preset.task.evaluate(trainer.agent())?;
//! println!("mean return {:.1}", evaluation.mean_return());
//! # Ok::<(), Error>(())
//! ```

use burn::tensor::Device;

use crate::agent::{AgentConfig, DdpgConfig, SacConfig, Td3Config};
use crate::env::{RepeatAction, Spaces};
use crate::error::Error;
use crate::rng::Seed;
use crate::train::{EvaluateEvery, Trainer, TrainerConfig};

mod task;

pub use task::{Task, TaskEnvironment, UnknownTask};

/// The trainer of a preset.
pub type PresetTrainer<A> = Trainer<RepeatAction<Box<dyn TaskEnvironment>>, A>;

/// Everything that decides a run on a bundled task, except the seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset<C> {
    /// The task.
    pub task: Task,
    /// The settings of the algorithm.
    pub algorithm: C,
    /// How often each action is repeated: [`RepeatAction`]. The trainer counts actions as steps.
    pub action_repeat: usize,
    /// Settings of the trainer; [`TrainerConfig::environment_steps`] is the length of the run.
    pub trainer_config: TrainerConfig,
}

impl Preset<SacConfig> {
    /// Returns the recommended setting for a task: [`SacConfig::recommended`] and [`TrainerConfig::recommended`], the same for every task.
    pub fn recommended(task: Task) -> Self {
        let trainer_config = TrainerConfig::recommended(task.actions()).with_replay_capacity(task.actions());
        Self { trainer_config, ..Self::new(task, SacConfig::recommended()) }
    }
}

impl Preset<Td3Config> {
    /// Returns [`Td3Config::recommended`] with [`TrainerConfig::recommended`] for a task.
    pub fn recommended_td3(task: Task) -> Self {
        Self { trainer_config: Preset::recommended(task).trainer_config, ..Self::new(task, Td3Config::recommended()) }
    }
}

impl Preset<DdpgConfig> {
    /// Returns [`DdpgConfig::recommended`] with [`TrainerConfig::recommended`] for a task.
    pub fn recommended_ddpg(task: Task) -> Self {
        Self { trainer_config: Preset::recommended(task).trainer_config, ..Self::new(task, DdpgConfig::recommended()) }
    }
}

impl<C: AgentConfig + 'static> Preset<C> {
    /// Returns an algorithm with given settings for a task, for [`Task::actions`]. Only the length and the repeat of actions depend on the task.
    pub fn new(task: Task, algorithm: C) -> Self {
        Self {
            task,
            algorithm,
            action_repeat: task.action_repeat(),
            trainer_config: TrainerConfig::steps(task.actions()).with_replay_capacity(task.actions()),
        }
    }

    /// Returns the length of the run in environment steps.
    pub fn steps(&self) -> usize {
        self.trainer_config.environment_steps.unwrap_or(usize::MAX)
    }

    /// Creates the environment.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if `action_repeat` is 0.
    pub fn environment(&self) -> Result<RepeatAction<Box<dyn TaskEnvironment>>, Error> {
        Ok(RepeatAction::new(self.task.environment(), self.action_repeat)?)
    }

    /// Creates the agent.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a changed setting is out of its range.
    pub fn agent(&self, device: &Device, seed: Seed) -> Result<C::Agent, Error> {
        let spaces = Spaces::of(&self.task.environment())?;
        Ok(self.algorithm.init(&spaces, device, seed)?)
    }

    /// Creates the environment, the agent and the trainer, which can be saved at any step.
    ///
    /// # Errors
    ///
    /// As [`agent`](Self::agent), or [`Error::Replay`] if the replay does not fit into memory.
    pub fn trainer(&self, device: &Device, seed: Seed) -> Result<PresetTrainer<C::Agent>, Error> {
        let agent = self.agent(device, seed)?;
        Ok(Trainer::new(self.environment()?, agent, &self.trainer_config, seed)?.with_environment_state())
    }

    /// As [`trainer`](Self::trainer), with an evaluation of the greedy policy every `steps` environment steps.
    ///
    /// # Errors
    ///
    /// As [`trainer`](Self::trainer), or [`Error::Config`] if `steps` is 0.
    pub fn evaluated_trainer(
        &self,
        steps: usize,
        device: &Device,
        seed: Seed,
    ) -> Result<PresetTrainer<C::Agent>, Error> {
        let (task, action_repeat) = (self.task, self.action_repeat);
        let evaluate = move |agent: &C::Agent| task.evaluate_repeating(agent, action_repeat);
        let evaluation = EvaluateEvery::steps(steps, evaluate)?;
        Ok(self.trainer(device, seed)?.with_evaluation(evaluation))
    }
}
