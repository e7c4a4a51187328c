//! Target networks: slow copies of networks, which keep the targets of the critics steady.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

use crate::fused;

/// Why a target network could not be updated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A share outside `[0, 1]`.
    #[error("tau must be in [0, 1], got {0}")]
    Tau(f64),
    /// The two networks do not have the same parameters.
    #[error(
        "target and source must hold the same parameters, but {unmatched} of the target's {total} are not in the source; make the target with `source.valid()`"
    )]
    Mismatch {
        /// Parameters of the target that are not in the source.
        unmatched: usize,
        /// Parameters of the target.
        total: usize,
    },
}

/// Moves `target` a share `tau` of the way to `source`: `θ′ ← τ θ + (1 − τ) θ′`[^1].
///
/// Parameters are paired by their ids. Make a target by `source.valid()`, which keeps the ids. The result is without
/// autodiff, also if `source` has it. `tau` = 0 changes nothing, `tau` = 1 copies the source.
///
/// # Errors
///
/// - [`TargetError::Tau`] if `tau` is not in `[0, 1]`
/// - [`TargetError::Mismatch`] if `target` was not made from `source`
///
/// # Examples
///
/// ```
/// use actor_critic::burn::module::Param;
/// use actor_critic::burn::nn::{Linear, LinearConfig};
/// use actor_critic::burn::tensor::{Device, Tensor};
/// use actor_critic::target::polyak_update;
///
/// let device = Device::flex();
/// let weight = |target: &Linear| target.weight.val().into_data().try_into_vec_as::<f32>().map(|weights| weights[0]);
/// let mut source = LinearConfig::new(1, 1).with_bias(false).init(&device);
/// let mut target = source.clone();
/// source.weight = Param::initialized(source.weight.id, Tensor::from_data([[4.0]], &device));
/// target.weight = Param::initialized(target.weight.id, Tensor::from_data([[0.0]], &device));
/// assert_eq!(weight(&polyak_update(target, &source, 0.25)?)?, 1.0); // 0.25 · 4 + 0.75 · 0
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// [^1]: T. Lillicrap et al. (2015). *Continuous control with deep reinforcement learning*. arXiv:1509.02971, Algorithm 1.
pub fn polyak_update<M: Module>(target: M, source: &M, tau: f64) -> Result<M, TargetError> {
    if !(0.0..=1.0).contains(&tau) {
        return Err(TargetError::Tau(tau));
    }
    let source = partners(&target, source)?;
    Ok(blend(target, source, tau))
}

/// Collects the parameters of `source` and checks that it has each parameter of `target`.
fn partners<M: Module>(target: &M, source: &M) -> Result<Parameters, TargetError> {
    let mut parameters = Parameters::default();
    source.visit(&mut parameters);
    let mut census = Census { source: &parameters, unmatched: 0, total: 0 };
    target.visit(&mut census);
    let Census { unmatched, total, .. } = census;
    if unmatched > 0 { Err(TargetError::Mismatch { unmatched, total }) } else { Ok(parameters) }
}

fn blend<M: Module>(target: M, source: Parameters, tau: f64) -> M {
    if tau == 0.0 { target } else { target.map(&mut Blend { source, tau }) }
}

/// As [`polyak_update`], for a target that is passed by value, with a share in `[0, 1]`.
pub(crate) fn follow<M: Module>(target: &mut Option<M>, source: &M, tau: f64) -> Result<Option<M>, TargetError> {
    let Some(module) = &*target else { return Ok(None) };
    let source = partners(module, source)?;
    Ok(target.take().map(|target| blend(target, source, tau)))
}

/// Every float parameter of a module, off the tape.
#[derive(Default)]
struct Parameters(TensorContainer<ParamId>);

impl ModuleVisitor for Parameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val().inner());
    }
}

/// Counts the parameters without a partner, before anything is changed.
struct Census<'a> {
    source: &'a Parameters,
    unmatched: usize,
    total: usize,
}

impl ModuleVisitor for Census<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.total += 1;
        self.unmatched += usize::from(self.source.0.get::<Tensor<D>>(&param.id).is_none());
    }
}

struct Blend {
    source: Parameters,
    tau: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let source = self.source.0.get::<Tensor<D>>(&param.id).expect("the census found a partner for every parameter");
        let tau = self.tau;
        param.map(|target| {
            if tau == 1.0 {
                source
            } else if fused::applies(&target) {
                fused::blend(target, source, tau)
            } else {
                target * (1.0 - tau) + source * tau
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::Linear;
    use burn::tensor::TensorData;

    fn layer(values: [[f32; 2]; 2]) -> Linear {
        Linear { weight: Param::from_data(values, &crate::test_device()), bias: None }
    }

    /// A layer with the ids of `like` and other values.
    fn with_values(like: &Linear, values: [[f32; 2]; 2]) -> Linear {
        let mut layer = like.clone();
        layer.weight = layer.weight.map(|_| Tensor::from_data(values, &crate::test_device()));
        layer
    }

    fn weight(layer: &Linear) -> TensorData {
        layer.weight.val().into_data()
    }

    #[test]
    fn tau_is_the_weight_of_the_source() {
        let target = layer([[0.1, 0.0], [4.0, -8.0]]);
        let source = with_values(&target, [[0.3, 1.0], [0.0, 8.0]]);

        let unmoved = polyak_update(target.clone(), &source, 0.0).unwrap();
        weight(&unmoved).assert_eq(&weight(&target), true);
        let copied = polyak_update(target.clone(), &source, 1.0).unwrap();
        weight(&copied).assert_eq(&weight(&source), true);
        let quarter = polyak_update(target, &source, 0.25).unwrap();
        weight(&quarter)
            .assert_approx_eq::<f32>(&TensorData::from([[0.15_f32, 0.25], [3.0, -4.0]]), Default::default());
    }

    #[test]
    fn the_target_of_a_learner_stays_off_the_tape() {
        let learner = layer([[0.1, 0.0], [4.0, -8.0]]).train();
        assert!(learner.weight.val().is_autodiff());
        let target = polyak_update(learner.valid(), &learner, 0.5).unwrap();
        assert!(!target.weight.val().is_autodiff());
        assert!(!target.weight.val().is_require_grad());
    }

    #[test]
    fn a_share_outside_the_unit_interval_is_rejected() {
        let target = layer([[0.0; 2]; 2]);
        for tau in [-0.1, 1.1, f64::NAN] {
            let error = polyak_update(target.clone(), &target, tau).unwrap_err();
            assert_eq!(error.to_string(), format!("tau must be in [0, 1], got {tau}"));
        }
    }

    #[test]
    fn a_target_made_from_another_network_is_rejected() {
        let error = polyak_update(layer([[0.0; 2]; 2]), &layer([[0.0; 2]; 2]), 0.5).unwrap_err();
        assert_eq!(
            error.to_string(),
            "target and source must hold the same parameters, but 1 of the target's 1 are not in the source; \
             make the target with `source.valid()`"
        );
    }
}
