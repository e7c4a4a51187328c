//! Delays, copied targets and activations equal PyTorch's, update by update.

use super::super::learner::Gradients;
use super::parity_tqc::{batch, spaces};
use super::read;
use crate::fixture::{self, Array, assert_gradients, assert_parameters, assert_relative, layers, number, numbers};
use actor_critic::agent::Agent;
use actor_critic::burn::nn::Linear;
use actor_critic::nn::{Activation, DeterministicActor, DeterministicActorConfig, QNetwork, QNetworkConfig};
use actor_critic::prelude::*;
use serde_json::Value;

const LAYERS: [&str; 3] = ["l1", "l2", "out"];

fn named(layers: &[Linear]) -> Vec<(&'static str, &Linear)> {
    LAYERS.into_iter().zip(layers).collect()
}

fn silu_actor(config: &Value, weights: &Value, device: &Device) -> DeterministicActor {
    let mut actor = DeterministicActorConfig::new()
        .with_hidden_dims(vec![number(&config["hidden"]) as usize; 2])
        .with_activation(Activation::Silu)
        .init(&spaces(config), &mut Seed(0).stream(Stream::ActorWeights), device)
        .unwrap();
    actor.trunk.layers = layers(weights, &LAYERS, device);
    actor
}

fn elu_critic(config: &Value, weights: &Value, device: &Device) -> QNetwork {
    let mut critic = QNetworkConfig::new()
        .with_hidden_dims(vec![number(&config["hidden"]) as usize; 2])
        .with_activation(Activation::Elu)
        .init(&spaces(config), &mut Seed(0).stream(Stream::CriticWeights), device)
        .unwrap();
    critic.trunk.layers = layers(weights, &LAYERS, device);
    critic
}

#[test]
fn a_delayed_actor_and_copied_targets_learn_as_pytorchs() {
    for device in fixture::devices() {
        let fixture = &fixture::read("parts.json")["delayed"];
        let (config, initial, last) = (&fixture["config"], &fixture["initial"], &fixture["final"]);
        let count = |name: &str| number(&config[name]) as usize;
        let settings = DdpgConfig::new()
            .with_discount(number(&config["gamma"]))
            .with_tau(1.0)
            .with_target_update_interval(count("target_update_interval"))
            .with_policy_delay(count("policy_delay"))
            .with_adam_betas(numbers(&config["betas"]).try_into().unwrap())
            .with_actor_learning_rate(number(&config["lr"]))
            .with_critic_learning_rate(number(&config["lr"]))
            .with_normalize_observations(false);
        let (actor, critic) =
            (silu_actor(config, &initial["actor"], &device), elu_critic(config, &initial["critic"], &device));
        let mut agent = Ddpg::new(actor, critic, &spaces(config), &settings, &device, Seed(0)).unwrap();

        let mut actor_loss = 0.0;
        for (i, step) in fixture["steps"].as_array().unwrap().iter().enumerate() {
            let batch = batch(&step["batch"], settings.discount);
            let inside = agent.core.boundary.inside(&batch);
            let targets = agent.targets(&inside);
            assert_relative(&format!("step {i}, targets"), &read(targets.clone()), &Array::of(&step["target"]).data);
            let gradients = agent.core.critic_gradient(&inside, &targets).unwrap().gradients;
            let of_critic = |id| gradients.of(&agent.core.critics, id);
            let critic = named(&agent.critic().trunk.layers);
            assert_gradients(&format!("step {i}, critic"), &critic, of_critic, &step["critic_grads"]);
            let metrics = agent.update(&batch).unwrap().metrics;
            assert_relative("critic loss", &[metrics.critic_loss], &[number(&step["critic_loss"])]);
            if let Some(loss) = step.get("actor_loss") {
                actor_loss = number(loss);
                if agent.core.actor.flat().is_some() {
                    let of_actor = |id| Gradients::Flat.of(&agent.core.actor, id);
                    let actor = named(&agent.actor().trunk.layers);
                    assert_gradients(&format!("step {i}, actor"), &actor, of_actor, &step["actor_grads"]);
                }
            }
            assert!((metrics.actor_loss - actor_loss).abs() <= 1e-5, "{} for {actor_loss}", metrics.actor_loss);
        }
        assert_parameters("actor", &named(&agent.actor().trunk.layers), &last["actor"]);
        assert_parameters("critic", &named(&agent.critic().trunk.layers), &last["critic"]);
        assert_parameters("target actor", &named(&agent.target_actor().trunk.layers), &last["target_actor"]);
        assert_parameters("target critic", &named(&agent.target_critic().trunk.layers), &last["target_critic"]);
    }
}
