//! A linear layer whose initial weights come from a named random stream.

use burn::config::Config;
use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, TensorData};
use rand::{Rng, RngExt};

/// The distribution of the initial weights and biases of a linear layer.
#[derive(Config, Debug, PartialEq, Copy)]
pub enum Initialization {
    /// `U(−1/√d_input, 1/√d_input)` for weights and biases: PyTorch's default for a linear layer.
    FanIn,
    /// `U(−√(6/(d_input + d_output)), √(6/(d_input + d_output)))` for weights, zero biases[^1].
    ///
    /// [^1]: X. Glorot, Y. Bengio (2010). *Understanding the difficulty of training deep feedforward neural networks*,
    /// eq. 16.
    Xavier,
}

/// Creates a linear layer `x W + b`. The weights, then the biases, are drawn from `rng` on the host.
///
/// burn's initialisers draw from a generator that all code of the process shares, and only when a weight is first used.
///
/// # Shapes
///
/// - weight: `[d_input, d_output]`, the transpose of PyTorch's; bias: `[d_output]`
///
/// # Panics
///
/// Panics if a size is 0.
pub fn linear(
    d_input: usize,
    d_output: usize,
    initialization: Initialization,
    rng: &mut impl Rng,
    device: &Device,
) -> Linear {
    assert!(d_input > 0 && d_output > 0, "a linear layer must have inputs and outputs");
    let (weight_bound, bias_bound) = match initialization {
        Initialization::FanIn => {
            let bound = (1.0 / d_input as f64).sqrt() as f32;
            (bound, bound)
        }
        Initialization::Xavier => ((6.0 / (d_input + d_output) as f64).sqrt() as f32, 0.0),
    };
    let mut uniform = |n: usize, bound: f32| -> Vec<f32> {
        if bound == 0.0 {
            return vec![0.0; n];
        }
        (0..n).map(|_| rng.random_range(-bound..bound)).collect()
    };
    let weight = TensorData::new(uniform(d_input * d_output, weight_bound), [d_input, d_output]);
    let bias = TensorData::new(uniform(d_output, bias_bound), [d_output]);
    Linear { weight: Param::from_data(weight, device), bias: Some(Param::from_data(bias, device)) }
}

/// Returns a layer of the same shape with new initial weights.
pub(crate) fn reinitialized(layer: &Linear, initialization: Initialization, rng: &mut impl Rng) -> Linear {
    let [d_input, d_output] = layer.weight.dims();
    let Linear { weight, bias } = linear(d_input, d_output, initialization, rng, &layer.weight.val().device());
    Linear { weight, bias: bias.filter(|_| layer.bias.is_some()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};

    fn values(initialization: Initialization) -> (Vec<f32>, Vec<f32>) {
        let mut rng = Seed(7).stream(Stream::ActorWeights);
        let layer = linear(100, 50, initialization, &mut rng, &crate::test_device());
        let weight = layer.weight.val();
        assert_eq!(weight.dims(), [100, 50]);
        (weight.try_into_vec_as().unwrap(), layer.bias.unwrap().val().try_into_vec_as().unwrap())
    }

    /// Mean square of `U(−b, b)` is b²/3.
    fn assert_uniform(values: &[f32], bound: f32) {
        assert!(values.iter().all(|x| x.abs() <= bound));
        let mean_square = values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32;
        assert!((mean_square / (bound * bound / 3.0) - 1.0).abs() < 0.05, "{mean_square}");
    }

    #[test]
    fn fan_in_is_pytorchs_default_for_weights_and_biases() {
        let (weight, bias) = values(Initialization::FanIn);
        assert_uniform(&weight, 0.1);
        assert!(bias.iter().all(|x| x.abs() <= 0.1) && bias.iter().any(|x| x.abs() > 0.05));
    }

    #[test]
    fn xavier_has_zero_biases() {
        let (weight, bias) = values(Initialization::Xavier);
        assert_uniform(&weight, 0.2); // √(6/150)
        assert!(bias.iter().all(|&x| x == 0.0));
    }

    #[test]
    fn draws_are_stable() {
        // Recorded at 0.1.0. A change here is value-breaking and belongs in the changelog.
        assert_eq!(values(Initialization::FanIn).0[..3], [-0.071_999_334, -0.068_440_795, -0.063_589_01]);
        assert_eq!(values(Initialization::Xavier).0[..3], [-0.143_998_67, -0.136_881_59, -0.127_178_01]);
    }
}
