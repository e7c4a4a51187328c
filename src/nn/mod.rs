//! Networks: choose a bundled actor or critic, or write your own.
//!
//! To write a network, implement [`Actor`], [`StochasticActor`] or [`Critic`] for a burn [`Module`]
//! (`examples/custom_networks.rs`). Its input and output are matrices with one row per observation. To change the sizes
//! of the bundled networks, use [`NetworksConfig`](crate::agent::NetworksConfig).
//!
//! Networks see actions in `[−1, 1]` on every axis. The agent converts them to the bounds of the environment and back.
//! So a network needs no bounds, and learns the same in any units ([Units](crate::_docs::units)).

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;
use rand::rngs::ChaCha8Rng;

mod action_bounds;
mod activate;
mod deterministic_actor;
mod ensemble;
mod gaussian_actor;
mod linear;
mod mlp;
mod mlp_config;
mod q_network;
mod residual;
mod value_head;

pub mod lab;
pub mod tanh_normal;

pub use crate::activation::Activation;
use crate::fused::{PolicyProgram, Program};
pub use action_bounds::{ActionBounds, ActionUnits};
pub use deterministic_actor::{DeterministicActor, DeterministicActorConfig};
pub use ensemble::{Ensemble, Reduction};
pub use gaussian_actor::{GaussianActor, GaussianActorConfig};
pub use linear::{Initialization, linear};
pub use mlp::Mlp;
pub use mlp_config::MlpConfig;
pub use q_network::{QNetwork, QNetworkConfig};
pub use residual::ResidualBlock;
pub(crate) use value_head::HeadLoss;
pub use value_head::{CategoricalConfig, QuantilesConfig, ValueHead};

/// A policy: returns its greedy action for each observation.
///
/// # Contract
///
/// - Rows are independent, and the same input gives the same output.
/// - Actions are in `[−1, 1]` on every axis, as from `tanh`; ±1 are the bounds of the action space. Agents clip the
///   actions that go to the environment.
///
/// # Examples
///
/// ```
/// use actor_critic::burn::module::Module;
/// use actor_critic::burn::nn::Linear;
/// use actor_critic::burn::tensor::Tensor;
/// use actor_critic::nn::{Initialization, linear};
/// use actor_critic::prelude::*;
///
/// #[derive(Module, Debug)]
/// struct LinearPolicy {
///     layer: Linear,
/// }
///
/// impl Actor for LinearPolicy {
///     fn act(&self, observations: Tensor<2>) -> Tensor<2> {
///         self.layer.forward(observations).tanh()
///     }
/// }
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// let layer = linear(3, 1, Initialization::FanIn, &mut Seed(0).stream(Stream::ActorWeights), &device);
/// assert_eq!(LinearPolicy { layer }.act(Tensor::zeros([5, 3], &device)).dims(), [5, 1]);
/// ```
pub trait Actor: Module + ModuleDisplay {
    /// Returns the greedy action for each observation.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`; returns `[n, A]`
    fn act(&self, observations: Tensor<2>) -> Tensor<2>;

    /// Returns a network of the same shapes with new initial weights. Agents with
    /// [resets](crate::agent::SacConfig::reset_at) need it. `None` by default: the network cannot be reset.
    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        let _ = rng;
        None
    }

    /// Returns the network as a program, if the kernels can run it. Networks of your own need none.
    #[doc(hidden)]
    fn program(&self) -> Option<PolicyProgram> {
        None
    }
}

/// A stochastic policy: its samples have gradients (the reparameterisation trick).
pub trait StochasticActor: Actor {
    /// Samples one action for each observation, as a differentiable function of standard normal `noise`.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`, `noise`: `[n, A]`, independent draws from 𝒩(0, 1)
    fn sample(&self, observations: Tensor<2>, noise: Tensor<2>) -> ActionSample;
}

/// Actions sampled by a [`StochasticActor`].
#[derive(Debug, Clone)]
pub struct ActionSample {
    /// The actions, `[n, A]`, in `[−1, 1]`.
    pub actions: Tensor<2>,
    /// log π(a∣o) in nats (natural logarithm), `[n, 1]`: the density of the action in `[−1, 1]`. `None` if the policy
    /// has no density, and so no entropy.
    pub log_probs: Option<Tensor<2>>,
}

/// The dropout of a [`Critic`]: in updates, random units of the network are set to 0[^1].
///
/// [^1]: N. Srivastava et al. (2014). *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*. JMLR 15.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Probability p that a unit is dropped, in `[0, 1)`.
    pub probability: f64,
    /// Number D of units that can be dropped, in each row.
    pub dim: usize,
}

/// An action-value function.
///
/// # Contract
///
/// Rows are independent, and the same input gives the same output.
pub trait Critic: Module + ModuleDisplay {
    /// Returns Q(o, a) for each pair.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`, `actions`: `[n, A]` in `[−1, 1]`; returns `[n, 1]`, or `[n, K]` for a
    ///   [`ValueHead`] of K values, such as quantiles
    fn q_value(&self, observations: Tensor<2>, actions: Tensor<2>) -> Tensor<2>;

    /// Returns the dropout of the network; `None`, the default, if it has none.
    fn dropout(&self) -> Option<Dropout> {
        None
    }

    /// As [`q_value`](Self::q_value), with dropout: D units of the network are multiplied by the numbers of `mask`.
    ///
    /// Agents call it in updates if the network has [`dropout`](Self::dropout). They draw the mask, so a run depends on
    /// its seed alone.
    ///
    /// # Shapes
    ///
    /// - `mask`: `[n, D]`, 0 for a dropped unit and 1/(1 − p) for a kept one; the others as in `q_value`
    fn q_value_with_dropout(&self, observations: Tensor<2>, actions: Tensor<2>, mask: Tensor<2>) -> Tensor<2> {
        let _ = mask;
        self.q_value(observations, actions)
    }

    /// Returns a network of the same shapes with new initial weights. See [`Actor::reinitialized`].
    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        let _ = rng;
        None
    }

    /// Returns the network as a program, if the kernels can run it. Networks of your own need none.
    #[doc(hidden)]
    fn program(&self) -> Option<Program> {
        None
    }
}
