//! Code that agents with a stochastic policy and a temperature share.

use super::core::Core;
use super::learner::Gradients;
use super::saved::Saved;
use super::temperature::TemperatureConfig;
use crate::config::ConfigError;
use crate::nn::{Critic, StochasticActor};
use crate::state::{State, StateError};

/// The loss of the actor and its gradient.
pub(super) struct ActorGradient {
    /// In the units of the critics.
    pub(super) loss: f64,
    pub(super) gradients: Gradients,
    /// Mean of log π(a∣o) over the batch, if the policy has a density.
    pub(super) log_prob: Option<f64>,
}

/// Metrics of the latest step of the actor and the temperature.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ActorStep {
    /// Loss of the actor, in units of the reward.
    pub(super) loss: f64,
    pub(super) entropy: f64,
    pub(super) temperature_loss: f64,
}

impl Saved for ActorStep {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        state.put_array(name, &[3], vec![self.loss, self.entropy, self.temperature_loss]);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        // Files from before `policy_delay` do not have it, and did not need it: every update overwrites it.
        if state.shape(name).is_err() {
            return Ok(Self::default());
        }
        let values: Vec<f64> = state.take_array(name, &[3])?;
        Ok(Self { loss: values[0], entropy: values[1], temperature_loss: values[2] })
    }
}

/// Checks that the policy has a density, if the temperature is learned.
pub(super) fn check_density<A: StochasticActor, C: Critic>(
    core: &Core<A, C>,
    temperature: &TemperatureConfig,
) -> Result<(), ConfigError> {
    let has_density = core.boundary.check_stochastic_actor(core.actor.module())?;
    match temperature {
        TemperatureConfig::Learned(_) if !has_density => Err(ConfigError::TemperatureWithoutDensity),
        _ => Ok(()),
    }
}

/// Implements the methods of an agent with the fields `core`, `temperature`, `exploration` and `config`. The settings
/// have a method `check`.
macro_rules! maximum_entropy_agent {
    ($agent:ident, $config:ident) => {
        impl<A: StochasticActor, C: Critic> $agent<A, C> {
            /// Replaces the settings. Networks, targets, optimizers, a learned temperature and statistics stay.
            ///
            /// # Errors
            ///
            /// - as [`new`](Self::new)
            /// - [`ConfigError::Learned`] if a setting differs that the trained networks depend on:
            ///   `normalize_observations`, `scale_rewards` (with it also `discount`), the outputs of `value_head`
            pub fn with_config(mut self, config: &$config) -> Result<Self, ConfigError> {
                config.validate()?;
                config.check(&self.core)?;
                self.core.reconfigure(config.shared())?;
                let axes = self.core.boundary.spaces.action().dim();
                self.exploration = self.exploration.reconfigured(config.exploration_noise, axes)?;
                self.temperature.reconfigure(&config.temperature, &self.core.boundary, config.shared().adam);
                self.config = config.clone();
                Ok(self)
            }

            /// Returns the temperature α, in units of the reward per nat (the unit of an entropy with natural
            /// logarithms).
            #[doc(alias = "alpha")]
            pub fn temperature(&self) -> f64 {
                self.temperature.value() / self.core.boundary.reward_factor()
            }

            /// Multiplies the configured learning rates by `factor` from now on, in `[0, ∞)`.
            ///
            /// # Errors
            ///
            /// [`ConfigError::Negative`].
            pub fn set_learning_rate_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
                self.core.set_learning_rate_factor(factor)?;
                self.temperature.set_learning_rate_factor(factor);
                Ok(())
            }

            fn reset_own(&mut self) {
                self.temperature.begin_anew(&self.config.temperature);
            }

            fn act_exploring(
                &mut self,
                observations: &[f32],
                actions: &mut [f32],
            ) -> Result<(), $crate::agent::ActError> {
                let observations = self.core.boundary.observations(observations)?;
                let noise = self.exploration.sample(observations.dims()[0], &self.core.boundary);
                self.core.draw_with(&observations, &noise, actions)
            }

            fn forget_episode(&mut self, environment: usize) {
                self.exploration.end_episode(environment, self.temperature.is_at_minimum());
            }
        }

        impl<A: StochasticActor, C: Critic> $crate::policy::SampleActions for $agent<A, C> {
            fn sample(
                &self,
                observations: &[&[f32]],
                rng: &mut dyn rand::Rng,
            ) -> Result<Vec<Vec<f32>>, $crate::agent::ActError> {
                let spaces = &self.core.boundary.spaces;
                $crate::policy::row_by_row(spaces, observations, |rows, actions| {
                    self.core.draw_into(rows, rng, actions)
                })
            }
        }
    };
}

pub(super) use maximum_entropy_agent;
