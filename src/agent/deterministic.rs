//! What DDPG and TD3 share: noise on the actions, and a target of the actor.

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

            /// Returns the target of the actor, μ′, without autodiff.
            pub fn target_actor(&self) -> &A {
                self.core.target_actor()
            }

            fn act_exploring(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, $crate::agent::ActError> {
                let Self { core: Core { actor, boundary, .. }, exploration, .. } = self;
                let actions = actor.plain().act(boundary.observations(observations)?);
                boundary.actions(observations.len(), actions, Some(exploration.sample(observations.len())))
            }

            fn forget_episode(&mut self, environment: usize) {
                self.exploration.end_episode(environment);
            }
        }
    };
}

pub(super) use deterministic_agent;
