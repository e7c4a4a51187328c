//! Arithmetic on slices, compiled for each instruction set and chosen at run time.
//!
//! All matrices are dense and row-major. The order of every sum is fixed, whether over the inner dimension of a
//! product, over the batch, or over the columns of a row. It does not depend on the number of threads, on other rows,
//! or on which instruction set with fused multiply-add is used. So the same numbers give the same bits.

mod activation;
mod elementwise;
mod instructions;
mod lanes;
mod layer;
mod matmul;
#[cfg(any(feature = "flex", test))]
mod perceptron;
mod quantile;
mod regularization;
mod squash;
mod threads;

pub(crate) use activation::{activate, activation_gradient, silu, silu_gradient};
pub(crate) use elementwise::{adam, blend};
pub(crate) use layer::{Layer, linear_forward, linear_input_gradient, linear_parameter_gradient};
#[cfg(any(feature = "flex", test))]
pub(crate) use perceptron::{Gradients, LayerGradient, Perceptron, backward, forward};
pub(crate) use quantile::quantile_huber;
pub(crate) use regularization::{
    NORM_EPSILON, add_squares, layer_norm, layer_norm_input_gradient, layer_norm_parameter_gradient, scale,
};
pub(crate) use squash::{Squash, squash, squash_gradient};

/// Defines a function with one body for each instruction set. The body is generic over whether a fused multiply-add is
/// one instruction, and over the rows and columns of a tile that fits the registers.
macro_rules! per_instruction_set {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$attribute])*
        $visibility fn $name($($argument: $type),*) {
            use crate::fused::kernel::instructions::InstructionSet;

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn avx512($($argument: $type),*) {
                $body::<true, 8, 32>($($argument),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($argument: $type),*) {
                $body::<true, 6, 16>($($argument),*);
            }
            let used = InstructionSet::used();
            #[cfg(target_arch = "x86_64")]
            match used {
                // SAFETY: the processor has the features, which is all that the call requires.
                #[allow(unsafe_code)]
                InstructionSet::Avx512 => return unsafe { avx512($($argument),*) },
                // SAFETY: as above.
                #[allow(unsafe_code)]
                InstructionSet::Avx2 => return unsafe { avx2($($argument),*) },
                InstructionSet::Portable => (),
            }
            #[cfg(not(target_arch = "x86_64"))]
            debug_assert_eq!(used, InstructionSet::Portable);
            // Without that instruction, a fused multiply-add would be a call into the C library.
            $body::<{ cfg!(target_arch = "aarch64") }, 4, 8>($($argument),*);
        }
    };
}
pub(crate) use per_instruction_set;

/// Defines a function that calls an inner loop, for the instruction set that the caller was compiled for.
///
/// The inner loop is a function of its own: if it were inlined, the compiler might give its registers to other code.
macro_rules! in_registers {
    ($(#[$attribute:meta])* unsafe fn $name:ident<$rows:ident $(, $generic:ident: $bound:ident)?>($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:ident) => {
        $(#[$attribute])*
        #[allow(unsafe_code)]
        #[inline(always)]
        unsafe fn $name<const FMA: bool, const NR: usize, const $rows: usize $(, $generic: $bound)?>($($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                #[inline(never)]
                unsafe fn avx512<const NR: usize, const $rows: usize $(, $generic: $bound)?>($($argument: $type),*) $(-> $result)? {
                    // SAFETY: by the contract.
                    unsafe { $body::<true, NR, $rows $(, $generic)?>($($argument),*) }
                }
                #[target_feature(enable = "avx2,fma")]
                #[inline(never)]
                unsafe fn avx2<const NR: usize, const $rows: usize $(, $generic: $bound)?>($($argument: $type),*) $(-> $result)? {
                    // SAFETY: by the contract.
                    unsafe { $body::<true, NR, $rows $(, $generic)?>($($argument),*) }
                }
                if FMA {
                    // SAFETY: by the contract, which also requires the features.
                    return unsafe {
                        if NR == 32 { avx512::<NR, $rows $(, $generic)?>($($argument),*) } else { avx2::<NR, $rows $(, $generic)?>($($argument),*) }
                    };
                }
            }
            // SAFETY: by the contract.
            unsafe { $body::<FMA, NR, $rows $(, $generic)?>($($argument),*) }
        }
    };
}
use in_registers;

#[cfg(test)]
mod tests;
