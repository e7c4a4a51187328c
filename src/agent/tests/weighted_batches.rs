//! Batches with weights, and batches with returns of several steps.

use super::{batch_of, read};
use crate::fixture;
use crate::matrix::Matrix;
use actor_critic::agent::Agent;
use actor_critic::burn::tensor::Tensor;
use actor_critic::nn::{
    ActionBounds, DeterministicActor, DeterministicActorConfig, GaussianActor, GaussianActorConfig, QNetwork,
    QNetworkConfig,
};
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;
use actor_critic::replay::ReplayError;

const ROWS: usize = 6;
const DISCOUNT: f64 = 0.9;

fn spaces() -> Spaces {
    Spaces::new(BoxSpace::unbounded(3).unwrap(), BoxSpace::new(vec![-2.0], vec![2.0]).unwrap()).unwrap()
}

/// The columns of a batch, for its first rows.
fn rows(n: usize) -> Batch {
    let mut rng = Seed(9).stream(Stream::Replay);
    let mut draw = |columns: usize| -> Vec<f32> {
        let mut values: Vec<f32> = (0..ROWS * columns).map(|_| rng.random_range(-1.0..1.0)).collect();
        values.truncate(n * columns);
        values
    };
    let columns = [draw(3), draw(1), draw(1), draw(3), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0][..n].to_vec()];
    batch_of(&columns, DISCOUNT)
}

fn batch() -> Batch {
    rows(ROWS)
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

/// Requires that equal weights and written-out discounts give the same update as none, and unequal weights another one.
fn counts_as_it_should<A: Agent + SaveState>(new: impl Fn(&Device) -> A) {
    for device in fixture::devices() {
        let updated = |batch: Batch| {
            let mut agent = new(&device);
            let td_errors = (0..3).map(|_| agent.update(&batch).unwrap().td_errors).last().unwrap();
            (state(&agent), td_errors)
        };
        let plain = updated(batch());
        let discount = DISCOUNT as f32;
        let same = vec![discount, discount, 0.0, discount, discount, discount];
        assert_eq!(updated(batch().with_discounts(same).unwrap()).0, plain.0);
        assert_ne!(updated(batch().with_discounts(vec![0.5; ROWS]).unwrap()).0, plain.0);

        // A batch in which each row has weight 1 has the same mean as the batch twice with weights 2 and 0.
        let weighted = updated(batch().with_weights(vec![2.0, 0.0, 1.0, 1.0, 0.5, 1.5]).unwrap());
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
        let batch = batch().with_weights(vec![1.0; ROWS]).unwrap();
        let expected = |targets: Matrix, values: Vec<Tensor<2>>| -> Vec<f32> {
            let targets = read(targets);
            let values: Vec<Vec<f64>> = values.into_iter().map(|values| fixture::values(values.inner())).collect();
            let error = |i: usize| values.iter().map(|q| (q[i] - targets[i]).abs()).sum::<f64>() / values.len() as f64;
            (0..ROWS).map(|i| error(i) as f32).collect()
        };
        let close = |found: &[f32], expected: &[f32]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} for {expected:?}");
        };

        let unit_actions =
            || ActionBounds::new(spaces().action(), &device).unwrap().unscale(batch.upload(&device).actions);
        let mut agent = ddpg(&device);
        let value = agent.critic().q_value(batch.upload(&device).observations, unit_actions());
        let errors = expected(agent.targets(&agent.core.boundary.inside(&batch)), vec![value]);
        close(&agent.update(&batch).unwrap().td_errors.unwrap(), &errors);

        // Without smoothing the target does not depend on the noise.
        let mut agent = td3(&device);
        let values = agent.critics().q_values(batch.upload(&device).observations, unit_actions());
        let inside = agent.core.boundary.inside(&batch);
        let noise = agent.core.boundary.place.take(Tensor::zeros([ROWS, 1], &device));
        let errors = expected(agent.targets(&inside, noise), values);
        close(&agent.update(&batch).unwrap().td_errors.unwrap(), &errors);
    }
}

#[test]
fn a_row_that_counts_nothing_is_as_good_as_absent() {
    for device in fixture::devices() {
        let first_half = rows(ROWS / 2);
        let weighted = batch().with_weights(vec![2.0, 2.0, 2.0, 0.0, 0.0, 0.0]).unwrap();
        let mut agent = ddpg(&device);
        let mut loss = |batch: &Batch| {
            let batch = agent.core.boundary.inside(batch);
            let targets = agent.targets(&batch);
            agent.core.critic_gradient(&batch, &targets).unwrap().loss
        };
        let (found, expected) = (loss(&weighted), loss(&first_half));
        assert!((found - expected).abs() < 1e-6 * expected, "{found} for {expected}");
    }
}

#[test]
fn extra_columns_of_a_batch_are_checked_like_the_others() {
    let text = |result: Result<Batch, ReplayError>| result.unwrap_err().to_string();
    assert_eq!(text(batch().with_weights(vec![1.0; 2])), "weights must have 6 components, got 2");
    assert_eq!(text(batch().with_discounts(vec![1.0; 12])), "discounts must have 6 components, got 12");
    let spoilt = |value| vec![1.0, value, 1.0, 1.0, 1.0, 1.0];
    assert_eq!(text(batch().with_weights(spoilt(f32::NAN))), "weights must be finite, got NaN at index 1");
    assert_eq!(
        text(batch().with_weights(spoilt(1e19))),
        "weights must be at most 1e18 in magnitude, got 1e19 at index 1"
    );
    assert_eq!(text(batch().with_discounts(spoilt(f32::INFINITY))), "discounts must be finite, got inf at index 1");
    assert_eq!(text(batch().with_discounts(spoilt(1.5))), "discount must be in [0, 1], got 1.5");
    assert_eq!(text(batch().with_discounts(spoilt(-0.5))), "discount must be in [0, 1], got -0.5");
}
