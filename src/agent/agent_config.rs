//! The trait of settings that create an agent, and the settings of its networks.

use burn::config::Config;
use burn::tensor::Device;

use super::Agent;
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::nn::{
    Activation, DeterministicActor, DeterministicActorConfig, Ensemble, GaussianActor, GaussianActorConfig, QNetwork,
    QNetworkConfig,
};
use crate::rng::{Seed, Stream};
use crate::state::SaveState;

/// Settings of the networks of an agent: multi-layer perceptrons for the actor and the critics.
///
/// # Examples
///
/// ```
/// use actor_critic::agent::NetworksConfig;
/// use actor_critic::nn::Activation;
/// use actor_critic::prelude::*;
///
/// let networks = NetworksConfig::new().with_hidden_dims(vec![64, 64]).with_activation(Activation::Silu);
/// let config = SacConfig::new().with_networks(networks);
/// assert!(config.validate().is_ok());
/// ```
#[derive(Config, Debug, PartialEq)]
pub struct NetworksConfig {
    /// Width of each hidden layer of actor and critics. Default: two of 256.
    #[config(default = "vec![256, 256]")]
    pub hidden_dims: Vec<usize>,
    /// Activation function of actor and critics. Default: ReLU.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// Whether the actor has SimBa's residual blocks[^1] as hidden layers, see
    /// [`MlpConfig::residual`](crate::nn::MlpConfig::residual). Off by default.
    ///
    /// [^1]: H. Lee et al. (2024). *SimBa: Simplicity Bias for Scaling Up Parameters in Deep Reinforcement Learning*.
    /// arXiv:2410.09754. The critics of M. Nauman et al. (2024), *Bigger, Regularized, Optimistic*, arXiv:2405.16158,
    /// have residual blocks too, normalised after each layer.
    #[config(default = false)]
    pub actor_residual: bool,
    /// Whether the critics have residual blocks as hidden layers. Off by default.
    #[config(default = false)]
    pub critic_residual: bool,
    /// Whether the critics have layer normalisation, see [`QNetworkConfig::layer_norm`]. Off by default.
    #[config(default = false)]
    pub critic_layer_norm: bool,
    /// Dropout probability of the hidden units of critics, in `[0, 1)`, see [`QNetworkConfig::dropout`]. Default: 0.
    #[config(default = 0.0)]
    pub critic_dropout: f64,
}

/// The settings of an algorithm that can create its agent with the bundled networks.
pub trait AgentConfig: Clone {
    /// The agent of these settings.
    type Agent: Agent + SaveState;

    /// Creates the agent.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] as the `validate` of the settings and the `init` of the networks.
    fn init(&self, spaces: &Spaces, device: &Device, seed: Seed) -> Result<Self::Agent, ConfigError>;

    /// Returns the settings of the networks.
    fn networks_mut(&mut self) -> &mut NetworksConfig;

    /// As [`init`](Self::init), with hidden layers of these widths.
    ///
    /// # Errors
    ///
    /// As [`init`](Self::init).
    fn init_with(
        &self,
        hidden_dims: &[usize],
        spaces: &Spaces,
        device: &Device,
        seed: Seed,
    ) -> Result<Self::Agent, ConfigError> {
        let mut config = self.clone();
        config.networks_mut().hidden_dims = hidden_dims.into();
        config.init(spaces, device, seed)
    }

    /// Multiplies the configured learning rates of an agent by `factor` from now on, in `[0, ∞)`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Negative`].
    fn set_learning_rate_factor(agent: &mut Self::Agent, factor: f64) -> Result<(), ConfigError>;
}

/// What is needed to create the bundled networks.
pub(super) struct DefaultNetworks<'a> {
    pub(super) config: &'a NetworksConfig,
    /// Outputs of a critic for each pair of observation and action.
    pub(super) value_dim: usize,
    pub(super) spaces: &'a Spaces,
    pub(super) device: &'a Device,
    pub(super) seed: Seed,
}

impl DefaultNetworks<'_> {
    pub(super) fn deterministic_actor(&self) -> Result<DeterministicActor, ConfigError> {
        let actor = DeterministicActorConfig::new()
            .with_hidden_dims(self.config.hidden_dims.clone())
            .with_activation(self.config.activation)
            .with_residual(self.config.actor_residual);
        actor.init(self.spaces, &mut self.seed.stream(Stream::ActorWeights), self.device)
    }

    pub(super) fn gaussian_actor(&self) -> Result<GaussianActor, ConfigError> {
        let actor = GaussianActorConfig::new()
            .with_hidden_dims(self.config.hidden_dims.clone())
            .with_activation(self.config.activation)
            .with_residual(self.config.actor_residual);
        actor.init(self.spaces, &mut self.seed.stream(Stream::ActorWeights), self.device)
    }

    /// Creates `count` critics.
    pub(super) fn critics(&self, count: usize) -> Result<Ensemble<QNetwork>, ConfigError> {
        let critic = QNetworkConfig::new()
            .with_hidden_dims(self.config.hidden_dims.clone())
            .with_activation(self.config.activation)
            .with_residual(self.config.critic_residual)
            .with_layer_norm(self.config.critic_layer_norm)
            .with_dropout(self.config.critic_dropout)
            .with_value_dim(self.value_dim);
        let mut rng = self.seed.stream(Stream::CriticWeights);
        Ensemble::new((0..count).map(|_| critic.init(self.spaces, &mut rng, self.device)).collect::<Result<_, _>>()?)
    }
}
