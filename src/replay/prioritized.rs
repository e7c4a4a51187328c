//! Prioritised replay: transitions with a large error are drawn more often.

use burn::config::Config;
use rand::{Rng, RngExt};

use super::sum_tree::SumTree;
use super::{Batch, Replay, ReplayBuffer, ReplayError, Transition};
use crate::config::{ConfigError, at_least, in_unit_interval, positive};
use crate::space::first_non_finite;
use crate::state::{State, StateError};

/// Settings of [`PrioritizedReplay`]; the defaults are the paper's[^1], section 4.
///
/// [^1]: T. Schaul et al. (2016). *Prioritized Experience Replay*. arXiv:1511.05952.
#[derive(Config, Debug, PartialEq)]
pub struct PrioritizedReplayConfig {
    /// Exponent of the priorities, α, in `[0, 1]`; 0 is uniform.
    #[config(default = 0.6)]
    pub priority_exponent: f64,
    /// Exponent of the correction at the start, β, in `[0, 1]`; it grows to 1 over `correction_batches`.
    #[config(default = 0.4)]
    pub correction_exponent: f64,
    /// Batches after which the bias is fully corrected, at least 1.
    #[config(default = 100_000)]
    pub correction_batches: usize,
    /// Added to every error, ε, `(0, ∞)`, so that every transition keeps a chance to be drawn.
    #[config(default = 1e-6)]
    pub priority_epsilon: f64,
}

impl PrioritizedReplayConfig {
    /// Checks every range. Called by every constructor that takes this config.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_unit_interval("priority_exponent", self.priority_exponent)?;
        in_unit_interval("correction_exponent", self.correction_exponent)?;
        at_least("correction_batches", 1, self.correction_batches)?;
        positive("priority_epsilon", self.priority_epsilon)
    }
}

/// Prioritised replay: the newest transitions, each drawn with a probability that grows with the critics' error[^1].
///
/// ```text
/// P(i) = p_i^α / Σ_k p_k^α,   p_i = |δ_i| + ε        the proportional variant, eq. 1
/// w_i  = (N · P(i))^−β / max_j w_j                   j over the batch
/// ```
///
/// A batch of n divides the sum of priorities into n equal parts and draws one transition from each, so a transition may occur twice. A new transition gets the
/// largest priority so far. The weights w are in [`Batch::weights`].
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
/// use actor_critic::replay::{PrioritizedReplay, PrioritizedReplayConfig};
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let env = Pendulum::v1();
/// let spaces = Spaces::of(&env)?;
/// let agent = SacConfig::new().init(&spaces, &device, Seed(0))?;
/// let schedule = TrainerConfig::new(1).with_batch_size(8).with_learning_starts(198);
/// let replay = ReplayBuffer::new(schedule.replay_capacity, spaces.observation().dim(), spaces.action().dim())?;
/// let replay = PrioritizedReplay::new(replay, &PrioritizedReplayConfig::new())?;
/// let mut trainer = Trainer::new(env, agent, &schedule, Seed(0))?.with_replay(replay)?;
/// assert_eq!(trainer.run(&mut [])?[0].updates, 3);
/// # Ok::<(), actor_critic::Error>(())
/// ```
///
/// [^1]: T. Schaul et al. (2016). *Prioritized Experience Replay*. arXiv:1511.05952.
#[derive(Debug, Clone)]
pub struct PrioritizedReplay {
    transitions: ReplayBuffer,
    /// p^α of each row; 0 for an empty row.
    priorities: SumTree,
    /// The largest p^α so far.
    largest: f64,
    batches: usize,
    config: PrioritizedReplayConfig,
}

impl PrioritizedReplay {
    /// Gives all transitions in `transitions` the same priority.
    ///
    /// # Errors
    ///
    /// - [`ReplayError::Config`] as [`PrioritizedReplayConfig::validate`]
    /// - [`ReplayError::OutOfMemory`] if the priorities do not fit into memory
    pub fn new(transitions: ReplayBuffer, config: &PrioritizedReplayConfig) -> Result<Self, ReplayError> {
        config.validate()?;
        let capacity = transitions.capacity();
        let mut priorities = SumTree::new(capacity).ok_or(ReplayError::OutOfMemory { capacity })?;
        (0..transitions.len()).for_each(|row| priorities.set(row, 1.0));
        Ok(Self { transitions, priorities, largest: 1.0, batches: 0, config: config.clone() })
    }

    /// Returns β, which grows with the number of drawn batches.
    fn correction(&self) -> f64 {
        let done = (self.batches as f64 / self.config.correction_batches as f64).min(1.0);
        self.config.correction_exponent + (1.0 - self.config.correction_exponent) * done
    }
}

impl Replay for PrioritizedReplay {
    fn transitions(&self) -> &ReplayBuffer {
        &self.transitions
    }

    fn transitions_mut(&mut self) -> &mut ReplayBuffer {
        &mut self.transitions
    }

    fn push(&mut self, environment: usize, transition: &Transition<'_>) -> Result<(), ReplayError> {
        let row = self.transitions.push_from(environment, transition)?;
        self.priorities.set(row, self.largest);
        Ok(())
    }

    fn sample_into(
        &mut self,
        n: usize,
        discount: f64,
        rng: &mut dyn Rng,
        batch: &mut Batch,
    ) -> Result<(), ReplayError> {
        self.transitions.check_request(n, discount)?;
        let stored = self.transitions.len();
        let share = self.priorities.sum() / n as f64;
        batch.rows.clear();
        for i in 0..n {
            let mass = share * (i as f64 + rng.random::<f64>());
            batch.rows.push(self.priorities.find(mass));
        }
        batch.gather(&self.transitions, discount)?;
        let correction = self.correction();
        let weight = |row: usize| {
            let probability = self.priorities.get(row) / self.priorities.sum();
            libm::pow(stored as f64 * probability, -correction)
        };
        let largest = batch.rows.iter().map(|&row| weight(row)).fold(0.0, f64::max);
        batch.weigh(|row| (weight(row) / largest) as f32)?;
        self.batches += 1;
        Ok(())
    }

    fn update_priorities(&mut self, batch: &Batch, td_errors: &[f32]) -> Result<(), ReplayError> {
        let (expected, found) = (batch.len(), td_errors.len());
        if expected != found {
            return Err(ReplayError::TdErrors { expected, found });
        }
        if let Some((index, value)) = first_non_finite(td_errors) {
            return Err(ReplayError::NonFinite { field: "temporal difference error", index, value });
        }
        let stored = self.transitions.len();
        if let Some(&row) = batch.rows.iter().find(|&&row| row >= stored) {
            return Err(ReplayError::Row { stored, row });
        }
        for (&row, &td_error) in batch.rows.iter().zip(td_errors) {
            let priority = f64::from(td_error.abs()) + self.config.priority_epsilon;
            let priority = libm::pow(priority, self.config.priority_exponent);
            self.priorities.set(row, priority);
            self.largest = self.largest.max(priority);
        }
        Ok(())
    }

    fn save_state(&self) -> Result<State, StateError> {
        let priorities: Vec<f64> = (0..self.transitions.len()).map(|row| self.priorities.get(row)).collect();
        let mut state = State::new();
        state.put_text("config", self.config.to_string());
        state.put_array("priorities", &[priorities.len()], priorities);
        state.put("largest", self.largest);
        state.put("batches", self.batches as u64);
        Ok(state)
    }

    fn load(&mut self, transitions: ReplayBuffer, mut state: State) -> Result<(), StateError> {
        state.expect_text("config", &self.config.to_string())?;
        let saved: Vec<f64> = state.take_array("priorities", &[transitions.len()])?;
        let largest: f64 = state.take("largest")?;
        let batches = state.take_count("batches")?;
        state.finish()?;
        if let Some(&value) = saved.iter().chain([&largest]).find(|&&value| value <= 0.0 || value > MAX_PRIORITY) {
            return Err(StateError::invalid("priorities", format!("positive and at most {MAX_PRIORITY:e}"), value));
        }
        let out_of_memory = || StateError::invalid("priorities", "small enough for memory", transitions.capacity());
        let mut priorities = SumTree::new(transitions.capacity()).ok_or_else(out_of_memory)?;
        saved.into_iter().enumerate().for_each(|(row, priority)| priorities.set(row, priority));
        *self = Self { transitions, priorities, largest, batches, config: self.config.clone() };
        Ok(())
    }
}

/// Larger than any power up to 1 of an f32.
const MAX_PRIORITY: f64 = 1e39;
