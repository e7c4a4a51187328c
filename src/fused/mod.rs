//! Kernels for the CPU: several operations in one. Use this module to switch them off.
//!
//! On burn's default CPU backend, flex, agents with bundled networks learn and act on kernels alone, without burn's tape: the parameters of
//! a network lie in one piece of memory, and an update allocates nothing.
//!
//! Networks of your own use burn's autodiff. There, some operations have two forms that agree up to rounding. One consists of burn's
//! operations, works on every backend, and is written where the equation is. The other is a kernel that replaces it on flex:
//! an [`Mlp`](crate::nn::Mlp), forward and backward; a sample of the squashed Gaussian with its density; the steps of Adam; the
//! steps of a target.
//!
//! Fusion is on unless the environment variable `ACTOR_CRITIC_FUSION` is `off`, or inside [`without`].
//!
//! The kernels use the newest of the instruction sets `portable`, `avx2` (with FMA) and `avx512` that the processor has. To use another one, set
//! the environment variable `ACTOR_CRITIC_ISA` to its name, for example to measure its effect or to look for the cause of a
//! difference. On x86-64 the last two give the same bits, and `portable` rounds a multiply-add twice; elsewhere there is only
//! `portable`. An unknown or unsupported value is reported once on standard error and ignored.

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

/// The environment variable that turns fusion off for a whole process.
const VARIABLE: &str = "ACTOR_CRITIC_FUSION";

static ON_AT_START: LazyLock<bool> = LazyLock::new(|| std::env::var_os(VARIABLE).is_none_or(|value| value != "off"));

thread_local! {
    /// What this thread is told, instead of what the variable says.
    static SWITCHED: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Returns whether kernels are used on this thread, where there are some. An agent or a policy asks once, when it is made.
pub fn enabled() -> bool {
    cfg!(feature = "flex") && SWITCHED.get().unwrap_or(*ON_AT_START)
}

/// Calls `f` without fused kernels on this thread: every operation is one of burn's.
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

/// The layers of a perceptron as an operation takes them.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "flex"), allow(dead_code, reason = "only a kernel reads it"))]
pub(crate) struct MlpShape {
    /// The function after each layer but the last.
    pub(crate) activation: Activation,
    /// Whether it also stands after the last.
    pub(crate) activate_last: bool,
    /// How many of the last layers share an input and stand side by side in the output, at least 1.
    pub(crate) heads: usize,
}

/// The scalars of one step of Adam, in double precision until they meet the parameters.
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

/// What Adam has met that no number can come back from.
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
    /// What the kernel of Adam has met: an operation that burn dispatches returns tensors and nothing else.
    static REPORTED: Cell<Option<(OutOfRange, f32)>> = const { Cell::new(None) };
}

#[cfg(feature = "flex")]
fn report(out_of_range: Option<(OutOfRange, f32)>) {
    REPORTED.set(out_of_range);
}

/// Takes what the last [`adam`] of this thread has met.
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

/// Returns whether there is a kernel for a tensor: for all operations but [`perceptron`], which finds out itself.
#[cfg(feature = "flex")]
pub(crate) fn applies<const D: usize>(tensor: &Tensor<D>) -> bool {
    enabled() && operation::is_flex(&tensor.clone().into_dispatch())
}

#[cfg(not(feature = "flex"))]
pub(crate) use absent::{adam, applies, blend, perceptron, squash};

/// Without flex, no kernel ever applies.
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
