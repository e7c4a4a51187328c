//! Flat networks and burn modules learn the same.

use std::collections::BTreeMap;

use super::batch_of;
use actor_critic::agent::{Agent, Metrics, NetworksConfig};
use actor_critic::fused;
use actor_critic::nn::lab::{ClippedNoiseConfig, TwoStreamCriticConfig};
use actor_critic::nn::{
    ActionUnits, Activation, CategoricalConfig, DeterministicActorConfig, GaussianActorConfig, QNetworkConfig,
    QuantilesConfig, Reduction, ValueHead,
};
use actor_critic::prelude::*;

use crate::state::State;

const ROWS: usize = 9;

fn spaces(axes: usize) -> Spaces {
    let (low, high) = (0..axes).map(|axis| (-1.0 - axis as f32, 0.5 + 2.0 * axis as f32)).unzip();
    Spaces::new(BoxSpace::unbounded(4).unwrap(), BoxSpace::new(low, high).unwrap()).unwrap()
}

fn batch(axes: usize) -> Batch {
    let column = |len: usize, shift: f32| (0..len).map(|i| (i as f32 * 0.7 + shift).sin()).collect::<Vec<f32>>();
    let terminated = (0..ROWS).map(|i| f32::from(u8::from(i % 4 == 3))).collect();
    let columns =
        [column(4 * ROWS, 0.0), column(axes * ROWS, 1.0), column(ROWS, 2.0), column(4 * ROWS, 3.0), terminated];
    batch_of(&columns, 0.97)
}

/// Every array of numbers in a state, by name.
fn numbers(state: &State) -> BTreeMap<String, Vec<f64>> {
    let read = |name: &str| {
        let shape = state.shape(name).ok()?.to_vec();
        let single = state.clone().take_array::<f32>(name, &shape);
        let numbers = single.map(|values| values.into_iter().map(f64::from).collect());
        numbers.or_else(|_| state.clone().take_array::<f64>(name, &shape)).ok()
    };
    state.names().filter_map(|name| Some((name.to_owned(), read(name)?))).collect()
}

/// Requires that both forms learn the same and save the same state, and that the flat form is in use.
#[track_caller]
fn learns_the_same<A: Agent + SaveState>(axes: usize, new: impl Fn() -> A) {
    let learned = |batch: &Batch| {
        let mut agent = new();
        let updates: Vec<_> = (0..4).map(|_| agent.update(batch).unwrap()).collect();
        let observation: Vec<f32> = batch.observations()[..4].to_vec();
        let actions = agent.act(&[&observation]).unwrap().concat();
        let metrics: Vec<f64> = updates.iter().flat_map(|update| update.metrics.values()).collect();
        (metrics, actions, numbers(&agent.save_state().unwrap()))
    };
    for batch in [batch(axes), batch(axes).with_weights((0..ROWS).map(|i| i as f32 * 0.3).collect()).unwrap()] {
        let (flat, module) = (learned(&batch), fused::without(|| learned(&batch)));
        let close = |what: &str, a: f64, b: f64| {
            assert!((a - b).abs() <= 2e-4 * (1e-2 + b.abs()), "{what}: {a} flat, {b} as a module");
        };
        flat.0.iter().zip(&module.0).for_each(|(a, b)| close("metric", *a, *b));
        flat.1.iter().zip(&module.1).for_each(|(a, b)| close("action", (*a).into(), (*b).into()));
        for (name, module) in &module.2 {
            assert_eq!(flat.2[name].len(), module.len(), "{name}");
            flat.2[name].iter().zip(module).for_each(|(a, b)| close(name, *a, *b));
        }
        // A module has no moments of a parameter that never had a gradient. In flat form they are 0.
        let more = flat.2.iter().filter(|(name, _)| !module.2.contains_key(*name));
        more.for_each(|(name, values)| assert!(values.iter().all(|value| *value == 0.0), "{name}: {values:?}"));
    }
}

#[test]
fn deterministic_policies_and_the_labs_critic() {
    let device = crate::test_device();
    for axes in [1, 3] {
        learns_the_same(axes, || {
            let (spaces, mut rng) = (spaces(axes), Seed(1).stream(Stream::ActorWeights));
            let actor = DeterministicActorConfig::new().with_hidden_dims(vec![20]).init(&spaces, &mut rng, &device);
            let critic = TwoStreamCriticConfig::new()
                .with_action_units(ActionUnits::Environment)
                .with_hidden_dims(vec![12, 9])
                .init(&spaces, &mut rng, &device);
            let config = DdpgConfig::new().with_max_gradient_norm(Some(0.5));
            Ddpg::new(actor.unwrap(), critic.unwrap(), &spaces, &config, &device, Seed(0)).unwrap()
        });
        learns_the_same(axes, || {
            let config = Td3Config::new().with_scale_rewards(true);
            config.init_with(&[20, 7], &spaces(axes), &device, Seed(0)).unwrap()
        });
    }
}

#[test]
fn a_gaussian_policy_and_any_number_of_critics() {
    let device = crate::test_device();
    let critics = |count: usize, activation: Activation, axes: usize| {
        let mut rng = Seed(2).stream(Stream::CriticWeights);
        let config = QNetworkConfig::new()
            .with_hidden_dims(vec![11, 8, 10])
            .with_activation(activation)
            .with_layer_norm(axes == 2);
        Ensemble::new((0..count).map(|_| config.init(&spaces(axes), &mut rng, &device).unwrap()).collect()).unwrap()
    };
    // With four axes or more, both heads together are wide enough for the other matrix product.
    for axes in [1, 2, 5] {
        learns_the_same(axes, || {
            let mut rng = Seed(1).stream(Stream::ActorWeights);
            let actor = GaussianActorConfig::new().with_hidden_dims(vec![20, 20]).with_activation(Activation::Tanh);
            let actor = actor.init(&spaces(axes), &mut rng, &device).unwrap();
            let config =
                SacConfig::new().with_target_reduction(Reduction::SmallestOf(2)).with_actor_reduction(Reduction::Mean);
            let critics = critics(5, Activation::Tanh, axes);
            Sac::new(actor, critics, &spaces(axes), &config, &device, Seed(0)).unwrap()
        });
        learns_the_same(axes, || SacConfig::new().init_with(&[20], &spaces(axes), &device, Seed(0)).unwrap());
        learns_the_same(axes, || {
            let mut rng = Seed(1).stream(Stream::ActorWeights);
            let actor = DeterministicActorConfig::new().init(&spaces(axes), &mut rng, &device).unwrap();
            let actor = ClippedNoiseConfig::new().init(actor).unwrap();
            let config = SacConfig::new().with_temperature(TemperatureConfig::Fixed(0.1)).with_policy_delay(2);
            Sac::new(actor, critics(1, Activation::Relu, axes), &spaces(axes), &config, &device, Seed(0)).unwrap()
        });
    }
}

#[test]
fn distributions_and_dropout() {
    let device = crate::test_device();
    for axes in [1, 3] {
        learns_the_same(axes, || SacConfig::tqc().init_with(&[12, 9], &spaces(axes), &device, Seed(0)).unwrap());
        let networks = NetworksConfig::new().with_critic_layer_norm(axes == 3).with_critic_dropout(0.3);
        learns_the_same(axes, || {
            let config = SacConfig::droq().with_networks(networks.clone()).with_policy_delay(2);
            config.init_with(&[12, 9], &spaces(axes), &device, Seed(0)).unwrap()
        });
        learns_the_same(axes, || {
            let head = ValueHead::Categorical(CategoricalConfig::new().with_range([-10.0, 10.0]).with_count(21));
            SacConfig::new().with_value_head(head).init_with(&[12, 9], &spaces(axes), &device, Seed(0)).unwrap()
        });
        let head = ValueHead::Quantiles(QuantilesConfig::new().with_count(7).with_dropped(3));
        learns_the_same(axes, || {
            let config = Td3Config::new().with_value_head(head).with_networks(networks.clone());
            config.init_with(&[12], &spaces(axes), &device, Seed(0)).unwrap()
        });
        learns_the_same(axes, || {
            let config = DdpgConfig::new().with_value_head(head).with_networks(networks.clone());
            config.init_with(&[12], &spaces(axes), &device, Seed(0)).unwrap()
        });
    }
}

#[test]
fn every_activation() {
    let device = crate::test_device();
    for activation in [Activation::Tanh, Activation::Elu, Activation::Silu] {
        let networks = NetworksConfig::new().with_hidden_dims(vec![12, 9]).with_activation(activation);
        learns_the_same(3, || {
            let config = DdpgConfig::new().with_networks(networks.clone());
            config.init(&spaces(3), &device, Seed(0)).unwrap()
        });
        let networks = networks.with_critic_layer_norm(true).with_critic_dropout(0.3);
        learns_the_same(2, || {
            let config = SacConfig::new().with_networks(networks.clone());
            config.init(&spaces(2), &device, Seed(0)).unwrap()
        });
        learns_the_same(1, || {
            let (spaces, mut rng) = (spaces(1), Seed(1).stream(Stream::ActorWeights));
            let actor = DeterministicActorConfig::new().with_hidden_dims(vec![20]).with_activation(activation);
            let actor = actor.init(&spaces, &mut rng, &device).unwrap();
            let critic = TwoStreamCriticConfig::new().with_hidden_dims(vec![12, 9]).with_activation(activation);
            let critic = critic.init(&spaces, &mut rng, &device).unwrap();
            Ddpg::new(actor, critic, &spaces, &DdpgConfig::new(), &device, Seed(0)).unwrap()
        });
    }
}

#[test]
fn residual_blocks() {
    let device = crate::test_device();
    for activation in [Activation::Relu, Activation::Tanh, Activation::Silu] {
        let networks = NetworksConfig::new()
            .with_hidden_dims(vec![7, 7])
            .with_activation(activation)
            .with_actor_residual(true)
            .with_critic_residual(true);
        learns_the_same(2, || {
            let config = SacConfig::tqc().with_networks(networks.clone());
            config.init(&spaces(2), &device, Seed(0)).unwrap()
        });
        learns_the_same(3, || {
            let config = Td3Config::new().with_networks(networks.clone()).with_reset_at(vec![3]);
            config.init(&spaces(3), &device, Seed(0)).unwrap()
        });
        let networks = networks.clone().with_actor_residual(false);
        learns_the_same(1, || {
            let config = DdpgConfig::new().with_networks(networks.clone()).with_max_gradient_norm(Some(0.5));
            config.init(&spaces(1), &device, Seed(0)).unwrap()
        });
    }
}

#[test]
fn a_gaussian_policy_without_noise_is_a_deterministic_one() {
    let device = crate::test_device();
    learns_the_same(2, || {
        let mut rng = Seed(1).stream(Stream::ActorWeights);
        let actor = GaussianActorConfig::new().with_hidden_dims(vec![20]).init(&spaces(2), &mut rng, &device).unwrap();
        let critic = QNetworkConfig::new().with_hidden_dims(vec![9]).init(&spaces(2), &mut rng, &device).unwrap();
        Ddpg::new(actor, critic, &spaces(2), &DdpgConfig::new(), &device, Seed(0)).unwrap()
    });
}
