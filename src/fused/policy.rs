//! Heads of policies: from the output of the layers to actions, and back for gradients.

use super::kernel;
use super::program::Program;
use crate::matrix::{Buffer, HostMatrix};

/// Converts the output of a policy's layers to actions.
#[derive(Debug, Clone, Copy)]
pub enum Head {
    /// `a = tanh(f)`, without noise.
    Tanh,
    /// As [`Tanh`](Self::Tanh); a sample is `clamp(tanh(f) + clamp(std · noise, ±clip), ±1)`.
    ClippedNoise {
        /// Standard deviation.
        std: f64,
        /// Largest noise.
        clip: f64,
    },
    /// `a = tanh(u)`, where the output is the mean and the log standard deviation of u, side by side.
    Gaussian {
        /// Range of the clamp of the log standard deviation.
        log_std_range: (f64, f64),
        /// What the log-density loses by the normalisation of the Gaussian and by the units.
        constant: f64,
    },
}

/// The layers of a policy and its head.
#[derive(Debug, Clone)]
pub struct PolicyProgram {
    pub(crate) program: Program,
    pub(crate) head: Head,
}

impl Head {
    /// Returns the number of action axes of an output with that many columns.
    pub(super) fn axes(self, columns: usize) -> usize {
        match self {
            Self::Tanh | Self::ClippedNoise { .. } => columns,
            Self::Gaussian { .. } => columns / 2,
        }
    }

    /// Returns the greedy action of each row.
    pub(crate) fn greedy(self, outputs: &HostMatrix) -> HostMatrix {
        let [rows, columns] = outputs.dims();
        let axes = self.axes(columns);
        let mut actions = Buffer::new(rows * axes);
        for (actions, output) in actions.chunks_exact_mut(axes).zip(outputs.values().chunks_exact(columns)) {
            actions.iter_mut().zip(output).for_each(|(action, output)| *action = output.tanh());
        }
        HostMatrix::new(actions, axes)
    }

    /// Returns an action for each row, as a function of standard normal noise, and its log-density if there is one.
    pub(crate) fn sample(self, outputs: &HostMatrix, noise: &HostMatrix) -> (HostMatrix, Option<HostMatrix>) {
        match self {
            Self::Tanh => (self.greedy(outputs), None),
            Self::ClippedNoise { std, clip } => {
                let noisy = |action: f32, noise: f32| {
                    (action + (noise * std as f32).clamp(-clip as f32, clip as f32)).clamp(-1.0, 1.0)
                };
                (self.greedy(outputs).zip(noise, noisy), None)
            }
            Self::Gaussian { .. } => {
                let [rows, axes] = noise.dims();
                let mut samples = Buffer::new(rows * (axes + 1));
                kernel::squash(self.gaussian(outputs, noise), &mut samples);
                let (mut actions, mut log_probs) = (Buffer::new(rows * axes), Buffer::new(rows));
                let to = actions.chunks_exact_mut(axes).zip(log_probs.iter_mut());
                for ((actions, log_prob), sample) in to.zip(samples.chunks_exact(axes + 1)) {
                    actions.copy_from_slice(&sample[..axes]);
                    *log_prob = sample[axes];
                }
                (HostMatrix::new(actions, axes), Some(HostMatrix::new(log_probs, 1)))
            }
        }
    }

    fn gaussian<'a>(self, outputs: &'a HostMatrix, noise: &'a HostMatrix) -> kernel::Squash<'a> {
        let Self::Gaussian { log_std_range: (low, high), constant } = self else {
            unreachable!("another head has no density")
        };
        let [_, axes] = noise.dims();
        let (log_std_range, constant) = ((low as f32, high as f32), constant as f32);
        kernel::Squash { distribution: outputs.values(), noise: noise.values(), axes, log_std_range, constant }
    }

    /// Returns the gradient of the output, from the gradient of the [greedy actions](Self::greedy).
    pub(crate) fn pull_back_greedy(self, outputs: &HostMatrix, actions: &HostMatrix) -> HostMatrix {
        let ([rows, columns], [_, axes]) = (outputs.dims(), actions.dims());
        let mut gradient = Buffer::new(rows * columns);
        gradient.fill(0.0);
        let given = outputs.values().chunks_exact(columns).zip(actions.values().chunks_exact(axes));
        for (to, (output, actions)) in gradient.chunks_exact_mut(columns).zip(given) {
            for ((to, output), action) in to.iter_mut().zip(output).zip(actions) {
                // d tanh f = 1 − tanh² f
                let tanh = output.tanh();
                *to = (1.0 - tanh * tanh) * action;
            }
        }
        HostMatrix::new(gradient, columns)
    }

    /// Returns the gradient of the output of a [sample](Self::sample), from the gradients of its actions and of every
    /// log-density.
    pub(crate) fn pull_back(
        self,
        outputs: &HostMatrix,
        noise: &HostMatrix,
        actions: &HostMatrix,
        log_prob: f64,
    ) -> HostMatrix {
        let [rows, axes] = actions.dims();
        match self {
            Self::Tanh => self.pull_back_greedy(outputs, actions),
            Self::ClippedNoise { .. } => {
                // An action that was clamped to a bound has no gradient.
                let moves = self.sample(outputs, noise).0.map(|action| f32::from(action.abs() < 1.0));
                self.pull_back_greedy(outputs, &actions.clone().zip(&moves, |gradient, moves| gradient * moves))
            }
            Self::Gaussian { .. } => {
                let mut samples = Buffer::new(rows * (axes + 1));
                for (sample, actions) in samples.chunks_exact_mut(axes + 1).zip(actions.values().chunks_exact(axes)) {
                    sample[..axes].copy_from_slice(actions);
                    sample[axes] = log_prob as f32;
                }
                let mut gradient = Buffer::new(rows * 2 * axes);
                kernel::squash_gradient(self.gaussian(outputs, noise), &samples, &mut gradient);
                HostMatrix::new(gradient, 2 * axes)
            }
        }
    }
}
