//! From settings and widths to an agent.

use burn::tensor::Device;

use super::Agent;
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::nn::{DeterministicActor, DeterministicActorConfig, Ensemble, QNetwork, QNetworkConfig};
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

/// Creates an actor with these hidden layers.
pub(super) fn deterministic_actor(
    hidden_dims: &[usize],
    spaces: &Spaces,
    device: &Device,
    seed: Seed,
) -> Result<DeterministicActor, ConfigError> {
    let actor = DeterministicActorConfig::new().with_hidden_dims(hidden_dims.into());
    actor.init(spaces, &mut seed.stream(Stream::ActorWeights), device)
}

/// Creates so many critics with these hidden layers.
pub(super) fn critics<const N: usize>(
    hidden_dims: &[usize],
    spaces: &Spaces,
    device: &Device,
    seed: Seed,
) -> Result<Ensemble<QNetwork>, ConfigError> {
    let critic = QNetworkConfig::new().with_hidden_dims(hidden_dims.into());
    let mut rng = seed.stream(Stream::CriticWeights);
    Ensemble::new((0..N).map(|_| critic.init(spaces, &mut rng, device)).collect::<Result<_, _>>()?)
}
