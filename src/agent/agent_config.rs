//! From settings and widths to an agent.

use burn::tensor::Device;

use super::{Agent, Ddpg, DdpgConfig, Sac, SacConfig, Td3, Td3Config};
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::nn::{
    DeterministicActor, DeterministicActorConfig, Ensemble, GaussianActor, GaussianActorConfig, QNetwork,
    QNetworkConfig,
};
use crate::rng::{Seed, Stream};
use crate::state::SaveState;

/// The settings of an algorithm that can make its agent with the usual networks.
pub trait AgentConfig {
    /// The agent.
    type Agent: Agent + SaveState;

    /// Creates the agent with perceptrons of these hidden layers for actor and critics.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] as the `validate` of the settings and the `init` of the networks.
    fn init_with(
        &self,
        hidden_dims: &[usize],
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Self::Agent, ConfigError>;

    /// Multiplies the learning rates of an agent by `factor` from now on.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Negative`].
    fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError>;
}

impl AgentConfig for DdpgConfig {
    type Agent = Ddpg<DeterministicActor, QNetwork>;

    fn init_with(
        &self,
        hidden_dims: &[usize],
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Self::Agent, ConfigError> {
        let actor = DeterministicActorConfig::new().with_hidden_dims(hidden_dims.into());
        let critic = QNetworkConfig::new().with_hidden_dims(hidden_dims.into());
        let actor = actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device)?;
        let critic = critic.init(spaces, &mut seed.stream(Stream::CriticWeights), device)?;
        Ddpg::new(actor, critic, spaces, self, device, seed)
    }

    fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError> {
        agent.set_learning_rate_factor(factor)
    }
}

impl AgentConfig for Td3Config {
    type Agent = Td3<DeterministicActor, QNetwork>;

    fn init_with(
        &self,
        hidden_dims: &[usize],
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Self::Agent, ConfigError> {
        let actor = DeterministicActorConfig::new().with_hidden_dims(hidden_dims.into());
        let actor = actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device)?;
        Td3::new(actor, twin(hidden_dims, spaces, device, seed)?, spaces, self, device, seed)
    }

    fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError> {
        agent.set_learning_rate_factor(factor)
    }
}

impl AgentConfig for SacConfig {
    type Agent = Sac<GaussianActor, QNetwork>;

    fn init_with(
        &self,
        hidden_dims: &[usize],
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Self::Agent, ConfigError> {
        let actor = GaussianActorConfig::new().with_hidden_dims(hidden_dims.into());
        let actor = actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device)?;
        Sac::new(actor, twin(hidden_dims, spaces, device, seed)?, spaces, self, device, seed)
    }

    fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError> {
        agent.set_learning_rate_factor(factor)
    }
}

fn twin(
    hidden_dims: &[usize],
    spaces: &Spaces,
    device: &Device,
    seed: Seed,
) -> Result<Ensemble<QNetwork>, ConfigError> {
    let critic = QNetworkConfig::new().with_hidden_dims(hidden_dims.into());
    let mut rng = seed.stream(Stream::CriticWeights);
    Ensemble::twin(|| critic.init(spaces, &mut rng, device))
}
