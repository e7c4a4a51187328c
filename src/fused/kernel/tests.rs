//! Tests of kernels against sums in double precision, and of the instruction sets against each other.

use proptest::prelude::*;
use rand::{Rng, RngExt};

use super::instructions::{InstructionSet, forced};
use super::lanes::dot;
use super::matmul::{Factor, With, product};
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
        fn $name(shape: [usize; 3], a: Factor<'_>, b: Factor<'_>, once: &[f32]) -> Vec<f32> {
            let mut c = vec![f32::NAN; shape[0] * shape[1]];
            product::<$fma, $rows, $columns>(
                shape,
                a,
                b,
                &mut c,
                With { values: once, stride: shape[1], combine: |sum, once| sum + once },
            );
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
        let once = random(m * n, &mut rng);
        let mut expected = reference(
            shape,
            |i, p| if a_transposed { a[p * m + i] } else { a[i * k + p] },
            |p, j| if b_transposed { b[j * k + p] } else { b[p * n + j] },
        );
        expected.iter_mut().zip(&once).for_each(|(sum, &once)| *sum += f64::from(once));
        #[allow(unsafe_code)]
        #[allow(unused_unsafe, reason = "off x86-64 the function has no features to ask for")]
        // SAFETY: SSE2 is part of x86-64.
        let found = unsafe { portable(shape, factors.0, factors.1, &once) };
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} for {expected}");
        }
        #[cfg(target_arch = "x86_64")]
        if InstructionSet::best() >= InstructionSet::Avx2 {
            #[allow(unsafe_code)]
            // SAFETY: the processor has the features.
            let narrow = unsafe { avx2(shape, factors.0, factors.1, &once) };
            for (found, expected) in narrow.iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} for {expected}");
            }
            if InstructionSet::best() >= InstructionSet::Avx512 {
                #[allow(unsafe_code)]
                // SAFETY: as above.
                let wide = unsafe { avx512(shape, factors.0, factors.1, &once) };
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
        prop_assert!((f64::from(dot::<false, 8>(&a, &b)) - expected).abs() < 1e-5);
    }
}

#[test]
fn the_moments_of_a_dead_unit_become_zero_before_they_are_subnormal() {
    let step = crate::fused::AdamStep { beta_1: 0.9, beta_2: 0.999, step_size: 1e-3, epsilon: 1e-8, keep: 1.0 };
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
    let step = crate::fused::AdamStep { beta_1: 0.9, beta_2: 0.999, step_size: 1e-3, epsilon: 1e-30, keep: 1.0 };
    let (mut parameter, mut first, mut second) = ([1.0_f32], [1e-19_f32], [1e-37_f32]);
    adam(&mut parameter, &[0.0], &mut first, &mut second, step, &mut true);
    assert!((1.0 - parameter[0]).abs() < 1e-3, "{parameter:?}");
}

#[test]
fn a_batch_in_parts_has_the_bits_of_the_whole() {
    // Large enough to be split if there is more than one thread. Without the feature `threads` it is never split.
    let (rows, widths) = if cfg!(miri) { (5, [7, 9, 12, 3]) } else { (1_000, [7, 150, 160, 3]) };
    let mut rng = Seed(5).stream(Stream::Replay);
    let parameters: Vec<_> =
        widths.windows(2).map(|pair| (random(pair[0] * pair[1], &mut rng), random(pair[1], &mut rng))).collect();
    let layers: Vec<_> = parameters.iter().map(|(weight, bias)| Layer { weight, bias }).collect();
    // Miri rounds tanh differently at every call, on purpose.
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

/// Computes a perceptron: its outputs, then the gradients of input and parameters.
fn pass(activation: Activation, rows: usize, widths: [usize; 4]) -> Vec<f32> {
    let mut rng = Seed(9).stream(Stream::Replay);
    let parameters: Vec<_> =
        widths.windows(2).map(|pair| (random(pair[0] * pair[1], &mut rng), random(pair[1], &mut rng))).collect();
    let layers: Vec<_> = parameters.iter().map(|(weight, bias)| Layer { weight, bias }).collect();
    let perceptron = Perceptron { layers: &layers, activation, activate_last: false };
    let (input, output_gradient) = (random(rows * widths[0], &mut rng), random(rows * widths[3], &mut rng));
    let mut outputs: Vec<Vec<f32>> = widths[1..].iter().map(|width| vec![f32::NAN; rows * width]).collect();
    forward(&perceptron, rows, &input, &mut outputs.iter_mut().map(|output| &mut output[..]).collect::<Vec<_>>());
    let mut inputs = [(1..widths[0], vec![f32::NAN; rows * (widths[0] - 1)])];
    let mut gradients: Vec<_> = layers.iter().map(LayerGradient::of).collect();
    let slices: Vec<&[f32]> = outputs.iter().map(|output| &output[..]).collect();
    let wanted = Gradients { inputs: &mut inputs, layers: Some(&mut gradients) };
    backward(&perceptron, rows, &input, &slices, &output_gradient, wanted);
    let mut all = outputs.concat();
    all.extend(&inputs[0].1);
    all.extend(gradients.into_iter().flat_map(|gradient| [gradient.weight, gradient.bias]).flatten());
    all
}

#[test]
fn all_instruction_sets_agree_on_a_whole_perceptron() {
    let shapes = [(1, [3, 64, 64, 2]), (13, [5, 33, 70, 1]), (20, [17, 8, 40, 12]), (7, [1, 7, 9, 7])];
    // Miri rounds tanh and the exponential differently at every call, on purpose.
    let all = &[Activation::Relu, Activation::Tanh, Activation::Elu];
    let activations = if cfg!(miri) { &all[..1] } else { &all[..] };
    for (rows, widths) in shapes {
        for &activation in activations {
            let results = forced::with_each(|| pass(activation, rows, widths));
            let [(_, portable), rest @ ..] = &results[..] else { unreachable!("a processor has an instruction set") };
            for (set, result) in rest {
                for (found, expected) in result.iter().zip(portable) {
                    assert!(
                        (found - expected).abs() <= 1e-4 * (1.0 + expected.abs()),
                        "{found} for {expected}: {set:?}"
                    );
                }
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(result), bits(&rest[0].1), "{set:?} differs from {:?}", rest[0].0);
            }
        }
    }
}

#[test]
fn adam_sees_a_number_that_none_comes_back_from() {
    let step = crate::fused::AdamStep { beta_1: 0.9, beta_2: 0.999, step_size: 1e-3, epsilon: 1e-8, keep: 1.0 };
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38, -1e38] {
        // At the ends of vectors of every width.
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

/// [`layer_norm`] in double precision, reduced to a weighted sum.
fn weighted_norm(x: &[f64], gamma: &[f64], beta: &[f64], weights: &[f64]) -> f64 {
    let n = gamma.len();
    let rows = x.chunks_exact(n).zip(weights.chunks_exact(n)).map(|(x, weights)| {
        let mean = x.iter().sum::<f64>() / n as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        let normal = |j: usize| (x[j] - mean) / (variance + 1e-5).sqrt();
        (0..n).map(|j| weights[j] * (normal(j) * gamma[j] + beta[j])).sum::<f64>()
    });
    rows.sum()
}

#[test]
fn layer_norm_and_its_gradients_follow_double_precision() {
    for (rows, n) in [(1, 1), (3, 5), (4, 16), (2, 37)] {
        let mut rng = Seed(3).stream(Stream::Replay);
        let given = [random(rows * n, &mut rng), random(n, &mut rng), random(n, &mut rng)];
        let delta = random(rows * n, &mut rng);
        let [x, gamma, beta] = &given;
        let in_double = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let norm = |given: &[Vec<f64>; 3], weights: &[f64]| weighted_norm(&given[0], &given[1], &given[2], weights);
        let given_in_double = given.each_ref().map(|values| in_double(values));

        let mut output = vec![f32::NAN; rows * n];
        layer_norm(x, gamma, beta, &mut output);
        for (i, output) in output.iter().enumerate() {
            let mut only_this = vec![0.0; rows * n];
            only_this[i] = 1.0;
            let expected = norm(&given_in_double, &only_this);
            assert!((f64::from(*output) - expected).abs() < 1e-5, "{output} for {expected}");
        }

        let mut gradients = given.each_ref().map(|values| vec![f32::NAN; values.len()]);
        let [x_gradient, gamma_gradient, beta_gradient] = &mut gradients;
        layer_norm_input_gradient(x, gamma, &delta, x_gradient);
        layer_norm_parameter_gradient(x, &delta, gamma_gradient, beta_gradient);
        for (which, gradient) in gradients.iter().enumerate() {
            for (i, &found) in gradient.iter().enumerate() {
                let at = |step: f64| {
                    let mut given = given_in_double.clone();
                    given[which][i] += step;
                    norm(&given, &in_double(&delta))
                };
                let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((f64::from(found) - expected).abs() < 1e-4, "{found} for {expected} in {which}");
            }
        }
    }
}

#[test]
fn all_instruction_sets_agree_on_layer_norm() {
    let mut rng = Seed(4).stream(Stream::Replay);
    let [x, delta] = [(); 2].map(|()| random(3 * 37, &mut rng));
    let [gamma, beta] = [(); 2].map(|()| random(37, &mut rng));
    let results = forced::with_each(|| {
        let mut all = [3 * 37, 3 * 37, 37, 37].map(|n| vec![f32::NAN; n]);
        let [output, x_gradient, gamma_gradient, beta_gradient] = &mut all;
        layer_norm(&x, &gamma, &beta, output);
        layer_norm_input_gradient(&x, &gamma, &delta, x_gradient);
        layer_norm_parameter_gradient(&x, &delta, gamma_gradient, beta_gradient);
        all
    });
    assert!(results.iter().all(|(_, result)| *result == results[0].1));
}

#[test]
fn layer_norm_of_a_constant_row_is_beta() {
    let mut output = [f32::NAN; 4];
    layer_norm(&[7.0; 4], &[2.0; 4], &[1.0, 2.0, 3.0, 4.0], &mut output);
    assert_eq!(output, [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn a_norm_over_two_slices() {
    let mut total = 0.0;
    add_squares(&[3.0; 17], &mut total);
    add_squares(&[2.0; 4], &mut total);
    assert_eq!(total, 17.0 * 9.0 + 16.0);
    let mut values = [3.0; 17];
    scale(&mut values, 0.5);
    assert_eq!(values, [1.5; 17]);
}

#[test]
fn the_gradient_of_some_inputs_goes_through_what_gave_them() {
    let (rows, [k, n]) = (6, [20, 11]);
    let mut rng = Seed(6).stream(Stream::Replay);
    let (weight, bias, delta) = (random(k * n, &mut rng), random(n, &mut rng), random(rows * n, &mut rng));
    let (layer, outputs) = (Layer { weight: &weight, bias: &bias }, random(rows * k, &mut rng));
    for columns in [0..20, 3..8, 2..19, 5..5] {
        for activation in [None, Some(Activation::Relu), Some(Activation::Tanh), Some(Activation::Elu)] {
            let width = columns.len();
            let mut gradient = vec![f32::NAN; rows * width];
            let through = activation.map(|activation| (activation, &outputs[..]));
            linear_input_gradient(&layer, columns.clone(), rows, &delta, through, &mut gradient);
            let product =
                reference([rows, width, n], |i, p| delta[i * n + p], |p, j| weight[(columns.start + j) * n + p]);
            for (i, (found, product)) in gradient.iter().zip(product).enumerate() {
                let output = f64::from(outputs[i / width * k + columns.start + i % width]);
                let slope = match activation {
                    None => 1.0,
                    Some(Activation::Relu) => f64::from(u8::from(output > 0.0)),
                    Some(Activation::Tanh) => 1.0 - output * output,
                    Some(Activation::Elu) => 1.0 + output.min(0.0),
                    Some(Activation::Silu) => unreachable!("it is not among them"),
                };
                assert!((f64::from(*found) - product * slope).abs() < 1e-5, "{found} for {}", product * slope);
            }
        }
    }
}

#[test]
fn activations_and_slopes_are_those_of_double_precision() {
    let inputs: Vec<f32> = (-400..=400).map(|i| i as f32 * 0.25).collect();
    let exact = |activation, x: f64| match activation {
        Activation::Relu => (x.max(0.0), f64::from(u8::from(x > 0.0))),
        Activation::Tanh => (x.tanh(), 1.0 - x.tanh() * x.tanh()),
        Activation::Elu => (x.max(x.min(0.0).exp_m1()), x.min(0.0).exp()),
        Activation::Silu => {
            let sigmoid = 1.0 / (1.0 + (-x).exp());
            (x * sigmoid, sigmoid + x * sigmoid * (1.0 - sigmoid))
        }
    };
    for activation in [Activation::Relu, Activation::Tanh, Activation::Elu, Activation::Silu] {
        let (mut outputs, mut slopes) = (inputs.clone(), vec![1.0; inputs.len()]);
        activate(activation, &mut outputs);
        if activation.has_slope_of_value() {
            activation_gradient(activation, &outputs, &mut slopes);
        } else {
            let mut again = vec![f32::NAN; inputs.len()];
            silu(&inputs, &mut again);
            assert_eq!(again, outputs);
            silu_gradient(&inputs, &vec![1.0; inputs.len()], &mut slopes);
        }
        for ((&x, y), slope) in inputs.iter().zip(outputs).zip(slopes) {
            let (value, exact_slope) = exact(activation, x.into());
            assert!(
                (f64::from(y) - value).abs() <= 3e-7 * value.abs().max(1e-6),
                "{activation:?}({x}) = {y}, not {value}"
            );
            assert!(
                (f64::from(slope) - exact_slope).abs() <= 1e-6,
                "{activation:?}'({x}) = {slope}, not {exact_slope}"
            );
        }
    }
    // By hand: e⁻¹ − 1, and −1/(1 + e).
    let mut values = [-1.0_f32];
    activate(Activation::Elu, &mut values);
    assert!((values[0] + 0.632_120_55).abs() < 1e-7);
    values = [-1.0];
    activate(Activation::Silu, &mut values);
    assert!((values[0] + 0.268_941_43).abs() < 1e-7);
    for activation in [Activation::Relu, Activation::Tanh, Activation::Elu, Activation::Silu] {
        let mut nan = [f32::NAN];
        activate(activation, &mut nan);
        assert!(nan[0].is_nan(), "{activation:?}");
    }
}
