//! Kernels for the CPU. Use this module to switch them off.
//!
//! On burn's default CPU backend, flex, agents with bundled networks learn and act with kernels only, without burn's
//! autodiff. The parameters of a network are in one array, and an update allocates nothing.
//!
//! Networks of your own use burn's autodiff. There, some operations have two implementations that agree up to rounding.
//! One uses burn's operations and works on every backend. The other is a kernel that replaces it on flex: an
//! [`Mlp`](crate::nn::Mlp), forward and backward; a sample of a Gaussian after tanh, with its density; a step of Adam;
//! a step of a target network.
//!
//! Kernels are on, unless the environment variable `ACTOR_CRITIC_FUSION` is `off`, or inside [`without`].
//!
//! Kernels use the newest of the instruction sets `portable`, `avx2` (with FMA) and `avx512` that the processor has. To
//! use another one, for example to measure its effect or to find the cause of a difference, set the environment
//! variable `ACTOR_CRITIC_ISA` to its name. On x86-64, `avx2` and `avx512` give the same bits; `portable` rounds a
//! multiply-add twice. Other processors have only `portable`. An unknown or unsupported value is reported once on
//! standard error and ignored.

mod execute;
mod flat;
mod flat_adam;
#[cfg(feature = "flex")]
mod flex;
mod graph;
mod kernel;
#[cfg(feature = "flex")]
mod operation;
mod policy;
mod program;

use std::cell::Cell;
use std::sync::LazyLock;

use burn::tensor::Tensor;

use crate::activation::Activation;

/// The environment variable that turns kernels off for a process.
const VARIABLE: &str = "ACTOR_CRITIC_FUSION";

static ON_AT_START: LazyLock<bool> = LazyLock::new(|| std::env::var_os(VARIABLE).is_none_or(|value| value != "off"));

thread_local! {
    /// Overrides the variable on this thread.
    static SWITCHED: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Returns whether this thread uses kernels where they exist. An agent or a policy asks once, when it is created.
pub fn enabled() -> bool {
    cfg!(feature = "flex") && SWITCHED.get().unwrap_or(*ON_AT_START)
}

/// Calls `f` without kernels on this thread: every operation is one of burn's.
///
/// # Examples
///
/// ```
/// use actor_critic::fused;
///
/// assert!(!fused::without(fused::enabled));
/// ```
pub fn without<R>(f: impl FnOnce() -> R) -> R {
    switched(false, f)
}

fn switched<R>(on: bool, f: impl FnOnce() -> R) -> R {
    /// Restores the switch even if `f` panics.
    struct Restore(Option<bool>);

    impl Drop for Restore {
        fn drop(&mut self) {
            SWITCHED.set(self.0);
        }
    }

    let _restore = Restore(SWITCHED.replace(Some(on)));
    f()
}

/// The shape of a perceptron.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "flex"), allow(dead_code, reason = "only a kernel reads it"))]
pub(crate) struct MlpShape {
    /// The activation after each layer but the last.
    pub(crate) activation: Activation,
    /// Whether the last layer has the activation too.
    pub(crate) activate_last: bool,
    /// Number of heads, at least 1: the last layers, which share an input and are side by side in the output.
    pub(crate) heads: usize,
}

/// The scalars of one step of Adam. They are in double precision until they are applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    pub(crate) beta_1: f64,
    pub(crate) beta_2: f64,
    /// η √(1 − β₂ᵗ) / (1 − β₁ᵗ)
    pub(crate) step_size: f64,
    /// ε √(1 − β₂ᵗ)
    pub(crate) epsilon: f64,
    /// 1 − η λ, with the weight decay λ
    pub(crate) keep: f64,
}

/// What was out of range in a step of Adam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum OutOfRange {
    Gradient,
    Weight,
}

impl OutOfRange {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gradient => "gradient",
            Self::Weight => "weight",
        }
    }
}

thread_local! {
    /// Result of the kernel of Adam. An operation that burn dispatches can return only tensors.
    static REPORTED: Cell<Option<(OutOfRange, f32)>> = const { Cell::new(None) };
}

#[cfg(feature = "flex")]
fn report(out_of_range: Option<(OutOfRange, f32)>) {
    REPORTED.set(out_of_range);
}

/// Takes the report of the last [`adam`] on this thread.
pub(crate) fn take_report() -> Option<(OutOfRange, f32)> {
    REPORTED.take()
}

pub(crate) use flat::{Flat, FlatLearner, Members};
pub(crate) use flat_adam::{check_squares, moment_names};
pub(crate) use graph::{Graph, Node, Operation};
pub(crate) use kernel::{NORM_EPSILON, adam as adam_on_host, quantile_huber};
pub(crate) use policy::Head;
#[doc(hidden)]
pub use policy::PolicyProgram;
#[doc(hidden)]
pub use program::Program;
pub(crate) use program::{Builder, Source};

#[cfg(feature = "flex")]
pub(crate) use operation::{adam, blend, perceptron, squash};

/// Returns whether there are kernels for a tensor. [`perceptron`] has further conditions and checks them itself.
#[cfg(feature = "flex")]
pub(crate) fn applies<const D: usize>(tensor: &Tensor<D>) -> bool {
    enabled() && operation::is_flex(&tensor.clone().into_dispatch())
}

#[cfg(not(feature = "flex"))]
pub(crate) use absent::{adam, applies, blend, perceptron, squash};

/// Without flex there are no kernels.
#[cfg(not(feature = "flex"))]
mod absent {
    use burn::nn::Linear;

    use super::{AdamStep, MlpShape, Tensor};

    pub(crate) fn applies<const D: usize>(_: &Tensor<D>) -> bool {
        false
    }

    pub(crate) fn perceptron<'a, const I: usize>(
        inputs: [Tensor<2>; I],
        _: impl Iterator<Item = &'a Linear>,
        _: MlpShape,
    ) -> Result<Tensor<2>, [Tensor<2>; I]> {
        Err(inputs)
    }

    pub(crate) fn squash(_: Tensor<2>, _: Tensor<2>, _: (f64, f64), _: f64) -> Tensor<2> {
        unreachable!("no kernel applies")
    }

    pub(crate) fn adam<const D: usize>(
        _: Tensor<D>,
        _: Tensor<D>,
        _: [Tensor<D>; 2],
        _: AdamStep,
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        unreachable!("no kernel applies")
    }

    pub(crate) fn blend<const D: usize>(_: Tensor<D>, _: Tensor<D>, _: f64) -> Tensor<D> {
        unreachable!("no kernel applies")
    }
}

#[cfg(test)]
#[cfg(feature = "flex")]
mod tests;
