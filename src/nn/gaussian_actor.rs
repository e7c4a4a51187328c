//! The stochastic policy of SAC: a Gaussian, mapped to `[−1, 1]` by tanh.

use burn::config::Config;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, assert_shape};
use rand::Rng;
use rand::rngs::ChaCha8Rng;

use super::linear::reinitialized;
use super::mlp_config::check_weights;
use super::{
    ActionBounds, ActionSample, ActionUnits, Activation, Actor, Initialization, Mlp, MlpConfig, StochasticActor,
    linear, tanh_normal,
};
use crate::config::{ConfigError, at_least};
use crate::env::Spaces;
use crate::fused::{Builder, Head, PolicyProgram};

/// Range of the logarithm of the standard deviation, before tanh.
///
/// The same as in Stable-Baselines3 and the lab. Below −20 the deviation is lost beside a mean of order 1 in single
/// precision.
const LOG_STD_RANGE: (f64, f64) = (-20.0, 2.0);

/// Settings of [`GaussianActor`].
///
/// # Examples
///
/// ```
/// use actor_critic::nn::{Activation, GaussianActorConfig};
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let spaces = Spaces::of(&Pendulum::v1())?;
/// let actor = GaussianActorConfig::new().with_hidden_dims(vec![64, 64]).with_activation(Activation::Elu);
/// let actor = actor.init(&spaces, &mut Seed(0).stream(Stream::ActorWeights), &device)?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Config, Debug, PartialEq)]
pub struct GaussianActorConfig {
    /// Width of each hidden layer, at least one. Default: two of 256.
    #[config(default = "vec![256, 256]")]
    pub hidden_dims: Vec<usize>,
    /// Activation function after each hidden layer. Default: ReLU.
    #[config(default = "Activation::Relu")]
    pub activation: Activation,
    /// Initial weights. Default: PyTorch's.
    #[config(default = "Initialization::FanIn")]
    pub initialization: Initialization,
    /// Whether the hidden layers are residual blocks, see [`MlpConfig::residual`]. Off by default.
    #[config(default = false)]
    pub residual: bool,
    /// The units of the actions whose log-density the actor returns. Default: `[−1, 1]`.
    #[config(default = "ActionUnits::Normalized")]
    pub density_units: ActionUnits,
}

impl GaussianActorConfig {
    /// Creates the network for the given spaces. It draws the weights of the trunk first, then of the mean, then of
    /// log-std.
    ///
    /// # Errors
    ///
    /// As [`MlpConfig::validate`]: [`ConfigError::TooSmall`] if there is no hidden layer or a width is 0,
    /// [`ConfigError::TooLarge`] above 2²⁸ weights in a layer.
    pub fn init(&self, spaces: &Spaces, rng: &mut impl Rng, device: &Device) -> Result<GaussianActor, ConfigError> {
        at_least("number of hidden layers", 1, self.hidden_dims.len())?;
        let mut widths = vec![spaces.observation().dim()];
        widths.extend(&self.hidden_dims);
        let features = widths[widths.len() - 1];
        let trunk = MlpConfig::new(widths)
            .with_activation(self.activation)
            .with_initialization(self.initialization)
            .with_residual(self.residual);
        let trunk = trunk.init_trunk(rng, device)?;
        check_weights(features, spaces.action().dim())?;
        let mut head = || linear(features, spaces.action().dim(), self.initialization, rng, device);
        let log_volume = match self.density_units {
            ActionUnits::Normalized => 0.0,
            ActionUnits::Environment => ActionBounds::new(spaces.action(), device)?.log_volume(),
        };
        Ok(GaussianActor { trunk, mean: head(), log_std: head(), log_volume })
    }
}

/// A stochastic policy `a = tanh(u)`, `u ~ 𝒩(mean(o), exp(log_std(o)))`[^1].
///
/// [^1]: T. Haarnoja et al. (2018). *Soft Actor-Critic*. arXiv:1801.01290, appendix C.
#[derive(Module, Debug)]
pub struct GaussianActor {
    /// The layers that both heads share.
    pub trunk: Mlp,
    /// Head of the mean of u.
    pub mean: Linear,
    /// Head of the logarithm of the standard deviation of u, before the clamp to `[−20, 2]`.
    pub log_std: Linear,
    /// `Σ log(half_range)` in environment units; 0 for a density of actions in `[−1, 1]`.
    pub(crate) log_volume: f64,
}

impl GaussianActor {
    /// Returns the mean and the log standard deviation of u, the action before tanh.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`; returns two of `[n, A]`
    pub fn distribution(&self, observations: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        self.split(self.trunk.heads(observations, [&self.mean, &self.log_std]))
    }

    /// Splits the joint output of the two heads.
    fn split(&self, heads: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let axes = heads.dims()[1] / 2;
        let log_std = heads.clone().narrow(1, axes, axes).clamp(LOG_STD_RANGE.0, LOG_STD_RANGE.1);
        (heads.narrow(1, 0, axes), log_std)
    }
}

impl Actor for GaussianActor {
    /// Returns tanh of the mean, which is the median of the action distribution.
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        self.trunk.heads(observations, [&self.mean]).tanh()
    }

    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        let trunk = self.trunk.reinitialized(rng);
        let [mean, log_std] = [&self.mean, &self.log_std].map(|head| reinitialized(head, trunk.initialization, rng));
        Some(Self { trunk, mean, log_std, ..self.clone() })
    }

    fn program(&self) -> Option<PolicyProgram> {
        let mut builder = Builder::new();
        let observations = builder.input(0, self.trunk.inputs());
        let features = self.trunk.add_to(&mut builder, observations, true);
        builder.linear(features, &[&self.mean, &self.log_std], None);
        let constant = tanh_normal::normalization(self.mean.weight.dims()[1], self.log_volume);
        Some(PolicyProgram {
            program: builder.finish()?,
            head: Head::Gaussian { log_std_range: LOG_STD_RANGE, constant },
        })
    }
}

impl StochasticActor for GaussianActor {
    fn sample(&self, observations: Tensor<2>, noise: Tensor<2>) -> ActionSample {
        let heads = self.trunk.heads(observations, [&self.mean, &self.log_std]);
        let [n, columns] = heads.dims();
        assert_shape!(noise, [n, columns / 2]);
        if let Some(sample) = tanh_normal::fused_sample(&heads, &noise, self.log_volume, LOG_STD_RANGE) {
            return sample;
        }
        let (mean, log_std) = self.split(heads);
        let u = mean + log_std.clone().exp() * noise.clone();
        let log_probs = tanh_normal::log_prob(noise, u.clone(), log_std, self.log_volume);
        ActionSample { actions: u.tanh(), log_probs: Some(log_probs) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};
    use crate::space::BoxSpace;

    fn actor(device: &Device) -> GaussianActor {
        let space = BoxSpace::new(vec![-2.0, -0.5], vec![2.0, 1.5]).unwrap();
        let spaces = Spaces::new(BoxSpace::unbounded(3).unwrap(), space).unwrap();
        let config = GaussianActorConfig::new().with_hidden_dims(vec![8]);
        config.init(&spaces, &mut Seed(0).stream(Stream::ActorWeights), device).unwrap()
    }

    #[test]
    fn samples_lie_in_the_unit_interval_and_their_densities_are_finite() {
        let device = crate::test_device();
        let actor = actor(&device);
        for scale in [1.0_f32, 1e3, 1e6] {
            let observations = Tensor::<2>::from_data([[scale, -scale, scale], [-scale, scale, 0.0]], &device);
            let noise = Tensor::<2>::from_data([[4.0, -4.0], [0.0, 1.0]], &device);
            let sample = actor.sample(observations, noise);
            let actions: Vec<f32> = sample.actions.try_into_vec_as().unwrap();
            for action in actions.chunks(2) {
                assert!(action.iter().all(|a| (-1.0..=1.0).contains(a)), "{action:?}");
            }
            let log_probs: Vec<f32> = sample.log_probs.unwrap().try_into_vec_as().unwrap();
            assert!(log_probs.iter().all(|x| x.is_finite()), "{log_probs:?}");
        }
    }

    #[test]
    fn without_noise_the_sample_is_the_greedy_action() {
        let device = crate::test_device();
        let actor = actor(&device);
        let observations = Tensor::<2>::from_data([[0.3, -0.2, 1.0]], &device);
        let sample = actor.sample(observations.clone(), Tensor::zeros([1, 2], &device));
        sample.actions.into_data().assert_eq(&actor.act(observations).into_data(), true);
    }

    #[test]
    fn a_policy_without_hidden_layers_is_rejected() {
        let space = BoxSpace::symmetric(1.0, 1).unwrap();
        let spaces = Spaces::new(space.clone(), space).unwrap();
        let config = GaussianActorConfig::new().with_hidden_dims(vec![]);
        let error = config.init(&spaces, &mut Seed(0).stream(Stream::ActorWeights), &crate::test_device());
        assert_eq!(error.unwrap_err().to_string(), "number of hidden layers must be at least 1, got 0");
    }
}
