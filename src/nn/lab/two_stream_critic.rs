//! The lab's critic: observation and action have layers of their own before they are joined.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::Rng;
use rand::rngs::ChaCha8Rng;

use crate::config::{ConfigError, at_least};
use crate::env::Spaces;
use crate::fused::{Builder, Program};
use crate::nn::action_bounds::{add_units, in_units};
use crate::nn::{ActionBounds, ActionUnits, Activation, Critic, Initialization, Mlp, MlpConfig};

/// Settings of [`TwoStreamCritic`]. The widths are the lab's.
#[derive(Config, Debug, PartialEq)]
pub struct TwoStreamCriticConfig {
    /// Width of each layer for the observation, at least one. Default: 16, 32.
    #[config(default = "vec![16, 32]")]
    pub observation_dims: Vec<usize>,
    /// Width of each layer for the action, at least one. Default: 32.
    #[config(default = "vec![32]")]
    pub action_dims: Vec<usize>,
    /// Width of each hidden layer after the join. Default: two of 256.
    #[config(default = "vec![256, 256]")]
    pub hidden_dims: Vec<usize>,
    /// Activation function. Default: ReLU.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// Initial weights. Default: PyTorch's.
    #[config(default = "Initialization::FanIn")]
    pub initialization: Initialization,
    /// The units of actions inside the network. Default: `[−1, 1]`; the lab uses those of the environment.
    #[config(default = "ActionUnits::Normalized")]
    pub action_units: ActionUnits,
}

impl TwoStreamCriticConfig {
    /// Creates the network for the given spaces. It draws the weights of the observation stream, the action stream and
    /// the head, in this order.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooSmall`] if a stream has no layer or a width is 0.
    pub fn init(&self, spaces: &Spaces, rng: &mut impl Rng, device: &Device) -> Result<TwoStreamCritic, ConfigError> {
        at_least("number of observation layers", 1, self.observation_dims.len())?;
        at_least("number of action layers", 1, self.action_dims.len())?;
        let mut mlp = |input: usize, dims: &[usize], output: &[usize]| {
            let widths = [&[input], dims, output].concat();
            MlpConfig::new(widths)
                .with_activation(self.activation)
                .with_initialization(self.initialization)
                .init(rng, device)
        };
        let joint = self.observation_dims[self.observation_dims.len() - 1]
            .saturating_add(self.action_dims[self.action_dims.len() - 1]);
        Ok(TwoStreamCritic {
            observation_stream: mlp(spaces.observation().dim(), &self.observation_dims, &[])?,
            action_stream: mlp(spaces.action().dim(), &self.action_dims, &[])?,
            head: mlp(joint, &self.hidden_dims, &[1])?,
            bounds: self.action_units.bounds(spaces.action(), device)?,
        })
    }
}

/// An action-value network with a stream for the observation, a stream for the action, and a head on both.
#[derive(Module, Debug)]
pub struct TwoStreamCritic {
    /// The layers for the observation.
    pub observation_stream: Mlp,
    /// The layers for the action.
    pub action_stream: Mlp,
    /// The layers from the joined features to Q.
    pub head: Mlp,
    /// Converts actions to environment units, if the layers use these.
    bounds: Option<ActionBounds>,
}

impl Critic for TwoStreamCritic {
    fn q_value(&self, observations: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        let actions = in_units(&self.bounds, actions);
        self.head.forward_joined(self.observation_stream.features(observations), self.action_stream.features(actions))
    }

    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        let [observation_stream, action_stream, head] =
            [&self.observation_stream, &self.action_stream, &self.head].map(|layers| layers.reinitialized(rng));
        Some(Self { observation_stream, action_stream, head, bounds: self.bounds.clone() })
    }

    fn program(&self) -> Option<Program> {
        let mut builder = Builder::new();
        let observations = builder.input(0, self.observation_stream.inputs());
        let actions = builder.input(1, self.action_stream.inputs());
        let observations = self.observation_stream.add_to(&mut builder, observations, true);
        let actions = add_units(&self.bounds, &mut builder, actions);
        let actions = self.action_stream.add_to(&mut builder, actions, true);
        let both = builder.join(observations, actions);
        self.head.add_to(&mut builder, both, false);
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};
    use crate::space::BoxSpace;

    #[test]
    fn the_labs_critic_has_the_sizes_of_the_notebook() {
        let device = crate::test_device();
        let spaces = Spaces::new(BoxSpace::unbounded(3).unwrap(), BoxSpace::symmetric(2.0, 1).unwrap()).unwrap();
        let config = TwoStreamCriticConfig::new();
        let critic = config.init(&spaces, &mut Seed(0).stream(Stream::CriticWeights), &device).unwrap();
        // 3·16 + 16, 16·32 + 32, 1·32 + 32, 64·256 + 256, 256·256 + 256, 256 + 1
        assert_eq!(critic.num_params(), 64 + 544 + 64 + 16_640 + 65_792 + 257);
        let q = critic.q_value(Tensor::zeros([5, 3], &device), Tensor::zeros([5, 1], &device));
        assert_eq!(q.dims(), [5, 1]);
    }

    #[test]
    fn a_stream_without_layers_is_rejected() {
        let space = BoxSpace::symmetric(1.0, 1).unwrap();
        let spaces = Spaces::new(space.clone(), space).unwrap();
        let config = TwoStreamCriticConfig::new().with_action_dims(vec![]);
        let error = config.init(&spaces, &mut Seed(0).stream(Stream::CriticWeights), &crate::test_device());
        assert_eq!(error.unwrap_err().to_string(), "number of action layers must be at least 1, got 0");
    }
}
