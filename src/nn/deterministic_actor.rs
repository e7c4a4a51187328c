//! The deterministic policy of DDPG and TD3.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::Rng;
use rand::rngs::ChaCha8Rng;

use super::{Activation, Actor, Initialization, Mlp, MlpConfig};
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::fused::{Builder, Head, PolicyProgram};

/// Settings of [`DeterministicActor`].
///
/// # Examples
///
/// A DDPG agent whose actor is smaller than its critic:
///
/// ```
/// use actor_critic::nn::{DeterministicActorConfig, QNetworkConfig};
/// use actor_critic::prelude::*;
///
/// # let (device, seed) = (actor_critic::burn::tensor::Device::flex(), Seed(0));
/// let spaces = Spaces::of(&Pendulum::v1())?;
/// let actor = DeterministicActorConfig::new().with_hidden_dims(vec![32]);
/// let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), &device)?;
/// let critic = QNetworkConfig::new().with_hidden_dims(vec![64, 64]);
/// let critic = critic.init(&spaces, &mut seed.stream(Stream::CriticWeights), &device)?;
/// let agent = Ddpg::new(actor, critic, &spaces, &DdpgConfig::new(), &device, seed)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Config, Debug, PartialEq)]
pub struct DeterministicActorConfig {
    /// Width of each hidden layer. Default: two of 256.
    #[config(default = "vec![256, 256]")]
    pub hidden_dims: Vec<usize>,
    /// Activation function. Default: ReLU.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// Initial weights. Default: PyTorch's.
    #[config(default = "Initialization::FanIn")]
    pub initialization: Initialization,
    /// Whether the hidden layers are residual blocks, see [`MlpConfig::residual`]. Off by default.
    #[config(default = false)]
    pub residual: bool,
}

impl DeterministicActorConfig {
    /// Creates the network for the given spaces.
    ///
    /// # Errors
    ///
    /// As [`MlpConfig::validate`]: [`ConfigError::TooSmall`] if a width is 0, [`ConfigError::TooLarge`] above 2²⁸
    /// weights in a layer.
    pub fn init(
        &self,
        spaces: &Spaces,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Result<DeterministicActor, ConfigError> {
        let mut widths = vec![spaces.observation().dim()];
        widths.extend(&self.hidden_dims);
        widths.push(spaces.action().dim());
        let trunk = MlpConfig::new(widths)
            .with_activation(self.activation)
            .with_initialization(self.initialization)
            .with_residual(self.residual);
        Ok(DeterministicActor { trunk: trunk.init(rng, device)? })
    }
}

/// A deterministic policy μ(o) = tanh(f(o)), in `[−1, 1]` for any weights.
#[derive(Module, Debug)]
pub struct DeterministicActor {
    /// The layers f, from the observation to the action before tanh.
    pub trunk: Mlp,
}

impl Actor for DeterministicActor {
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        self.trunk.forward(observations).tanh()
    }

    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        Some(Self { trunk: self.trunk.reinitialized(rng) })
    }

    fn program(&self) -> Option<PolicyProgram> {
        let mut builder = Builder::new();
        let observations = builder.input(0, self.trunk.inputs());
        self.trunk.add_to(&mut builder, observations, false);
        Some(PolicyProgram { program: builder.finish()?, head: Head::Tanh })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};
    use crate::space::BoxSpace;

    #[test]
    fn actions_lie_in_the_unit_interval_for_any_weights() {
        let device = crate::test_device();
        let space = BoxSpace::new(vec![-2.0, -0.5], vec![2.0, 1.5]).unwrap();
        let spaces = Spaces::new(BoxSpace::unbounded(3).unwrap(), space).unwrap();
        let actor = (DeterministicActorConfig::new().with_hidden_dims(vec![8]))
            .init(&spaces, &mut Seed(0).stream(Stream::ActorWeights), &device)
            .unwrap();
        for scale in [1.0_f32, 1e3, 1e30] {
            let observations = Tensor::<2>::from_data([[scale, -scale, scale], [-scale, scale, 0.0]], &device);
            let actions: Vec<f32> = actor.act(observations).try_into_vec_as().unwrap();
            for action in actions.chunks(2) {
                assert!(action.iter().all(|a| (-1.0..=1.0).contains(a)), "{action:?}");
            }
        }
    }
}
