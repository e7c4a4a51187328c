//! The manifest of a generation: `manifest.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings;
use crate::replay::ReplayForm;

/// Version of the format: the only one that is written and read.
pub(crate) const FORMAT: u64 = 3;

/// The version of burn that this crate uses; only shown.
pub(crate) const BURN: &str = "0.22.1";

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Version of the format.
    pub(crate) format: u64,
    /// Version of this crate.
    pub(crate) crate_version: String,
    /// Version of burn.
    pub(crate) burn_version: String,
    /// Number of the generation, as in the name of its directory.
    pub(crate) generation: u64,
    /// Type of the agent and of its networks.
    pub(crate) agent: String,
    /// Type of the environment.
    pub(crate) environment: String,
    /// Settings of the agent; null if the agent does not return them.
    #[serde(deserialize_with = "settings::deserialize")]
    pub(crate) agent_config: Value,
    /// Settings of the trainer.
    #[serde(deserialize_with = "settings::deserialize")]
    pub(crate) trainer_config: Value,
    /// Steps of the environment so far.
    pub(crate) environment_steps: u64,
    /// Updates so far.
    pub(crate) updates: u64,
    /// Episodes that have ended.
    pub(crate) episodes: u64,
    /// Metrics of each episode in the history.
    pub(crate) metrics: u64,
    /// Result of an evaluation of the policy; null without one.
    pub(crate) score: Option<f64>,
    /// Sizes of the replay.
    pub(crate) replay: ReplayForm,
    /// Every other file of the generation.
    pub(crate) parts: BTreeMap<String, PartForm>,
}

/// Episodes in each part of the history but the last: a MiB or two to write.
pub(crate) const EPISODES_IN_PART: usize = 16_384;

/// Longest header of a part of the history, in bytes; that of its seven arrays takes a third.
const MAX_HISTORY_HEADER: u64 = 2048;

impl Manifest {
    /// Returns the number of parts of the history.
    pub(super) fn history_parts(&self) -> u64 {
        self.episodes.div_ceil(EPISODES_IN_PART as u64)
    }

    /// Returns the episodes in a part of the history.
    pub(super) fn episodes_in(&self, part: u64) -> u64 {
        (EPISODES_IN_PART as u64).min(self.episodes - part * EPISODES_IN_PART as u64)
    }

    /// Returns a bound on the length of a part of the history as a file, in bytes.
    pub(super) fn longest_history_part(&self) -> u64 {
        let numbers = self.metrics.saturating_add(6).saturating_mul(self.episodes.min(EPISODES_IN_PART as u64));
        numbers.saturating_mul(8).saturating_add(MAX_HISTORY_HEADER)
    }

    /// Returns the manifest of a run that has only a replay.
    pub(crate) fn new(replay: ReplayForm) -> Self {
        Self {
            format: FORMAT,
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
            burn_version: BURN.to_owned(),
            generation: 0,
            agent: String::new(),
            environment: String::new(),
            agent_config: Value::Null,
            trainer_config: Value::Null,
            environment_steps: 0,
            updates: 0,
            episodes: 0,
            metrics: 0,
            score: None,
            replay,
            parts: BTreeMap::new(),
        }
    }
}

/// A file of a generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartForm {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256 in hexadecimal.
    pub(crate) sha256: String,
}

/// Returns the name of a type without the paths of its modules, so that it stays when code is moved.
pub(crate) fn short_type_name<T: ?Sized>() -> String {
    let mut name = String::new();
    let mut word = String::new();
    for c in std::any::type_name::<T>().chars() {
        match c {
            ':' => word.clear(),
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            c => {
                name.push_str(&word);
                word.clear();
                name.push(c);
            }
        }
    }
    name + &word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{Pendulum, TimeLimit};

    #[test]
    fn a_short_name_has_no_paths() {
        assert_eq!(short_type_name::<TimeLimit<Pendulum>>(), "TimeLimit<Pendulum>");
        assert_eq!(short_type_name::<Box<(f32, Vec<u8>)>>(), "Box<(f32, Vec<u8>)>");
    }

    #[test]
    fn the_version_of_burn_is_the_one_in_use() {
        assert!(include_str!("../../Cargo.toml").contains(&format!("burn = {{ version = \"{BURN}\"")));
    }
}
