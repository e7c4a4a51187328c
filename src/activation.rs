//! The activation functions of a network, which the kernels implement too.

use burn::config::Config;

/// The function between two linear layers.
#[derive(Config, Debug, PartialEq, Copy)]
pub enum Activation {
    /// max(0, x).
    Relu,
    /// tanh x.
    Tanh,
    /// x, or eˣ − 1 where that is negative[^1].
    ///
    /// [^1]: D. Clevert et al. (2015). *Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)*. arXiv:1511.07289, α = 1.
    Elu,
    /// x/(1 + e⁻ˣ), also called Swish[^1].
    ///
    /// [^1]: S. Elfwing et al. (2017). *Sigmoid-Weighted Linear Units for Neural Network Function Approximation in Reinforcement Learning*.
    /// arXiv:1702.03118.
    Silu,
}

impl Activation {
    /// Returns whether the slope is a function of the value. That of `Silu` falls before it rises, and so has a value twice.
    pub(crate) fn has_slope_of_value(self) -> bool {
        !matches!(self, Self::Silu)
    }
}
