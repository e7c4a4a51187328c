//! Delays, copied targets, activations and residual blocks equal PyTorch's, update by update.

use super::super::learner::Gradients;
use super::parity_tqc::{batch, expected, spaces};
use super::read;
use crate::fixture::{
    self, Array, assert_gradient, assert_gradients, assert_parameters, assert_relative, assert_weights, layers, matrix,
    number, numbers, values,
};
use actor_critic::agent::Agent;
use actor_critic::burn::module::{Param, ParamId};
use actor_critic::burn::nn::{LayerNorm, Linear};
use actor_critic::nn::{
    Activation, DeterministicActor, DeterministicActorConfig, GaussianActor, GaussianActorConfig, Mlp, QNetwork,
    QNetworkConfig,
};
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

fn blocks(config: &Value) -> Vec<usize> {
    vec![number(&config["width"]) as usize; number(&config["blocks"]) as usize]
}

fn norm(norm: &mut LayerNorm, weights: &Value, name: &str, device: &Device) {
    let part = |part: &str| Array::of(&weights[format!("{name}.{part}")]).tensor::<1>(device);
    norm.gamma = Param::from_tensor(part("weight"));
    norm.beta = Some(Param::from_tensor(part("bias")));
}

/// Gives residual blocks PyTorch's weights. The layers after the blocks are the last of `layers`.
fn load_trunk(trunk: &mut Mlp, last: &[&str], weights: &Value, device: &Device) {
    trunk.layers = layers(weights, &[&["trunk.input"], last].concat(), device);
    norm(&mut trunk.norms[0], weights, "trunk.norm", device);
    for (i, block) in trunk.blocks.iter_mut().enumerate() {
        norm(&mut block.norm, weights, &format!("trunk.blocks.{i}.norm"), device);
        block.expand = fixture::linear(weights, &format!("trunk.blocks.{i}.expand"), device);
        block.contract = fixture::linear(weights, &format!("trunk.blocks.{i}.contract"), device);
    }
}

fn residual_critic(config: &Value, weights: &Value, device: &Device) -> QNetwork {
    let settings = QNetworkConfig::new().with_hidden_dims(blocks(config)).with_residual(true);
    let critic = settings.init(&spaces(config), &mut Seed(0).stream(Stream::CriticWeights), device);
    let mut critic = critic.unwrap();
    load_trunk(&mut critic.trunk, &["out"], weights, device);
    critic
}

fn residual_actor(config: &Value, weights: &Value, device: &Device) -> GaussianActor {
    let settings = GaussianActorConfig::new().with_hidden_dims(blocks(config)).with_residual(true);
    let mut actor = settings.init(&spaces(config), &mut Seed(0).stream(Stream::ActorWeights), device).unwrap();
    load_trunk(&mut actor.trunk, &[], weights, device);
    actor.mean = fixture::linear(weights, "mean", device);
    actor.log_std = fixture::linear(weights, "log_std", device);
    actor
}

/// The parameters of residual blocks and of the layers after them, by PyTorch's names.
fn parameters(trunk: &Mlp, after: &[(&str, &Linear)]) -> Vec<(String, ParamId, Vec<f64>)> {
    let mut linears = vec![("trunk.input".to_owned(), &trunk.layers[0])];
    linears.extend(after.iter().map(|(name, layer)| ((*name).to_owned(), *layer)));
    let mut norms = vec![("trunk.norm".to_owned(), &trunk.norms[0])];
    for (i, block) in trunk.blocks.iter().enumerate() {
        let name = |part: &str| format!("trunk.blocks.{i}.{part}");
        norms.push((name("norm"), &block.norm));
        linears.extend([(name("expand"), &block.expand), (name("contract"), &block.contract)]);
    }
    let mut all = Vec::new();
    for (name, layer) in linears {
        let bias = layer.bias.as_ref().unwrap();
        all.push((format!("{name}.weight"), layer.weight.id, values(layer.weight.val())));
        all.push((format!("{name}.bias"), bias.id, values(bias.val())));
    }
    for (name, norm) in norms {
        let beta = norm.beta.as_ref().unwrap();
        all.push((format!("{name}.weight"), norm.gamma.id, values(norm.gamma.val())));
        all.push((format!("{name}.bias"), beta.id, values(beta.val())));
    }
    all
}

fn of_critic(critic: &QNetwork) -> Vec<(String, ParamId, Vec<f64>)> {
    parameters(&critic.trunk, &[("out", &critic.trunk.layers[1])])
}

fn of_actor(actor: &GaussianActor) -> Vec<(String, ParamId, Vec<f64>)> {
    parameters(&actor.trunk, &[("mean", &actor.mean), ("log_std", &actor.log_std)])
}

#[test]
fn residual_blocks_learn_as_pytorchs() {
    for device in fixture::devices() {
        let fixture = &fixture::read("parts.json")["residual"];
        let (config, initial, last) = (&fixture["config"], &fixture["initial"], &fixture["final"]);
        let settings = SacConfig::new()
            .with_discount(number(&config["gamma"]))
            .with_tau(number(&config["tau"]))
            .with_actor_learning_rate(number(&config["lr"]))
            .with_critic_learning_rate(number(&config["lr"]))
            .with_weight_decay(number(&config["weight_decay"]))
            .with_temperature(TemperatureConfig::Fixed(number(&config["alpha"])))
            .with_normalize_observations(false);
        let critics = initial["critics"].as_array().unwrap();
        let critics = critics.iter().map(|weights| residual_critic(config, weights, &device)).collect();
        let policy = residual_actor(config, &initial["actor"], &device);
        let critics = Ensemble::new(critics).unwrap();
        let mut agent = Sac::new(policy, critics, &spaces(config), &settings, &device, Seed(0)).unwrap();

        for (i, step) in fixture["steps"].as_array().unwrap().iter().enumerate() {
            let noise = |name: &str| agent.core.boundary.place.take(matrix(&step["batch"][name], &device));
            let (noise, next_noise) = (noise("noise"), noise("next_noise"));
            let inside = agent.core.boundary.inside(&batch(&step["batch"], settings.discount));

            let targets = agent.targets(&inside, &next_noise);
            assert_relative("targets", &read(targets.clone()), &Array::of(&step["target"]).data);
            let gradients = agent.core.critic_gradient(&inside, &targets).unwrap().gradients;
            for (j, critic) in agent.critics().critics.iter().enumerate() {
                for (name, id, _) in of_critic(critic) {
                    let found = gradients.of(&agent.core.critics, id);
                    let wanted = expected(&step["critic_grads"][j], &name);
                    assert_gradient(&format!("step {i}, critic {j}, {name}"), &found, &wanted);
                }
            }
            let metrics = agent.learn_with(&inside, &next_noise, &noise).unwrap().metrics;
            let losses = numbers(&step["critic_losses"]);
            assert_relative("critic loss", &[metrics.critic_loss], &[losses.iter().sum::<f64>() / losses.len() as f64]);
            let actor_loss = number(&step["actor_loss"]);
            assert!((metrics.actor_loss - actor_loss).abs() <= 1e-5, "{} for {actor_loss}", metrics.actor_loss);
            if agent.core.actor.flat().is_some() {
                for (name, id, _) in of_actor(agent.actor()) {
                    let found = Gradients::Flat.of(&agent.core.actor, id);
                    assert_gradient(
                        &format!("step {i}, actor, {name}"),
                        &found,
                        &expected(&step["actor_grads"], &name),
                    );
                }
            }
        }
        for (name, _, found) in of_actor(agent.actor()) {
            assert_weights(&format!("actor {name}"), &found, &expected(&last["actor"], &name));
        }
        for (what, ensemble) in [("critics", agent.critics()), ("critic_targets", agent.target_critics())] {
            for (j, critic) in ensemble.critics.iter().enumerate() {
                for (name, _, found) in of_critic(critic) {
                    assert_weights(&format!("{what} {j} {name}"), &found, &expected(&last[what][j], &name));
                }
            }
        }
    }
}
