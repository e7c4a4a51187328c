//! Quantile critics.

use burn::tensor::{Device, Tensor, TensorData};

use super::{QuantilesConfig, by_critic};
use crate::fused::quantile_huber;
use crate::matrix::{Buffer, HostMatrix, Matrix};
use crate::nn::Reduction;
use crate::objective::quantile_levels;

impl QuantilesConfig {
    /// Computes `Q = mean θₖ` of each critic, `[n, critics]`.
    pub(super) fn expectations(&self, outputs: &Matrix) -> Matrix {
        match outputs {
            Matrix::Host(outputs) => Matrix::Host(outputs.group_means(self.count)),
            Matrix::Device(tensor) => Matrix::on_device(by_critic(tensor, self.count).mean_dim(2).squeeze_dim(2)),
        }
    }

    /// Computes the gradient of the outputs: `∂Q/∂θₖ = 1/K`.
    pub(super) fn pull_back(&self, expectations: Matrix) -> Matrix {
        (expectations * (1.0 / self.count as f64)).repeat_columns(self.count)
    }

    pub(super) fn next_values(&self, reduction: &Reduction, outputs: Matrix) -> Matrix {
        let pooled = match reduction {
            Reduction::Mean => outputs,
            Reduction::First | Reduction::Minimum | Reduction::SmallestOf(_) => {
                let chosen = self.expectations(&outputs).is_row_minimum();
                self.select(outputs, &chosen)
            }
        };
        let [_, columns] = pooled.dims();
        let kept = columns - columns / self.count * self.dropped;
        match pooled {
            pooled if self.dropped == 0 => pooled,
            Matrix::Host(pooled) => Matrix::Host(pooled.smallest_of_rows(kept)),
            Matrix::Device(pooled) => Matrix::on_device(pooled.sort(1).narrow(1, 0, kept)),
        }
    }

    /// Returns the outputs of the critic whose entry in `chosen`, `[n, critics]`, is 1.
    fn select(&self, outputs: Matrix, chosen: &Matrix) -> Matrix {
        match (outputs, chosen) {
            (Matrix::Host(outputs), Matrix::Host(chosen)) => {
                let ([rows, columns], [_, critics]) = (outputs.dims(), chosen.dims());
                let mut selected = Buffer::new(rows * self.count);
                let from = outputs.values().chunks_exact(columns).zip(chosen.values().chunks_exact(critics));
                for (to, (row, chosen)) in selected.chunks_exact_mut(self.count).zip(from) {
                    let critic = chosen.iter().position(|&one| one == 1.0).unwrap_or(0);
                    to.copy_from_slice(&row[critic * self.count..][..self.count]);
                }
                Matrix::Host(HostMatrix::new(selected, self.count))
            }
            (Matrix::Device(outputs), Matrix::Device(chosen)) => {
                let chosen = (**chosen).clone().unsqueeze_dim::<3>(2);
                Matrix::on_device((by_critic(&outputs, self.count) * chosen).sum_dim(1).squeeze_dim(1))
            }
            _ => unreachable!("the matrices of an agent are in one place"),
        }
    }

    /// Computes the quantile Huber loss of each quantile, a mean over the targets of its row, and its gradient.
    pub(super) fn losses(&self, outputs: Matrix, targets: &Matrix) -> (Matrix, Matrix) {
        let [n, columns] = outputs.dims();
        match (outputs, targets) {
            (Matrix::Host(outputs), Matrix::Host(targets)) => {
                let (mut losses, mut gradient) = (Buffer::new(n * columns), Buffer::new(n * columns));
                let mut levels = Buffer::new(self.count);
                levels.iter_mut().zip(quantile_levels(self.count)).for_each(|(to, level)| *to = level);
                quantile_huber(outputs.values(), &levels, targets.values(), n, &mut losses, &mut gradient);
                let matrix = |values| Matrix::Host(HostMatrix::new(values, columns));
                (matrix(losses), matrix(gradient))
            }
            (Matrix::Device(outputs), Matrix::Device(targets)) => {
                let levels = self.level_row(columns, &outputs.device());
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

    /// Returns the level of each output, `[1, columns, 1]`.
    fn level_row(&self, columns: usize, device: &Device) -> Tensor<3> {
        let levels: Vec<f32> = quantile_levels(self.count).cycle().take(columns).collect();
        Tensor::from_data(TensorData::new(levels, [1, columns, 1]), device)
    }
}
