//! The numbers of the presets.

use super::{Preset, Task};
use crate::agent::{DdpgConfig, LearnedTemperatureConfig, NetworksConfig, SacConfig, Td3Config, TemperatureConfig};
use crate::noise::{GaussianNoiseConfig, NoiseConfig, OrnsteinUhlenbeckConfig};
use crate::train::TrainerConfig;

/// Two layers of 64 and mostly batches of 100: small enough for a thousand updates or more per second on one core.
const HIDDEN_DIMS: [usize; 2] = [64, 64];
const BATCH_SIZE: usize = 100;
const LEARNING_RATE: f64 = 1e-3;
/// Twice the usual value: targets of small networks may move faster.
const TAU: f64 = 0.01;

/// Settings that depend on the task, the same for every algorithm.
struct Pace {
    /// Actions in a run.
    steps: usize,
    /// Random actions at its start.
    warmup_steps: usize,
    action_repeat: usize,
    n_step: usize,
    discount: f64,
}

impl Pace {
    fn of(task: Task) -> Self {
        let pace = Self { steps: 40_000, warmup_steps: 1_000, action_repeat: 2, n_step: 1, discount: 0.99 };
        match task {
            Task::Pendulum => Self { steps: 20_000, warmup_steps: 100, action_repeat: 1, ..pace },
            // The car has to be pushed the same way for a while before anything happens.
            Task::MountainCarContinuous => Self { steps: 8_000, action_repeat: 8, ..pace },
            // A cart that drifts leaves the track after some seconds, which a single step does not see.
            Task::ContinuousCartPole => Self { steps: 25_000, n_step: 5, ..pace },
            // A swing takes seconds, and a step of the task a hundredth of one.
            Task::AcrobotSwingUp => Self { action_repeat: 5, n_step: 3, discount: 0.995, ..pace },
            Task::CartPoleSwingUp
            | Task::CartPoleSwingUpSparse
            | Task::Reacher
            | Task::ReacherHard
            | Task::QuadrotorHover => pace,
        }
    }

    fn trainer_config(&self) -> TrainerConfig {
        TrainerConfig::steps(self.steps)
            .with_batch_size(BATCH_SIZE)
            .with_warmup_steps(self.warmup_steps)
            .with_replay_capacity(self.steps)
            .with_n_step(self.n_step)
    }

    fn preset<C>(&self, task: Task, algorithm: C) -> Preset<C> {
        Preset {
            task,
            algorithm,
            action_repeat: self.action_repeat,
            learning_rate_factor: None,
            trainer_config: self.trainer_config(),
        }
    }
}

impl Preset<SacConfig> {
    /// Returns the preset of SAC for a task.
    pub fn sac(task: Task) -> Self {
        let pace = Pace::of(task);
        let temperature = LearnedTemperatureConfig::new().with_learning_rate(LEARNING_RATE);
        let algorithm = SacConfig::new()
            .with_networks(networks())
            .with_scale_rewards(true)
            .with_discount(pace.discount)
            .with_tau(TAU)
            .with_actor_learning_rate(LEARNING_RATE)
            .with_critic_learning_rate(LEARNING_RATE)
            .with_temperature(TemperatureConfig::Learned(temperature));
        pace.preset(task, algorithm)
    }
}

impl Preset<Td3Config> {
    /// Returns the preset of TD3 for a task.
    pub fn td3(task: Task) -> Self {
        let pace = Pace::of(task);
        let algorithm = Td3Config::new()
            .with_networks(networks())
            .with_scale_rewards(scale_rewards(task))
            .with_discount(pace.discount)
            .with_tau(TAU)
            .with_noise(noise(task));
        let mut preset = pace.preset(task, algorithm);
        if task == Task::Pendulum {
            // One update a step of more transitions comes closer to the optimum than two of fewer; and so do an actor that moves at each of them, and more noise.
            preset.algorithm = preset.algorithm.with_policy_delay(1).with_noise(gaussian(0.2));
            preset.trainer_config.batch_size = 256;
            preset.trainer_config.warmup_steps = Some(256);
        } else {
            // Its actor moves at every other update.
            preset.trainer_config.updates_per_step = 2.0;
        }
        preset
    }
}

impl Preset<DdpgConfig> {
    /// Returns the preset of DDPG for a task.
    pub fn ddpg(task: Task) -> Self {
        let pace = Pace::of(task);
        pace.preset(
            task,
            DdpgConfig::new()
                .with_networks(networks())
                .with_scale_rewards(scale_rewards(task))
                .with_discount(pace.discount)
                .with_tau(TAU)
                .with_noise(noise(task)),
        )
    }
}

/// Whether DDPG and TD3 scale rewards. Before the car first reaches the flag it knows only the cost of pushing; scaled, that cost soon makes it stop.
fn scale_rewards(task: Task) -> bool {
    task != Task::MountainCarContinuous
}

fn networks() -> NetworksConfig {
    NetworksConfig::new().with_hidden_dims(HIDDEN_DIMS.into())
}

fn gaussian(std: f64) -> NoiseConfig {
    NoiseConfig::Gaussian(GaussianNoiseConfig::new().with_std(std))
}

fn noise(task: Task) -> NoiseConfig {
    match task {
        Task::MountainCarContinuous => NoiseConfig::OrnsteinUhlenbeck(OrnsteinUhlenbeckConfig::new()),
        _ => NoiseConfig::Gaussian(GaussianNoiseConfig::new()),
    }
}
