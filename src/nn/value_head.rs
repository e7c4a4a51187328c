//! What the numbers that a critic returns for a pair mean: one value, or a distribution of the return.

use burn::config::Config;
use burn::tensor::{Device, Tensor, TensorData, TensorReadError};

use super::Reduction;
use crate::config::{ConfigError, at_least, at_most};
use crate::fused::quantile_huber;
use crate::matrix::{Buffer, HostMatrix, Matrix};
use crate::objective::quantile_levels;

/// What the critics of an agent say about a pair of observation and action, and how they learn it.
#[derive(Config, Debug, PartialEq, Copy)]
pub enum ValueHead {
    /// One number, Q(o, a), which learns the mean of the return by the squared error.
    Scalar,
    /// Quantiles of the return[^1], which learn by the quantile Huber loss. Q(o, a) is their mean.
    ///
    /// [^1]: W. Dabney et al. (2018). *Distributional Reinforcement Learning with Quantile Regression*. arXiv:1710.10044.
    Quantiles(QuantilesConfig),
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
    /// [`ConfigError::TooSmall`] without a quantile, [`ConfigError::TooLarge`] if none is left.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match *self {
            Self::Scalar => Ok(()),
            Self::Quantiles(QuantilesConfig { count, dropped }) => {
                at_least("number of quantiles", 1, count)?;
                at_most("dropped quantiles", dropped, "number of quantiles less one", count - 1)
            }
        }
    }

    /// Returns the numbers that a critic returns for a pair.
    pub fn value_dim(&self) -> usize {
        match *self {
            Self::Scalar => 1,
            Self::Quantiles(QuantilesConfig { count, .. }) => count,
        }
    }

    /// Returns what a loss in the units that critics learn is divided by to be in those of the reward, if one unit of the reward is `factor` of theirs.
    pub(crate) fn loss_scale(&self, factor: f64) -> f64 {
        match self {
            Self::Scalar => factor.powi(2),
            Self::Quantiles(_) => 1.0,
        }
    }

    /// Returns Q(o, a) of each critic, `[n, critics]`, from their outputs side by side.
    pub(crate) fn expectations(&self, outputs: &Matrix) -> Matrix {
        match (self, outputs) {
            (Self::Scalar, _) => outputs.clone(),
            (Self::Quantiles(_), Matrix::Host(outputs)) => Matrix::Host(outputs.group_means(self.value_dim())),
            (Self::Quantiles(_), Matrix::Device(tensor)) => {
                let grouped = self.by_critic((**tensor).clone());
                Matrix::on_device(grouped.mean_dim(2).squeeze_dim(2))
            }
        }
    }

    /// Returns the gradient of the outputs from that of Q(o, a) of each critic.
    pub(crate) fn pull_back(&self, expectations: Matrix) -> Matrix {
        let values = self.value_dim();
        match (self, expectations) {
            (Self::Scalar, gradient) => gradient,
            (Self::Quantiles(_), gradient) => (gradient * (1.0 / values as f64)).repeat_columns(values),
        }
    }

    /// Returns numbers whose mean is the value of the next state, `[n, m]`, from the outputs of the critics that count.
    ///
    /// Of quantiles they are those of the critic with the smallest mean, or with [`Reduction::Mean`] those of all critics; in either
    /// case without the largest, if there are some to be dropped.
    pub(crate) fn next_values(&self, reduction: &Reduction, outputs: Matrix) -> Matrix {
        let Self::Quantiles(QuantilesConfig { count, dropped }) = *self else { return reduction.reduce(outputs) };
        let pooled = match reduction {
            Reduction::Mean => outputs,
            Reduction::First | Reduction::Minimum | Reduction::SmallestOf(_) => {
                let chosen = self.expectations(&outputs).is_row_minimum();
                self.select(outputs, &chosen)
            }
        };
        let [_, columns] = pooled.dims();
        let kept = columns - columns / count * dropped;
        match pooled {
            pooled if dropped == 0 => pooled,
            Matrix::Host(pooled) => Matrix::Host(pooled.smallest_of_rows(kept)),
            Matrix::Device(pooled) => Matrix::on_device(pooled.sort(1).narrow(1, 0, kept)),
        }
    }

    /// Returns the outputs of the critic that is 1 in `chosen`, `[n, critics]`.
    fn select(&self, outputs: Matrix, chosen: &Matrix) -> Matrix {
        let values = self.value_dim();
        match (outputs, chosen) {
            (Matrix::Host(outputs), Matrix::Host(chosen)) => {
                let [rows, columns] = outputs.dims();
                let mut selected = Buffer::new(rows * values);
                let from = outputs.values().chunks_exact(columns).zip(chosen.values().chunks_exact(columns / values));
                for (to, (row, chosen)) in selected.chunks_exact_mut(values).zip(from) {
                    let critic = chosen.iter().position(|&one| one == 1.0).unwrap_or(0);
                    to.copy_from_slice(&row[critic * values..][..values]);
                }
                Matrix::Host(HostMatrix::new(selected, values))
            }
            (Matrix::Device(outputs), Matrix::Device(chosen)) => {
                let chosen = (**chosen).clone().unsqueeze_dim::<3>(2);
                Matrix::on_device((self.by_critic(*outputs) * chosen).sum_dim(1).squeeze_dim(1))
            }
            _ => unreachable!("the matrices of an agent are in one place"),
        }
    }

    /// Computes the loss of outputs towards targets y, `[n, m]`, which are equally likely, with a weight for each row if there are some.
    pub(crate) fn loss(
        &self,
        outputs: Matrix,
        targets: &Matrix,
        weights: Option<&Matrix>,
    ) -> Result<HeadLoss, TensorReadError> {
        let [n, _] = outputs.dims();
        let weighted = |matrix: Matrix| match weights {
            Some(weights) => matrix * weights,
            None => matrix,
        };
        match self {
            Self::Scalar => {
                let errors = outputs - targets;
                let loss = weighted(errors.clone().square()).mean()?;
                let gradient = weighted(errors.clone() * (2.0 / n as f64));
                Ok(HeadLoss { loss, gradient, errors })
            }
            Self::Quantiles(QuantilesConfig { count, .. }) => {
                let errors = self.expectations(&outputs) - &targets.clone().row_means();
                let (losses, gradient) = quantile_losses(outputs, *count, targets);
                let gradient = weighted(gradient * (1.0 / (n * count) as f64));
                Ok(HeadLoss { loss: weighted(losses).mean()?, gradient, errors })
            }
        }
    }

    /// Returns the outputs of each critic on an axis of their own, `[n, critics, values]`.
    fn by_critic(&self, outputs: Tensor<2>) -> Tensor<3> {
        let ([n, columns], values) = (outputs.dims(), self.value_dim());
        outputs.reshape([n, columns / values, values])
    }
}

/// Returns the quantile Huber loss of each quantile, a mean over the targets of its row, and the gradient of that.
fn quantile_losses(outputs: Matrix, count: usize, targets: &Matrix) -> (Matrix, Matrix) {
    let [n, columns] = outputs.dims();
    match (outputs, targets) {
        (Matrix::Host(outputs), Matrix::Host(targets)) => {
            let (mut losses, mut gradient) = (Buffer::new(n * columns), Buffer::new(n * columns));
            let mut level_of = Buffer::new(count);
            level_of.iter_mut().zip(quantile_levels(count)).for_each(|(to, level)| *to = level);
            quantile_huber(outputs.values(), &level_of, targets.values(), n, &mut losses, &mut gradient);
            let matrix = |values| Matrix::Host(HostMatrix::new(values, columns));
            (matrix(losses), matrix(gradient))
        }
        (Matrix::Device(outputs), Matrix::Device(targets)) => {
            let levels = level_row(count, columns, &outputs.device());
            let delta = (**targets).clone().unsqueeze_dim::<3>(1) - outputs.unsqueeze_dim::<3>(2);
            let weight = (levels - delta.clone().lower_elem(0.0).float()).abs();
            let part = delta.clone().clamp(-1.0, 1.0);
            let losses = weight.clone() * part.clone() * (delta - part.clone() * 0.5);
            let mean = |of: Tensor<3>| Matrix::on_device(of.mean_dim(2).squeeze_dim(2));
            (mean(losses), mean(-(weight * part)))
        }
        _ => unreachable!("the matrices of an agent are in one place"),
    }
}

/// Returns the level of each output of the critics, `[1, columns, 1]`.
fn level_row(count: usize, columns: usize, device: &Device) -> Tensor<3> {
    let levels: Vec<f32> = quantile_levels(count).cycle().take(columns).collect();
    Tensor::from_data(TensorData::new(levels, [1, columns, 1]), device)
}

#[cfg(test)]
mod tests;
