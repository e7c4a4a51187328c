//! Clipping of a network's gradient by its norm.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::AgentError;

/// Scales the gradients of `module` so that their common Euclidean norm is at most `max_norm`.
///
/// burn clips each tensor separately, which changes the direction of the step. As PyTorch's `clip_grad_norm_`, this
/// function adds 1e-6 to the norm before it divides.
pub(crate) fn clip_gradient_norm<M: Module>(
    gradients: GradientsParams,
    module: &M,
    max_norm: f64,
) -> Result<GradientsParams, AgentError> {
    let mut norm = SquaredNorm { gradients: &gradients, sum: None };
    module.visit(&mut norm);
    let Some(sum) = norm.sum else { return Ok(gradients) };
    let Some(factor) = clip_factor(f64::from(sum.sqrt().try_into_scalar::<f32>()?), max_norm)? else {
        return Ok(gradients);
    };
    let mut scale = Scale { gradients, scaled: GradientsParams::new(), factor };
    module.visit(&mut scale);
    Ok(scale.scaled)
}

/// Returns the factor for a gradient of this norm; `None` if the norm is at most `max_norm`.
pub(crate) fn clip_factor(norm: f64, max_norm: f64) -> Result<Option<f64>, AgentError> {
    if !norm.is_finite() {
        return Err(AgentError::Diverged { quantity: "gradient norm", value: norm });
    }
    let factor = max_norm / (norm + 1e-6);
    Ok((factor < 1.0).then_some(factor))
}

struct SquaredNorm<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let square = gradient.square().sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Scale {
    gradients: GradientsParams,
    scaled: GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.scaled.register(param.id, gradient * self.factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::Linear;
    use burn::tensor::{TensorData, Tolerance};

    /// Clips gradients of 3 (weight) and 4 (bias): together a norm of 5.
    fn clipped(max_norm: f64) -> [TensorData; 2] {
        let device = crate::test_device();
        let layer =
            Linear { weight: Param::from_data([[1.0_f32]], &device), bias: Some(Param::from_data([1.0_f32], &device)) };
        let bias = layer.bias.as_ref().unwrap().id;
        let mut gradients = GradientsParams::new();
        gradients.register(layer.weight.id, Tensor::<2>::from_data([[3.0]], &device));
        gradients.register(bias, Tensor::<1>::from_data([-4.0], &device));
        let clipped = clip_gradient_norm(gradients, &layer, max_norm).unwrap();
        [clipped.get::<2>(layer.weight.id).unwrap().into_data(), clipped.get::<1>(bias).unwrap().into_data()]
    }

    #[test]
    fn a_long_gradient_is_shortened_in_its_own_direction() {
        let [weight, bias] = clipped(0.5);
        weight.assert_approx_eq::<f32>(&TensorData::from([[0.3_f32]]), Tolerance::absolute(1e-6));
        bias.assert_approx_eq::<f32>(&TensorData::from([-0.4_f32]), Tolerance::absolute(1e-6));
    }

    #[test]
    fn a_norm_that_is_not_finite_is_named() {
        let device = crate::test_device();
        let layer = Linear { weight: Param::from_data([[1.0_f32]], &device), bias: None };
        let mut gradients = GradientsParams::new();
        gradients.register(layer.weight.id, Tensor::<2>::from_data([[f32::NAN]], &device));
        let error = clip_gradient_norm(gradients, &layer, 1.0).unwrap_err();
        assert_eq!(error.to_string(), "gradient norm must be finite, got NaN: training has diverged");
    }

    #[test]
    fn a_short_gradient_is_left_alone() {
        let [weight, bias] = clipped(5.1);
        weight.assert_eq(&TensorData::from([[3.0_f32]]), true);
        bias.assert_eq(&TensorData::from([-4.0_f32]), true);
    }
}
