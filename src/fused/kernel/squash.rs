//! A Gaussian after tanh, and its log-density, as in [`crate::nn::tanh_normal`].

use std::f32::consts::LN_2;

/// The distribution and the noise of a sample, with A action axes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Squash<'a> {
    /// The mean, and the logarithm of the standard deviation before its clamp, `[n, 2 A]`.
    pub(crate) distribution: &'a [f32],
    /// Standard normal, `[n, A]`.
    pub(crate) noise: &'a [f32],
    /// A.
    pub(crate) axes: usize,
    pub(crate) log_std_range: (f32, f32),
    /// What the log-density loses by the normalisation of the Gaussian, and by units other than `[−1, 1]`.
    pub(crate) constant: f32,
}

/// Writes A actions and their log-density, for each row.
pub(crate) fn squash(given: Squash<'_>, samples: &mut [f32]) {
    let axes = given.axes;
    let rows = given.distribution.chunks_exact(2 * axes).zip(given.noise.chunks_exact(axes));
    for ((distribution, noise), sample) in rows.zip(samples.chunks_exact_mut(axes + 1)) {
        let mut log_density = 0.0;
        for axis in 0..axes {
            let log_std = distribution[axes + axis].clamp(given.log_std_range.0, given.log_std_range.1);
            let u = distribution[axis] + log_std.exp() * noise[axis];
            let tail = (-2.0 * u.abs()).exp().ln_1p();
            let log_slope = (u.abs() + tail - LN_2) * -2.0;
            log_density += noise[axis] * noise[axis] * -0.5 - log_std - log_slope;
            sample[axis] = u.tanh();
        }
        sample[axes] = log_density - given.constant;
    }
}

/// Computes the gradient of the distribution from the gradient of the samples.
pub(crate) fn squash_gradient(given: Squash<'_>, samples: &[f32], distribution: &mut [f32]) {
    let axes = given.axes;
    let (low, high) = given.log_std_range;
    let rows = given.distribution.chunks_exact(2 * axes).zip(given.noise.chunks_exact(axes));
    let gradients = samples.chunks_exact(axes + 1).zip(distribution.chunks_exact_mut(2 * axes));
    for ((values, noise), (sample, gradient)) in rows.zip(gradients) {
        for axis in 0..axes {
            let clamped = values[axes + axis].clamp(low, high);
            let deviation = clamped.exp() * noise[axis];
            let tanh = (values[axis] + deviation).tanh();
            // d tanh u = 1 − tanh² u, and d log(1 − tanh² u) = −2 tanh u.
            let u = sample[axis] * (1.0 - tanh * tanh) + sample[axes] * 2.0 * tanh;
            gradient[axis] = u;
            gradient[axes + axis] = if clamped == values[axes + axis] { u * deviation - sample[axes] } else { 0.0 };
        }
    }
}
