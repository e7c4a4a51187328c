//! From settings and widths to an agent.

use burn::tensor::Device;

use super::Agent;
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

/// The networks that the settings make an agent of.
pub(super) struct DefaultNetworks<'a> {
    pub(super) hidden_dims: &'a [usize],
    pub(super) spaces: &'a Spaces,
    pub(super) device: &'a Device,
    pub(super) seed: Seed,
}

impl DefaultNetworks<'_> {
    pub(super) fn deterministic_actor(&self) -> Result<DeterministicActor, ConfigError> {
        let actor = DeterministicActorConfig::new().with_hidden_dims(self.hidden_dims.into());
        actor.init(self.spaces, &mut self.seed.stream(Stream::ActorWeights), self.device)
    }

    pub(super) fn gaussian_actor(&self) -> Result<GaussianActor, ConfigError> {
        let actor = GaussianActorConfig::new().with_hidden_dims(self.hidden_dims.into());
        actor.init(self.spaces, &mut self.seed.stream(Stream::ActorWeights), self.device)
    }

    /// Creates so many critics.
    pub(super) fn critics(&self, count: usize) -> Result<Ensemble<QNetwork>, ConfigError> {
        let critic = QNetworkConfig::new().with_hidden_dims(self.hidden_dims.into());
        let mut rng = self.seed.stream(Stream::CriticWeights);
        Ensemble::new((0..count).map(|_| critic.init(self.spaces, &mut rng, self.device)).collect::<Result<_, _>>()?)
    }
}
