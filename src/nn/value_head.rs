//! Value heads: what a critic returns for an observation and an action, one value or a distribution of the return.

use burn::config::Config;
use burn::tensor::{Tensor, TensorReadError};

use super::Reduction;
use crate::config::{ConfigError, at_least, at_most, finite, non_negative};
use crate::matrix::Matrix;

mod categorical;
mod quantiles;

/// What the critics of an agent say about a pair of observation and action, and how they learn it.
#[derive(Config, Debug, PartialEq, Copy)]
pub enum ValueHead {
    /// One number, Q(o, a), which learns the mean of the return by the squared error.
    Scalar,
    /// Quantiles of the return[^1], which learn by the quantile Huber loss. Q(o, a) is their mean.
    ///
    /// [^1]: W. Dabney et al. (2018). *Distributional Reinforcement Learning with Quantile Regression*. arXiv:1710.10044.
    Quantiles(QuantilesConfig),
    /// Probabilities of returns on a grid[^1], which learn by cross-entropy. Q(o, a) is their mean.
    ///
    /// [^1]: J. Farebrother et al. (2024). *Stop Regressing: Training Value Functions via Classification for Scalable Deep RL*. arXiv:2403.03950.
    Categorical(CategoricalConfig),
}

/// Settings of [`ValueHead::Quantiles`].
#[derive(Config, Debug, PartialEq, Copy)]
pub struct QuantilesConfig {
    /// Quantiles of each critic, at least 1, at the levels `(2k + 1)/(2K)`. Default: 25, TQC's[^1].
    ///
    /// [^1]: A. Kuznetsov et al. (2020). *Controlling Overestimation Bias with Truncated Mixture of Continuous Distributional Quantile
    /// Critics*. arXiv:2005.04269.
    #[config(default = 25)]
    pub count: usize,
    /// Quantiles for each critic that targets leave out, the largest of all critics together: less than `count`. Default: 0; TQC's is 2.
    #[config(default = 0)]
    pub dropped: usize,
}

/// Settings of [`ValueHead::Categorical`].
#[derive(Config, Debug, PartialEq, Copy)]
pub struct CategoricalConfig {
    /// The smallest and the largest return of the grid, in the units that critics learn. Returns beyond them count as these. Default: ±150: with
    /// [`scale_rewards`](crate::agent::SacConfig::scale_rewards), returns without the entropy are within ±100.
    #[config(default = "[-150.0, 150.0]")]
    pub range: [f64; 2],
    /// Returns of the grid, at least 2, evenly spaced, the ends of the range included. Default: 101.
    #[config(default = 101)]
    pub count: usize,
    /// Standard deviation σ of the Gaussian that a target is spread over the grid with, in units of its spacing, `[0, ∞)`. Default: 0.75, HL-Gauss;
    /// 0 is two-hot: a target between two returns of the grid is shared by them.
    #[config(default = 0.75)]
    pub smoothing: f64,
}

/// The loss of critics, as its mean over the critics, and its gradient.
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
    /// [`ConfigError::TooSmall`] without a quantile or with fewer than two returns, [`ConfigError::TooLarge`] if no quantile is left; [`ConfigError`] by the
    /// name of the field for a range or a smoothing that cannot be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match *self {
            Self::Scalar => Ok(()),
            Self::Quantiles(QuantilesConfig { count, dropped }) => {
                at_least("number of quantiles", 1, count)?;
                at_most("dropped quantiles", dropped, "number of quantiles less one", count - 1)
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

    /// Returns the numbers that a critic returns for a pair.
    pub fn value_dim(&self) -> usize {
        match *self {
            Self::Scalar => 1,
            Self::Quantiles(QuantilesConfig { count, .. }) | Self::Categorical(CategoricalConfig { count, .. }) => {
                count
            }
        }
    }

    /// Returns what a loss in the units that critics learn is divided by to be in those of the reward, if one unit of the reward is `factor` of theirs.
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

    /// Returns the gradient of the outputs from that of Q(o, a) of each critic.
    pub(crate) fn pull_back(&self, outputs: &Matrix, expectations: Matrix) -> Matrix {
        match self {
            Self::Scalar => expectations,
            Self::Quantiles(config) => config.pull_back(expectations),
            Self::Categorical(config) => config.pull_back(outputs, expectations),
        }
    }

    /// Returns numbers whose mean is the value of the next state, `[n, m]`, from the outputs of the critics that count.
    ///
    /// Of quantiles they are those of the critic with the smallest mean, or with [`Reduction::Mean`] those of all critics; in either
    /// case without the largest, if there are some to be dropped. Of the other heads it is one number.
    pub(crate) fn next_values(&self, reduction: &Reduction, outputs: Matrix) -> Matrix {
        match self {
            Self::Scalar => reduction.reduce(outputs),
            Self::Quantiles(config) => config.next_values(reduction, outputs),
            Self::Categorical(config) => reduction.reduce(config.expectations(&outputs)),
        }
    }

    /// Computes the loss of outputs towards targets y, `[n, m]`, which are equally likely, with a weight for each row if there are some.
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

/// Returns the outputs of each critic on an axis of their own, `[n, critics, values]`.
fn by_critic(outputs: &Tensor<2>, values: usize) -> Tensor<3> {
    let [n, columns] = outputs.dims();
    outputs.clone().reshape([n, columns / values, values])
}

#[cfg(test)]
mod tests;
