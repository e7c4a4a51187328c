//! Adam, with its scalars in double precision.

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

use crate::fused::{self, AdamStep, OutOfRange, check_squares, moment_names};
use crate::space::is_in_range;
use crate::state::parameters::{self, Visit};
use crate::state::{State, StateError};

/// Settings of Adam that all networks of an agent share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamConfig {
    /// β₁ and β₂, the decay of the two moments.
    pub(crate) betas: [f64; 2],
    pub(crate) epsilon: f64,
    /// λ, decoupled from the gradient[^1].
    ///
    /// [^1]: I. Loshchilov, F. Hutter (2019). *Decoupled Weight Decay Regularization*. arXiv:1711.05101, Algorithm 2.
    pub(crate) weight_decay: f64,
}

/// The Adam optimizer[^1] of one network, without its moments: the running averages of the gradient and of its square.
///
/// burn's Adam takes powers of β₂ in single precision. Early in training, `1 − β₂ᵗ`, and so the length of every step,
/// is then off by 1e-5. A few updates later that is too much for the comparison with PyTorch's gradients.
///
/// [^1]: D. Kingma, J. Ba (2014). *Adam: A Method for Stochastic Optimization*. arXiv:1412.6980, Algorithm 1 in the
/// order of section 2's last paragraph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Adam {
    learning_rate: f64,
    /// Factor on the learning rate, from a schedule.
    pub(crate) learning_rate_factor: f64,
    config: AdamConfig,
    steps: i32,
}

impl Adam {
    pub(crate) fn new(learning_rate: f64, config: AdamConfig) -> Self {
        Self { learning_rate, learning_rate_factor: 1.0, config, steps: 0 }
    }

    pub(crate) fn reconfigure(&mut self, learning_rate: f64, config: AdamConfig) {
        (self.learning_rate, self.config) = (learning_rate, config);
    }

    /// Returns the scalars of the next step. Two of them contain the correction of the moments' bias.
    pub(crate) fn next_step(&mut self) -> AdamStep {
        self.steps = self.steps.saturating_add(1);
        let AdamConfig { betas: [beta_1, beta_2], epsilon, weight_decay } = self.config;
        let learning_rate = self.learning_rate * self.learning_rate_factor;
        let bias_1 = 1.0 - beta_1.powi(self.steps);
        let root_bias_2 = (1.0 - beta_2.powi(self.steps)).sqrt();
        AdamStep {
            beta_1,
            beta_2,
            step_size: learning_rate * root_bias_2 / bias_1,
            epsilon: epsilon * root_bias_2,
            keep: 1.0 - learning_rate * weight_decay,
        }
    }

    /// Resets the number of steps to 0, so that the moments start again. The settings stay.
    pub(crate) fn begin_anew(&mut self) {
        self.steps = 0;
    }

    pub(crate) fn has_stepped(&self) -> bool {
        self.steps > 0
    }

    /// Saves the number of steps.
    pub(crate) fn save(&self, state: &mut State) {
        state.put("steps", self.steps as u64);
    }

    /// Returns the same optimizer with the number of steps of a state.
    pub(crate) fn restored(&self, state: &mut State) -> Result<Self, StateError> {
        let steps: u64 = state.take("steps")?;
        let steps =
            i32::try_from(steps).map_err(|_| StateError::invalid("steps", format!("at most {}", i32::MAX), steps))?;
        Ok(Self { steps, ..*self })
    }
}

/// Adam's moments of all parameters of a module: running averages of the gradient and of its square.
#[derive(Default)]
pub(crate) struct Moments {
    first: TensorContainer<ParamId>,
    second: TensorContainer<ParamId>,
}

impl Moments {
    /// Takes a step with every parameter that has a gradient. The others stay as they are.
    ///
    /// Returns the first weight, or else the first gradient, that is not finite or larger than
    /// [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE). The other parameters have moved in any case.
    pub(crate) fn step<M: Module>(
        &mut self,
        module: M,
        gradients: GradientsParams,
        scalars: AdamStep,
    ) -> (M, Option<(OutOfRange, ParamId, f32)>) {
        let mut step = Step { moments: self, gradients, scalars, out_of_range: Vec::new(), sums: Vec::new() };
        let module = module.map(&mut step);
        let found = step.out_of_range.into_iter().chain(sums_out_of_range(step.sums));
        (module, found.min_by_key(|&(what, ..)| what == OutOfRange::Gradient))
    }

    /// Saves the moments under the paths of their parameters in `module`.
    pub(crate) fn save<M: Module>(&self, module: &M, state: &mut State) -> Result<(), StateError> {
        parameters::visit(module, &mut Save { moments: self, state })
    }

    /// Loads the moments of the parameters of `module`.
    pub(crate) fn load<M: Module>(module: &M, state: &mut State) -> Result<Self, StateError> {
        let mut load = Load { moments: Self::default(), state };
        parameters::visit(module, &mut load)?;
        Ok(load.moments)
    }
}

/// Sums of squares of a parameter and of its gradient. All sums are read from the device at once.
struct Sums {
    id: ParamId,
    gradient: Tensor<1>,
    weight: Tensor<1>,
}

/// Returns the square root of each sum of squares that is out of range.
fn sums_out_of_range(sums: Vec<Sums>) -> Vec<(OutOfRange, ParamId, f32)> {
    if sums.is_empty() {
        return Vec::new();
    }
    let ids: Vec<ParamId> = sums.iter().map(|sums| sums.id).collect();
    let sums = Tensor::cat(sums.into_iter().flat_map(|sums| [sums.weight, sums.gradient]).collect(), 0);
    // If the device cannot be read, the next loss fails with an error of its own.
    let sums: Vec<f32> = sums.try_into_vec_as().unwrap_or_default();
    let whats = [OutOfRange::Weight, OutOfRange::Gradient].into_iter().cycle();
    let of_ids = ids.into_iter().flat_map(|id| [id, id]);
    let all = of_ids.zip(whats).zip(sums);
    all.filter(|&(_, sum)| !is_in_range(sum.sqrt())).map(|((id, what), sum)| (what, id, sum.sqrt())).collect()
}

struct Save<'a> {
    moments: &'a Moments,
    state: &'a mut State,
}

impl Visit for Save<'_> {
    fn parameter<const D: usize>(&mut self, name: &str, id: ParamId, _: Tensor<D>) -> Result<(), StateError> {
        let moments = [&self.moments.first, &self.moments.second];
        for (name, moments) in moment_names(name).iter().zip(moments) {
            // Before its first gradient, a parameter has no moments.
            if let Some(moment) = moments.get::<Tensor<D>>(&id) {
                parameters::put(self.state, name, moment)?;
            }
        }
        Ok(())
    }
}

struct Load<'a> {
    moments: Moments,
    state: &'a mut State,
}

impl Visit for Load<'_> {
    fn parameter<const D: usize>(&mut self, name: &str, id: ParamId, value: Tensor<D>) -> Result<(), StateError> {
        let names = moment_names(name);
        if names.iter().all(|name| self.state.shape(name).is_err()) {
            return Ok(());
        }
        let [first, second] = names.each_ref().map(|name| parameters::take(self.state, name, &value));
        let (first, second) = (first?, second?);
        check_squares(&names[1], &second.clone().try_into_vec_as::<f32>().unwrap_or_default())?;
        self.moments.first.register(id, first);
        self.moments.second.register(id, second);
        Ok(())
    }
}

/// The state of one step.
struct Step<'a> {
    moments: &'a mut Moments,
    gradients: GradientsParams,
    scalars: AdamStep,
    out_of_range: Vec<(OutOfRange, ParamId, f32)>,
    /// Empty on flex, where the kernel checks every number.
    sums: Vec<Sums>,
}

impl Step<'_> {
    /// Takes a step with one parameter and its moments.
    fn moved<const D: usize>(&mut self, id: ParamId, parameter: Tensor<D>, gradient: Tensor<D>) -> Tensor<D> {
        let Moments { first, second } = &mut *self.moments;
        let moments = [&mut *first, &mut *second]
            .map(|moments| moments.remove::<Tensor<D>>(&id).unwrap_or_else(|| gradient.zeros_like()));
        let (parameter, [first_moment, second_moment]) = if fused::applies(&parameter) {
            let moved = fused::adam(parameter, gradient, moments, self.scalars);
            if let Some((what, value)) = fused::take_report() {
                self.out_of_range.push((what, id, value));
            }
            moved
        } else {
            let [gradient_sum, weight_sum] = [&gradient, &parameter].map(|values| values.clone().square().sum());
            self.sums.push(Sums { id, gradient: gradient_sum, weight: weight_sum });
            adam_step(parameter, gradient, moments, self.scalars)
        };
        first.register(id, first_moment);
        second.register(id, second_moment);
        parameter
    }
}

/// Computes `m ← β₁ m + (1 − β₁) g` and `v ← β₂ v + (1 − β₂) g²`. Returns
/// `(1 − η λ) θ − η √(1 − β₂ᵗ)/(1 − β₁ᵗ) · m / (√v + ε √(1 − β₂ᵗ))`, and m and v.
fn adam_step<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    [first, second]: [Tensor<D>; 2],
    AdamStep { beta_1, beta_2, step_size, epsilon, keep }: AdamStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let first = first * beta_1 + gradient.clone() * (1.0 - beta_1);
    let second = second * beta_2 + gradient.square() * (1.0 - beta_2);
    let step = first.clone() / (second.clone().sqrt() + epsilon) * step_size;
    let parameter = if keep == 1.0 { parameter } else { parameter * keep };
    (parameter - step, [first, second])
}

impl ModuleMapper for Step<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        match self.gradients.remove::<D>(id) {
            Some(gradient) => param.map(|tensor| self.moved(id, tensor.inner(), gradient).autodiff().require_grad()),
            None => param,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::Linear;
    use burn::tensor::TensorData;

    fn layer() -> Linear {
        let device = crate::test_device();
        Linear {
            weight: Param::from_data([[1.0_f32, -2.0]], &device),
            bias: Some(Param::from_data([0.5_f32, 0.5], &device)),
        }
        .train()
    }

    fn gradients(layer: &Linear, weight: [f32; 2]) -> GradientsParams {
        let mut gradients = GradientsParams::new();
        gradients.register(layer.weight.id, Tensor::<2>::from_data([weight], &crate::test_device()));
        gradients
    }

    fn weight(layer: &Linear) -> Vec<f32> {
        layer.weight.val().inner().try_into_vec_as().unwrap()
    }

    fn config(epsilon: f64) -> AdamConfig {
        AdamConfig { betas: [0.9, 0.999], epsilon, weight_decay: 0.0 }
    }

    fn step(adam: &mut Adam, moments: &mut Moments, layer: Linear, gradients: GradientsParams) -> Linear {
        moments.step(layer, gradients, adam.next_step()).0
    }

    #[test]
    fn the_first_step_has_the_length_of_the_learning_rate() {
        let layer = layer();
        let gradients = gradients(&layer, [1e-3, -7.0]);
        let layer = step(&mut Adam::new(0.01, config(1e-12)), &mut Moments::default(), layer, gradients);
        assert_eq!(weight(&layer), [0.99, -1.99]);
        let bias: TensorData = layer.bias.unwrap().val().inner().into_data();
        bias.assert_eq(&TensorData::from([0.5_f32, 0.5]), true);
    }

    #[test]
    fn many_steps_equal_the_paper_in_double_precision() {
        let (mut layer, mut adam, mut moments) = (layer(), Adam::new(0.01, config(1e-8)), Moments::default());
        let (mut x, mut m, mut v) = (1.0_f64, 0.0_f64, 0.0_f64);
        for t in 1..=50 {
            let gradient = (f64::from(t) * 0.7).sin();
            let given = gradients(&layer, [gradient as f32, 0.0]);
            layer = step(&mut adam, &mut moments, layer, given);
            m = 0.9 * m + 0.1 * gradient;
            v = 0.999 * v + 0.001 * gradient * gradient;
            let (m_hat, v_hat) = (m / (1.0 - 0.9_f64.powi(t)), v / (1.0 - 0.999_f64.powi(t)));
            x -= 0.01 * m_hat / (v_hat.sqrt() + 1e-8);
            // Each step of 0.01 may round by half a unit of 1 in f32.
            assert!((f64::from(weight(&layer)[0]) - x).abs() < 1e-7 * f64::from(t), "step {t}");
        }
    }

    #[test]
    fn a_moved_parameter_is_a_leaf_of_the_tape_again() {
        let layer = layer();
        let gradients = gradients(&layer, [1.0, 1.0]);
        let layer = step(&mut Adam::new(0.01, config(1e-8)), &mut Moments::default(), layer, gradients);
        let value = layer.weight.val();
        assert!(value.is_autodiff() && value.is_require_grad());
        assert!(value.grad(&value.clone().sum().backward()).is_some());
    }
}
