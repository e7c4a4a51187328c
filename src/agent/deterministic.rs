//! What DDPG and TD3 share: a deterministic actor with a target, and noise to explore with.

use burn::tensor::{Device, Tensor};

use super::AgentError;
use super::core::Core;
use super::exploration::Exploration;
use super::learner::unsound_weight;
use super::settings::Shared;
use crate::boundary::ActError;
use crate::config::{ConfigError, non_negative};
use crate::env::Spaces;
use crate::nn::{Actor, Critic, Ensemble};
use crate::noise::{ActionNoise, NoiseConfig};
use crate::objective::deterministic_actor_loss;
use crate::replay::Batch;
use crate::rng::{Seed, Stream};
use crate::target::Target;

/// A core, the target of its actor, and exploration.
pub(crate) struct Deterministic<A, C: Critic> {
    pub(crate) core: Core<A, C>,
    pub(crate) target_actor: Target<A>,
    pub(crate) exploration: Exploration,
}

impl<A: Actor, C: Critic> Deterministic<A, C> {
    pub(crate) fn new(
        actor: A,
        critics: Ensemble<C>,
        spaces: &Spaces,
        (settings, noise): (Shared, &NoiseConfig),
        device: &Device,
        seed: Seed,
    ) -> Result<Self, ConfigError> {
        let core = Core::new(actor, critics, spaces, settings, device)?;
        Ok(Self {
            target_actor: Target::new(core.actor.plain()),
            exploration: Exploration::new(noise.init(spaces.action().dim())?, seed.stream(Stream::Exploration)),
            core,
        })
    }

    /// Takes other settings; what was learned stays.
    pub(crate) fn reconfigure(&mut self, settings: Shared, noise: &NoiseConfig) -> Result<(), ConfigError> {
        let noise = noise.init(self.core.boundary.spaces.action().dim())?;
        self.core.reconfigure(settings)?;
        self.exploration.replace(noise);
        Ok(())
    }

    pub(crate) fn replace_noise(&mut self, noise: Box<dyn ActionNoise>) -> Result<(), ConfigError> {
        self.core.boundary.check_noise(noise.as_ref())?;
        self.exploration.replace(noise);
        Ok(())
    }

    pub(crate) fn set_noise_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
        non_negative("noise factor", factor)?;
        self.exploration.set_factor(factor);
        Ok(())
    }

    /// Computes the actor's loss on the first critic, on the tape of the actor's parameters; the critic's are constants here.
    pub(crate) fn actor_loss(&self, batch: &Batch) -> Tensor<1> {
        let actions = self.core.actor.tracked().act(batch.observations.clone());
        let critic = &self.core.critics.plain().critics[0];
        deterministic_actor_loss(critic.q_value(batch.observations.clone(), actions))
    }

    /// Takes one gradient step on the actor, then moves all targets; returns the actor's loss before it.
    pub(crate) fn step_actor_and_targets(&mut self, batch: &Batch) -> Result<f64, AgentError> {
        let loss = self.core.step_actor(self.actor_loss(batch)).map_err(|error| self.cause(error))?;
        self.core.follow()?;
        self.target_actor.follow(self.core.actor.plain(), self.core.settings.tau)?;
        Ok(loss)
    }

    /// Names the weight of the target actor that made a loss diverge, if that is what did.
    pub(crate) fn cause(&self, error: AgentError) -> AgentError {
        let AgentError::Diverged { .. } = error else { return error };
        unsound_weight("target actor", self.target_actor.module()).unwrap_or(error)
    }

    pub(crate) fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        let Self { core: Core { actor, boundary, .. }, exploration, .. } = self;
        let actions = actor.plain().act(boundary.observations(observations)?);
        boundary.actions(observations.len(), actions, Some(exploration.sample(observations.len())))
    }

    pub(crate) fn end_episode(&mut self, environment: usize) {
        self.core.boundary.end_episode(environment);
        self.exploration.end_episode(environment);
    }
}

/// The methods of DDPG and TD3. Needs a field `inner`.
macro_rules! deterministic_methods {
    ($agent:ident, $config:ident) => {
        impl<A: Actor, C: Critic> $agent<A, C> {
            fn core(&self) -> &Core<A, C> {
                &self.inner.core
            }

            /// Goes on with other settings: networks, targets, optimizers, noise in progress and statistics stay, but the noise is that of `config`.
            ///
            /// # Errors
            ///
            /// - as the `validate` of the settings
            /// - [`ConfigError::Learned`] if the units in which the networks have learned would change
            pub fn with_config(mut self, config: &$config) -> Result<Self, ConfigError> {
                config.validate()?;
                self.inner.reconfigure(config.shared(), &config.noise)?;
                self.config = config.clone();
                Ok(self)
            }

            /// Replaces the noise of the configuration by a process of your own.
            ///
            /// # Errors
            ///
            /// [`ConfigError::NoiseDim`] if it does not have one axis per action axis.
            pub fn with_noise(mut self, noise: Box<dyn $crate::noise::ActionNoise>) -> Result<Self, ConfigError> {
                self.inner.replace_noise(noise)?;
                Ok(self)
            }

            /// Multiplies the configured learning rates by `factor` from now on, in `[0, ∞)`.
            ///
            /// # Errors
            ///
            /// [`ConfigError::Negative`].
            pub fn set_learning_rate_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
                self.inner.core.set_learning_rate_factor(factor)
            }

            /// Multiplies the noise on actions by `factor` from now on, in `[0, ∞)`.
            ///
            /// # Errors
            ///
            /// [`ConfigError::Negative`].
            pub fn set_noise_factor(&mut self, factor: f64) -> Result<(), ConfigError> {
                self.inner.set_noise_factor(factor)
            }

            /// Returns the target of the actor, μ′, without autodiff.
            pub fn target_actor(&self) -> &A {
                self.inner.target_actor.module()
            }

            /// Computes the actor's loss on the first critic, on the tape of the actor's parameters; the critic's are constants here.
            ///
            /// # Shapes
            ///
            /// - `batch`: in environment units; returns `[1]`, in the units that critics learn
            pub fn actor_loss(&self, batch: &Batch) -> Tensor<1> {
                self.inner.actor_loss(&self.core().boundary.inside(batch))
            }
        }

        $crate::agent::core::agent_methods!($agent, $config, Actor);
    };
}

/// How DDPG and TD3 answer as agents, but for the update. Goes inside `impl Agent`.
macro_rules! deterministic_agent {
    () => {
        fn device(&self) -> &Device {
            &self.core().boundary.device
        }

        fn explore(&mut self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
            self.inner.explore(observations)
        }

        fn observe(&mut self, observation: &[f32]) -> Result<(), ActError> {
            self.inner.core.boundary.observe(observation)
        }

        fn observe_step(&mut self, environment: usize, step: &Step) -> Result<(), ActError> {
            self.inner.core.boundary.observe_step(environment, step)
        }

        fn normalizes(&self) -> Normalizes {
            let (observations, rewards) = (self.config.normalize_observations, self.config.scale_rewards);
            Normalizes { observations, rewards }
        }

        fn discount(&self) -> f64 {
            self.config.discount
        }

        fn end_episode(&mut self, environment: usize) {
            self.inner.end_episode(environment);
        }
    };
}

pub(super) use {deterministic_agent, deterministic_methods};
