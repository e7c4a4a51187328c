//! Activation functions on tensors.

use burn::tensor::{Tensor, activation};

use super::Activation;

/// Returns `f(x)`.
pub(super) fn activate(function: Activation, x: Tensor<2>) -> Tensor<2> {
    match function {
        Activation::Relu => activation::relu(x),
        Activation::Tanh => activation::tanh(x),
        // The gradient of burn's ELU is NaN where the exponential overflows.
        Activation::Elu => activation::relu(x.clone()) + (x.clamp_max(0.0).exp() - 1.0),
        Activation::Silu => activation::silu(x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_elu_is_finite_everywhere() {
        let x = Tensor::<2>::from_data([[-1e3_f32, -1.0, 0.0, 2.0, 1e3]], &crate::test_device());
        let x = x.autodiff().require_grad();
        let y = activate(Activation::Elu, x.clone());
        let slopes: Vec<f32> = x.grad(&y.clone().sum().backward()).unwrap().try_into_vec_as().unwrap();
        let y: Vec<f32> = y.inner().try_into_vec_as().unwrap();
        // e⁻¹ − 1 and e⁻¹
        let close = |found: &[f32], expected: [f32; 5]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(&y, [-1.0, -0.632_120_55, 0.0, 2.0, 1e3]), "{y:?}");
        assert!(close(&slopes, [0.0, 0.367_879_44, 1.0, 1.0, 1.0]), "{slopes:?}");
    }
}
