//! Observations in units of their own spread: in training, in checkpoints, and in the policy that is deployed.

use crate::fixture;
use actor_critic::nn::{DeterministicActor, DeterministicActorConfig, QNetwork, QNetworkConfig};
use actor_critic::prelude::*;
use actor_critic::rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

/// One step; the best action is the observation, which is told in units that no network likes.
struct Remote {
    observations: BoxSpace,
    actions: BoxSpace,
    goal: Option<f32>,
}

impl Remote {
    fn new() -> Self {
        Self {
            observations: BoxSpace::unbounded(2).unwrap(),
            actions: BoxSpace::symmetric(1.0, 1).unwrap(),
            goal: None,
        }
    }

    fn observe(goal: f32) -> Vec<f32> {
        vec![30_000.0 + 500.0 * goal, -7.0]
    }
}

impl Environment for Remote {
    fn observation_space(&self) -> &BoxSpace {
        &self.observations
    }

    fn action_space(&self) -> &BoxSpace {
        &self.actions
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let goal = ChaCha8Rng::seed_from_u64(seed).random_range(-0.8..0.8);
        self.goal = Some(goal);
        Ok(Self::observe(goal))
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        actor_critic::env::check_action(&self.actions, action)?;
        let goal = self.goal.take().ok_or(EnvironmentError::StepBeforeReset)?;
        let reward = -(action[0] - goal).powi(2);
        Ok(Step { observation: Self::observe(goal), reward, terminated: true, truncated: false })
    }
}

type SmallDdpg = Ddpg<DeterministicActor, QNetwork>;

fn trainer(device: &Device, normalize: bool) -> Trainer<Remote, SmallDdpg> {
    let (seed, spaces) = (Seed(0), Spaces::of(&Remote::new()).unwrap());
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![32]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![32]);
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), device).unwrap();
    let critic = critic.init(&spaces, &mut seed.stream(Stream::CriticWeights), device).unwrap();
    let config = DdpgConfig::new().with_normalize_observations(normalize).with_tau(0.05);
    let agent = Ddpg::new(actor, critic, &spaces, &config, device, seed).unwrap();
    let config = TrainerConfig::new(1_500).with_batch_size(64).with_learning_starts(200).with_warmup_steps(200);
    Trainer::new(Remote::new(), agent, &config, seed).unwrap()
}

fn mean_regret(agent: &SmallDdpg) -> f64 {
    -evaluate(agent, &mut Remote::new(), 0..50).unwrap().mean_return()
}

#[test]
fn what_cannot_be_learned_from_raw_numbers_is_learned_from_normalised_ones() {
    let device = fixture::devices().remove(0);
    let [with, without] = [true, false].map(|normalize| {
        let mut trainer = trainer(&device, normalize);
        trainer.run(&mut []).unwrap();
        mean_regret(trainer.agent())
    });
    // Doing nothing costs 0.8² / 3 = 0.21.
    assert!(with < 0.02, "{with}");
    assert!(without > 0.1, "{without}");
}

#[test]
fn the_policy_takes_its_statistics_along_in_the_same_file() {
    for device in fixture::devices() {
        let mut trainer = trainer(&device, true);
        (0..300).for_each(|_| _ = trainer.step().unwrap());
        let policy = trainer.agent().policy().unwrap();
        let normalization = policy.normalization().unwrap();
        // 600 observations, each of 300 twice, with a spread of 500 · 0.8 / √3 = 231.
        assert!((normalization.mean()[0] - 30_000.0).abs() < 60.0, "{normalization:?}");
        assert!((normalization.scale()[0].recip() - 231.0).abs() < 20.0, "{normalization:?}");
        assert_eq!(normalization.mean()[1], -7.0);

        let loaded = Policy::from_bytes(&policy.to_bytes().unwrap(), &device).unwrap();
        assert_eq!(loaded.normalization(), Some(normalization));
        for goal in [-0.7, 0.0, 0.3] {
            let observation = Remote::observe(goal);
            let expected = trainer.agent().act(&[&observation]).unwrap().concat();
            assert_eq!(loaded.action(&observation).unwrap(), expected);
            assert_eq!(policy.action(&observation).unwrap(), expected);
            let many = actor_critic::burn::tensor::Tensor::from_data([[observation[0], observation[1]]], &device);
            assert_eq!(loaded.act_on_device(many).try_into_vec_as::<f32>().unwrap(), expected);
        }
    }
}

#[test]
fn a_policy_without_normalisation_has_none() {
    let device = fixture::devices().remove(0);
    let policy = trainer(&device, false).agent().policy().unwrap();
    assert_eq!(policy.normalization(), None);
    assert_eq!(Policy::from_bytes(&policy.to_bytes().unwrap(), &device).unwrap().normalization(), None);
}

#[test]
fn a_run_that_is_resumed_has_its_statistics() {
    let device = fixture::devices().remove(0);
    let folder = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::open(folder.path()).unwrap();
    let mut whole = trainer(&device, true);
    (0..250).for_each(|_| _ = whole.step().unwrap());
    whole.save(&mut checkpoints).unwrap();
    let mut resumed = trainer(&device, true);
    resumed.resume(&mut checkpoints).unwrap().unwrap();
    for trainer in [&mut whole, &mut resumed] {
        (0..100).for_each(|_| _ = trainer.step().unwrap());
    }
    let state = |trainer: &Trainer<Remote, SmallDdpg>| trainer.agent().save_state().unwrap().to_bytes().unwrap();
    assert_eq!(state(&resumed), state(&whole));

    let error = trainer(&device, false).resume(&mut checkpoints).unwrap_err();
    assert!(error.to_string().contains("normalize_observations"), "{error}");
}
