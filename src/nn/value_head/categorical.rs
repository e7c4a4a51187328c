//! Categorical critics: probabilities of returns on a grid.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor, TensorData};

use super::{CategoricalConfig, by_critic};
use crate::matrix::{Buffer, HostMatrix, Matrix};

impl CategoricalConfig {
    fn spacing(&self) -> f64 {
        (self.range[1] - self.range[0]) / (self.count - 1) as f64
    }

    /// Returns the returns zₖ of the grid.
    fn grid(&self) -> impl Iterator<Item = f32> + Clone + use<> {
        let (low, spacing) = (self.range[0], self.spacing());
        (0..self.count).map(move |k| (low + spacing * k as f64) as f32)
    }

    /// Writes the probabilities of the grid for a target y: a Gaussian around y, or the two nearest returns.
    pub(super) fn spread(&self, target: f32, probabilities: &mut [f32]) {
        let [low, high] = self.range.map(|end| end as f32);
        let (spacing, target) = (self.spacing() as f32, if target.is_nan() { target } else { target.clamp(low, high) });
        if self.smoothing == 0.0 {
            for (to, z) in probabilities.iter_mut().zip(self.grid()) {
                *to = (1.0 - (target - z).abs() / spacing).max(0.0);
            }
            return;
        }
        // Converts to the argument of the error function.
        let scale = 1.0 / (self.smoothing as f32 * spacing * std::f32::consts::SQRT_2);
        let edge = |z: f32| libm::erff((z - target) * scale);
        let mut below = edge(low - 0.5 * spacing);
        let mut sum = 0.0;
        for (to, z) in probabilities.iter_mut().zip(self.grid()) {
            let above = edge(z + 0.5 * spacing);
            *to = above - below;
            sum += *to;
            below = above;
        }
        probabilities.iter_mut().for_each(|to| *to /= sum);
    }

    /// Computes `Q = Σ pₖ zₖ` of each critic, `[n, critics]`.
    pub(super) fn expectations(&self, outputs: &Matrix) -> Matrix {
        match outputs {
            Matrix::Host(outputs) => {
                let [rows, columns] = outputs.dims();
                let mut means = Buffer::new(rows * (columns / self.count));
                for (to, logits) in means.iter_mut().zip(outputs.values().chunks_exact(self.count)) {
                    *to = Softmax::of(logits).mean(logits, self.grid());
                }
                Matrix::Host(HostMatrix::new(means, columns / self.count))
            }
            Matrix::Device(tensor) => Matrix::on_device(self.means_on_device(tensor).squeeze_dim(2)),
        }
    }

    fn means_on_device(&self, outputs: &Tensor<2>) -> Tensor<3> {
        (softmax(by_critic(outputs, self.count), 2) * self.grid_on(&outputs.device())).sum_dim(2)
    }

    /// Computes `∂Q/∂fₖ = pₖ (zₖ − Q)`, where f are the logits.
    pub(super) fn pull_back(&self, outputs: &Matrix, expectations: Matrix) -> Matrix {
        match (outputs, expectations) {
            (Matrix::Host(outputs), Matrix::Host(of_means)) => {
                let [_, columns] = outputs.dims();
                let mut gradient = Buffer::new(outputs.values().len());
                let rows = outputs.values().chunks_exact(self.count).zip(of_means.values());
                for (to, (logits, of_mean)) in gradient.chunks_exact_mut(self.count).zip(rows) {
                    let softmax = Softmax::of(logits);
                    let mean = softmax.mean(logits, self.grid());
                    for ((to, &logit), z) in to.iter_mut().zip(logits).zip(self.grid()) {
                        *to = of_mean * softmax.probability(logit) * (z - mean);
                    }
                }
                Matrix::Host(HostMatrix::new(gradient, columns))
            }
            (Matrix::Device(outputs), Matrix::Device(of_means)) => {
                let deviations = self.grid_on(&outputs.device()) - self.means_on_device(outputs);
                let gradient = softmax(by_critic(outputs, self.count), 2) * deviations * of_means.unsqueeze_dim::<3>(2);
                Matrix::on_device(gradient.reshape(outputs.dims()))
            }
            _ => unreachable!("the matrices of an agent are in one place"),
        }
    }

    /// Computes the cross-entropy of each critic, `[n, critics]`, and its gradient with respect to the logits, `p − t`.
    pub(super) fn losses(&self, outputs: Matrix, targets: &Matrix) -> (Matrix, Matrix) {
        let [rows, columns] = outputs.dims();
        match (outputs, targets) {
            (Matrix::Host(outputs), Matrix::Host(targets)) => {
                let critics = columns / self.count;
                let (mut losses, mut gradient) = (Buffer::new(rows * critics), Buffer::new(rows * columns));
                let mut probabilities = Buffer::new(self.count);
                let of_row = gradient.chunks_exact_mut(columns).zip(outputs.values().chunks_exact(columns));
                for ((losses, (to, logits)), &target) in
                    losses.chunks_exact_mut(critics).zip(of_row).zip(targets.values())
                {
                    self.spread(target, &mut probabilities);
                    let of_critic = to.chunks_exact_mut(self.count).zip(logits.chunks_exact(self.count));
                    for (loss, (to, logits)) in losses.iter_mut().zip(of_critic) {
                        let softmax = Softmax::of(logits);
                        *loss = 0.0;
                        for ((to, &logit), &wanted) in to.iter_mut().zip(logits).zip(&*probabilities) {
                            *to = softmax.probability(logit) - wanted;
                            *loss += wanted * (softmax.log_sum - logit);
                        }
                    }
                }
                (Matrix::Host(HostMatrix::new(losses, critics)), Matrix::Host(HostMatrix::new(gradient, columns)))
            }
            (Matrix::Device(outputs), Matrix::Device(targets)) => {
                let wanted = self.spread_on_device((**targets).clone());
                let logits = by_critic(&outputs, self.count);
                let losses = -(log_softmax(logits.clone(), 2) * wanted.clone()).sum_dim(2).squeeze_dim::<2>(2);
                let gradient = (softmax(logits, 2) - wanted).reshape([rows, columns]);
                (Matrix::on_device(losses), Matrix::on_device(gradient))
            }
            _ => unreachable!("the matrices of an agent are in one place"),
        }
    }

    /// As [`spread`](Self::spread), for all targets, `[n, 1, K]`.
    fn spread_on_device(&self, targets: Tensor<2>) -> Tensor<3> {
        let grid = self.grid_on(&targets.device());
        let distances = grid - targets.clamp(self.range[0], self.range[1]).unsqueeze_dim::<3>(2);
        let spacing = self.spacing();
        if self.smoothing == 0.0 {
            return (-(distances.abs() / spacing) + 1.0).clamp_min(0.0);
        }
        let scale = 1.0 / (self.smoothing * spacing * std::f64::consts::SQRT_2);
        let edge = |shift: f64| ((distances.clone() + shift * spacing) * scale).erf();
        let cells = edge(0.5) - edge(-0.5);
        cells.clone() / cells.sum_dim(2)
    }

    /// Returns the grid, `[1, 1, K]`.
    fn grid_on(&self, device: &Device) -> Tensor<3> {
        Tensor::from_data(TensorData::new(self.grid().collect::<Vec<f32>>(), [1, 1, self.count]), device)
    }
}

/// The normalisation of a softmax over one row of logits.
struct Softmax {
    /// log Σ exp f
    log_sum: f32,
}

impl Softmax {
    fn of(logits: &[f32]) -> Self {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        Self { log_sum: largest + sum.ln() }
    }

    fn probability(&self, logit: f32) -> f32 {
        (logit - self.log_sum).exp()
    }

    fn mean(&self, logits: &[f32], grid: impl Iterator<Item = f32>) -> f32 {
        logits.iter().zip(grid).map(|(&logit, z)| self.probability(logit) * z).sum()
    }
}
