//! Residual blocks of SimBa.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor};
use rand::Rng;

use super::activate::activate;
use super::{Activation, Initialization, linear};
use crate::fused::{Builder, Source};

/// Inner width of a block, as a multiple of its outer width.
pub(super) const EXPANSION: usize = 4;

/// A residual block `h + f(norm(h) W₁ + b₁) W₂ + b₂`, where f is the activation. Its inner width is four times its
/// outer width[^1].
///
/// [^1]: H. Lee et al. (2024). *SimBa: Simplicity Bias for Scaling Up Parameters in Deep Reinforcement Learning*.
/// arXiv:2410.09754.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    /// Layer normalisation of h.
    pub norm: LayerNorm,
    /// W₁ and b₁, from the outer to the inner width.
    pub expand: Linear,
    /// W₂ and b₂, back to the outer width.
    pub contract: Linear,
}

impl ResidualBlock {
    /// Creates a block. Draws the two layers in their order.
    pub(super) fn init(width: usize, initialization: Initialization, rng: &mut impl Rng, device: &Device) -> Self {
        Self {
            norm: LayerNormConfig::new(width).init(device),
            expand: linear(width, EXPANSION * width, initialization, rng, device),
            contract: linear(EXPANSION * width, width, initialization, rng, device),
        }
    }

    /// Returns a block of the same width with new initial weights.
    pub(super) fn reinitialized(&self, initialization: Initialization, rng: &mut impl Rng) -> Self {
        Self::init(self.norm.gamma.dims()[0], initialization, rng, &self.norm.gamma.val().device())
    }

    pub(super) fn forward(&self, h: Tensor<2>, activation: Activation) -> Tensor<2> {
        let inside = activate(activation, self.expand.forward(self.norm.forward(h.clone())));
        h + self.contract.forward(inside)
    }

    /// Adds the block to a program.
    pub(super) fn add_to(&self, builder: &mut Builder, h: Source, activation: Activation) -> Source {
        let normalized = builder.layer_norm(h, &self.norm, None);
        let inside = builder.linear(normalized, &[&self.expand], Some(activation));
        let contracted = builder.linear(inside, &[&self.contract], None);
        builder.sum(h, contracted)
    }
}
