//! Policies of every kind that can be exported, and observations for them.

use burn::module::Param;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::boundary::Normalization;
use crate::env::Spaces;
use crate::nn::lab::ClippedNoiseConfig;
use crate::nn::{Activation, DeterministicActorConfig, GaussianActorConfig, Mlp};
use crate::policy::{Act, Policy};
use crate::rng::{Seed, Stream};
use crate::space::BoxSpace;

/// A policy with its name, which is one of C, Rust and the file system.
pub(in crate::policy::export) struct Kind {
    pub(in crate::policy::export) name: &'static str,
    pub(in crate::policy::export) policy: Policy,
    /// How far an action may be from the policy's, in half-ranges.
    pub(in crate::policy::export) bar: f64,
}

impl Kind {
    fn new(name: &'static str, policy: Policy) -> Self {
        Self { name, policy, bar: 1e-6 }
    }

    /// Draws observations, row by row.
    pub(in crate::policy::export) fn observations(&self, rows: usize) -> Vec<f32> {
        let mut rng = Seed(1).stream(Stream::Exploration);
        let axes = self.policy.spaces().observation().dim();
        let mut draw = |axis: usize| {
            let normal: f32 = StandardNormal.sample(&mut rng);
            self.policy.normalization().map_or(normal, |map| map.mean()[axis] + normal / map.scale()[axis])
        };
        (0..rows * axes).map(|i| draw(i % axes)).collect()
    }

    /// Returns the actions for observations, row by row.
    pub(in crate::policy::export) fn actions(&self, observations: &[f32]) -> Vec<f32> {
        let axes = self.policy.spaces().observation().dim();
        let observations: Vec<_> = observations.chunks_exact(axes).collect();
        self.policy.act(&observations).unwrap().concat()
    }

    /// Requires actions to be those of the policy to within the bar, and says how near they are.
    pub(in crate::policy::export) fn compare(&self, what: &str, actions: &[f32], expected: &[f32]) {
        assert_eq!(actions.len(), expected.len(), "{} in {what}", self.name);
        let half_range = self.policy.spaces().action().half_range();
        let difference = |i: usize| {
            (f64::from(actions[i]) - f64::from(expected[i])).abs() / f64::from(half_range[i % half_range.len()])
        };
        let differences = (0..actions.len()).map(difference);
        let largest = differences.fold(0.0, |largest: f64, x| if x <= largest { largest } else { x });
        println!("{} in {what}: {} actions, largest difference {largest:.1e} half-ranges", self.name, actions.len());
        assert!(largest <= self.bar, "{} in {what} differs by {largest:.1e} half-ranges", self.name);
    }
}

/// Two axes with unequal bounds, one of them on one side of zero.
fn uneven() -> BoxSpace {
    BoxSpace::new(vec![0.0, 40.0], vec![0.3, 50.0]).unwrap()
}

pub(in crate::policy::export) fn spaces(observations: usize, action: BoxSpace) -> Spaces {
    Spaces::new(BoxSpace::unbounded(observations).unwrap(), action).unwrap()
}

/// Normalises every hidden layer, with scales and offsets that are not those of the beginning.
fn with_layer_norm(mut trunk: Mlp, hidden: usize, rng: &mut impl Rng, device: &Device) -> Mlp {
    let mut norm = |width: usize| -> LayerNorm {
        let mut draw = |around: f32| -> Vec<f32> { (0..width).map(|_| around + rng.random_range(-0.5..0.5)).collect() };
        let (gamma, beta) = (draw(1.0), draw(0.0));
        let mut norm = LayerNormConfig::new(width).init(device);
        norm.gamma = Param::from_tensor(Tensor::from_data(gamma.as_slice(), device));
        norm.beta = Some(Param::from_tensor(Tensor::from_data(beta.as_slice(), device)));
        norm
    };
    trunk.norms = trunk.layers[..hidden].iter().map(|layer| norm(layer.weight.dims()[1])).collect();
    trunk
}

fn deterministic(name: &'static str, spaces: &Spaces, hidden: &[usize], activation: Activation) -> Kind {
    let (device, mut rng) = (crate::test_device(), Seed(2).stream(Stream::ActorWeights));
    let config = DeterministicActorConfig::new().with_hidden_dims(hidden.to_vec()).with_activation(activation);
    let actor = config.init(spaces, &mut rng, &device).unwrap();
    Kind::new(name, Policy::new(actor, spaces, &device).unwrap())
}

fn gaussian(name: &'static str, spaces: &Spaces, hidden: &[usize], activation: Activation, layer_norm: bool) -> Kind {
    let (device, mut rng) = (crate::test_device(), Seed(3).stream(Stream::ActorWeights));
    let config = GaussianActorConfig::new().with_hidden_dims(hidden.to_vec()).with_activation(activation);
    let mut actor = config.init(spaces, &mut rng, &device).unwrap();
    if layer_norm {
        actor.trunk = with_layer_norm(actor.trunk, hidden.len(), &mut rng, &device);
    }
    Kind::new(name, Policy::new(actor, spaces, &device).unwrap())
}

/// Residual blocks, whose normalisations are as they begin.
fn residual(spaces: &Spaces) -> [Kind; 2] {
    let (device, mut rng) = (crate::test_device(), Seed(5).stream(Stream::ActorWeights));
    let config = GaussianActorConfig::new().with_hidden_dims(vec![12, 12]).with_residual(true);
    let gaussian = config.init(spaces, &mut rng, &device).unwrap();
    let config = DeterministicActorConfig::new().with_hidden_dims(vec![12]).with_residual(true);
    let deterministic = config.with_activation(Activation::Silu).init(spaces, &mut rng, &device).unwrap();
    [
        Kind::new("residual_gaussian", Policy::new(gaussian, spaces, &device).unwrap()),
        Kind::new("residual_silu", Policy::new(deterministic, spaces, &device).unwrap()),
    ]
}

/// Makes a policy see observations around 1,000 through a normalisation.
fn normalized(kind: Kind) -> Kind {
    let axes = kind.policy.spaces().observation().dim();
    let (mean, scale) = ((0..axes).map(|i| 1000.0 - i as f32).collect(), (0..axes).map(|i| 0.5 + i as f32).collect());
    let policy = kind.policy.with_normalization(Some(Normalization::new(mean, scale)));
    Kind { policy, ..kind }
}

/// Returns policies that differ in all that an exporter has to treat.
pub(in crate::policy::export) fn all() -> Vec<Kind> {
    let symmetric = |axes| BoxSpace::symmetric(2.0, axes).unwrap();
    let (device, mut rng) = (crate::test_device(), Seed(4).stream(Stream::ActorWeights));
    let noisy_spaces = spaces(3, uneven());
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![20, 17]);
    let mut actor = actor.init(&noisy_spaces, &mut rng, &device).unwrap();
    actor.trunk = with_layer_norm(actor.trunk, 2, &mut rng, &device);
    let noisy = ClippedNoiseConfig::new().init(actor).unwrap();
    let noisy = Policy::new(noisy, &noisy_spaces, &device).unwrap();
    let [residual_gaussian, residual_silu] = residual(&noisy_spaces);
    vec![
        residual_gaussian,
        residual_silu,
        gaussian("gaussian_64", &spaces(3, symmetric(1)), &[64, 64], Activation::Relu, false),
        deterministic("deterministic_64", &spaces(17, uneven()), &[64, 64], Activation::Relu),
        deterministic("no_hidden_layer", &spaces(1, symmetric(1)), &[], Activation::Relu),
        deterministic("tanh_layers", &spaces(5, uneven()), &[33, 7], Activation::Tanh),
        gaussian("one_observation", &spaces(1, symmetric(8)), &[16], Activation::Tanh, true),
        gaussian("many_observations", &spaces(400, symmetric(8)), &[32, 16], Activation::Relu, false),
        // Of 400 observations, layer normalisation makes more of the rounding: the policy is 1.3e-6 from double precision itself.
        Kind {
            bar: 2e-6,
            ..gaussian("many_layer_norm", &spaces(400, symmetric(8)), &[32, 16], Activation::Relu, true)
        },
        normalized(gaussian("normalized", &spaces(4, uneven()), &[64, 64], Activation::Relu, false)),
        deterministic("elu_layers", &spaces(3, uneven()), &[33, 7], Activation::Elu),
        gaussian("silu_layers", &spaces(3, uneven()), &[33, 7], Activation::Silu, false),
        gaussian("silu_layer_norm", &spaces(2, symmetric(1)), &[16], Activation::Silu, true),
        normalized(gaussian("large_silu", &spaces(2, symmetric(1)), &[16], Activation::Silu, false)),
        normalized(deterministic("normalized_tanh", &spaces(2, uneven()), &[64], Activation::Tanh)),
        Kind::new("clipped_noise", noisy),
    ]
}
