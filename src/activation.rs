//! Activation functions, which networks and kernels share.

use burn::config::Config;

/// The activation function between two linear layers.
///
/// # Examples
///
/// ```
/// use actor_critic::agent::NetworksConfig;
/// use actor_critic::nn::Activation;
///
/// let networks = NetworksConfig::new().with_activation(Activation::Elu);
/// assert_eq!(networks.activation, Activation::Elu);
/// ```
#[derive(Config, Debug, PartialEq, Copy)]
pub enum Activation {
    /// max(0, x).
    Relu,
    /// tanh x.
    Tanh,
    /// x for x > 0, and eˣ − 1 for other x[^1].
    ///
    /// [^1]: D. Clevert et al. (2015). *Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)*.
    /// arXiv:1511.07289, α = 1.
    Elu,
    /// x/(1 + e⁻ˣ), also called Swish[^1].
    ///
    /// [^1]: S. Elfwing et al. (2017). *Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
    /// Reinforcement Learning*. arXiv:1702.03118.
    Silu,
}

impl Activation {
    /// Returns whether the slope is a function of the output. For `Silu` it is not: two inputs may have the same
    /// output.
    pub(crate) fn has_slope_of_value(self) -> bool {
        !matches!(self, Self::Silu)
    }
}
