//! Three updates in a row equal PyTorch's: targets, losses, every gradient, every weight.
//!
//! The recordings are of networks without normalisation, with actions and densities in environment units, so these
//! tests use these settings. The tolerances are in `tests/it/fixture/mod.rs`. Every test runs on each CPU backend that
//! is compiled in.

use super::super::learner::{self, Learner};
use super::{batch_of, read};
use crate::fixture;
use actor_critic::agent::{LearnedTemperatureConfig, TemperatureConfig};
use actor_critic::burn::module::{Module, ParamId};
use actor_critic::burn::nn::Linear;

use actor_critic::nn::lab::{TwoStreamCritic, TwoStreamCriticConfig};
use actor_critic::nn::{
    ActionBounds, ActionUnits, DeterministicActor, DeterministicActorConfig, GaussianActor, GaussianActorConfig,
    QNetwork, QNetworkConfig, StochasticActor, tanh_normal,
};
use actor_critic::noise::NoiseConfig;
use actor_critic::objective::{deterministic_actor_loss, soft_actor_loss};
use actor_critic::prelude::*;
use burn::tensor::{Gradients, Tensor};
use serde_json::Value;

use crate::fixture::{
    assert_gradients, assert_mean, assert_parameters, assert_relative, layers, matrix, number, scalar, values,
};

type NamedLayers<'a> = Vec<(&'static str, &'a Linear)>;

fn spaces(config: &Value) -> Spaces {
    let bounds = |name: &str| fixture::floats(&config[name]);
    let action = BoxSpace::new(bounds("action_low"), bounds("action_high")).unwrap();
    Spaces::new(BoxSpace::unbounded(number(&config["obs"]) as usize).unwrap(), action).unwrap()
}

fn hidden(config: &Value) -> usize {
    number(&config["hidden"]) as usize
}

fn batch(value: &Value, discount: f64) -> Batch {
    let column = |name: &str| -> Vec<f32> { fixture::Array::of(&value[name]).data.iter().map(|&x| x as f32).collect() };
    let columns = ["observation", "action", "reward", "next_observation", "terminated"].map(column);
    batch_of(&columns, discount)
}

fn deterministic_actor(config: &Value, weights: &Value, device: &Device) -> DeterministicActor {
    let hidden_dims = vec![hidden(config); 2];
    let config = DeterministicActorConfig::new().with_hidden_dims(hidden_dims).init(
        &spaces(config),
        &mut Seed(0).stream(Stream::ActorWeights),
        device,
    );
    let mut actor = config.unwrap();
    actor.trunk.layers = layers(weights, &["l1", "l2", "out"], device);
    actor
}

fn actor_layers(actor: &DeterministicActor) -> NamedLayers<'_> {
    ["l1", "l2", "out"].into_iter().zip(&actor.trunk.layers).collect()
}

fn two_stream_critic(config: &Value, weights: &Value, device: &Device) -> TwoStreamCritic {
    let mut critic = TwoStreamCriticConfig::new()
        .with_action_units(ActionUnits::Environment)
        .with_hidden_dims(vec![hidden(config); 2])
        .init(&spaces(config), &mut Seed(0).stream(Stream::CriticWeights), device)
        .unwrap();
    critic.observation_stream.layers = layers(weights, &["s1", "s2"], device);
    critic.action_stream.layers = layers(weights, &["a1"], device);
    critic.head.layers = layers(weights, &["l3", "l4", "out"], device);
    critic
}

fn two_stream_layers(critic: &TwoStreamCritic) -> NamedLayers<'_> {
    let parts = critic.observation_stream.layers.iter().chain(&critic.action_stream.layers).chain(&critic.head.layers);
    ["s1", "s2", "a1", "l3", "l4", "out"].into_iter().zip(parts).collect()
}

fn q_network(config: &Value, weights: &Value, device: &Device) -> QNetwork {
    let mut critic = QNetworkConfig::new()
        .with_action_units(ActionUnits::Environment)
        .with_hidden_dims(vec![hidden(config); 2])
        .init(&spaces(config), &mut Seed(0).stream(Stream::CriticWeights), device)
        .unwrap();
    critic.trunk.layers = layers(weights, &["l1", "l2", "out"], device);
    critic
}

fn q_network_layers(critic: &QNetwork) -> NamedLayers<'_> {
    ["l1", "l2", "out"].into_iter().zip(&critic.trunk.layers).collect()
}

fn gaussian_actor(config: &Value, weights: &Value, device: &Device) -> GaussianActor {
    let mut actor = GaussianActorConfig::new()
        .with_density_units(ActionUnits::Environment)
        .with_hidden_dims(vec![hidden(config); 2])
        .init(&spaces(config), &mut Seed(0).stream(Stream::ActorWeights), device)
        .unwrap();
    actor.trunk.layers = layers(weights, &["l1", "l2"], device);
    actor.mean = fixture::linear(weights, "mean", device);
    actor.log_std = fixture::linear(weights, "log_std", device);
    actor
}

fn gaussian_layers(actor: &GaussianActor) -> NamedLayers<'_> {
    let trunk = &actor.trunk.layers;
    vec![("l1", &trunk[0]), ("l2", &trunk[1]), ("mean", &actor.mean), ("log_std", &actor.log_std)]
}

/// Returns the gradient of one parameter from burn's autodiff.
fn on_tape(layers: &NamedLayers<'_>, gradients: &Gradients, id: ParamId) -> Vec<f64> {
    let weight = layers.iter().find(|(_, layer)| layer.weight.id == id);
    let weight = weight.map(|(_, layer)| values(layer.weight.val().grad(gradients).unwrap()));
    weight.unwrap_or_else(|| {
        let bias = layers.iter().find_map(|(_, layer)| layer.bias.as_ref().filter(|bias| bias.id == id));
        values(bias.unwrap().val().grad(gradients).unwrap())
    })
}

/// Compares the gradients of the latest step, where the learner keeps them.
fn assert_latest_gradients<M: Module>(what: &str, learner: &Learner<M>, layers: &NamedLayers<'_>, expected: &Value) {
    if learner.flat().is_some() {
        assert_gradients(what, layers, |id| learner::Gradients::Flat.of(learner, id), expected);
    }
}

#[test]
fn ddpg_updates_equal_pytorchs() {
    for device in fixture::devices() {
        let fixture = fixture::read("ddpg.json");
        let (config, initial, last) = (&fixture["config"], &fixture["initial"], &fixture["final"]);
        let settings = DdpgConfig::new()
            .with_discount(number(&config["gamma"]))
            .with_tau(number(&config["tau"]))
            .with_actor_learning_rate(number(&config["lr_actor"]))
            .with_critic_learning_rate(number(&config["lr_critic"]))
            .with_normalize_observations(false)
            .with_noise(NoiseConfig::Off);
        let actor = deterministic_actor(config, &initial["actor"], &device);
        let critic = two_stream_critic(config, &initial["critics"][0], &device);
        let mut agent = Ddpg::new(actor, critic, &spaces(config), &settings, &device, Seed(0)).unwrap();

        for (i, step) in fixture["steps"].as_array().unwrap().iter().enumerate() {
            let batch = batch(&step["batch"], settings.discount);
            let inside = agent.core.boundary.inside(&batch);

            let targets = agent.targets(&inside);
            assert_relative("targets", &read(targets.clone()), &fixture::Array::of(&step["target"]).data);
            let gradients = agent.core.critic_gradient(&inside, &targets).unwrap().gradients;
            let critic = two_stream_layers(agent.critic());
            let of = |id| gradients.of(&agent.core.critics, id);
            assert_gradients(&format!("step {i}, critic"), &critic, of, &step["critic_grads"][0]);

            let old_actor = agent.actor().clone().train();
            let metrics = agent.update(&batch).unwrap().metrics;
            assert_relative("critic loss", &[metrics.critic_loss], &[number(&step["critic_losses"][0])]);

            // The gradient of the actor uses the critic after its step.
            let actions = old_actor.act(batch.upload(&device).observations);
            let q_values = agent.critic().valid().q_value(batch.upload(&device).observations, actions);
            assert_mean("actor loss", metrics.actor_loss, number(&step["actor_loss"]), &values(q_values.clone()));
            let gradients = deterministic_actor_loss(q_values).backward();
            let (what, actor) = (format!("step {i}, actor"), actor_layers(&old_actor));
            assert_gradients(&what, &actor, |id| on_tape(&actor, &gradients, id), &step["actor_grads"]);
            assert_latest_gradients(&what, &agent.core.actor, &actor, &step["actor_grads"]);
        }
        assert_parameters("actor", &actor_layers(agent.actor()), &last["actor"]);
        assert_parameters("critic", &two_stream_layers(agent.critic()), &last["critics"][0]);
        assert_parameters("target actor", &actor_layers(agent.target_actor()), &last["actor_target"]);
        assert_parameters("target critic", &two_stream_layers(agent.target_critic()), &last["critic_targets"][0]);
    }
}

#[test]
fn td3_updates_equal_pytorchs() {
    for device in fixture::devices() {
        let fixture = fixture::read("td3.json");
        let (config, initial, last) = (&fixture["config"], &fixture["initial"], &fixture["final"]);
        let settings = Td3Config::new()
            .with_discount(number(&config["gamma"]))
            .with_tau(number(&config["tau"]))
            .with_actor_learning_rate(number(&config["lr_actor"]))
            .with_critic_learning_rate(number(&config["lr_critic"]))
            .with_smoothing_std(number(&config["smoothing_std"]))
            .with_smoothing_clip(number(&config["smoothing_clip"]))
            .with_policy_delay(1)
            .with_normalize_observations(false)
            .with_noise(NoiseConfig::Off);
        let actor = deterministic_actor(config, &initial["actor"], &device);
        let critics = [0, 1].map(|i| q_network(config, &initial["critics"][i], &device));
        let critics = Ensemble::new(critics.into()).unwrap();
        let mut agent = Td3::new(actor, critics, &spaces(config), &settings, &device, Seed(0)).unwrap();

        for (i, step) in fixture["steps"].as_array().unwrap().iter().enumerate() {
            let next_noise = agent.core.boundary.place.take(matrix(&step["batch"]["next_noise"], &device));
            let batch = batch(&step["batch"], settings.discount);
            let inside = agent.core.boundary.inside(&batch);

            let targets = agent.targets(&inside, next_noise.clone());
            assert_relative("targets", &read(targets.clone()), &fixture::Array::of(&step["target"]).data);
            let gradients = agent.core.critic_gradient(&inside, &targets).unwrap().gradients;
            for (j, critic) in agent.critics().critics.iter().enumerate() {
                let of = |id| gradients.of(&agent.core.critics, id);
                let what = format!("step {i}, critic {j}");
                assert_gradients(&what, &q_network_layers(critic), of, &step["critic_grads"][j]);
            }

            let old_actor = agent.actor().clone().train();
            let metrics = agent.learn_with(&inside, next_noise).unwrap().metrics;
            let critic_losses = fixture::numbers(&step["critic_losses"]);
            assert_relative("critic loss", &[metrics.critic_loss], &[critic_losses.iter().sum::<f64>() / 2.0]);

            let actions = old_actor.act(batch.upload(&device).observations);
            let q_values = agent.critics().critics[0].valid().q_value(batch.upload(&device).observations, actions);
            assert_mean("actor loss", metrics.actor_loss, number(&step["actor_loss"]), &values(q_values.clone()));
            let gradients = deterministic_actor_loss(q_values).backward();
            let (what, actor) = (format!("step {i}, actor"), actor_layers(&old_actor));
            assert_gradients(&what, &actor, |id| on_tape(&actor, &gradients, id), &step["actor_grads"]);
            assert_latest_gradients(&what, &agent.core.actor, &actor, &step["actor_grads"]);
        }
        assert_parameters("actor", &actor_layers(agent.actor()), &last["actor"]);
        assert_parameters("target actor", &actor_layers(agent.target_actor()), &last["actor_target"]);
        for i in [0, 1] {
            let critic = q_network_layers(&agent.critics().critics[i]);
            assert_parameters(&format!("critic {i}"), &critic, &last["critics"][i]);
            let target = q_network_layers(&agent.target_critics().critics[i]);
            assert_parameters(&format!("target critic {i}"), &target, &last["critic_targets"][i]);
        }
    }
}

fn sac_updates_equal_pytorchs(file: &str, temperature: impl Fn(&Value) -> TemperatureConfig) {
    for device in fixture::devices() {
        let fixture = fixture::read(file);
        let (config, initial, last) = (&fixture["config"], &fixture["initial"], &fixture["final"]);
        let settings = SacConfig::new()
            .with_discount(number(&config["gamma"]))
            .with_tau(number(&config["tau"]))
            .with_actor_learning_rate(number(&config["lr"]))
            .with_critic_learning_rate(number(&config["lr"]))
            .with_normalize_observations(false)
            .with_temperature(temperature(config));
        let target_entropy = match settings.temperature {
            TemperatureConfig::Fixed(_) => None,
            TemperatureConfig::Learned(_) => Some(number(&config["target_entropy"])),
        };
        let actor = gaussian_actor(config, &initial["actor"], &device);
        let critics = [0, 1].map(|i| q_network(config, &initial["critics"][i], &device));
        let critics = Ensemble::new(critics.into()).unwrap();
        let mut agent = Sac::new(actor, critics, &spaces(config), &settings, &device, Seed(0)).unwrap();

        for (i, step) in fixture["steps"].as_array().unwrap().iter().enumerate() {
            let next_noise = agent.core.boundary.place.take(matrix(&step["batch"]["next_noise"], &device));
            let noise = matrix(&step["batch"]["noise"], &device);
            let agent_noise = agent.core.boundary.place.take(noise.clone());
            let batch = batch(&step["batch"], settings.discount);
            let inside = agent.core.boundary.inside(&batch);

            let targets = agent.targets(&inside, &next_noise);
            assert_relative("targets", &read(targets.clone()), &fixture::Array::of(&step["target"]).data);
            let gradients = agent.core.critic_gradient(&inside, &targets).unwrap().gradients;
            for (j, critic) in agent.critics().critics.iter().enumerate() {
                let of = |id| gradients.of(&agent.core.critics, id);
                let what = format!("step {i}, critic {j}");
                assert_gradients(&what, &q_network_layers(critic), of, &step["critic_grads"][j]);
            }

            let (old_actor, old_temperature) = (agent.actor().clone().train(), agent.temperature());
            let metrics = agent.learn_with(&inside, &next_noise, &agent_noise).unwrap().metrics;
            let critic_losses = fixture::numbers(&step["critic_losses"]);
            assert_relative("critic loss", &[metrics.critic_loss], &[critic_losses.iter().sum::<f64>() / 2.0]);
            assert_relative("temperature", &[metrics.temperature], &[number(&step["log_alpha_after"]).exp()]);

            // The gradient of the actor uses the critics after their step, and the old temperature.
            let sample = old_actor.sample(batch.upload(&device).observations, noise);
            let actions =
                ActionBounds::new(spaces(config).action(), &device).unwrap().scale(sample.actions.clone().inner());
            assert_relative("actions", &values(actions), &fixture::Array::of(&step["action"]).data);
            let log_probs = sample.log_probs.unwrap();
            assert_relative("log-probs", &values(log_probs.clone()), &fixture::Array::of(&step["log_prob"]).data);
            assert_relative("entropy", &[metrics.entropy], &[-scalar(log_probs.clone().mean())]);
            let q_values = agent
                .critics()
                .valid()
                .q_values(batch.upload(&device).observations, sample.actions)
                .into_iter()
                .reduce(Tensor::min_pair)
                .unwrap();
            let terms = values(log_probs.clone() * old_temperature - q_values.clone());
            assert_mean("actor loss", metrics.actor_loss, number(&step["actor_loss"]), &terms);
            if let Some(target_entropy) = target_entropy {
                let terms = values((log_probs.clone() + target_entropy) * -old_temperature.ln());
                assert_mean("temperature loss", metrics.temperature_loss, number(&step["alpha_loss"]), &terms);
            }
            let gradients = soft_actor_loss(q_values, log_probs, old_temperature).backward();
            let (what, actor) = (format!("step {i}, actor"), gaussian_layers(&old_actor));
            assert_gradients(&what, &actor, |id| on_tape(&actor, &gradients, id), &step["actor_grads"]);
            assert_latest_gradients(&what, &agent.core.actor, &actor, &step["actor_grads"]);
        }
        assert_parameters("actor", &gaussian_layers(agent.actor()), &last["actor"]);
        for i in [0, 1] {
            let critic = q_network_layers(&agent.critics().critics[i]);
            assert_parameters(&format!("critic {i}"), &critic, &last["critics"][i]);
            let target = q_network_layers(&agent.target_critics().critics[i]);
            assert_parameters(&format!("target critic {i}"), &target, &last["critic_targets"][i]);
        }
        let log_temperature = number(&last["log_alpha"]);
        assert!((agent.temperature().ln() - log_temperature).abs() <= 1e-5);
    }
}

#[test]
fn sac_updates_with_a_fixed_temperature_equal_pytorchs() {
    sac_updates_equal_pytorchs("sac_fixed_alpha.json", |config| TemperatureConfig::Fixed(number(&config["alpha"])));
}

#[test]
fn sac_updates_with_a_learned_temperature_equal_pytorchs() {
    sac_updates_equal_pytorchs("sac_auto_alpha.json", |config| {
        let learned = LearnedTemperatureConfig::new()
            .with_initial(number(&config["initial_log_alpha"]).exp())
            .with_learning_rate(number(&config["lr"]))
            .with_target_entropy(Some(number(&config["target_entropy"])));
        TemperatureConfig::Learned(learned)
    });
}

#[test]
fn squashed_gaussian_densities_equal_pytorchs_far_into_saturation() {
    for (backend, device) in fixture::named_devices() {
        for row in fixture::read("squashed_gaussian.json").as_array().unwrap() {
            let [mean, log_std, noise] = ["mean", "log_std", "eps"].map(|name| number(&row[name]));
            let cell = |x: f64| actor_critic::burn::tensor::Tensor::<2>::from_data([[x as f32]], &device);
            let u = cell(mean) + cell(log_std).exp() * cell(noise);
            let (found, expected) = (values(u.clone().tanh())[0], number(&row["tanh_u"]));
            match backend {
                // WGSL's tanh may be as inexact as a quotient of exponentials: Mesa's software driver is off by 2e-6
                // at 0.4.
                "wgpu" | "vulkan" => assert!((found - expected).abs() <= 1e-5, "tanh u: {found} for {expected}"),
                _ => assert_relative("tanh u", &[found], &[expected]),
            }
            let log_prob = tanh_normal::log_prob(cell(noise), u, cell(log_std), 0.0);
            // The sum of terms of order 10 to 60 may cancel to less than one.
            let (found, expected) = (values(log_prob)[0], number(&row["log_prob"]));
            let size = expected.abs().max(log_std.abs()).max(1.0);
            assert!((found - expected).abs() <= 1e-5 * size, "{row}: found {found}");
        }
    }
}
