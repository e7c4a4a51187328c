//! Code that DDPG and TD3 share: noise on actions, and the target actor.

use super::AgentError;
use super::core::Core;
use super::evaluate::Of;
use super::learner::Gradients;
use super::saved::Saved;
use crate::boundary::Inside;
use crate::fused::Members;
use crate::matrix::Matrix;
use crate::nn::{Actor, Critic};
use crate::state::{State, StateError};

/// The loss at the latest step of the actor, in units of the reward; 0 before the first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ActorLoss(pub(super) f64);

impl Saved for ActorLoss {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        state.put(name, self.0);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        // Files of DDPG from before `policy_delay` do not have it, and did not need it: every update overwrites it.
        if state.shape(name).is_err() {
            return Ok(Self::default());
        }
        state.take(name).map(Self)
    }
}

impl<A: Actor, C: Critic> Core<A, C> {
    /// Returns μ′(o).
    pub(super) fn target_actions(&self, observations: &Matrix) -> Matrix {
        let target = self.target_actor.as_ref().expect("a deterministic policy has a target");
        target.network().act(observations, &self.boundary.place)
    }

    /// Computes `J = mean −Q₁(o, μ(o))` and its gradient: `∂J/∂Q₁ = −1/n`.
    pub(super) fn deterministic_actor_gradient(&mut self, batch: &Inside) -> Result<(f64, Gradients), AgentError> {
        let first = self.dropping(Members::up_to(1), batch.len());
        let Self { actor, critics, boundary, settings, .. } = self;
        let place = &boundary.place;
        let policy = actor.act(&batch.observations, place);
        let q = critics.evaluate(&first, [&batch.observations, &policy.actions], Of::Actions, place);
        let values = settings.value_head.expectations(&q.values);
        let gradient = settings.value_head.pull_back(&q.values, values.filled_like(-1.0 / batch.len() as f64));
        let loss = -values.mean()?;
        let actions = q.pull_to_actions(&gradient);
        Ok((loss, policy.pull_to_parameters(&actions, 0.0)))
    }
}

/// Implements the methods of an agent with a deterministic actor and the fields `core`, `exploration` and `config`.
macro_rules! deterministic_agent {
    ($agent:ident, $config:ident) => {
        impl<A: Actor, C: Critic> $agent<A, C> {
            /// Replaces the settings. Networks, targets, optimizers and statistics stay. The noise becomes that of
            /// `config`.
            ///
            /// # Errors
            ///
            /// - as the `validate` of the settings
            /// - [`ConfigError::Learned`] if a setting differs that the trained networks depend on:
            ///   `normalize_observations`, `scale_rewards` (with it also `discount`), the outputs of `value_head`
            pub fn with_config(mut self, config: &$config) -> Result<Self, ConfigError> {
                config.validate()?;
                let noise = config.noise.init(self.core.boundary.spaces.action().dim())?;
                self.core.reconfigure(config.shared())?;
                self.exploration.replace(noise);
                self.config = config.clone();
                Ok(self)
            }

            /// Replaces the exploration noise by a process of your own.
            ///
            /// # Errors
            ///
            /// [`ConfigError::NoiseDim`] if it does not have one number for each action axis.
            pub fn with_noise(mut self, noise: Box<dyn $crate::noise::ActionNoise>) -> Result<Self, ConfigError> {
                self.core.boundary.check_noise(noise.as_ref())?;
                self.exploration.replace(noise);
                Ok(self)
            }

            /// Multiplies the configured learning rates by `factor` from now on, in `[0, ∞)`.
            ///
            /// # Errors
            ///
            /// [`ConfigError::Negative`].
            pub fn set_learning_rate_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
                self.core.set_learning_rate_factor(factor)
            }

            /// Multiplies the exploration noise by `factor` from now on, in `[0, ∞)`.
            ///
            /// # Errors
            ///
            /// [`ConfigError::Negative`].
            pub fn set_noise_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
                $crate::config::non_negative("noise factor", factor)?;
                self.exploration.set_factor(factor);
                Ok(())
            }

            /// Returns the target actor, μ′, without autodiff. See [`actor`](Self::actor).
            pub fn target_actor(&self) -> &A {
                self.core.target_actor.as_ref().expect("a deterministic policy has a target").module()
            }

            fn reset_own(&mut self) {}

            fn act_exploring(
                &mut self,
                observations: &[f32],
                actions: &mut [f32],
            ) -> Result<(), $crate::agent::ActError> {
                let noise = self.exploration.sample(actions.len(), self.core.boundary.spaces.action().dim());
                self.core.act_into(observations, Some(&noise), actions)
            }

            fn forget_episode(&mut self, environment: usize) {
                self.exploration.end_episode(environment);
            }
        }
    };
}

pub(super) use deterministic_agent;
