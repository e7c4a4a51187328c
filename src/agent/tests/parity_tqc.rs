//! Critics with layer normalisation, dropout and quantiles equal PyTorch's: in three updates, and in a pass with a
//! given mask.

use super::super::learner::Gradients;
use super::{batch_of, read};
use crate::fixture::{self, Array, assert_gradient, assert_relative, assert_weights, layers, matrix, number, values};
use crate::fused::{Flat, FlatLearner, Members};
use crate::matrix::{Buffer, HostMatrix, Matrix};
use actor_critic::agent::{LearnedTemperatureConfig, TemperatureConfig};
use actor_critic::burn::module::{Param, ParamId};
use actor_critic::nn::{
    Critic, GaussianActor, GaussianActorConfig, QNetwork, QNetworkConfig, QuantilesConfig, Reduction, ValueHead,
};
use actor_critic::prelude::*;
use serde_json::Value;

pub(super) fn spaces(config: &Value) -> Spaces {
    let dim = |name: &str| number(&config[name]) as usize;
    let observation = BoxSpace::unbounded(dim("obs")).unwrap();
    Spaces::new(observation, BoxSpace::symmetric(1.0, dim("act")).unwrap()).unwrap()
}

fn critic(config: &Value, weights: &Value, dropout: f64, device: &Device) -> QNetwork {
    let mut critic = QNetworkConfig::new()
        .with_hidden_dims(vec![number(&config["hidden"]) as usize; 2])
        .with_layer_norm(true)
        .with_dropout(dropout)
        .with_value_dim(number(&config["quantiles"]) as usize)
        .init(&spaces(config), &mut Seed(0).stream(Stream::CriticWeights), device)
        .unwrap();
    critic.trunk.layers = layers(weights, &["l1", "l2", "out"], device);
    for (norm, name) in critic.trunk.norms.iter_mut().zip(["n1", "n2"]) {
        let part = |part: &str| Array::of(&weights[format!("{name}.{part}")]).tensor::<1>(device);
        norm.gamma = Param::from_tensor(part("weight"));
        norm.beta = Some(Param::from_tensor(part("bias")));
    }
    critic
}

fn actor(config: &Value, weights: &Value, device: &Device) -> GaussianActor {
    let mut actor = GaussianActorConfig::new()
        .with_hidden_dims(vec![number(&config["hidden"]) as usize; 2])
        .init(&spaces(config), &mut Seed(0).stream(Stream::ActorWeights), device)
        .unwrap();
    actor.trunk.layers = layers(weights, &["l1", "l2"], device);
    actor.mean = fixture::linear(weights, "mean", device);
    actor.log_std = fixture::linear(weights, "log_std", device);
    actor
}

/// The parameters of a critic by PyTorch's names.
fn parameters(critic: &QNetwork) -> Vec<(String, ParamId, Vec<f64>)> {
    let mut all = Vec::new();
    for (layer, name) in critic.trunk.layers.iter().zip(["l1", "l2", "out"]) {
        let bias = layer.bias.as_ref().unwrap();
        all.push((format!("{name}.weight"), layer.weight.id, values(layer.weight.val())));
        all.push((format!("{name}.bias"), bias.id, values(bias.val())));
    }
    for (norm, name) in critic.trunk.norms.iter().zip(["n1", "n2"]) {
        let beta = norm.beta.as_ref().unwrap();
        all.push((format!("{name}.weight"), norm.gamma.id, values(norm.gamma.val())));
        all.push((format!("{name}.bias"), beta.id, values(beta.val())));
    }
    all
}

pub(super) fn expected(of: &Value, name: &str) -> Vec<f64> {
    Array::of(&of[name]).transposed().data
}

pub(super) fn batch(value: &Value, discount: f64) -> Batch {
    let column = |name: &str| -> Vec<f32> { Array::of(&value[name]).data.iter().map(|&x| x as f32).collect() };
    batch_of(&["observation", "action", "reward", "next_observation", "terminated"].map(column), discount)
}

/// Sorts the numbers of each row, whose order does not matter.
fn sorted(values: &[f64], columns: usize) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.chunks_mut(columns).for_each(|row| row.sort_by(f64::total_cmp));
    sorted
}

#[test]
fn truncated_quantile_critics_learn_as_pytorchs() {
    for device in fixture::devices() {
        let fixture = &fixture::read("tqc.json")["tqc"];
        let (config, initial, last) = (&fixture["config"], &fixture["initial"], &fixture["final"]);
        let quantiles = QuantilesConfig::new()
            .with_count(number(&config["quantiles"]) as usize)
            .with_dropped(number(&config["dropped"]) as usize);
        let temperature = LearnedTemperatureConfig::new()
            .with_learning_rate(number(&config["lr"]))
            .with_target_entropy(Some(number(&config["target_entropy"])));
        let settings = SacConfig::new()
            .with_discount(number(&config["gamma"]))
            .with_tau(number(&config["tau"]))
            .with_actor_learning_rate(number(&config["lr"]))
            .with_critic_learning_rate(number(&config["lr"]))
            .with_weight_decay(number(&config["weight_decay"]))
            .with_normalize_observations(false)
            .with_value_head(ValueHead::Quantiles(quantiles))
            .with_target_reduction(Reduction::Mean)
            .with_actor_reduction(Reduction::Mean)
            .with_temperature(TemperatureConfig::Learned(temperature));
        let critics =
            initial["critics"].as_array().unwrap().iter().map(|weights| critic(config, weights, 0.0, &device));
        let critics = Ensemble::new(critics.collect()).unwrap();
        let policy = actor(config, &initial["actor"], &device);
        let mut agent = Sac::new(policy, critics, &spaces(config), &settings, &device, Seed(0)).unwrap();

        for (i, step) in fixture["steps"].as_array().unwrap().iter().enumerate() {
            let noise = |name: &str| agent.core.boundary.place.take(matrix(&step["batch"][name], &device));
            let (noise, next_noise) = (noise("noise"), noise("next_noise"));
            let inside = agent.core.boundary.inside(&batch(&step["batch"], settings.discount));

            let targets = agent.targets(&inside, &next_noise);
            let [_, columns] = targets.dims();
            let wanted = sorted(&Array::of(&step["target"]).data, columns);
            assert_relative("targets", &sorted(&read(targets.clone()), columns), &wanted);
            let gradients = agent.core.critic_gradient(&inside, &targets).unwrap().gradients;
            for (j, critic) in agent.critics().critics.iter().enumerate() {
                for (name, id, _) in parameters(critic) {
                    let found = gradients.of(&agent.core.critics, id);
                    let what = format!("step {i}, critic {j}, {name}");
                    assert_gradient(&what, &found, &expected(&step["critic_grads"][j], &name));
                }
            }
            let metrics = agent.learn_with(&inside, &next_noise, &noise).unwrap().metrics;
            let losses = fixture::numbers(&step["critic_losses"]);
            assert_relative("critic loss", &[metrics.critic_loss], &[losses.iter().sum::<f64>() / losses.len() as f64]);
            let actor_loss = number(&step["actor_loss"]);
            assert!((metrics.actor_loss - actor_loss).abs() <= 1e-5, "{} for {actor_loss}", metrics.actor_loss);
            assert_relative("temperature", &[metrics.temperature], &[number(&step["log_alpha_after"]).exp()]);
            if agent.core.actor.flat().is_some() {
                let id = agent.actor().mean.weight.id;
                let found = Gradients::Flat.of(&agent.core.actor, id);
                assert_gradient(&format!("step {i}, actor"), &found, &expected(&step["actor_grads"], "mean.weight"));
            }
        }
        let actor = agent.actor();
        let layers = [("l1", &actor.trunk.layers[0]), ("l2", &actor.trunk.layers[1])];
        let layers = [&layers[..], &[("mean", &actor.mean), ("log_std", &actor.log_std)]].concat();
        fixture::assert_parameters("actor", &layers, &last["actor"]);
        for (name, ensemble) in [("critics", agent.critics()), ("critic_targets", agent.target_critics())] {
            for (j, critic) in ensemble.critics.iter().enumerate() {
                for (parameter, _, found) in parameters(critic) {
                    assert_weights(&format!("{name} {j} {parameter}"), &found, &expected(&last[name][j], &parameter));
                }
            }
        }
    }
}

#[test]
fn a_critic_with_dropout_computes_as_pytorchs() {
    for device in fixture::devices() {
        let fixture = &fixture::read("tqc.json")["dropout"];
        let probability = number(&fixture["config"]["probability"]);
        let critic = critic(&fixture["config"], &fixture["weights"], probability, &device);
        assert_eq!(critic.dropout().unwrap().dim, 32);
        let input = |name: &str| matrix(&fixture[name], &device);

        let tracked = burn::module::Module::train(critic.clone());
        let action = input("action").autodiff().require_grad();
        let output =
            tracked.q_value_with_dropout(input("observation").autodiff(), action.clone(), input("mask").autodiff());
        assert_relative("output", &values(output.clone()), &Array::of(&fixture["output"]).data);
        let gradients = (output * input("output_gradient").autodiff()).sum().backward();
        let of_action = values(action.grad(&gradients).unwrap());
        assert_gradient("action", &of_action, &Array::of(&fixture["action_gradient"]).data);
        let of_weight = values::<2>(tracked.trunk.layers[0].weight.val().grad(&gradients).unwrap());
        assert_gradient("l1.weight", &of_weight, &expected(&fixture["gradients"], "l1.weight"));

        // The same with the kernels, wherever the test runs.
        let host = |name: &str| {
            let array = Array::of(&fixture[name]);
            let values: Vec<f32> = array.data.iter().map(|&x| x as f32).collect();
            HostMatrix::new(Buffer::from(values), array.shape[1])
        };
        let ensemble = Ensemble::new(vec![critic.clone()]).unwrap();
        let mut learner = FlatLearner::new(Flat::critics(ensemble.programs().unwrap(), &ensemble).unwrap());
        let (observation, action) = (host("observation"), host("action"));
        let members = Members::up_to(1).with_masks(vec![Matrix::Host(host("mask"))]);
        let inputs = [observation.values(), action.values()];
        let output = learner.evaluate(&members, inputs);
        assert_relative("output", &read(Matrix::Host(output)), &Array::of(&fixture["output"]).data);
        let of_action = learner.pull_to_actions(&members, inputs, &host("output_gradient"), 2);
        assert_gradient("action", &read(Matrix::Host(of_action)), &Array::of(&fixture["action_gradient"]).data);
        learner.pull_to_parameters(&members, inputs, &host("output_gradient"));
        for (name, id, _) in parameters(&critic) {
            let found: Vec<f64> = learner.gradient_of(id).into_iter().map(f64::from).collect();
            assert_gradient(&name, &found, &expected(&fixture["gradients"], &name));
        }
    }
}
