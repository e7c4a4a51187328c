//! Bad input is an error that names the rule, what was found and the fix, before anything is half-changed.

use crate::fixture;
use actor_critic::agent::{Agent, AgentError};
use actor_critic::burn::module::Module;
use actor_critic::burn::tensor::{Device, Tensor};
use actor_critic::config::ConfigError;
use actor_critic::nn::{
    ActionSample, DeterministicActor, DeterministicActorConfig, GaussianActorConfig, QNetwork, QNetworkConfig,
    Reduction, StochasticActor,
};
use actor_critic::noise::ActionNoise;
use actor_critic::noise::{GaussianNoiseConfig, OrnsteinUhlenbeckConfig};
use actor_critic::prelude::*;
use actor_critic::replay::ReplayError;
use actor_critic::state::{State, StateError};

fn spaces() -> Spaces {
    Spaces::new(BoxSpace::unbounded(3).unwrap(), BoxSpace::symmetric(2.0, 1).unwrap()).unwrap()
}

fn small_ddpg(device: &Device) -> Ddpg<DeterministicActor, QNetwork> {
    let mut rng = Seed(0).stream(Stream::ActorWeights);
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![8]).init(&spaces(), &mut rng, device).unwrap();
    let critic = QNetworkConfig::new().with_hidden_dims(vec![8]).init(&spaces(), &mut rng, device).unwrap();
    Ddpg::new(actor, critic, &spaces(), &DdpgConfig::new(), device, Seed(0)).unwrap()
}

fn batch() -> Batch {
    observed(0.0, 3, 1)
}

/// Four transitions whose observations are the same number on every axis.
fn observed(value: f32, observation_dim: usize, action_dim: usize) -> Batch {
    let (observation, next, action) = (vec![value; observation_dim], vec![0.0; observation_dim], vec![0.0; action_dim]);
    let transition = Transition {
        observation: &observation,
        action: &action,
        reward: 0.0,
        next_observation: &next,
        terminated: false,
    };
    Batch::new(&[transition; 4], 0.99).unwrap()
}

#[test]
fn an_observation_of_the_wrong_length_or_not_finite_is_refused() {
    for device in fixture::devices() {
        let mut agent = small_ddpg(&device);
        for explore in [true, false] {
            let mut text = |observation: &[f32]| {
                let actions = if explore { agent.explore(&[observation]) } else { agent.act(&[observation]) };
                actions.unwrap_err().to_string()
            };
            assert_eq!(
                text(&[0.0; 2]),
                "observation must have 3 components, one per axis of the observation space, got 2"
            );
            assert_eq!(text(&[0.0, f32::NAN, 0.0]), "observation must be finite, got NaN on axis 1");
            assert_eq!(text(&[0.0, 0.0, f32::INFINITY]), "observation must be finite, got inf on axis 2");
        }
    }
}

#[test]
fn a_refused_observation_takes_no_random_number() {
    for device in fixture::devices() {
        let (mut disturbed, mut undisturbed) = (small_ddpg(&device), small_ddpg(&device));
        disturbed.explore(&[&[f32::NAN; 3]]).unwrap_err();
        let action = disturbed.explore(&[&[0.1; 3]]).unwrap();
        assert_eq!(action, undisturbed.explore(&[&[0.1; 3]]).unwrap());
    }
}

#[test]
fn a_batch_that_does_not_fit_is_refused() {
    for device in fixture::devices() {
        let mut agent = small_ddpg(&device);
        let before = agent.save_state().unwrap();
        let mut text = |batch: Batch| agent.update(&batch).unwrap_err().to_string();
        assert_eq!(
            text(Batch::default()),
            "a batch must hold at least 1 transition, got 0; fill it by `sample_into` of a replay, or make it by `Batch::new`"
        );
        let fields = "of the batch must have shape";
        assert_eq!(text(observed(0.0, 2, 1)), format!("observations {fields} [4, 3], got [4, 2]"));
        assert_eq!(text(observed(0.0, 3, 2)), format!("actions {fields} [4, 1], got [4, 2]"));
        assert_eq!(agent.save_state().unwrap(), before);
    }
}

#[test]
fn a_batch_of_numbers_that_nothing_can_be_learned_from_is_never_made() {
    let sound = Transition {
        observation: &[0.0; 3],
        action: &[0.0],
        reward: 0.0,
        next_observation: &[0.0; 3],
        terminated: false,
    };
    let text = |transition: Transition<'_>| Batch::new(&[sound, transition], 0.99).unwrap_err().to_string();
    assert_eq!(
        text(Transition { observation: &[0.0, f32::NAN, 0.0], ..sound }),
        "observation must be finite, got NaN at index 1"
    );
    assert_eq!(text(Transition { action: &[f32::INFINITY], ..sound }), "action must be finite, got inf at index 0");
    assert_eq!(
        text(Transition { reward: 1e19, ..sound }),
        "reward must be at most 1e18 in magnitude, got 1e19 at index 0"
    );
    assert_eq!(
        text(Transition { next_observation: &[0.0; 2], ..sound }),
        "next observation must have 3 components, got 2"
    );
    let text = |result: Result<Batch, ReplayError>| result.unwrap_err().to_string();
    assert_eq!(text(Batch::new(&[], 0.99)), "a batch must hold at least 1 transition, got 0");
    assert_eq!(text(Batch::new(&[sound], 1.5)), "discount must be in [0, 1], got 1.5");
    assert_eq!(text(Batch::new(&[sound], f64::NAN)), "discount must be in [0, 1], got NaN");
}

/// Rewards that are each in range, and whose sum over several steps is not.
#[test]
fn a_sum_of_rewards_out_of_range_is_refused_when_it_is_drawn() {
    let mut replay = ReplayBuffer::new(4, 1, 1).unwrap().with_n_step(3).unwrap();
    for i in 0..4 {
        let (now, next) = ([i as f32], [i as f32 + 1.0]);
        let transition =
            Transition { observation: &now, action: &[0.0], reward: 9e17, next_observation: &next, terminated: false };
        replay.push(&transition).unwrap();
    }
    let error = replay.sample(4, 1.0, &mut Seed(0).stream(Stream::Replay)).unwrap_err().to_string();
    assert!(error.starts_with("discounted sums of rewards must be at most 1e18 in magnitude, got "), "{error}");
    replay.sample(4, 0.1, &mut Seed(0).stream(Stream::Replay)).unwrap();
}

/// A policy that loses the batch axis of a single row.
#[derive(Module, Debug)]
struct Squeezing {
    unused: f32,
}

impl Actor for Squeezing {
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        let [n, _] = observations.dims();
        Tensor::zeros(if n == 1 { [1, 3] } else { [n, 1] }, &observations.device())
    }
}

#[test]
fn an_actor_that_fails_for_a_single_observation_is_an_error_and_not_a_panic() {
    for device in fixture::devices() {
        let critic =
            QNetworkConfig::new().init(&spaces(), &mut Seed(0).stream(Stream::CriticWeights), &device).unwrap();
        let actor = Squeezing { unused: 0.0 };
        let mut agent = Ddpg::new(actor, critic, &spaces(), &DdpgConfig::new(), &device, Seed(0)).unwrap();
        let error = agent.explore(&[&[0.0; 3]]).unwrap_err();
        assert_eq!(error.to_string(), "the actor must return shape [1, 1] for 1 observations, got [1, 3]");
    }
}

/// A critic whose answer to a large observation is too large to be squared.
#[derive(Module, Debug)]
struct Steep {
    network: QNetwork,
}

impl Critic for Steep {
    fn q_value(&self, observations: Tensor<2>, actions: Tensor<2>) -> Tensor<2> {
        self.network.q_value(observations * 1e5, actions)
    }
}

#[test]
fn a_loss_that_is_not_finite_is_named_and_its_step_not_taken() {
    for device in fixture::devices() {
        let mut rng = Seed(0).stream(Stream::ActorWeights);
        let actor =
            DeterministicActorConfig::new().with_hidden_dims(vec![8]).init(&spaces(), &mut rng, &device).unwrap();
        let critic = QNetworkConfig::new().with_hidden_dims(vec![8]).init(&spaces(), &mut rng, &device).unwrap();
        let critic = Steep { network: critic };
        let config = DdpgConfig::new().with_normalize_observations(false);
        let mut agent = Ddpg::new(actor, critic, &spaces(), &config, &device, Seed(0)).unwrap();
        let probe = |agent: &Ddpg<DeterministicActor, Steep>| {
            let tensors = batch().upload(&device);
            let q = agent.critic().valid().q_value(tensors.observations, tensors.actions);
            q.try_into_vec_as::<f32>().unwrap()
        };
        let before = probe(&agent);
        // Each number of the batch is in range, and the square of the critic's answer to them is not.
        let far = observed(1e18, 3, 1);
        let error = agent.update(&far).unwrap_err();
        assert!(matches!(error, AgentError::Diverged { quantity: "critic loss", .. }));
        assert_eq!(error.to_string(), "critic loss must be finite, got inf: training has diverged");
        assert_eq!(probe(&agent), before);
        agent.update(&batch()).unwrap();
    }
}

/// A network with as many outputs as it is told.
#[derive(Module, Debug)]
struct Outputs {
    columns: usize,
    log_prob_columns: usize,
}

impl Actor for Outputs {
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        Tensor::zeros([observations.dims()[0], self.columns], &observations.device())
    }
}

impl StochasticActor for Outputs {
    fn sample(&self, observations: Tensor<2>, _: Tensor<2>) -> ActionSample {
        let [n, _] = observations.dims();
        let log_probs = Some(Tensor::zeros([n, self.log_prob_columns], &observations.device()));
        ActionSample { actions: self.act(observations), log_probs }
    }
}

impl Critic for Outputs {
    fn q_value(&self, observations: Tensor<2>, _: Tensor<2>) -> Tensor<2> {
        self.act(observations)
    }
}

#[test]
fn a_network_whose_output_has_the_wrong_shape_is_refused() {
    for device in fixture::devices() {
        let outputs = |columns, log_prob_columns| Outputs { columns, log_prob_columns };
        let text = |result: Result<(), ConfigError>| result.unwrap_err().to_string();
        let ddpg =
            |actor, critic| text(Ddpg::new(actor, critic, &spaces(), &DdpgConfig::new(), &device, Seed(0)).map(drop));
        let sac = |actor, critic| {
            let critics = Ensemble::new(vec![outputs(1, 1), critic]).unwrap();
            text(Sac::new(actor, critics, &spaces(), &SacConfig::new(), &device, Seed(0)).map(drop))
        };
        let wanted = "must return a tensor of shape [2, 1] for a batch of 2, got [2, 3]";
        assert_eq!(ddpg(outputs(3, 1), outputs(1, 1)), format!("actor {wanted}"));
        assert_eq!(ddpg(outputs(1, 1), outputs(3, 1)), format!("critic {wanted}"));
        assert_eq!(sac(outputs(1, 1), outputs(3, 1)), format!("critic {wanted}"));
        assert_eq!(sac(outputs(1, 3), outputs(1, 1)), format!("log-probability of the actor {wanted}"));
    }
}

#[test]
fn noise_for_another_number_of_axes_is_refused() {
    for device in fixture::devices() {
        let noise = Box::new(GaussianNoiseConfig::new().init(2).unwrap());
        let error = small_ddpg(&device).with_noise(noise).unwrap_err();
        assert_eq!(error.to_string(), "noise must have 1 axis, one per axis of the action space, got 2");
    }
}

/// The same displacement for ever.
struct ConstantNoise(f32);

impl SaveState for ConstantNoise {
    fn save_state(&self) -> Result<State, StateError> {
        Ok(State::new())
    }

    fn load_state(&mut self, state: State) -> Result<(), StateError> {
        state.finish()
    }
}

impl ActionNoise for ConstantNoise {
    fn dim(&self) -> usize {
        1
    }

    fn sample_into(&mut self, _: &mut dyn actor_critic::rand::Rng, noise: &mut [f32]) {
        noise.fill(self.0);
    }

    fn fresh(&self) -> Box<dyn ActionNoise> {
        Box::new(Self(self.0))
    }
}

#[test]
fn noise_that_is_not_finite_is_refused() {
    for device in fixture::devices() {
        let mut agent = small_ddpg(&device).with_noise(Box::new(ConstantNoise(f32::NAN))).unwrap();
        let error = agent.explore(&[&[0.0; 3]]).unwrap_err();
        assert_eq!(error.to_string(), "noise must be finite, got NaN on axis 0");
    }
}

#[test]
fn noise_of_any_size_leaves_the_action_inside_the_bounds() {
    for device in fixture::devices() {
        for (noise, expected) in [(1e30, 2.0), (-1e30, -2.0)] {
            let mut agent = small_ddpg(&device).with_noise(Box::new(ConstantNoise(noise))).unwrap();
            assert_eq!(agent.explore(&[&[0.0; 3]]).unwrap(), [[expected]]);
            let greedy = agent.act(&[&[0.0; 3]]).unwrap()[0][0];
            assert!(greedy.abs() < 2.0, "greedy actions have no noise: {greedy}");
        }
    }
}

#[test]
fn settings_out_of_range_are_refused_by_every_algorithm() {
    let text = |result: Result<(), ConfigError>| result.unwrap_err().to_string();
    for value in [-0.1, 1.1, f64::NAN] {
        let expected = |field: &str| format!("{field} must be in [0, 1], got {value}");
        assert_eq!(text(DdpgConfig::new().with_discount(value).validate()), expected("discount"));
        assert_eq!(text(DdpgConfig::new().with_tau(value).validate()), expected("tau"));
        assert_eq!(text(SacConfig::new().with_discount(value).validate()), expected("discount"));
        assert_eq!(text(SacConfig::new().with_tau(value).validate()), expected("tau"));
        assert_eq!(text(Td3Config::new().with_discount(value).validate()), expected("discount"));
        assert_eq!(text(Td3Config::new().with_tau(value).validate()), expected("tau"));
    }
    for value in [0.0, -1.0, f64::INFINITY] {
        let expected = |field: &str| format!("{field} must be positive and finite, got {value}");
        let ddpg = DdpgConfig::new;
        assert_eq!(text(ddpg().with_actor_learning_rate(value).validate()), expected("actor_learning_rate"));
        assert_eq!(text(ddpg().with_critic_learning_rate(value).validate()), expected("critic_learning_rate"));
        assert_eq!(text(ddpg().with_adam_epsilon(value).validate()), expected("adam_epsilon"));
        assert_eq!(text(ddpg().with_max_gradient_norm(Some(value)).validate()), expected("max_gradient_norm"));
        let sac = SacConfig::new;
        assert_eq!(text(sac().with_actor_learning_rate(value).validate()), expected("actor_learning_rate"));
        assert_eq!(text(sac().with_critic_learning_rate(value).validate()), expected("critic_learning_rate"));
        assert_eq!(text(sac().with_adam_epsilon(value).validate()), expected("adam_epsilon"));
        assert_eq!(text(sac().with_max_gradient_norm(Some(value)).validate()), expected("max_gradient_norm"));
        let td3 = Td3Config::new;
        assert_eq!(text(td3().with_actor_learning_rate(value).validate()), expected("actor_learning_rate"));
        assert_eq!(text(td3().with_critic_learning_rate(value).validate()), expected("critic_learning_rate"));
        assert_eq!(text(td3().with_adam_epsilon(value).validate()), expected("adam_epsilon"));
        assert_eq!(text(td3().with_max_gradient_norm(Some(value)).validate()), expected("max_gradient_norm"));
    }
    let noise = NoiseConfig::OrnsteinUhlenbeck(OrnsteinUhlenbeckConfig::new().with_dt(0.0));
    assert_eq!(text(DdpgConfig::new().with_noise(noise.clone()).validate()), "dt must be positive and finite, got 0");
    assert_eq!(text(Td3Config::new().with_noise(noise).validate()), "dt must be positive and finite, got 0");
    let config = SacConfig::new().with_target_update_interval(0);
    assert_eq!(text(config.validate()), "target_update_interval must be at least 1, got 0");
    assert_eq!(text(SacConfig::new().with_policy_delay(0).validate()), "policy_delay must be at least 1, got 0");
    assert_eq!(text(Td3Config::new().with_policy_delay(0).validate()), "policy_delay must be at least 1, got 0");
    assert_eq!(text(DdpgConfig::new().with_policy_delay(0).validate()), "policy_delay must be at least 1, got 0");
    assert_eq!(text(DdpgConfig::new().with_reset_at(vec![0]).validate()), "reset_at must be at least 1, got 0");
    assert_eq!(text(SacConfig::new().with_reset_at(vec![9, 0]).validate()), "reset_at must be at least 1, got 0");
    let long = text(Td3Config::new().with_reset_at((1..=1001).collect()).validate());
    assert_eq!(long, "length of reset_at must be at most the limit (1000), got 1001");
    let interval = "target_update_interval must be at least 1, got 0";
    assert_eq!(text(DdpgConfig::new().with_target_update_interval(0).validate()), interval);
    assert_eq!(text(Td3Config::new().with_target_update_interval(Some(0)).validate()), interval);
    for betas in [[-0.1, 0.999], [0.9, 1.0], [f64::NAN, 0.999]] {
        let value = if betas[0] == 0.9 { betas[1] } else { betas[0] };
        let expected = format!("adam_betas must be in [0, 1), got {value}");
        assert_eq!(text(DdpgConfig::new().with_adam_betas(betas).validate()), expected);
        assert_eq!(text(SacConfig::new().with_adam_betas(betas).validate()), expected);
    }
    let config = Td3Config::new().with_smoothing_std(-1.0);
    assert_eq!(text(config.validate()), "smoothing_std must be at least 0 and finite, got -1");
}

#[test]
fn a_constructor_refuses_what_validate_refuses() {
    for device in fixture::devices() {
        let error = DdpgConfig::new().with_tau(2.0).init(&spaces(), &device, Seed(0)).unwrap_err();
        assert_eq!(error, ConfigError::OutsideUnitInterval { field: "tau", value: 2.0 });
        let error = SacConfig::new().with_tau(2.0).init(&spaces(), &device, Seed(0)).unwrap_err();
        assert_eq!(error, ConfigError::OutsideUnitInterval { field: "tau", value: 2.0 });
        let error = Td3Config::new().with_tau(2.0).init(&spaces(), &device, Seed(0)).unwrap_err();
        assert_eq!(error, ConfigError::OutsideUnitInterval { field: "tau", value: 2.0 });
        let config = SacConfig::new().with_target_reduction(Reduction::SmallestOf(3));
        let error = config.init(&spaces(), &device, Seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "target_reduction must be at most number of critics (2), got 3");
        let agent = SacConfig::new().init(&spaces(), &device, Seed(0)).unwrap();
        let config = SacConfig::new().with_actor_reduction(Reduction::SmallestOf(0));
        assert_eq!(agent.with_config(&config).unwrap_err().to_string(), "actor_reduction must be at least 1, got 0");
        let empty = GaussianActorConfig::new().with_hidden_dims(vec![0]);
        let error = empty.init(&spaces(), &mut Seed(0).stream(Stream::ActorWeights), &device).unwrap_err();
        assert_eq!(error.to_string(), "layer width must be at least 1, got 0");
    }
}

#[test]
fn a_schedule_that_cannot_work_is_refused() {
    let text = |config: TrainerConfig| config.validate().unwrap_err().to_string();
    let config = || TrainerConfig::new(10);
    assert_eq!(text(TrainerConfig::new(0)), "episodes must be at least 1, got 0");
    assert_eq!(text(config().with_batch_size(0)), "batch_size must be at least 1, got 0");
    assert_eq!(text(config().with_updates_per_step(0.0)), "updates_per_step must be positive and finite, got 0");
    assert_eq!(text(config().with_average_window(0)), "average_window must be at least 1, got 0");
    assert_eq!(text(config().with_learning_starts(100)), "batch_size must be at most learning_starts (100), got 256");
    assert_eq!(
        text(config().with_replay_capacity(500)),
        "learning_starts (not set, so the greater of warmup_steps and batch_size) must be at most replay_capacity (500), got 1000"
    );
    assert_eq!(
        text(config().with_replay_capacity(500).with_learning_starts(501)),
        "learning_starts must be at most replay_capacity (500), got 501"
    );
}
