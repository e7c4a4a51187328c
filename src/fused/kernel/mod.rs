//! Arithmetic on slices, compiled once for each instruction set and chosen when the program runs.
//!
//! All matrices are dense and row-major. A sum over the inner dimension of a product, over the batch, or over the columns of
//! a row has an order of its own that no instruction set with a fused multiply-add, no thread and no other row changes, so
//! the same numbers give the same bits on all of them.

mod elementwise;
mod matmul;
mod perceptron;
mod pool;
mod squash;
mod threads;

pub(crate) use elementwise::{adam, blend};
pub(crate) use perceptron::{Gradients, Layer, LayerGradient, Perceptron, backward, forward};
pub(crate) use pool::{Buffer, recycle};
pub(crate) use squash::{Squash, squash, squash_gradient};

/// Defines a function with one body for each instruction set; the body is generic over whether a fused multiply-add is one
/// instruction, and over the rows and columns of a tile that fits its registers.
macro_rules! per_instruction_set {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$attribute])*
        $visibility fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($argument: $type),*) {
                    $body::<true, 8, 32>($($argument),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) {
                    $body::<true, 6, 16>($($argument),*);
                }
                if crate::fused::kernel::has_avx512() {
                    // SAFETY: the processor has the features, which is all that the call requires.
                    #[allow(unsafe_code)]
                    return unsafe { avx512($($argument),*) };
                }
                if crate::fused::kernel::has_avx2() {
                    // SAFETY: as above.
                    #[allow(unsafe_code)]
                    return unsafe { avx2($($argument),*) };
                }
            }
            // Without the instruction, a multiply-add in one rounding is a call into the C library.
            $body::<{ cfg!(target_arch = "aarch64") }, 4, 8>($($argument),*);
        }
    };
}
pub(crate) use per_instruction_set;

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512vl")
        && has_avx2()
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")
}

#[cfg(test)]
mod tests;
