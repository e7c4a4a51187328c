//! Batches whose transitions count differently, or look several steps ahead.

use crate::fixture;
use actor_critic::agent::Agent;
use actor_critic::burn::tensor::{Tensor, TensorData};
use actor_critic::nn::{
    ActionBounds, DeterministicActor, DeterministicActorConfig, GaussianActor, GaussianActorConfig, QNetwork,
    QNetworkConfig,
};
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;

const ROWS: usize = 6;
const DISCOUNT: f64 = 0.9;

fn spaces() -> Spaces {
    Spaces::new(BoxSpace::unbounded(3).unwrap(), BoxSpace::new(vec![-2.0], vec![2.0]).unwrap()).unwrap()
}

fn tensor(values: Vec<f32>, columns: usize, device: &Device) -> Tensor<2> {
    let rows = values.len() / columns;
    Tensor::from_data(TensorData::new(values, [rows, columns]), device)
}

fn batch(device: &Device) -> Batch {
    let mut rng = Seed(9).stream(Stream::Replay);
    let mut draw = |columns: usize| {
        let values = (0..ROWS * columns).map(|_| rng.random_range(-1.0..1.0)).collect();
        tensor(values, columns, device)
    };
    Batch {
        observations: draw(3),
        actions: draw(1),
        rewards: draw(1),
        next_observations: draw(3),
        terminated: tensor(vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 1, device),
        discounts: None,
        weights: None,
    }
}

fn ddpg(device: &Device) -> Ddpg<DeterministicActor, QNetwork> {
    let (seed, spaces) = (Seed(4), spaces());
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![8]);
    let critic = QNetworkConfig::new().with_hidden_dims(vec![8]);
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), device).unwrap();
    let critic = critic.init(&spaces, &mut seed.stream(Stream::CriticWeights), device).unwrap();
    Ddpg::new(actor, critic, &spaces, &DdpgConfig::new().with_discount(DISCOUNT), device, seed).unwrap()
}

fn td3(device: &Device) -> Td3<DeterministicActor, QNetwork> {
    let (seed, spaces) = (Seed(4), spaces());
    let actor = DeterministicActorConfig::new().with_hidden_dims(vec![8]);
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), device).unwrap();
    let config = Td3Config::new().with_discount(DISCOUNT).with_smoothing_std(0.0);
    Td3::new(actor, critics(device), &spaces, &config, device, seed).unwrap()
}

fn sac(device: &Device) -> Sac<GaussianActor, QNetwork> {
    let (seed, spaces) = (Seed(4), spaces());
    let actor = GaussianActorConfig::new().with_hidden_dims(vec![8]);
    let actor = actor.init(&spaces, &mut seed.stream(Stream::ActorWeights), device).unwrap();
    Sac::new(actor, critics(device), &spaces, &SacConfig::new().with_discount(DISCOUNT), device, seed).unwrap()
}

fn critics(device: &Device) -> Ensemble<QNetwork> {
    let critic = QNetworkConfig::new().with_hidden_dims(vec![8]);
    let mut rng = Seed(4).stream(Stream::CriticWeights);
    Ensemble::twin(|| critic.init(&spaces(), &mut rng, device)).unwrap()
}

fn state(agent: &impl SaveState) -> Vec<u8> {
    agent.save_state().unwrap().to_bytes().unwrap()
}

/// Requires the same update from equal weights and written-out discounts as from none, and another one from unequal ones.
fn counts_as_it_should<A: Agent + SaveState>(new: impl Fn(&Device) -> A) {
    for device in fixture::devices() {
        let updated = |batch: Batch| {
            let mut agent = new(&device);
            let td_errors = (0..3).map(|_| agent.update(&batch).unwrap().td_errors).last().unwrap();
            (state(&agent), td_errors)
        };
        let column = |values: [f32; ROWS]| Some(tensor(values.to_vec(), 1, &device));
        let plain = updated(batch(&device));
        let same_discounts = updated(Batch { discounts: column([DISCOUNT as f32; ROWS]), ..batch(&device) });
        assert_eq!(same_discounts.0, plain.0);
        let other_discounts = updated(Batch { discounts: column([0.5; ROWS]), ..batch(&device) });
        assert_ne!(other_discounts.0, plain.0);

        // The mean over a batch in which each row counts once is that over the batch twice, where each pair counts 2 and 0.
        let weighted = updated(Batch { weights: column([2.0, 0.0, 1.0, 1.0, 0.5, 1.5]), ..batch(&device) });
        assert_ne!(weighted.0, plain.0);
        assert!(plain.1.is_none());
        let errors = weighted.1.unwrap();
        assert!(errors.len() == ROWS && errors.iter().all(|error| *error > 0.0));
    }
}

#[test]
fn ddpg_counts_as_it_should() {
    counts_as_it_should(ddpg);
}

#[test]
fn td3_counts_as_it_should() {
    counts_as_it_should(td3);
}

#[test]
fn sac_counts_as_it_should() {
    counts_as_it_should(sac);
}

#[test]
fn errors_are_those_before_the_step_and_the_mean_over_critics() {
    for device in fixture::devices() {
        let batch = Batch { weights: Some(tensor(vec![1.0; ROWS], 1, &device)), ..batch(&device) };
        let expected = |targets: Tensor<2>, values: Vec<Tensor<2>>| -> Vec<f32> {
            let targets = fixture::values(targets);
            let values: Vec<Vec<f64>> = values.into_iter().map(|values| fixture::values(values.inner())).collect();
            let error = |i: usize| values.iter().map(|q| (q[i] - targets[i]).abs()).sum::<f64>() / values.len() as f64;
            (0..ROWS).map(|i| error(i) as f32).collect()
        };
        let close = |found: &[f32], expected: &[f32]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} for {expected:?}");
        };

        let unit_actions = || ActionBounds::new(spaces().action(), &device).unwrap().unscale(batch.actions.clone());
        let mut agent = ddpg(&device);
        let value = agent.critic().q_value(batch.observations.clone(), unit_actions());
        let errors = expected(agent.targets(&batch), vec![value]);
        close(&agent.update(&batch).unwrap().td_errors.unwrap(), &errors);

        // Without smoothing the target does not depend on the noise.
        let mut agent = td3(&device);
        let values = agent.critics().q_values(batch.observations.clone(), unit_actions());
        let errors = expected(agent.targets(&batch, Tensor::zeros([ROWS, 1], &device)), values);
        close(&agent.update(&batch).unwrap().td_errors.unwrap(), &errors);
    }
}

#[test]
fn a_row_that_counts_nothing_is_as_good_as_absent() {
    for device in fixture::devices() {
        let whole = batch(&device);
        let half = |tensor: Tensor<2>| tensor.narrow(0, 0, ROWS / 2);
        let first_half = Batch {
            observations: half(whole.observations.clone()),
            actions: half(whole.actions.clone()),
            rewards: half(whole.rewards.clone()),
            next_observations: half(whole.next_observations.clone()),
            terminated: half(whole.terminated.clone()),
            discounts: None,
            weights: None,
        };
        let weights = Some(tensor(vec![2.0, 2.0, 2.0, 0.0, 0.0, 0.0], 1, &device));
        let weighted = Batch { weights, ..whole };
        let agent = ddpg(&device);
        let loss = |batch: &Batch| fixture::scalar(agent.critic_loss(batch, agent.targets(batch)).inner());
        let (found, expected) = (loss(&weighted), loss(&first_half));
        assert!((found - expected).abs() < 1e-6 * expected, "{found} for {expected}");
    }
}

#[test]
fn extra_columns_of_a_batch_are_checked_like_the_others() {
    let device = fixture::devices().remove(0);
    let text = |batch: Batch| ddpg(&device).update(&batch).unwrap_err().to_string();
    let wrong = Some(tensor(vec![1.0; 2 * ROWS], 2, &device));
    let not_finite = Some(tensor(vec![1.0, f32::NAN, 1.0, 1.0, 1.0, 1.0], 1, &device));
    let error = text(Batch { weights: wrong.clone(), ..batch(&device) });
    assert_eq!(error, "weights of the batch must have shape [6, 1], got [6, 2]");
    let error = text(Batch { discounts: wrong, ..batch(&device) });
    assert_eq!(error, "discounts of the batch must have shape [6, 1], got [6, 2]");
    let error = text(Batch { discounts: not_finite, ..batch(&device) });
    assert!(error.starts_with("discounts of the batch must be finite") && error.ends_with("in row 1"), "{error}");
}
