//! Resets of networks: the new weights, at which updates they come, and what stays.

use super::batch_of;
use crate::fixture;
use actor_critic::agent::{Agent, AgentError, NetworksConfig};
use actor_critic::burn::module::{Module, ModuleVisitor, Param};
use actor_critic::burn::tensor::Tensor;
use actor_critic::config::ConfigError;
use actor_critic::fused;
use actor_critic::nn::lab::{ClippedNoiseConfig, TwoStreamCriticConfig};
use actor_critic::nn::{DeterministicActorConfig, GaussianActorConfig, Initialization, QNetworkConfig};
use actor_critic::prelude::*;

fn spaces() -> Spaces {
    Spaces::new(BoxSpace::unbounded(3).unwrap(), BoxSpace::symmetric(2.0, 2).unwrap()).unwrap()
}

fn batch() -> Batch {
    let column = |len: usize, shift: f32| (0..len).map(|i| (i as f32 * 0.7 + shift).sin()).collect::<Vec<f32>>();
    batch_of(&[column(24, 0.0), column(16, 1.0), column(8, 2.0), column(24, 3.0), vec![0.0; 8]], 0.99)
}

/// The bits of every parameter, in order.
#[derive(Default)]
struct Bits(Vec<u32>);

impl ModuleVisitor for Bits {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().inner().try_into_vec_as::<f32>().unwrap().into_iter().map(f32::to_bits));
    }
}

fn bits(module: &impl Module) -> Vec<u32> {
    let mut bits = Bits::default();
    module.visit(&mut bits);
    bits.0
}

fn settings(reset_at: Vec<usize>) -> SacConfig {
    SacConfig::recommended().with_scale_rewards(false).with_reset_at(reset_at)
}

#[test]
fn after_a_reset_the_weights_are_the_next_of_their_stream() {
    for device in fixture::devices() {
        let mut agent = settings(vec![2]).init(&spaces(), &device, Seed(5)).unwrap();
        let before = bits(agent.actor());
        agent.update(&batch()).unwrap();
        assert_ne!(agent.temperature(), 1.0);
        agent.update(&batch()).unwrap();

        let mut rng = Seed(5).stream(Stream::Resets);
        let actor = GaussianActorConfig::new().with_hidden_dims(vec![128, 128]);
        let critic = QNetworkConfig::new().with_hidden_dims(vec![128, 128]).with_layer_norm(true).with_value_dim(25);
        assert_eq!(bits(agent.actor()), bits(&actor.init(&spaces(), &mut rng, &device).unwrap()));
        let critics = Ensemble::twin(|| critic.init(&spaces(), &mut rng, &device)).unwrap();
        assert_eq!(bits(agent.critics()), bits(&critics));
        assert_eq!(bits(agent.target_critics()), bits(&critics));
        assert_ne!(bits(agent.actor()), before);
        assert_eq!(agent.temperature(), 1.0);
    }
}

/// The learned parts of an agent, by name, without the random streams.
fn learned(agent: &impl SaveState) -> Vec<(String, Vec<f64>)> {
    let state = agent.save_state().unwrap();
    let names: Vec<_> = state.names().filter(|name| !name.contains("rng")).map(str::to_owned).collect();
    let read = |name: &String| {
        let shape = state.shape(name).ok()?.to_vec();
        let single = state.clone().take_array::<f32>(name, &shape);
        single.map(|values| values.into_iter().map(f64::from).collect()).ok()
    };
    names.iter().filter_map(|name| Some((name.clone(), read(name)?))).collect()
}

#[test]
fn after_a_reset_an_agent_learns_as_a_new_one_with_these_weights() {
    for device in fixture::devices() {
        let config = settings(vec![1]).with_adam_betas([0.5, 0.9]);
        let mut agent = config.init(&spaces(), &device, Seed(5)).unwrap();
        agent.update(&batch()).unwrap();
        assert!(learned(&agent).iter().all(|(name, _)| !name.contains("moments")), "there are no moments");

        let mut new = settings(vec![]).with_adam_betas([0.5, 0.9]);
        new.networks = config.networks.clone();
        let (actor, critics) = (agent.actor().clone(), agent.critics().clone());
        let mut new = Sac::new(actor, critics, &spaces(), &new, &device, Seed(5)).unwrap();
        let noise = |agent: &Sac<_, _>, seed| agent.core.boundary.normal(8, &mut Seed(seed).stream(Stream::Update));
        // Updates do not change the statistics of observations.
        let inside = new.core.boundary.inside(&batch());
        for seed in 0..3 {
            let (next_noise, noise) = (noise(&new, 2 * seed), noise(&new, 2 * seed + 1));
            let one = agent.learn_with(&inside, &next_noise, &noise).unwrap();
            assert_eq!(one, new.learn_with(&inside, &next_noise, &noise).unwrap());
        }
        assert_eq!(learned(&agent), learned(&new));
    }
}

/// Requires the same weights after each update, resets included, from an agent that is saved and restored before every
/// one.
#[track_caller]
fn goes_on_from_any_update<A: Agent + SaveState>(new: impl Fn() -> A, weights: impl Fn(&A) -> Vec<u32>) {
    let run = |interrupted: bool| {
        let mut agent = new();
        (0..6)
            .map(|_| {
                if interrupted {
                    let state = agent.save_state().unwrap();
                    agent = new();
                    agent.load_state(state).unwrap();
                }
                agent.update(&batch()).unwrap();
                weights(&agent)
            })
            .collect::<Vec<_>>()
    };
    let whole = run(false);
    assert_eq!(run(true), whole);
    assert_eq!(run(false), whole);
    // The second reset draws other weights than the first.
    assert_ne!(whole[1], whole[3]);
}

#[test]
fn resets_are_saved_and_restored() {
    for device in fixture::devices() {
        let both = || {
            let sac = settings(vec![4, 2]);
            goes_on_from_any_update(
                || sac.init(&spaces(), &device, Seed(1)).unwrap(),
                |agent| [bits(agent.actor()), bits(agent.critics()), bits(agent.target_critics())].concat(),
            );
            let td3 = Td3Config::new().with_reset_at(vec![2, 4]);
            goes_on_from_any_update(
                || td3.init_with(&[9], &spaces(), &device, Seed(1)).unwrap(),
                |agent| [bits(agent.actor()), bits(agent.target_actor()), bits(agent.target_critics())].concat(),
            );
            let ddpg = DdpgConfig::new().with_reset_at(vec![2, 4]).with_policy_delay(2);
            goes_on_from_any_update(
                || ddpg.init_with(&[9], &spaces(), &device, Seed(1)).unwrap(),
                |agent| [bits(agent.actor()), bits(agent.target_actor()), bits(agent.critics())].concat(),
            );
        };
        both();
        fused::without(both);
    }
}

#[test]
fn residual_blocks_begin_anew_as_they_began() {
    for device in fixture::devices() {
        let networks = NetworksConfig::new().with_hidden_dims(vec![6, 6]).with_critic_residual(true);
        let config = DdpgConfig::new().with_networks(networks.with_actor_residual(true));
        let mut agent = config.init(&spaces(), &device, Seed(5)).unwrap();
        agent.update(&batch()).unwrap();
        agent.reset_networks().unwrap();
        let mut rng = Seed(5).stream(Stream::Resets);
        let actor = DeterministicActorConfig::new().with_hidden_dims(vec![6, 6]).with_residual(true);
        let critic = QNetworkConfig::new().with_hidden_dims(vec![6, 6]).with_residual(true);
        assert_eq!(bits(agent.actor()), bits(&actor.init(&spaces(), &mut rng, &device).unwrap()));
        assert_eq!(bits(agent.critic()), bits(&critic.init(&spaces(), &mut rng, &device).unwrap()));
    }
}

#[test]
fn both_forms_begin_anew_with_the_same_bits() {
    for device in fixture::devices() {
        let after = || {
            let actor = DeterministicActorConfig::new().with_hidden_dims(vec![5]);
            let actor = actor.init(&spaces(), &mut Seed(0).stream(Stream::ActorWeights), &device).unwrap();
            let actor = ClippedNoiseConfig::new().init(actor).unwrap();
            let critic = TwoStreamCriticConfig::new().with_initialization(Initialization::Xavier);
            let mut rng = Seed(0).stream(Stream::CriticWeights);
            let critics = Ensemble::twin(|| critic.init(&spaces(), &mut rng, &device)).unwrap();
            let config = SacConfig::new().with_temperature(TemperatureConfig::Fixed(0.1));
            let mut agent = Sac::new(actor, critics, &spaces(), &config, &device, Seed(0)).unwrap();
            agent.update(&batch()).unwrap();
            agent.set_learning_rate_factor(0.5).unwrap();
            agent.reset_networks().unwrap();
            assert_eq!(agent.temperature(), 0.1);
            assert_eq!(bits(agent.critics()), bits(agent.target_critics()));
            let state = agent.save_state().unwrap();
            assert_eq!(state.clone().take::<f64>("critics.learning_rate_factor").unwrap(), 0.5);
            assert_eq!(state.clone().take::<u64>("critics.optimizer.steps").unwrap(), 0);
            [bits(agent.actor()), bits(agent.critics())]
        };
        let flat = after();
        assert_eq!(fused::without(after), flat);
        // Xavier's biases are zero again.
        assert!(flat[1].iter().filter(|&&bits| bits == 0).count() > 100);
    }
}

/// A critic that cannot be reset.
#[derive(Module, Debug)]
struct Fixed {
    value: f64,
}

impl Critic for Fixed {
    fn q_value(&self, _: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        actions.narrow(1, 0, 1) * self.value
    }
}

#[test]
fn networks_that_cannot_begin_anew_are_refused_by_name() {
    let device = crate::test_device();
    let new = |config: &DdpgConfig| {
        let actor = DeterministicActorConfig::new().with_hidden_dims(vec![5]);
        let actor = actor.init(&spaces(), &mut Seed(0).stream(Stream::ActorWeights), &device).unwrap();
        Ddpg::new(actor, Fixed { value: 1.0 }, &spaces(), config, &device, Seed(0))
    };
    let resetting = DdpgConfig::new().with_reset_at(vec![7]);
    let expected = ConfigError::NotReinitializable { network: "critic" };
    assert_eq!(new(&resetting).unwrap_err(), expected);
    let mut agent = new(&DdpgConfig::new()).unwrap();
    let actor = bits(agent.actor());
    let error = agent.reset_networks().unwrap_err();
    assert_eq!(error, expected);
    assert_eq!(bits(agent.actor()), actor);
    assert_eq!(agent.with_config(&resetting).unwrap_err(), expected);
    assert_eq!(
        expected.to_string(),
        "the critic cannot be reset: implement `reinitialized` for it, or leave reset_at empty"
    );
    assert_eq!(AgentError::Reset(error).to_string(), format!("the networks could not be reset: {expected}"));
}
