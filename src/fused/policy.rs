//! From the output of a policy's layers to actions, and the gradients back.

use super::kernel;
use super::program::Program;
use crate::matrix::{Buffer, HostMatrix};

/// What becomes of the output of a policy's layers.
#[derive(Debug, Clone, Copy)]
pub enum Head {
    /// `a = tanh(f)`, whatever the noise.
    Tanh,
    /// The same, `clamp(tanh(f) + clamp(std · noise, ±clip), ±1)` as a sample.
    ClippedNoise {
        /// Standard deviation.
        std: f64,
        /// Largest noise.
        clip: f64,
    },
    /// Mean and log standard deviation of u side by side, `a = tanh(u)`.
    Gaussian {
        /// Where the log standard deviation is clamped to.
        log_std_range: (f64, f64),
        /// What the log-density loses to normalisation and units.
        constant: f64,
    },
}

/// The layers of a policy, from observation to its head.
#[derive(Debug, Clone)]
pub struct PolicyProgram {
    pub(crate) program: Program,
    pub(crate) head: Head,
}

impl Head {
    /// Returns the number of action axes that an output of so many columns has.
    pub(super) fn axes(self, columns: usize) -> usize {
        match self {
            Self::Tanh | Self::ClippedNoise { .. } => columns,
            Self::Gaussian { .. } => columns / 2,
        }
    }

    /// Returns the best action of each row.
    pub(crate) fn greedy(self, outputs: &HostMatrix) -> HostMatrix {
        let [rows, columns] = outputs.dims();
        let axes = self.axes(columns);
        let mut actions = Buffer::new(rows * axes);
        for (actions, output) in actions.chunks_exact_mut(axes).zip(outputs.values().chunks_exact(columns)) {
            actions.iter_mut().zip(output).for_each(|(action, output)| *action = output.tanh());
        }
        HostMatrix::new(actions, axes)
    }

    /// Returns an action for each row, as a function of standard normal noise, and the log-density of each, if there is one.
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

    /// Returns the gradient of the output from that of the [best actions](Self::greedy).
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

    /// Returns the gradient of the output from that of the [sample](Self::sample): of its actions, and of every log-density the same.
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
                // What was clamped to a bound does not move.
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
