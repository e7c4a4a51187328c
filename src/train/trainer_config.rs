//! Settings of a trainer.

use std::fmt;

use burn::config::{Config, config_to_json};
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, at_least, at_most, positive};

/// Steps of the warm-up, if neither it nor the first update is set.
const WARMUP_STEPS: usize = 1_000;

/// Settings of a [`Trainer`](super::Trainer): the length of a run, the start of learning, batches, and the replay.
///
/// | Field | Default | [`recommended`](Self::recommended) | Lab, DDPG | Lab, SAC |
/// |---|---|---|---|---|
/// | `batch_size` | 256 | 128 | 128 | 128 |
/// | `replay_capacity` | 1,000,000 | 1,000,000 | 50,000 | 50,000 |
/// | `warmup_steps` | 1,000 | 1,000 | 0 | 1,000 |
/// | `learning_starts` | as `warmup_steps` | as `warmup_steps` | 129 | 129 |
/// | `updates_per_step` | 1 | 2 | 1 | 1 |
/// | `n_step` | 1 | 2 | 1 | 1 |
///
/// If you set only one of `warmup_steps` and `learning_starts`, the other gets the same value; [`resolved`](Self::resolved) returns both as numbers. "Lab" is a course
/// exercise whose runs the examples reproduce ([Lab](crate::_docs::lab)).
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// let config = TrainerConfig::steps(20_000).with_warmup_steps(300);
/// assert_eq!((config.warmup_steps(), config.learning_starts()), (300, 300));
/// let config = config.with_learning_starts(500);
/// assert_eq!((config.warmup_steps(), config.learning_starts()), (300, 500));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainerConfig {
    /// Episodes to run, at least 1; `usize::MAX` for no limit, which is `null` in JSON.
    #[serde(with = "no_limit")]
    pub episodes: usize,
    /// Most environment steps to run, at least 1; no limit by default. The run ends at this limit or after `episodes`, whichever comes first.
    pub environment_steps: Option<usize>,
    /// Transitions in a batch, n, at least 1.
    pub batch_size: usize,
    /// Transitions that the replay keeps, at least `learning_starts`.
    pub replay_capacity: usize,
    /// Environment steps with uniformly random actions, before the agent acts. Also called start steps.
    ///
    /// `None`: as many as `learning_starts`, or 1,000 if that is `None` too.
    pub warmup_steps: Option<usize>,
    /// Transitions stored before the first update, at least `batch_size`.
    ///
    /// `None`: as many as `warmup_steps`, or `batch_size` if that is more. So the agent learns before it acts.
    pub learning_starts: Option<usize>,
    /// Updates for each environment step once learning has started, `(0, ∞)`; with 0.1, one for every ten steps.
    pub updates_per_step: f64,
    /// Steps in a return before it bootstraps, at least 1: see [`ReplayBuffer::with_n_step`](crate::replay::ReplayBuffer::with_n_step).
    pub n_step: usize,
    /// Episodes in the running average of returns, at least 1.
    pub average_window: usize,
}

impl Config for TrainerConfig {}

/// `usize::MAX` as `null`, which a reader understands.
mod no_limit {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(count: &usize, serializer: S) -> Result<S::Ok, S::Error> {
        Some(*count).filter(|count| *count < usize::MAX).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(usize::MAX))
    }
}

/// As JSON.
impl fmt::Display for TrainerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&config_to_json(self))
    }
}

impl TrainerConfig {
    /// Makes the settings of a run of `episodes` episodes.
    pub fn new(episodes: usize) -> Self {
        Self {
            episodes,
            environment_steps: None,
            batch_size: 256,
            replay_capacity: 1_000_000,
            warmup_steps: None,
            learning_starts: None,
            updates_per_step: 1.0,
            n_step: 1,
            average_window: 100,
        }
    }

    /// Makes the settings of a run of `environment_steps` steps, in any number of episodes.
    pub fn steps(environment_steps: usize) -> Self {
        Self::new(usize::MAX).with_environment_steps(environment_steps)
    }

    /// Makes the settings of a run for the recommended setting of an algorithm, such as [`SacConfig::recommended`](crate::agent::SacConfig::recommended): as
    /// [`steps`](Self::steps), with two updates for each step, returns of two steps, and batches of 128, which take half the time of 256.
    pub fn recommended(environment_steps: usize) -> Self {
        Self::steps(environment_steps).with_batch_size(128).with_updates_per_step(2.0).with_n_step(2)
    }

    /// Sets the number of environment steps after which the run ends at the latest; `None` for no limit.
    #[must_use]
    pub fn with_environment_steps(mut self, environment_steps: impl Into<Option<usize>>) -> Self {
        self.environment_steps = environment_steps.into();
        self
    }

    /// Sets the number of transitions in a batch.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Sets the number of transitions that the replay keeps.
    #[must_use]
    pub fn with_replay_capacity(mut self, replay_capacity: usize) -> Self {
        self.replay_capacity = replay_capacity;
        self
    }

    /// Sets the number of random actions at the beginning; `None` for the value of `learning_starts`.
    #[must_use]
    pub fn with_warmup_steps(mut self, warmup_steps: impl Into<Option<usize>>) -> Self {
        self.warmup_steps = warmup_steps.into();
        self
    }

    /// Sets the number of transitions before the first update; `None` for the value of `warmup_steps`.
    #[must_use]
    pub fn with_learning_starts(mut self, learning_starts: impl Into<Option<usize>>) -> Self {
        self.learning_starts = learning_starts.into();
        self
    }

    /// Sets the number of updates for each environment step.
    #[must_use]
    pub fn with_updates_per_step(mut self, updates_per_step: f64) -> Self {
        self.updates_per_step = updates_per_step;
        self
    }

    /// Sets the number of steps in a return.
    #[must_use]
    pub fn with_n_step(mut self, n_step: usize) -> Self {
        self.n_step = n_step;
        self
    }

    /// Sets the number of episodes in the running average of returns.
    #[must_use]
    pub fn with_average_window(mut self, average_window: usize) -> Self {
        self.average_window = average_window;
        self
    }

    /// Returns the number of random actions at the beginning: the field, or its default.
    pub fn warmup_steps(&self) -> usize {
        self.warmup_steps.or(self.learning_starts).unwrap_or(WARMUP_STEPS)
    }

    /// Returns the number of transitions before the first update: the field, or its default.
    pub fn learning_starts(&self) -> usize {
        self.learning_starts.unwrap_or_else(|| self.warmup_steps().max(self.batch_size))
    }

    /// Returns the same settings with `warmup_steps` and `learning_starts` as numbers. A trainer keeps them in this form.
    #[must_use]
    pub fn resolved(&self) -> Self {
        let (warmup_steps, learning_starts) = (self.warmup_steps(), self.learning_starts());
        self.clone().with_warmup_steps(warmup_steps).with_learning_starts(learning_starts)
    }

    /// Checks every range. Called by every constructor that takes this config.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        at_least("episodes", 1, self.episodes)?;
        self.environment_steps.map_or(Ok(()), |steps| at_least("environment_steps", 1, steps))?;
        at_least("batch_size", 1, self.batch_size)?;
        at_most("batch_size", self.batch_size, "learning_starts", self.learning_starts())?;
        let learning_starts = match self.learning_starts {
            Some(_) => "learning_starts",
            None => "learning_starts (not set, so the greater of warmup_steps and batch_size)",
        };
        at_most(learning_starts, self.learning_starts(), "replay_capacity", self.replay_capacity)?;
        positive("updates_per_step", self.updates_per_step)?;
        at_least("n_step", 1, self.n_step)?;
        at_least("average_window", 1, self.average_window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_one_of_warm_up_and_first_update_sets_the_other() {
        let both = |config: TrainerConfig| (config.warmup_steps(), config.learning_starts());
        let config = || TrainerConfig::new(1).with_batch_size(100);
        assert_eq!(both(config()), (1_000, 1_000));
        assert_eq!(both(config().with_warmup_steps(300)), (300, 300));
        assert_eq!(both(config().with_learning_starts(200)), (200, 200));
        assert_eq!(both(config().with_warmup_steps(0)), (0, 100), "there is no update without a batch");
        assert_eq!(both(config().with_warmup_steps(0).with_learning_starts(129)), (0, 129));
        assert_eq!(both(config().with_warmup_steps(5).with_warmup_steps(None)), (1_000, 1_000));
        let resolved = config().with_warmup_steps(300).resolved();
        assert_eq!((resolved.warmup_steps, resolved.learning_starts), (Some(300), Some(300)));
        assert!(config().with_warmup_steps(0).validate().is_ok());
    }

    #[test]
    fn a_run_by_steps_has_no_limit_of_episodes() {
        let config = TrainerConfig::steps(20_000);
        assert_eq!((config.episodes, config.environment_steps), (usize::MAX, Some(20_000)));
        let error = TrainerConfig::steps(0).validate().unwrap_err();
        assert_eq!(error.to_string(), "environment_steps must be at least 1, got 0");
    }

    #[test]
    fn json_gives_back_the_same_settings_and_takes_those_of_before() {
        let config = TrainerConfig::steps(7).with_learning_starts(300).with_updates_per_step(0.1);
        assert_eq!(serde_json::from_str::<TrainerConfig>(&config.to_string()).unwrap(), config);
        let before = config.resolved().with_environment_steps(None).to_string();
        assert!(before.contains("\"warmup_steps\": 300,\n  \"learning_starts\": 300,\n"), "{before}");
        assert!(before.starts_with("{\n  \"episodes\": null,\n  \"environment_steps\": null,"), "{before}");
        let before = before.replacen("null", &usize::MAX.to_string(), 1);
        assert_eq!(serde_json::from_str::<TrainerConfig>(&before).unwrap().episodes, usize::MAX);
        let limited = serde_json::from_str::<TrainerConfig>(&TrainerConfig::new(7).to_string()).unwrap();
        assert_eq!(limited.episodes, 7);
    }
}
