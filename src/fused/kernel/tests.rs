//! The kernels against sums in double precision, and the instruction sets against each other.

use proptest::prelude::*;
use rand::{Rng, RngExt};

use super::matmul::{Factor, dot, product};
use super::*;
use crate::activation::Activation;
use crate::rng::{Seed, Stream};

fn random(n: usize, rng: &mut impl Rng) -> Vec<f32> {
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// The product with every element summed in double precision.
fn reference([m, n, k]: [usize; 3], a: impl Fn(usize, usize) -> f32, b: impl Fn(usize, usize) -> f32) -> Vec<f64> {
    let element = |i, j| (0..k).map(|p| f64::from(a(i, p)) * f64::from(b(p, j))).sum();
    (0..m).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| element(i, j)).collect()
}

macro_rules! products {
    ($name:ident, $fma:literal, $rows:literal, $columns:literal, $features:literal) => {
        #[cfg_attr(target_arch = "x86_64", target_feature(enable = $features))]
        fn $name(shape: [usize; 3], a: Factor<'_>, b: Factor<'_>) -> Vec<f32> {
            let mut c = vec![f32::NAN; shape[0] * shape[1]];
            let mut seen = vec![0; c.len()];
            product::<$fma, $rows, $columns>(shape, a, b, &mut c, |row, column, piece| {
                seen[row * shape[1] + column..][..piece.len()].iter_mut().for_each(|count| *count += 1);
            });
            assert!(seen.iter().all(|&count| count == 1), "every element is finished once");
            c
        }
    };
}
products!(portable, false, 4, 8, "sse2");
#[cfg(target_arch = "x86_64")]
products!(avx2, true, 6, 16, "avx2,fma");
#[cfg(target_arch = "x86_64")]
products!(avx512, true, 8, 32, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma");

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 200 }))]

    #[test]
    fn a_product_of_any_shape_and_order(
        shape in if cfg!(miri) { [1_usize..9, 1_usize..18, 1_usize..9] } else { [1_usize..40, 1_usize..80, 1_usize..40] },
        (a_transposed, b_transposed) in any::<(bool, bool)>(),
        seed in any::<u64>(),
    ) {
        let [m, n, k] = shape;
        let mut rng = Seed(seed).stream(Stream::Replay);
        let (a, b) = (random(m * k, &mut rng), random(k * n, &mut rng));
        let factors = (
            if a_transposed { Factor::transposed(&a, m) } else { Factor::plain(&a, k) },
            if b_transposed { Factor::transposed(&b, k) } else { Factor::plain(&b, n) },
        );
        let expected = reference(
            shape,
            |i, p| if a_transposed { a[p * m + i] } else { a[i * k + p] },
            |p, j| if b_transposed { b[j * k + p] } else { b[p * n + j] },
        );
        #[allow(unsafe_code)]
        #[allow(unused_unsafe, reason = "off x86-64 the function has no features to ask for")]
        // SAFETY: SSE2 is part of x86-64.
        let found = unsafe { portable(shape, factors.0, factors.1) };
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} for {expected}");
        }
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            #[allow(unsafe_code)]
            // SAFETY: the processor has the features.
            let narrow = unsafe { avx2(shape, factors.0, factors.1) };
            for (found, expected) in narrow.iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} for {expected}");
            }
            if has_avx512() {
                #[allow(unsafe_code)]
                // SAFETY: as above.
                let wide = unsafe { avx512(shape, factors.0, factors.1) };
                prop_assert_eq!(narrow, wide, "the instruction sets differ");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_others(rows in 2_usize..20, row in 0_usize..20, seed in any::<u64>()) {
        let row = row % rows;
        let mut rng = Seed(seed).stream(Stream::Replay);
        let (weight, bias) = (random(30 * 40, &mut rng), random(40, &mut rng));
        let layers = [Layer { weight: &weight, bias: &bias }];
        let perceptron = Perceptron { layers: &layers, activation: Activation::Relu, activate_last: true };
        let input = random(rows * 30, &mut rng);
        let (mut all, mut one) = (vec![0.0; rows * 40], vec![0.0; 40]);
        forward(&perceptron, rows, &input, &mut [&mut all]);
        forward(&perceptron, 1, &input[row * 30..][..30], &mut [&mut one]);
        prop_assert_eq!(&all[row * 40..][..40], &one);
    }

    #[test]
    fn a_dot_product_of_any_length(n in 0_usize..70, seed in any::<u64>()) {
        let mut rng = Seed(seed).stream(Stream::Replay);
        let (a, b) = (random(n, &mut rng), random(n, &mut rng));
        let expected: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        prop_assert!((f64::from(dot::<false>(&a, &b)) - expected).abs() < 1e-5);
        prop_assert!((f64::from(dot::<true>(&a, &b)) - expected).abs() < 1e-5);
    }
}

#[test]
fn the_moments_of_a_dead_unit_become_zero_before_they_are_subnormal() {
    let step = crate::fused::AdamStep { beta_1: 0.9, beta_2: 0.999, step_size: 1e-3, epsilon: 1e-8 };
    let (mut parameter, mut first, mut second) = ([1.0_f32], [if cfg!(miri) { 1e-36_f32 } else { 1.0 }], [1e-36_f32]);
    for _ in 0..if cfg!(miri) { 10 } else { 20_000 } {
        adam(&mut parameter, &[0.0], &mut first, &mut second, step, &mut true);
        assert!(!first[0].is_subnormal() && !second[0].is_subnormal());
    }
    assert_eq!((first, second), ([0.0], [0.0]));
}

#[test]
fn a_small_second_moment_stays_while_the_first_counts() {
    // With v at 0 this step would be a billion times as long.
    let step = crate::fused::AdamStep { beta_1: 0.9, beta_2: 0.999, step_size: 1e-3, epsilon: 1e-30 };
    let (mut parameter, mut first, mut second) = ([1.0_f32], [1e-19_f32], [1e-37_f32]);
    adam(&mut parameter, &[0.0], &mut first, &mut second, step, &mut true);
    assert!((1.0 - parameter[0]).abs() < 1e-3, "{parameter:?}");
}

#[test]
fn a_batch_in_parts_has_the_bits_of_the_whole() {
    // Large enough to be split where there is more than one thread; without the feature `threads`, never.
    let (rows, widths) = if cfg!(miri) { (5, [7, 9, 12, 3]) } else { (1_000, [7, 150, 160, 3]) };
    let mut rng = Seed(5).stream(Stream::Replay);
    let parameters: Vec<_> =
        widths.windows(2).map(|pair| (random(pair[0] * pair[1], &mut rng), random(pair[1], &mut rng))).collect();
    let layers: Vec<_> = parameters.iter().map(|(weight, bias)| Layer { weight, bias }).collect();
    // Miri gives another rounding of tanh at every call, on purpose.
    let activation = if cfg!(miri) { Activation::Relu } else { Activation::Tanh };
    let perceptron = Perceptron { layers: &layers, activation, activate_last: false };
    let (input, output_gradient) = (random(rows * 7, &mut rng), random(rows * 3, &mut rng));
    let run = || {
        let mut outputs: Vec<Vec<f32>> = widths[1..].iter().map(|width| vec![f32::NAN; rows * width]).collect();
        forward(&perceptron, rows, &input, &mut outputs.iter_mut().map(|output| &mut output[..]).collect::<Vec<_>>());
        let mut inputs = [(2..5, vec![f32::NAN; rows * 3])];
        let mut gradients: Vec<_> = layers.iter().map(LayerGradient::of).collect();
        let outputs: Vec<&[f32]> = outputs.iter().map(|output| &output[..]).collect();
        let wanted = Gradients { inputs: &mut inputs, layers: Some(&mut gradients) };
        backward(&perceptron, rows, &input, &outputs, &output_gradient, wanted);
        let mut all: Vec<Vec<f32>> = outputs.iter().map(|output| output.to_vec()).collect();
        all.push(inputs[0].1.clone());
        all.extend(gradients.into_iter().flat_map(|gradient| [gradient.weight, gradient.bias]));
        assert!(all.iter().flatten().all(|x| x.is_finite()));
        all
    };
    let whole = run();
    #[cfg(feature = "threads")]
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(run), whole, "{threads} threads");
    }
    assert_eq!(run(), whole);
}

#[test]
fn adam_sees_a_number_that_none_comes_back_from() {
    let step = crate::fused::AdamStep { beta_1: 0.9, beta_2: 0.999, step_size: 1e-3, epsilon: 1e-8 };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -1e38] {
        // On either side of the width of every vector, and beyond it.
        for place in [0, 1, 15, 16, 31, 32, 36] {
            for in_gradient in [true, false] {
                let (mut parameters, mut gradient) = (vec![1.0; 37], vec![0.5; 37]);
                let (mut first, mut second) = (vec![0.0; 37], vec![0.0; 37]);
                let mut in_range = true;
                adam(&mut parameters, &gradient, &mut first, &mut second, step, &mut in_range);
                assert!(in_range);
                if in_gradient {
                    gradient[place] = bad;
                } else {
                    parameters[place] = bad;
                }
                adam(&mut parameters, &gradient, &mut first, &mut second, step, &mut in_range);
                assert!(!in_range, "{bad} at {place}");
            }
        }
    }
}
