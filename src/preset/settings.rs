//! The numbers of the presets.

use super::{Preset, Task};
use crate::agent::{DdpgConfig, LearnedTemperatureConfig, SacConfig, Td3Config, TemperatureConfig};
use crate::noise::{GaussianNoiseConfig, NoiseConfig, OrnsteinUhlenbeckConfig};
use crate::train::TrainerConfig;

/// Two layers of 64 and batches of 100: small enough for a thousand updates and more a second on one core.
const HIDDEN_DIMS: [usize; 2] = [64, 64];
const BATCH_SIZE: usize = 100;
const LEARNING_RATE: f64 = 1e-3;

impl Preset<SacConfig> {
    /// Returns the preset of SAC for a task.
    pub fn sac(task: Task) -> Self {
        let temperature = LearnedTemperatureConfig::new().with_learning_rate(LEARNING_RATE);
        let algorithm = SacConfig::new()
            .with_actor_learning_rate(LEARNING_RATE)
            .with_critic_learning_rate(LEARNING_RATE)
            .with_temperature(TemperatureConfig::Learned(temperature));
        Self {
            task,
            algorithm,
            action_repeat: 1,
            hidden_dims: HIDDEN_DIMS.into(),
            learning_rate_factor: None,
            schedule: schedule(task),
        }
    }
}

impl Preset<Td3Config> {
    /// Returns the preset of TD3 for a task.
    pub fn td3(task: Task) -> Self {
        let algorithm = Td3Config::new().with_noise(noise(task));
        Self {
            task,
            algorithm,
            action_repeat: 1,
            hidden_dims: HIDDEN_DIMS.into(),
            learning_rate_factor: None,
            schedule: schedule(task),
        }
    }
}

impl Preset<DdpgConfig> {
    /// Returns the preset of DDPG for a task.
    pub fn ddpg(task: Task) -> Self {
        let algorithm = DdpgConfig::new().with_noise(noise(task));
        Self {
            task,
            algorithm,
            action_repeat: 1,
            hidden_dims: HIDDEN_DIMS.into(),
            learning_rate_factor: None,
            schedule: schedule(task),
        }
    }
}

fn schedule(task: Task) -> TrainerConfig {
    let (steps, warmup) = match task {
        Task::Pendulum => (20_000, 100),
        Task::MountainCarContinuous => (50_000, 1_000),
        Task::ContinuousCartPole => (20_000, 500),
        Task::Reacher => (50_000, 1_000),
        Task::CartPoleSwingUp | Task::QuadrotorHover => (100_000, 1_000),
        Task::AcrobotSwingUp => (200_000, 1_000),
    };
    TrainerConfig::new(usize::MAX)
        .with_environment_steps(Some(steps))
        .with_batch_size(BATCH_SIZE)
        .with_warmup_steps(warmup)
        .with_learning_starts(warmup)
        .with_replay_capacity(steps)
}

fn noise(task: Task) -> NoiseConfig {
    match task {
        Task::MountainCarContinuous => NoiseConfig::OrnsteinUhlenbeck(OrnsteinUhlenbeckConfig::new()),
        _ => NoiseConfig::Gaussian(GaussianNoiseConfig::new()),
    }
}
