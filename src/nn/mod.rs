//! Networks: choose a bundled actor or critic, or write your own.
//!
//! To write a network, implement [`Actor`], [`StochasticActor`] or [`Critic`] for a burn [`Module`] (`examples/custom_networks.rs`). Its
//! input and output are matrices with one row per observation. To change the sizes of the bundled networks, use
//! [`NetworksConfig`](crate::agent::NetworksConfig).
//!
//! Networks see actions in `[−1, 1]` on every axis; the agent maps them to the bounds of the environment and back. So a network needs no bounds,
//! and learns the same in any units ([Units](crate::_docs::units)).

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

/// A policy: the action it thinks best for each observation.
///
/// # Contract
///
/// - Rows do not depend on each other, and the same input gives the same output.
/// - Actions are in `[−1, 1]` on every axis, as `tanh` gives them; ±1 are the bounds of the action space. Agents clip what leaves for the
///   environment.
pub trait Actor: Module + ModuleDisplay {
    /// Returns the greedy action for each observation.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`; returns `[n, A]`
    fn act(&self, observations: Tensor<2>) -> Tensor<2>;

    /// Returns a network of the same shapes with new initial weights, for agents that are [reset](crate::agent::SacConfig::reset_at);
    /// `None`, the default, if it does not know how its weights began.
    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        let _ = rng;
        None
    }

    /// Returns what the network computes, for those that the kernels can run. Networks of your own need none.
    #[doc(hidden)]
    fn program(&self) -> Option<PolicyProgram> {
        None
    }
}

/// A policy that can also be sampled, with gradients through the sample (the reparameterisation trick).
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
    /// log π(a∣o) in nats, `[n, 1]`, the density of the action in `[−1, 1]`; `None` if the policy has no density, so no entropy to reward.
    pub log_probs: Option<Tensor<2>>,
}

/// The dropout of a [`Critic`]: numbers inside the network are set to 0 at random while it learns[^1].
///
/// [^1]: N. Srivastava et al. (2014). *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*. JMLR 15.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Probability p of each number to be dropped, in `[0, 1)`.
    pub probability: f64,
    /// How many numbers D of a row may be dropped.
    pub dim: usize,
}

/// An action-value function.
///
/// # Contract
///
/// Rows do not depend on each other, and the same input gives the same output.
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

    /// As [`q_value`](Self::q_value), with dropout: D numbers inside the network are multiplied by those of `mask`.
    ///
    /// Agents call it in updates, for networks that have [`dropout`](Self::dropout). They draw the mask, so that the run depends on the seed alone.
    ///
    /// # Shapes
    ///
    /// - `mask`: `[n, D]`, 0 for a number that is dropped and 1/(1 − p) for one that is kept; the rest as there
    fn q_value_with_dropout(&self, observations: Tensor<2>, actions: Tensor<2>, mask: Tensor<2>) -> Tensor<2> {
        let _ = mask;
        self.q_value(observations, actions)
    }

    /// Returns a network of the same shapes with new initial weights, as [`Actor::reinitialized`].
    fn reinitialized(&self, rng: &mut ChaCha8Rng) -> Option<Self> {
        let _ = rng;
        None
    }

    /// Returns what the network computes, for those that the kernels can run. Networks of your own need none.
    #[doc(hidden)]
    fn program(&self) -> Option<Program> {
        None
    }
}
