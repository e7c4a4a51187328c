//! Parts that DDPG and TD3 share: noise on the actions, and a target of the actor.

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

/// The loss of the latest step of the actor, in units of the reward; 0 before the first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ActorLoss(pub(super) f64);

impl Saved for ActorLoss {
    fn put(&self, name: &str, state: &mut State) -> Result<(), StateError> {
        state.put(name, self.0);
        Ok(())
    }

    fn restored(&self, name: &str, state: &mut State) -> Result<Self, StateError> {
        // DDPG's files from before it had a delay have none: every update overwrites it.
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

/// The methods of an agent with fields `core`, `exploration` and `config`, whose actor is deterministic.
macro_rules! deterministic_agent {
    ($agent:ident, $config:ident) => {
        impl<A: Actor, C: Critic> $agent<A, C> {
            /// Takes other settings: networks, targets, optimizers and statistics stay; the noise is that of `config`.
            ///
            /// # Errors
            ///
            /// - as the `validate` of the settings
            /// - [`ConfigError::Learned`] if the units in which the networks have learned would change
            pub fn with_config(mut self, config: &$config) -> Result<Self, ConfigError> {
                config.validate()?;
                let noise = config.noise.init(self.core.boundary.spaces.action().dim())?;
                self.core.reconfigure(config.shared())?;
                self.exploration.replace(noise);
                self.config = config.clone();
                Ok(self)
            }

            /// Replaces the noise of the configuration by a process of your own.
            ///
            /// # Errors
            ///
            /// [`ConfigError::NoiseDim`] if it does not have one axis per action axis.
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

            /// Multiplies the noise on actions by `factor` from now on, in `[0, ∞)`.
            ///
            /// # Errors
            ///
            /// [`ConfigError::Negative`].
            pub fn set_noise_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
                $crate::config::non_negative("noise factor", factor)?;
                self.exploration.set_factor(factor);
                Ok(())
            }

            /// Returns the target of the actor, μ′, as [`actor`](Self::actor).
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
