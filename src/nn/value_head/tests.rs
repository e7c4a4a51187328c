use super::*;
use crate::matrix::{Buffer, Place};
use crate::objective::quantile_huber_loss;
use crate::rng::{Seed, Stream};
use rand::RngExt;

const CRITICS: usize = 3;
const ROWS: usize = 7;

fn quantiles(count: usize, dropped: usize) -> ValueHead {
    ValueHead::Quantiles(QuantilesConfig { count, dropped })
}

/// A matrix in host memory, and the same on the device.
fn both(values: &[f32], columns: usize) -> [Matrix; 2] {
    let device = crate::test_device();
    [true, false].map(|is_host| Place { device: device.clone(), is_host }.matrix(Buffer::copy_of(values), columns))
}

fn draw(numbers: usize, seed: u64) -> Vec<f32> {
    let mut rng = Seed(seed).stream(Stream::Update);
    (0..numbers).map(|_| rng.random_range(-3.0..3.0)).collect()
}

fn numbers(matrix: Matrix) -> Vec<f32> {
    matrix.into_values().unwrap().to_vec()
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
    assert!(found.iter().zip(expected).all(close), "{what}: {found:?} for {expected:?}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let text = |head: ValueHead| head.validate().unwrap_err().to_string();
    assert_eq!(text(quantiles(0, 0)), "number of quantiles must be at least 1, got 0");
    assert_eq!(
        text(quantiles(5, 5)),
        "dropped quantiles must be at most one less than the number of quantiles (4), got 5"
    );
    assert_eq!(quantiles(5, 4).validate(), Ok(()));
    assert_eq!(ValueHead::Scalar.validate(), Ok(()));
}

#[test]
fn the_quantile_loss_is_worked_by_hand() {
    // One quantile at 0 with level 1/2, and targets 2 and −1/2: 1/2 · 1 · (2 − 1/2) and 1/2 · (1/2)²/2.
    for (outputs, targets) in both(&[0.0], 1).into_iter().zip(both(&[2.0, -0.5], 2)) {
        let HeadLoss { loss, gradient, errors } = quantiles(1, 0).loss(outputs, &targets, None).unwrap();
        assert!((loss - (0.75 + 0.0625) / 2.0).abs() < 1e-7);
        assert_close("gradient", &numbers(gradient), &[-(0.5 * 1.0 + 0.5 * -0.5) / 2.0]);
        assert_close("errors", &numbers(errors), &[-0.75]);
    }
    // Two quantiles at 1: a target of 0 counts three times as much at level 1/4 as at level 3/4.
    let [outputs, _] = both(&[1.0, 1.0], 2);
    let [targets, _] = both(&[0.0], 1);
    let HeadLoss { gradient, .. } = quantiles(2, 0).loss(outputs, &targets, None).unwrap();
    assert_close("gradient", &numbers(gradient), &[0.75 / 2.0, 0.25 / 2.0]);
}

#[test]
fn losses_and_gradients_are_those_of_autodiff_on_host_and_device() {
    let device = crate::test_device();
    for (count, targets, weighted) in [(5, 7, false), (1, 1, true), (25, 46, true), (17, 100, false)] {
        let (outputs, targets) = (draw(ROWS * CRITICS * count, 1), (draw(ROWS * targets, 2), targets));
        let weights: Vec<f32> = draw(ROWS, 3).iter().map(|x| x.abs()).collect();
        let tensor = |values: &[f32], columns| {
            Place { device: device.clone(), is_host: false }.tensor(&both(values, columns)[1])
        };

        // Row by row, since burn's loss has no weights.
        let output = tensor(&outputs, CRITICS * count).autodiff().require_grad();
        let mut sum = Tensor::<1>::zeros([1], &device).autodiff();
        for (row, &weight) in weights.iter().enumerate() {
            let weight = if weighted { weight } else { 1.0 };
            for critic in 0..CRITICS {
                let of_critic = output.clone().narrow(0, row, 1).narrow(1, critic * count, count);
                let loss = quantile_huber_loss(of_critic, tensor(&targets.0, targets.1).narrow(0, row, 1).autodiff());
                sum = sum + loss * (weight / ROWS as f32);
            }
        }
        let expected: Vec<f32> = output.grad(&sum.backward()).unwrap().try_into_vec_as().unwrap();
        let expected_loss = f64::from(sum.into_scalar::<f32>()) / CRITICS as f64;

        let [weights_host, weights_device] = both(&weights, 1);
        let cases = both(&outputs, CRITICS * count).into_iter().zip(both(&targets.0, targets.1));
        for ((outputs, targets), weights) in cases.zip([weights_host, weights_device]) {
            let weights = weighted.then_some(&weights);
            let HeadLoss { loss, gradient, .. } = quantiles(count, 0).loss(outputs, &targets, weights).unwrap();
            assert!((loss - expected_loss).abs() < 1e-5 * expected_loss.max(1.0), "{loss} for {expected_loss}");
            assert_close("gradient", &numbers(gradient), &expected);
        }
    }
}

#[test]
fn the_value_is_the_mean_of_the_quantiles() {
    let gradient = both(&[1.0, 2.0, 3.0, 4.0], 2);
    for (outputs, gradient) in both(&[1.0, 3.0, 10.0, 20.0, -1.0, 1.0, 0.0, 0.5], 4).into_iter().zip(gradient) {
        let head = quantiles(2, 0);
        assert_close("values", &numbers(head.expectations(&outputs)), &[2.0, 15.0, 0.0, 0.25]);
        assert_close(
            "pull back",
            &numbers(head.pull_back(&outputs, gradient)),
            &[0.5, 0.5, 1.0, 1.0, 1.5, 1.5, 2.0, 2.0],
        );
    }
}

#[test]
fn next_values_are_of_the_smallest_critic_or_pooled_without_the_largest() {
    // Two critics with two quantiles and the means 2 and 1.5, then 0 and 4.
    let outputs = [1.0, 3.0, 0.0, 3.5, -1.0, 1.0, 3.0, 5.0];
    let cases: [(Reduction, usize, &[f32]); 4] = [
        (Reduction::Minimum, 0, &[0.0, 3.5, -1.0, 1.0]),
        (Reduction::SmallestOf(2), 1, &[0.0, -1.0]),
        (Reduction::Mean, 0, &[0.0, 1.0, 3.0, 3.5, -1.0, 1.0, 3.0, 5.0]),
        (Reduction::Mean, 1, &[0.0, 1.0, -1.0, 1.0]),
    ];
    for (reduction, dropped, expected) in cases {
        for outputs in both(&outputs, 4) {
            let mut found = numbers(quantiles(2, dropped).next_values(&reduction, outputs));
            // The order within a row does not matter.
            let columns = found.len() / 2;
            found.chunks_mut(columns).for_each(|row| row.sort_by(f32::total_cmp));
            assert_close(&format!("{reduction:?} {dropped}"), &found, expected);
        }
    }
}

#[test]
fn a_scalar_head_is_reduced_as_it_is() {
    for outputs in both(&[1.0, 3.0, -1.0, -2.0], 2) {
        let head = ValueHead::Scalar;
        assert_close("minimum", &numbers(head.next_values(&Reduction::Minimum, outputs.clone())), &[1.0, -2.0]);
        assert_close("mean", &numbers(head.next_values(&Reduction::Mean, outputs)), &[2.0, -1.5]);
    }
}

fn categorical(count: usize, smoothing: f64) -> CategoricalConfig {
    CategoricalConfig { range: [-2.0, 4.0], count, smoothing }
}

#[test]
fn a_grid_out_of_range_is_refused() {
    let text = |config: CategoricalConfig| ValueHead::Categorical(config).validate().unwrap_err().to_string();
    let config = CategoricalConfig::new();
    assert_eq!(ValueHead::Categorical(config).validate(), Ok(()));
    assert_eq!(text(config.with_count(1)), "number of returns must be at least 2, got 1");
    assert_eq!(text(config.with_smoothing(-1.0)), "smoothing must be at least 0 and finite, got -1");
    assert_eq!(text(config.with_range([f64::NAN, 1.0])), "the smallest return must be finite, got NaN");
    assert_eq!(text(config.with_range([3.0, 2.0])), "the largest return must be at least 3e0, got 2e0");
}

#[test]
fn two_hot_targets_and_their_loss_are_worked_by_hand() {
    // The grid −2, 0, 2, 4; 0.5 is three quarters at 0 and a quarter at 2, and 9 counts as 4. All logits equal: p =
    // 1/4, Q = 1.
    let head = ValueHead::Categorical(categorical(4, 0.0));
    for (outputs, targets) in both(&[0.7; 8], 4).into_iter().zip(both(&[0.5, 9.0], 1)) {
        assert_close("values", &numbers(head.expectations(&outputs)), &[1.0, 1.0]);
        let HeadLoss { loss, gradient, errors } = head.loss(outputs, &targets, None).unwrap();
        assert!((loss - 4.0_f64.ln()).abs() < 1e-6, "{loss}");
        assert_close("gradient", &numbers(gradient), &[0.125, -0.25, 0.0, 0.125, 0.125, 0.125, 0.125, -0.375]);
        assert_close("errors", &numbers(errors), &[0.5, -8.0]);
    }
}

#[test]
fn a_smoothed_target_has_the_mass_of_a_gaussian_in_each_cell() {
    // σ is 0.5 cells of 2; around 0, one cell is ±1σ, 68.27 %.
    let mut cells = [0.0; 4];
    categorical(4, 0.5).spread(0.0, &mut cells);
    let sum = 0.998_650_1; // of what lies below 5σ and above −3σ
    assert_close("cells", &cells, &[0.157_305_4 / sum, 0.682_689_5 / sum, 0.157_305_4 / sum, 0.001_349_6 / sum]);
}

#[test]
fn losses_and_gradients_of_categories_are_those_of_autodiff_on_host_and_device() {
    let device = crate::test_device();
    for (count, smoothing, weighted) in [(4, 0.0, false), (21, 0.75, true), (101, 0.75, false)] {
        let config = categorical(count, smoothing);
        let head = ValueHead::Categorical(config);
        let (outputs, targets) = (draw(ROWS * CRITICS * count, 1), draw(ROWS, 2));
        let weights: Vec<f32> = draw(ROWS, 3).iter().map(|x| x.abs()).collect();
        let of_means = draw(ROWS * CRITICS, 4);
        let tensor = |values: &[f32], shape: [usize; 3]| {
            Tensor::<3>::from_data(burn::tensor::TensorData::new(values.to_vec(), shape), &device).autodiff()
        };
        let mut spread = vec![0.0; ROWS * count];
        spread.chunks_mut(count).zip(&targets).for_each(|(to, &target)| config.spread(target, to));
        let grid: Vec<f32> = (0..count).map(|k| -2.0 + 6.0 * k as f32 / (count - 1) as f32).collect();

        // burn's graph allows one backward pass.
        let logits = || tensor(&outputs, [ROWS, CRITICS, count]).require_grad();
        let (first, second) = (logits(), logits());
        let [log_probabilities, others] =
            [&first, &second].map(|logits| burn::tensor::activation::log_softmax(logits.clone(), 2));
        let used = if weighted { weights.clone() } else { vec![1.0; ROWS] };
        let sum = -(log_probabilities * tensor(&spread, [ROWS, 1, count]) * tensor(&used, [ROWS, 1, 1])).sum();
        let expected: Vec<f32> = gradient_of(&first, &sum.clone().backward());
        let expected_loss = f64::from(sum.into_scalar::<f32>()) / (ROWS * CRITICS) as f64;
        let means = others.exp() * tensor(&grid, [1, 1, count]) * tensor(&of_means, [ROWS, CRITICS, 1]);
        let of_logits: Vec<f32> = gradient_of(&second, &means.sum().backward());

        let [weights_host, weights_device] = both(&weights, 1);
        let cases = both(&outputs, CRITICS * count).into_iter().zip(both(&targets, 1));
        let cases = cases.zip([weights_host, weights_device]).zip(both(&of_means, CRITICS));
        for (((outputs, targets), weights), of_means) in cases {
            assert_close("pull back", &numbers(head.pull_back(&outputs, of_means)), &of_logits);
            let HeadLoss { loss, gradient, .. } = head.loss(outputs, &targets, weighted.then_some(&weights)).unwrap();
            assert!((loss - expected_loss).abs() < 1e-5 * expected_loss.max(1.0), "{loss} for {expected_loss}");
            let scaled: Vec<f32> = numbers(gradient).iter().map(|x| x * ROWS as f32).collect();
            assert_close("gradient", &scaled, &expected);
        }
    }
}

fn gradient_of(tensor: &Tensor<3>, gradients: &burn::tensor::Gradients) -> Vec<f32> {
    tensor.grad(gradients).unwrap().try_into_vec_as().unwrap()
}

#[test]
fn next_values_of_categories_are_reduced_means() {
    let config = categorical(2, 0.0);
    // Two critics with the probabilities 1/2, 1/2 and almost 0, 1 for −2 and 4.
    for outputs in both(&[0.0, 0.0, -20.0, 20.0], 4) {
        let head = ValueHead::Categorical(config);
        assert_close("minimum", &numbers(head.next_values(&Reduction::Minimum, outputs.clone())), &[1.0]);
        assert_close("mean", &numbers(head.next_values(&Reduction::Mean, outputs)), &[2.5]);
    }
}
