//! Tests of the kernels against burn's operations, on random shapes.
//!
//! "Agree" means: up to a tolerance relative to the largest number of the case. A gradient is a sum over the batch.
//! Where its terms cancel, its error is relative to the terms, not to the sum.

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use proptest::prelude::*;
use rand::{Rng, RngExt};

use super::{switched, without};
use crate::agent::adam::{Adam, AdamConfig, Moments};
use crate::env::Spaces;
use crate::nn::lab::TwoStreamCriticConfig;
use crate::nn::{
    Activation, Actor, Critic, GaussianActorConfig, Initialization, Mlp, MlpConfig, QNetworkConfig, StochasticActor,
};
use crate::objective::td_loss;
use crate::rng::{Seed, Stream};
use crate::space::BoxSpace;

/// For a sum of a few hundred products in single precision, in two orders.
const TOLERANCE: f32 = 5e-6;
/// The same after an exponential, which turns an absolute error into a relative one. Here it is the error of a log
/// standard deviation, which may be ten times as large as its terms.
const TOLERANCE_THROUGH_EXP: f32 = 5e-5;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.inner().try_into_vec_as().unwrap()
}

fn random(shape: [usize; 2], rng: &mut impl Rng, device: &Device) -> Tensor<2> {
    let values = (0..shape[0] * shape[1]).map(|_| rng.random_range(-1.5_f32..1.5)).collect();
    Tensor::from_data(TensorData::new::<f32, _>(values, shape), device)
}

/// The gradients of all parameters, in order.
struct Collect<'a>(&'a Gradients, Vec<Option<Vec<f32>>>);

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.1.push(param.val().grad(self.0).map(values));
    }
}

fn gradients_of<M: Module>(module: &M, gradients: &Gradients) -> Vec<Option<Vec<f32>>> {
    let mut collect = Collect(gradients, Vec::new());
    module.visit(&mut collect);
    collect.1
}

/// Runs `f` with and without kernels and compares every list of numbers.
fn compare(what: &str, f: impl Fn() -> Vec<Option<Vec<f32>>>) {
    compare_within(TOLERANCE, what, f);
}

fn compare_within(tolerance: f32, what: &str, f: impl Fn() -> Vec<Option<Vec<f32>>>) {
    compare_sums(tolerance, 1e-6, what, f);
}

/// As [`compare_within`], of numbers that are sums of terms with absolute values that add up to `terms`: an error is as large as the
/// terms make it, also where they cancel.
fn compare_sums(tolerance: f32, terms: f32, what: &str, f: impl Fn() -> Vec<Option<Vec<f32>>>) {
    let (fused, unfused) = (switched(true, &f), switched(false, &f));
    assert_eq!(fused.len(), unfused.len());
    let scale = unfused.iter().flatten().flatten().fold(terms, |scale: f32, x| scale.max(x.abs()));
    for (i, pair) in fused.iter().zip(&unfused).enumerate() {
        match pair {
            (Some(fused), Some(unfused)) => {
                assert_eq!(fused.len(), unfused.len(), "{what}, {i}");
                for (j, (a, b)) in fused.iter().zip(unfused).enumerate() {
                    assert!((a - b).abs() <= tolerance * scale, "{what}, {i}[{j}]: {a} fused, {b} unfused, of {scale}");
                }
            }
            (None, None) => (),
            _ => panic!("{what}, {i}: only one of the two has a gradient"),
        }
    }
}

fn spaces(observation: usize, action: usize) -> Spaces {
    let action = BoxSpace::new(vec![-2.0; action], (0..action).map(|i| 1.0 + i as f32).collect()).unwrap();
    Spaces::new(BoxSpace::unbounded(observation).unwrap(), action).unwrap()
}

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::Relu),
        Just(Activation::Tanh),
        Just(Activation::Elu),
        // There is no kernel, so both are burn's.
        Just(Activation::Silu)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_perceptron_and_its_gradients(
        rows in 1_usize..40,
        widths in prop::collection::vec(1_usize..70, 2..7),
        activation in activation(),
        features in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let device = crate::test_device();
        let mut rng = Seed(seed).stream(Stream::ActorWeights);
        let mlp = MlpConfig::new(widths.clone()).with_activation(activation).init(&mut rng, &device).unwrap().train();
        let input = random([rows, widths[0]], &mut rng, &device);
        let weights = random([rows, widths[widths.len() - 1]], &mut rng, &device);
        compare("perceptron", || {
            let input = input.clone().autodiff().require_grad();
            let output = if features { mlp.features(input.clone()) } else { mlp.forward(input.clone()) };
            let gradients = (output.clone() * weights.clone()).sum().backward();
            let mut all = gradients_of(&mlp, &gradients);
            all.extend([Some(values(output)), input.grad(&gradients).map(values)]);
            all
        });
        compare("perceptron off the tape", || vec![Some(values(mlp.valid().forward(input.clone())))]);
    }

    #[test]
    fn critics_pass_gradients_to_the_weights_or_to_the_action(
        rows in 1_usize..40,
        (observation, action) in (1_usize..6, 1_usize..4),
        hidden in prop::collection::vec(1_usize..70, 1..3),
        two_streams in any::<bool>(),
        seed in any::<u64>(),
    ) {
        fn both<C: Critic>(critic: &C, observations: &Tensor<2>, actions: &Tensor<2>, targets: &Tensor<2>) {
            compare("critic's loss", || {
                let loss = td_loss(critic.q_value(observations.clone(), actions.clone()), targets.clone());
                let mut all = vec![Some(values(loss.clone()))];
                all.extend(gradients_of(critic, &loss.backward()));
                all
            });
            // As in the actor's loss, the parameters of the critic are constants.
            let plain = critic.valid();
            compare("value of an action", || {
                let actions = actions.clone().autodiff().require_grad();
                let value = plain.q_value(observations.clone(), actions.clone());
                vec![Some(values(value.clone())), actions.grad(&value.mean().backward()).map(values)]
            });
        }
        let device = crate::test_device();
        let mut rng = Seed(seed).stream(Stream::CriticWeights);
        let spaces = spaces(observation, action);
        let [observations, actions, targets] =
            [observation, action, 1].map(|columns| random([rows, columns], &mut rng, &device));
        if two_streams {
            let config = TwoStreamCriticConfig::new().with_hidden_dims(hidden).with_observation_dims(vec![5, 9]);
            both(&config.init(&spaces, &mut rng, &device).unwrap().train(), &observations, &actions, &targets);
        } else {
            let config = QNetworkConfig::new().with_hidden_dims(hidden);
            both(&config.init(&spaces, &mut rng, &device).unwrap().train(), &observations, &actions, &targets);
        }
    }

    #[test]
    fn a_gaussian_policy_its_density_and_their_gradients(
        rows in 1_usize..40,
        (observation, action) in (1_usize..6, 1_usize..4),
        width in 1_usize..70,
        // Far enough to reach the clamp of the log standard deviation and the flat ends of tanh.
        scale in prop_oneof![Just(1.0_f32), Just(30.0)],
        seed in any::<u64>(),
    ) {
        let device = crate::test_device();
        let mut rng = Seed(seed).stream(Stream::ActorWeights);
        let config = GaussianActorConfig::new().with_hidden_dims(vec![width]);
        let actor = config.init(&spaces(observation, action), &mut rng, &device).unwrap().train();
        let observations = random([rows, observation], &mut rng, &device) * scale;
        let noise = random([rows, action], &mut rng, &device);
        let weights = random([rows, action], &mut rng, &device);
        compare_within(TOLERANCE_THROUGH_EXP, "sample", || {
            let sample = actor.sample(observations.clone(), noise.clone());
            let log_probs = sample.log_probs.unwrap();
            let loss = (sample.actions.clone() * weights.clone()).sum() + log_probs.clone().sum() * 0.3;
            let mut all = gradients_of(&actor, &loss.backward());
            all.extend([Some(values(sample.actions)), Some(values(log_probs))]);
            all
        });
        let greedy = actor.valid();
        let features = greedy.trunk.features(observations.clone());
        let terms = features.abs().matmul(greedy.mean.weight.val().abs());
        let terms = values(terms).into_iter().fold(1e-6, f32::max);
        compare_sums(TOLERANCE, terms, "greedy", || vec![Some(values(greedy.act(observations.clone())))]);
    }
}

#[test]
fn the_steps_of_adam_and_of_a_target_have_the_same_bits() {
    let device = crate::test_device();
    let run = || {
        let mut rng = Seed(3).stream(Stream::CriticWeights);
        let mlp = MlpConfig::new(vec![5, 33, 2]).init(&mut rng, &device).unwrap();
        let (mut target, mut mlp) = (mlp.valid(), mlp.train());
        let mut adam = Adam::new(1e-2, AdamConfig { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.1 });
        let mut moments = Moments::default();
        for _ in 0..5 {
            let output = without(|| mlp.forward(random([7, 5], &mut rng, &device)));
            let gradients = burn::optim::GradientsParams::from_grads(output.square().mean().backward(), &mlp);
            mlp = moments.step(mlp, gradients, adam.next_step()).0;
            target = crate::target::polyak_update(target, &mlp, 0.3).unwrap();
        }
        let mut all = Vec::new();
        for layer in mlp.layers.into_iter().chain(target.layers) {
            all.extend([values(layer.weight.val()), values(layer.bias.unwrap().val())]);
        }
        all
    };
    assert_eq!(switched(true, run), switched(false, run));
}

#[test]
fn without_holds_for_its_closure_and_this_thread_only() {
    let before = super::enabled();
    without(|| {
        assert!(!super::enabled());
        without(|| assert!(!super::enabled()));
        assert!(!super::enabled());
        assert_eq!(std::thread::spawn(super::enabled).join().unwrap(), before);
    });
    assert_eq!(super::enabled(), before);
    assert!(std::panic::catch_unwind(|| without(|| panic!("on purpose"))).is_err());
    assert_eq!(super::enabled(), before);
}

#[test]
fn layers_without_a_kernel_go_the_other_way() {
    let device = crate::test_device();
    let mut rng = Seed(0).stream(Stream::ActorWeights);
    let layer = |inputs, outputs, rng: &mut _| crate::nn::linear(inputs, outputs, Initialization::FanIn, rng, &device);
    let applies = |mlp: &Mlp, input: Tensor<2>| {
        let shape = super::MlpShape { activation: Activation::Relu, activate_last: false, heads: 1 };
        switched(true, || super::perceptron([input], mlp.layers.iter(), shape).is_ok())
    };
    let input = || Tensor::<2>::ones([2, 3], &device);
    let mut mlp = MlpConfig::new(vec![3, 4, 1]).init(&mut rng, &device).unwrap();
    assert!(applies(&mlp, input()));

    // More layers than the kernel takes.
    mlp.layers = (0..super::operation::MAX_LAYERS + 1).map(|_| layer(3, 3, &mut rng)).collect();
    assert!(!applies(&mlp, input()));
    assert_eq!(mlp.forward(input()).dims(), [2, 3]);

    // No rows.
    let empty = Tensor::<2>::zeros([0, 3], &device);
    mlp.layers = vec![layer(3, 4, &mut rng), layer(4, 1, &mut rng)];
    assert!(!applies(&mlp, empty));

    // A layer without bias.
    mlp.layers = vec![layer(3, 4, &mut rng), Linear { bias: None, ..layer(4, 1, &mut rng) }];
    assert!(!applies(&mlp, input()));
    assert_eq!(mlp.forward(input()).dims(), [2, 1]);
}

#[test]
#[should_panic(expected = "axis 1 expected 7, got 8")]
fn a_head_of_another_width_is_a_panic_and_not_a_wrong_number() {
    let device = crate::test_device();
    let mut rng = Seed(0).stream(Stream::ActorWeights);
    let trunk = MlpConfig::new(vec![3, 8]).init(&mut rng, &device).unwrap();
    let mut head = |inputs| crate::nn::linear(inputs, 1, Initialization::FanIn, &mut rng, &device);
    trunk.heads(Tensor::ones([2, 3], &device), [&head(8), &head(7)]);
}

#[test]
fn a_nan_is_not_lost_in_an_activation() {
    let device = crate::test_device();
    let mut rng = Seed(0).stream(Stream::ActorWeights);
    let mlp = MlpConfig::new(vec![2, 8, 1]).init(&mut rng, &device).unwrap();
    let output = mlp.forward(Tensor::from_data([[f32::NAN, 1.0]], &device));
    assert!(values(output)[0].is_nan());
}

#[test]
fn transposed_and_sliced_inputs_are_read_as_they_look() {
    let device = crate::test_device();
    let mut rng = Seed(0).stream(Stream::ActorWeights);
    let mlp = MlpConfig::new(vec![3, 8, 1]).init(&mut rng, &device).unwrap();
    let wide = random([3, 5], &mut rng, &device);
    compare("transposed", || vec![Some(values(mlp.forward(wide.clone().transpose())))]);
    let tall = random([5, 7], &mut rng, &device);
    compare("sliced", || vec![Some(values(mlp.forward(tall.clone().narrow(1, 2, 3).narrow(0, 1, 2))))]);
}
