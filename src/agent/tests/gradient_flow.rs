//! Each loss moves its own network and no other.

use super::batch_of;
use crate::fixture;
use actor_critic::agent::Agent;
use actor_critic::agent::{LearnedTemperatureConfig, NetworksConfig};
use actor_critic::burn::module::{Module, ModuleVisitor, Param};
use actor_critic::burn::tensor::{Device, Tensor};
use actor_critic::nn::lab::{ClippedNoise, ClippedNoiseConfig};
use actor_critic::nn::{
    ActionBounds, DeterministicActor, DeterministicActorConfig, GaussianActorConfig, QNetwork, QNetworkConfig,
    Reduction,
};
use actor_critic::prelude::*;
use actor_critic::state::State;

fn spaces() -> Spaces {
    let action = BoxSpace::new(vec![-2.0, -0.5], vec![2.0, 1.5]).unwrap();
    Spaces::new(BoxSpace::unbounded(3).unwrap(), action).unwrap()
}

fn matrix(rows: usize, columns: usize, shift: f32, device: &Device) -> Tensor<2> {
    Tensor::from_data(
        actor_critic::burn::tensor::TensorData::new(column(rows * columns, shift), [rows, columns]),
        device,
    )
}

fn column(len: usize, shift: f32) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * 0.7 + shift).sin()).collect()
}

fn batch() -> Batch {
    rewarded(column(8, 2.0))
}

fn rewarded(rewards: Vec<f32>) -> Batch {
    let columns = [column(24, 0.0), column(16, 1.0), rewards, column(24, 3.0), vec![0.0; 8]];
    batch_of(&columns, 0.99)
}

#[derive(Default)]
struct Parameters {
    values: Vec<f32>,
    tracked: usize,
}

impl ModuleVisitor for Parameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tracked += usize::from(param.val().is_autodiff());
        self.values.extend(param.val().inner().try_into_vec_as::<f32>().unwrap());
    }
}

fn parameters(module: &impl Module) -> Parameters {
    let mut parameters = Parameters::default();
    module.visit(&mut parameters);
    parameters
}

fn values(module: &impl Module) -> Vec<f32> {
    parameters(module).values
}

#[test]
fn the_critic_step_does_not_move_one_bit_of_the_actor() {
    for device in fixture::devices() {
        let mut agent = DdpgConfig::new().init(&spaces(), &device, Seed(0)).unwrap();
        let batch = agent.core.boundary.inside(&batch());
        let (actor, critic) = (values(agent.actor()), values(agent.critic()));
        let targets = agent.targets(&batch);
        agent.core.step_critics(&batch, &targets).unwrap();
        assert_eq!(values(agent.actor()), actor);
        assert_ne!(values(agent.critic()), critic);
    }
}

#[test]
fn the_actor_step_does_not_move_one_bit_of_the_critic() {
    for device in fixture::devices() {
        // The critic already predicts the rewards, so only the actor's loss has a gradient.
        let config = DdpgConfig::new().with_tau(0.0);
        let mut agent = config.init(&spaces(), &device, Seed(0)).unwrap();
        let actions = ActionBounds::new(spaces().action(), &device).unwrap().unscale(batch().upload(&device).actions);
        let values_now = agent.critic().valid().q_value(batch().upload(&device).observations, actions);
        let batch = rewarded(values_now.try_into_vec_as().unwrap()).with_discounts(vec![0.0; 8]).unwrap();
        let (actor, critic) = (values(agent.actor()), values(agent.critic()));

        let metrics = agent.update(&batch).unwrap().metrics;

        assert_eq!(metrics.critic_loss, 0.0);
        assert_eq!(values(agent.critic()), critic);
        assert_ne!(values(agent.actor()), actor);
    }
}

/// The target has no autodiff, and is a quarter of the way from its start to the present network.
#[track_caller]
fn assert_quarter_way(target: &impl Module, before: &[f32], source: &impl Module) {
    let target = parameters(target);
    assert_eq!(target.tracked, 0);
    for ((after, before), source) in target.values.iter().zip(before).zip(values(source)) {
        assert!((after - (0.25 * source + 0.75 * before)).abs() <= 1e-6, "{after} {before} {source}");
    }
}

#[test]
fn targets_begin_as_copies_carry_no_tape_and_follow_by_tau() {
    for device in fixture::devices() {
        // Large steps make a wrong τ or a wrong order visible.
        let sac = SacConfig::new().with_tau(0.25).with_critic_learning_rate(0.1).with_actor_learning_rate(0.1);
        let mut sac = sac.init(&spaces(), &device, Seed(0)).unwrap();
        let before = values(sac.target_critics());
        assert_eq!(before, values(sac.critics()));
        sac.update(&batch()).unwrap();
        assert_quarter_way(sac.target_critics(), &before, sac.critics());

        let ddpg = DdpgConfig::new().with_tau(0.25).with_critic_learning_rate(0.1).with_actor_learning_rate(0.1);
        let mut ddpg = ddpg.init(&spaces(), &device, Seed(0)).unwrap();
        let before = (values(ddpg.target_actor()), values(ddpg.target_critics()));
        assert_eq!(before, (values(ddpg.actor()), values(ddpg.critics())));
        ddpg.update(&batch()).unwrap();
        assert_quarter_way(ddpg.target_actor(), &before.0, ddpg.actor());
        assert_quarter_way(ddpg.target_critics(), &before.1, ddpg.critics());

        let td3 = Td3Config::new().with_tau(0.25).with_critic_learning_rate(0.1).with_actor_learning_rate(0.1);
        let mut td3 = td3.with_policy_delay(1).init(&spaces(), &device, Seed(0)).unwrap();
        let before = (values(td3.target_actor()), values(td3.target_critics()));
        assert_eq!(before, (values(td3.actor()), values(td3.critics())));
        td3.update(&batch()).unwrap();
        assert_quarter_way(td3.target_actor(), &before.0, td3.actor());
        assert_quarter_way(td3.target_critics(), &before.1, td3.critics());
    }
}

/// With a τ of 1 and an interval of 2, the targets are copies after updates 2 and 4, and do not change in between.
fn copies_at_every_other_update<A: Agent>(mut agent: A, critics: impl Fn(&A) -> [Vec<f32>; 2]) {
    let mut before = critics(&agent)[1].clone();
    for update in 1..=4 {
        agent.update(&batch()).unwrap();
        let [online, target] = critics(&agent);
        assert_eq!(target, if update % 2 == 0 { &online } else { &before }[..], "update {update}");
        assert!(update % 2 == 0 || target != online);
        before = target;
    }
}

#[test]
fn targets_are_copied_every_so_many_updates() {
    for device in fixture::devices() {
        let sac = SacConfig::new().with_tau(1.0).with_target_update_interval(2).with_policy_delay(3);
        let sac = sac.init(&spaces(), &device, Seed(0)).unwrap();
        copies_at_every_other_update(sac, |agent| [values(agent.critics()), values(agent.target_critics())]);
        let ddpg = DdpgConfig::new().with_tau(1.0).with_target_update_interval(2).with_policy_delay(3);
        let ddpg = ddpg.init(&spaces(), &device, Seed(0)).unwrap();
        copies_at_every_other_update(ddpg, |agent| [values(agent.critics()), values(agent.target_critics())]);
        let td3 = Td3Config::new().with_tau(1.0).with_target_update_interval(Some(2)).with_policy_delay(3);
        let td3 = td3.init(&spaces(), &device, Seed(0)).unwrap();
        copies_at_every_other_update(td3, |agent| [values(agent.critics()), values(agent.target_critics())]);
    }
}

#[test]
fn sac_moves_the_actor_and_the_temperature_after_a_delay_and_reports_their_latest_step() {
    for device in fixture::devices() {
        let mut agent = SacConfig::new().with_policy_delay(2).init(&spaces(), &device, Seed(0)).unwrap();
        let (actor, target) = (values(agent.actor()), values(agent.target_critics()));
        let first = agent.update(&batch()).unwrap().metrics;
        assert_eq!(values(agent.actor()), actor);
        assert_ne!(values(agent.target_critics()), target);
        assert_eq!((first.actor_loss, first.entropy, first.temperature, first.temperature_loss), (0.0, 0.0, 1.0, 0.0));
        let second = agent.update(&batch()).unwrap().metrics;
        assert_ne!(values(agent.actor()), actor);
        assert!(second.actor_loss != 0.0 && second.entropy != 0.0 && second.temperature != 1.0);

        let mut restored = SacConfig::new().with_policy_delay(2).init(&spaces(), &device, Seed(0)).unwrap();
        restored.load_state(agent.save_state().unwrap()).unwrap();
        let third = agent.update(&batch()).unwrap().metrics;
        assert_eq!((third.actor_loss, third.entropy), (second.actor_loss, second.entropy));
        assert_ne!(third.critic_loss, second.critic_loss);
        assert_eq!(restored.update(&batch()).unwrap().metrics, third);
    }
}

/// A state from before `policy_delay`, the reductions and Adam's betas were settings.
#[test]
fn a_state_that_lacks_newer_settings_is_restored() {
    let device = fixture::devices().remove(0);
    let mut agent = SacConfig::new().init(&spaces(), &device, Seed(0)).unwrap();
    agent.update(&batch()).unwrap();
    let old = |mut state: State| {
        let config: serde_json::Value = serde_json::from_str(&state.take_text("config").unwrap()).unwrap();
        let newer = ["policy_delay", "target_reduction", "actor_reduction", "adam_betas"];
        let serde_json::Value::Object(mut fields) = config else { panic!("settings are an object") };
        newer.iter().for_each(|field| drop(fields.remove(*field).unwrap()));
        state.put_text("config", serde_json::Value::Object(fields).to_string());
        state.take_array::<f64>("latest", &[3]).unwrap();
        state
    };
    let mut restored = SacConfig::new().init(&spaces(), &device, Seed(0)).unwrap();
    restored.load_state(old(agent.save_state().unwrap())).unwrap();
    assert_eq!(restored.update(&batch()).unwrap(), agent.update(&batch()).unwrap());

    let mut other = SacConfig::new().with_policy_delay(2).init(&spaces(), &device, Seed(0)).unwrap();
    let error = other.load_state(old(agent.save_state().unwrap())).unwrap_err();
    assert_eq!(error.to_string(), "`config.policy_delay` must be the same as when the state was saved: 1 then, 2 now");
}

#[test]
fn redq_is_a_matter_of_settings() {
    for device in fixture::devices() {
        let mut rng = Seed(0).stream(Stream::CriticWeights);
        let critic = QNetworkConfig::new().with_hidden_dims(vec![8]);
        let critics = (0..5).map(|_| critic.init(&spaces(), &mut rng, &device).unwrap()).collect();
        let actor = GaussianActorConfig::new().with_hidden_dims(vec![8]).init(&spaces(), &mut rng, &device).unwrap();
        let config = SacConfig::new()
            .with_target_reduction(Reduction::SmallestOf(2))
            .with_actor_reduction(Reduction::Mean)
            .with_policy_delay(3);
        let critics = Ensemble::new(critics).unwrap();
        let mut agent = Sac::new(actor, critics, &spaces(), &config, &device, Seed(0)).unwrap();
        let actor = values(agent.actor());
        for update in 1..=3 {
            agent.update(&batch()).unwrap();
            assert_eq!(values(agent.actor()) != actor, update == 3);
        }
    }
}

#[test]
fn td3_moves_the_actor_and_the_targets_every_other_update() {
    for device in fixture::devices() {
        let mut agent = Td3Config::new().init(&spaces(), &device, Seed(0)).unwrap();
        let (actor, target, critics) = (values(agent.actor()), values(agent.target_actor()), values(agent.critics()));
        agent.update(&batch()).unwrap();
        assert_eq!((values(agent.actor()), values(agent.target_actor())), (actor.clone(), target.clone()));
        assert_ne!(values(agent.critics()), critics);
        agent.update(&batch()).unwrap();
        assert_ne!(values(agent.actor()), actor);
        assert_ne!(values(agent.target_actor()), target);
    }
}

#[test]
fn ddpg_moves_the_actor_after_a_delay_and_reports_its_latest_step() {
    for device in fixture::devices() {
        let config = DdpgConfig::new().with_policy_delay(2);
        let mut agent = config.init(&spaces(), &device, Seed(0)).unwrap();
        let (actor, target) = (values(agent.actor()), values(agent.target_critics()));
        assert_eq!(agent.update(&batch()).unwrap().metrics.actor_loss, 0.0);
        assert_eq!(values(agent.actor()), actor);
        assert_ne!(values(agent.target_critics()), target, "the targets move at every update");
        let second = agent.update(&batch()).unwrap().metrics.actor_loss;
        assert_ne!(values(agent.actor()), actor);
        assert_ne!(second, 0.0);

        let mut restored = config.init(&spaces(), &device, Seed(0)).unwrap();
        restored.load_state(agent.save_state().unwrap()).unwrap();
        let third = agent.update(&batch()).unwrap();
        assert_eq!(third.metrics.actor_loss, second);
        assert_eq!(restored.update(&batch()).unwrap(), third);
    }
}

/// A state of DDPG from before `policy_delay`.
#[test]
fn a_state_without_a_count_of_updates_is_restored() {
    let device = fixture::devices().remove(0);
    let mut agent = DdpgConfig::new().init(&spaces(), &device, Seed(0)).unwrap();
    agent.update(&batch()).unwrap();
    let mut old = agent.save_state().unwrap();
    assert_eq!((old.take::<u64>("updates").unwrap(), old.take::<u64>("resets").unwrap()), (1, 0));
    old.take::<f64>("actor_loss").unwrap();
    let mut restored = DdpgConfig::new().init(&spaces(), &device, Seed(0)).unwrap();
    restored.load_state(old).unwrap();
    assert_eq!(restored.update(&batch()).unwrap(), agent.update(&batch()).unwrap());
}

/// The parameters, each separately.
#[derive(Default)]
struct Each(Vec<Vec<f32>>);

impl ModuleVisitor for Each {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().inner().try_into_vec_as::<f32>().unwrap());
    }
}

#[test]
fn every_parameter_of_residual_blocks_learns_and_the_critics_do_not_move_the_actor() {
    let each = |module: &dyn Fn(&mut Each)| {
        let mut each = Each::default();
        module(&mut each);
        each.0
    };
    for device in fixture::devices() {
        let networks = NetworksConfig::new().with_hidden_dims(vec![8, 8]).with_actor_residual(true);
        let config = SacConfig::new().with_networks(networks.with_critic_residual(true));
        let mut agent = config.init(&spaces(), &device, Seed(0)).unwrap();
        let actor = |agent: &Sac<_, _>| each(&|visitor| Module::visit(agent.actor(), visitor));
        let critics = |agent: &Sac<_, _>| each(&|visitor| Module::visit(agent.critics(), visitor));
        let (actor_before, critics_before) = (actor(&agent), critics(&agent));
        // Input, two blocks (normalisation and two layers each), the last normalisation, and two heads or one.
        assert_eq!((actor_before.len(), critics_before.len()), (2 + 2 * 6 + 2 + 4, 2 * (2 + 2 * 6 + 2 + 2)));
        let inside = agent.core.boundary.inside(&batch());
        let noise = agent.core.boundary.place.take(matrix(8, 2, 5.0, &device));
        let targets = agent.targets(&inside, &noise);
        agent.core.step_critics(&inside, &targets).unwrap();
        assert_eq!(actor(&agent), actor_before);
        assert!(critics(&agent).iter().zip(&critics_before).all(|(after, before)| after != before));
        let gradient = agent.actor_gradient(&inside, &noise).unwrap();
        let critics_before = critics(&agent);
        agent.core.step_actor(gradient.loss, gradient.gradients).unwrap();
        assert_eq!(critics(&agent), critics_before);
        assert!(actor(&agent).iter().zip(&actor_before).all(|(after, before)| after != before));
    }
}

#[test]
fn every_smallest_critic_gets_its_share_of_the_actors_gradient() {
    // Two updates in a row with the minimum of both critics; each row's gradient comes from the smaller one.
    for device in fixture::devices() {
        let mut agent = SacConfig::new().init(&spaces(), &device, Seed(0)).unwrap();
        let batch = batch();
        for _ in 0..2 {
            let actor = values(agent.actor());
            agent.update(&batch).unwrap();
            assert_ne!(values(agent.actor()), actor);
        }
        let actions = Tensor::cat(vec![batch.upload(&device).actions], 0).autodiff().require_grad();
        let critics = agent.critics().valid();
        let smallest = critics
            .q_values(batch.upload(&device).observations, actions.clone())
            .into_iter()
            .reduce(Tensor::min_pair)
            .unwrap();
        let found = actions.grad(&smallest.sum().backward()).unwrap();
        let single: Vec<(Vec<f32>, Vec<f32>)> = (critics.critics.iter())
            .map(|critic| {
                let actions = batch.upload(&device).actions.autodiff().require_grad();
                let q = critic.q_value(batch.upload(&device).observations, actions.clone());
                let gradient = actions.grad(&q.clone().sum().backward()).unwrap();
                (q.inner().try_into_vec_as().unwrap(), gradient.try_into_vec_as().unwrap())
            })
            .collect();
        let found: Vec<f32> = found.try_into_vec_as().unwrap();
        for row in 0..8 {
            let smaller = usize::from(single[1].0[row] < single[0].0[row]);
            assert_eq!(found[2 * row..2 * row + 2], single[smaller].1[2 * row..2 * row + 2]);
        }
    }
}

/// Values an action by its first component, or by the negative of it.
#[derive(Module, Debug)]
struct Signed {
    sign: f64,
}

impl Critic for Signed {
    fn q_value(&self, _: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        actions.narrow(1, 0, 1) * self.sign
    }
}

#[test]
fn the_actors_loss_counts_the_smaller_critic_of_each_row() {
    for device in fixture::devices() {
        let critics = Ensemble::new(vec![Signed { sign: 1.0 }, Signed { sign: -1.0 }]).unwrap();
        let mut rng = Seed(0).stream(Stream::ActorWeights);
        let actor = GaussianActorConfig::new().with_hidden_dims(vec![8]).init(&spaces(), &mut rng, &device).unwrap();
        let mut agent = Sac::new(actor, critics, &spaces(), &SacConfig::new(), &device, Seed(0)).unwrap();
        let inside = agent.core.boundary.inside(&batch());

        let noise = matrix(8, 2, 5.0, &device);
        let sample = agent.actor().sample(agent.core.boundary.place.tensor(&inside.observations), noise.clone());
        let loss = agent.actor_gradient(&inside, &agent.core.boundary.place.take(noise)).unwrap().loss;

        let read = |tensor: Tensor<2>| tensor.inner().try_into_vec_as::<f32>().unwrap();
        let first: Vec<f32> = read(sample.actions).into_iter().step_by(2).collect();
        assert!(first.iter().any(|a| *a > 0.1) && first.iter().any(|a| *a < -0.1), "each critic is the smaller once");
        // The smaller of a and −a is −|a|.
        let rows = first.iter().zip(read(sample.log_probs.unwrap()));
        let expected =
            rows.map(|(a, log_prob)| f64::from(log_prob) * agent.temperature() + f64::from(a.abs())).sum::<f64>() / 8.0;
        assert!((loss - expected).abs() <= 1e-5 * expected.abs(), "found {loss}, expected {expected}");
    }
}

fn noisy_agent(
    temperature: TemperatureConfig,
    device: &Device,
) -> Result<Sac<ClippedNoise<DeterministicActor>, QNetwork>, actor_critic::config::ConfigError> {
    let mut rng = Seed(0).stream(Stream::ActorWeights);
    let actor = DeterministicActorConfig::new().init(&spaces(), &mut rng, device)?;
    let actor = ClippedNoiseConfig::new().init(actor)?;
    let critics = Ensemble::twin(|| QNetworkConfig::new().init(&spaces(), &mut rng, device))?;
    Sac::new(actor, critics, &spaces(), &SacConfig::new().with_temperature(temperature), device, Seed(0))
}

#[test]
fn sac_with_the_noisy_deterministic_policy_maximises_the_plain_return() {
    for device in fixture::devices() {
        let batch = batch();
        let noise = matrix(8, 2, 5.0, &device);
        let mut losses = Vec::new();
        // The policy has no entropy, so the temperature has no effect.
        for temperature in [0.0, 7.0] {
            let mut agent = noisy_agent(TemperatureConfig::Fixed(temperature), &device).unwrap();
            let actor = values(agent.actor());
            let inside = agent.core.boundary.inside(&batch);
            let noise = agent.core.boundary.place.take(noise.clone());
            let metrics = agent.learn_with(&inside, &noise, &noise).unwrap().metrics;
            assert_ne!(values(agent.actor()), actor);
            assert_eq!(metrics.entropy, 0.0);
            losses.push((metrics.critic_loss, metrics.actor_loss));
        }
        assert_eq!(losses[0], losses[1]);

        let learned = TemperatureConfig::Learned(LearnedTemperatureConfig::new());
        assert_eq!(
            noisy_agent(learned, &device).unwrap_err().to_string(),
            "a learned temperature needs a policy with a density; use a fixed temperature with this actor"
        );
    }
}

#[test]
fn a_clipped_gradient_changes_the_step_and_an_unreached_limit_does_not() {
    for device in fixture::devices() {
        let critic_after = |max_gradient_norm: Option<f64>| {
            // A large epsilon keeps Adam's step proportional to the gradient.
            let config = DdpgConfig::new().with_adam_epsilon(10.0).with_max_gradient_norm(max_gradient_norm);
            let mut agent = config.init(&spaces(), &device, Seed(0)).unwrap();
            agent.update(&batch()).unwrap();
            values(agent.critic())
        };
        assert_eq!(critic_after(None), critic_after(Some(1e6)));
        assert_ne!(critic_after(None), critic_after(Some(1e-3)));
    }
}
