//! Value heads: what a critic returns for an observation and an action, one value or a distribution of the return.

use burn::config::Config;
use burn::tensor::{Tensor, TensorReadError};

use super::Reduction;
use crate::config::{ConfigError, at_least, at_most, finite, non_negative};
use crate::matrix::Matrix;

mod categorical;
mod quantiles;

/// What critics return for an observation and an action, and the loss that trains it.
///
/// # Examples
///
/// ```
/// use actor_critic::nn::{QuantilesConfig, ValueHead};
/// use actor_critic::prelude::*;
///
/// let quantiles = QuantilesConfig::new().with_count(25).with_dropped(2);
/// let config = SacConfig::new().with_value_head(ValueHead::Quantiles(quantiles));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Config, Debug, PartialEq, Copy)]
pub enum ValueHead {
    /// One number, Q(o, a): the expected return, with the squared error as loss.
    Scalar,
    /// Quantiles of the return[^1], with the quantile Huber loss. Q(o, a) is their mean.
    ///
    /// [^1]: W. Dabney et al. (2018). *Distributional Reinforcement Learning with Quantile Regression*.
    /// arXiv:1710.10044.
    Quantiles(QuantilesConfig),
    /// Probabilities of returns on a grid[^1], with the cross-entropy as loss. Q(o, a) is their mean.
    ///
    /// [^1]: J. Farebrother et al. (2024). *Stop Regressing: Training Value Functions via Classification for Scalable
    /// Deep RL*. arXiv:2403.03950.
    Categorical(CategoricalConfig),
}

/// Settings of [`ValueHead::Quantiles`].
#[derive(Config, Debug, PartialEq, Copy)]
pub struct QuantilesConfig {
    /// Quantiles of each critic, K, at least 1, at the levels `(2k + 1)/(2K)`. Default: 25, TQC's[^1].
    ///
    /// [^1]: A. Kuznetsov et al. (2020). *Controlling Overestimation Bias with Truncated Mixture of Continuous
    /// Distributional Quantile Critics*. arXiv:2005.04269.
    #[config(default = 25)]
    pub count: usize,
    /// Quantiles that targets drop, for each critic: the largest of the quantiles of all critics together. Less than
    /// `count`. Default: 0; TQC's is 2.
    #[config(default = 0)]
    pub dropped: usize,
}

/// Settings of [`ValueHead::Categorical`].
#[derive(Config, Debug, PartialEq, Copy)]
pub struct CategoricalConfig {
    /// The smallest and the largest return of the grid, in the units of the critics. Returns outside count as the
    /// nearest end. Default: ±150. With [`scale_rewards`](crate::agent::SacConfig::scale_rewards), returns without the
    /// entropy are within ±100.
    #[config(default = "[-150.0, 150.0]")]
    pub range: [f64; 2],
    /// Number of returns in the grid, at least 2, evenly spaced, including both ends of the range. Default: 101.
    #[config(default = 101)]
    pub count: usize,
    /// Standard deviation σ of the Gaussian that spreads a target over the grid, in grid spacings, `[0, ∞)`.
    /// Default: 0.75, HL-Gauss. 0 is two-hot: the two nearest returns of the grid share the target.
    #[config(default = 0.75)]
    pub smoothing: f64,
}

/// The loss of critics (the mean over them), and its gradient.
pub(crate) struct HeadLoss {
    pub(crate) loss: f64,
    /// `[n, critics · values]`
    pub(crate) gradient: Matrix,
    /// `Q(o, a) − E y` of each critic, `[n, critics]`.
    pub(crate) errors: Matrix,
}

impl ValueHead {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// - [`ConfigError::TooSmall`] without a quantile, or with fewer than two returns
    /// - [`ConfigError::TooLarge`] if all quantiles are dropped
    /// - [`ConfigError`] names the field if a range or a smoothing is not valid
    pub fn validate(&self) -> Result<(), ConfigError> {
        match *self {
            Self::Scalar => Ok(()),
            Self::Quantiles(QuantilesConfig { count, dropped }) => {
                at_least("number of quantiles", 1, count)?;
                at_most("dropped quantiles", dropped, "one less than the number of quantiles", count - 1)
            }
            Self::Categorical(CategoricalConfig { range: [low, high], count, smoothing }) => {
                finite("the smallest return", low)?;
                finite("the largest return", high)?;
                if low >= high {
                    return Err(ConfigError::BelowMinimum { field: "the largest return", minimum: low, value: high });
                }
                at_least("number of returns", 2, count)?;
                non_negative("smoothing", smoothing)
            }
        }
    }

    /// Returns how many numbers a critic returns for an observation and an action.
    pub fn value_dim(&self) -> usize {
        match *self {
            Self::Scalar => 1,
            Self::Quantiles(QuantilesConfig { count, .. }) | Self::Categorical(CategoricalConfig { count, .. }) => {
                count
            }
        }
    }

    /// Returns the divisor that converts a loss in the units of the critics to those of the reward. A reward of 1 is
    /// `factor` in the units of the critics.
    pub(crate) fn loss_scale(&self, factor: f64) -> f64 {
        match self {
            Self::Scalar => factor.powi(2),
            Self::Quantiles(_) | Self::Categorical(_) => 1.0,
        }
    }

    /// Returns Q(o, a) of each critic, `[n, critics]`, from their outputs side by side.
    pub(crate) fn expectations(&self, outputs: &Matrix) -> Matrix {
        match self {
            Self::Scalar => outputs.clone(),
            Self::Quantiles(config) => config.expectations(outputs),
            Self::Categorical(config) => config.expectations(outputs),
        }
    }

    /// Returns the gradient of the outputs, from the gradient of Q(o, a) of each critic.
    pub(crate) fn pull_back(&self, outputs: &Matrix, expectations: Matrix) -> Matrix {
        match self {
            Self::Scalar => expectations,
            Self::Quantiles(config) => config.pull_back(expectations),
            Self::Categorical(config) => config.pull_back(outputs, expectations),
        }
    }

    /// Returns numbers whose mean is the value of the next state, `[n, m]`, from the outputs of the critics that a
    /// reduction uses.
    ///
    /// For quantiles, these are the quantiles of the critic with the smallest mean, or of all critics for
    /// [`Reduction::Mean`]; both without the largest, if some are dropped. For the other heads it is one number.
    pub(crate) fn next_values(&self, reduction: &Reduction, outputs: Matrix) -> Matrix {
        match self {
            Self::Scalar => reduction.reduce(outputs),
            Self::Quantiles(config) => config.next_values(reduction, outputs),
            Self::Categorical(config) => reduction.reduce(config.expectations(&outputs)),
        }
    }

    /// Computes the loss for equally likely targets y, `[n, m]`. Rows may have weights.
    pub(crate) fn loss(
        &self,
        outputs: Matrix,
        targets: &Matrix,
        weights: Option<&Matrix>,
    ) -> Result<HeadLoss, TensorReadError> {
        let n = outputs.dims()[0] as f64;
        let (errors, losses, gradient) = match self {
            Self::Scalar => {
                let errors = outputs - targets;
                (errors.clone(), errors.clone().square(), errors * (2.0 / n))
            }
            Self::Quantiles(config) => {
                let errors = config.expectations(&outputs) - &targets.clone().row_means();
                let (losses, gradient) = config.losses(outputs, targets);
                (errors, losses, gradient * (1.0 / (n * config.count as f64)))
            }
            Self::Categorical(config) => {
                let errors = config.expectations(&outputs) - targets;
                let (losses, gradient) = config.losses(outputs, targets);
                (errors, losses, gradient * (1.0 / n))
            }
        };
        let weighted = |matrix: Matrix| match weights {
            Some(weights) => matrix * weights,
            None => matrix,
        };
        Ok(HeadLoss { loss: weighted(losses).mean()?, gradient: weighted(gradient), errors })
    }
}

/// Returns the outputs with an axis for the critics, `[n, critics, values]`.
fn by_critic(outputs: &Tensor<2>, values: usize) -> Tensor<3> {
    let [n, columns] = outputs.dims();
    outputs.clone().reshape([n, columns / values, values])
}

#[cfg(test)]
mod tests;
