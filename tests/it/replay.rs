//! The replay against slow plain models: returns of several steps, and priorities.

use std::collections::{BTreeMap, VecDeque};

use actor_critic::prelude::*;
use actor_critic::rand::{Rng, RngExt, SeedableRng, rngs::ChaCha8Rng};
use actor_critic::replay::{PrioritizedReplay, PrioritizedReplayConfig, Replay, ReplayError};
use proptest::prelude::*;

/// A transition with everything written out.
#[derive(Debug, Clone)]
struct Plain {
    environment: usize,
    episode: usize,
    observation: f32,
    reward: f32,
    next_observation: f32,
    terminated: bool,
}

/// How one episode goes on, for one environment and step.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    GoesOn,
    Terminates,
    Truncates,
    /// The environment fails after its step is stored; the next episode begins without a last step.
    Breaks,
}

#[derive(Debug, Clone)]
struct Sequence {
    environments: usize,
    capacity: usize,
    steps: usize,
    discount: f64,
    /// Whether every observation is the same, so that only the ends of episodes tell them apart.
    same_observations: bool,
    events: Vec<Event>,
}

fn sequences() -> impl Strategy<Value = Sequence> {
    let event = prop_oneof![
        6 => Just(Event::GoesOn), 1 => Just(Event::Terminates), 1 => Just(Event::Truncates), 1 => Just(Event::Breaks)
    ];
    let shape = (1_usize..4, 1_usize..24, 1_usize..6, 0.0..=1.0_f64, any::<bool>());
    (shape, prop::collection::vec(event, 1..60)).prop_map(
        |((environments, capacity, steps, discount, same_observations), events)| Sequence {
            environments,
            capacity,
            steps,
            discount,
            same_observations,
            events,
        },
    )
}

/// Plays a sequence into a replay and into a list that keeps the newest transitions whole.
fn play(sequence: &Sequence, replay: &mut dyn Replay) -> VecDeque<Plain> {
    let mut model: VecDeque<Plain> = VecDeque::new();
    let mut now = vec![(0, 0.0_f32); sequence.environments];
    for (i, event) in sequence.events.iter().enumerate() {
        let environment = i % sequence.environments;
        let (episode, observation) = &mut now[environment];
        let next_observation = if sequence.same_observations { 0.0 } else { 1.0 + i as f32 };
        let plain = Plain {
            environment,
            episode: *episode,
            observation: *observation,
            reward: 1.0 + (i % 7) as f32,
            next_observation,
            terminated: *event == Event::Terminates,
        };
        let Plain { reward, terminated, .. } = plain;
        // The action tells which transition a row of a batch is.
        let (observation, action, next) = ([plain.observation], [i as f32], [next_observation]);
        let transition =
            Transition { observation: &observation, action: &action, reward, next_observation: &next, terminated };
        replay.push(environment, &transition).unwrap();
        model.push_back(plain);
        if model.len() > sequence.capacity {
            model.pop_front();
        }
        now[environment].1 = next_observation;
        if *event != Event::GoesOn {
            // A termination needs no call.
            if *event != Event::Terminates {
                replay.transitions_mut().end_episode(environment);
            }
            now[environment] = (now[environment].0 + 1, if sequence.same_observations { 0.0 } else { -1.0 - i as f32 });
        }
    }
    model
}

/// What a batch must hold of the transition at `age`: reward, discount, next observation, terminated.
fn outlook(model: &VecDeque<Plain>, age: usize, steps: usize, discount: f64) -> (f64, f64, f32, bool) {
    let first = &model[age];
    let mut episode = (model.iter().skip(age))
        .filter(|plain| (plain.environment, plain.episode) == (first.environment, first.episode))
        .take(steps);
    let (mut reward, mut power, mut last) = (0.0, 1.0, first);
    for plain in episode.by_ref() {
        reward += power * f64::from(plain.reward);
        power *= discount;
        last = plain;
    }
    (reward, power, last.next_observation, last.terminated)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_return_of_several_steps_is_that_of_a_plain_list(sequence in sequences()) {
        let Sequence { capacity, steps, discount, .. } = sequence;
        let mut replay = ReplayBuffer::new(capacity, 1, 1).unwrap().with_n_step(steps).unwrap();
        let model = play(&sequence, &mut replay);
        prop_assert_eq!(replay.len(), model.len());

        // One by one, as they were given.
        for (age, plain) in model.iter().enumerate() {
            let stored = replay.get(age).unwrap();
            prop_assert_eq!(stored.observation, [plain.observation]);
            prop_assert_eq!(stored.next_observation, [plain.next_observation]);
            prop_assert_eq!((stored.reward, stored.terminated), (plain.reward, plain.terminated));
        }

        // All at once, as a batch looks ahead.
        let batch = replay.sample(model.len(), discount, &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
        let (actions, rewards) = (batch.actions(), batch.rewards());
        let (next_observations, discounts) = (batch.next_observations(), batch.discounts());
        let oldest = sequence.events.len() - model.len();
        for row in 0..model.len() {
            let expected = outlook(&model, actions[row] as usize - oldest, steps, discount);
            prop_assert!((f64::from(rewards[row]) - expected.0).abs() <= 1e-6 * expected.0);
            let power = if expected.3 { 0.0 } else { expected.1 };
            let found = f64::from(discounts[row]);
            prop_assert!((found - power).abs() <= 1e-6, "{} for {}", found, power);
            prop_assert_eq!(next_observations[row], expected.2);
        }
    }

    #[test]
    fn priorities_and_weights_are_those_of_a_plain_list(sequence in sequences(), seed in any::<u64>()) {
        let config = PrioritizedReplayConfig::new().with_correction_batches(4);
        let Sequence { capacity, .. } = sequence;
        let mut replay = PrioritizedReplay::new(ReplayBuffer::new(capacity, 1, 1).unwrap(), &config).unwrap();
        let (mut rng, mut same_rng) = (ChaCha8Rng::seed_from_u64(seed), ChaCha8Rng::seed_from_u64(seed));
        let mut batch = Batch::default();
        // By action, which numbers the transitions.
        let (mut priorities, mut largest): (BTreeMap<usize, f64>, f64) = (BTreeMap::new(), 1.0);
        let oldest_of = |pushed: usize| pushed.saturating_sub(capacity);
        for pushed in 1..=sequence.events.len() {
            let (now, next, action) = ([0.0], [1.0], [pushed as f32 - 1.0]);
            let transition =
                Transition { observation: &now, action: &action, reward: 0.0, next_observation: &next, terminated: true };
            replay.push(0, &transition).unwrap();
            priorities.insert(pushed - 1, largest);
            priorities.retain(|&number, _| number >= oldest_of(pushed));
            if pushed % 3 != 0 {
                continue;
            }

            let n = 1 + pushed % priorities.len();
            replay.sample_into(n, 0.99, &mut rng, &mut batch).unwrap();
            // Rows are a ring; the plain list is walked in the order of rows, as the tree is.
            let mut in_rows: Vec<(usize, f64)> = priorities.iter().map(|(&number, &priority)| (number, priority)).collect();
            in_rows.sort_by_key(|(number, _)| number % capacity);
            let total: f64 = in_rows.iter().map(|(_, priority)| priority).sum();
            let drawn: Vec<usize> = (0..n).map(|i| {
                let mass = total / n as f64 * (i as f64 + same_rng.random::<f64>());
                let mut below = 0.0;
                let hit = in_rows.iter().find(|(_, priority)| { below += priority; mass < below });
                hit.or(in_rows.last()).unwrap().0
            }).collect();
            let found: Vec<usize> = batch.actions().iter().map(|&action| action as usize).collect();
            prop_assert_eq!(&found, &drawn);

            let batches = (pushed / 3 - 1) as f64;
            let beta = 0.4 + 0.6 * (batches / 4.0).min(1.0);
            let weight = |number: &usize| (priorities.len() as f64 * priorities[number] / total).powf(-beta);
            let heaviest = drawn.iter().map(weight).fold(0.0, f64::max);
            for (&found, number) in batch.weights().unwrap().iter().zip(&drawn) {
                prop_assert!((f64::from(found) - weight(number) / heaviest).abs() < 1e-6);
            }

            let errors: Vec<f32> = drawn.iter().map(|number| (number % 5) as f32 - 2.0).collect();
            replay.update_priorities(&batch, &errors).unwrap();
            for (number, error) in drawn.into_iter().zip(errors) {
                let priority = (f64::from(error.abs()) + 1e-6).powf(0.6);
                priorities.insert(number, priority);
                largest = largest.max(priority);
            }
        }
    }
}

/// A replay of `n` transitions whose action is their number.
fn numbered(n: usize) -> ReplayBuffer {
    let mut replay = ReplayBuffer::new(n, 1, 1).unwrap();
    for i in 0..n {
        let (now, next, action) = ([i as f32], [i as f32 + 1.0], [i as f32]);
        let transition =
            Transition { observation: &now, action: &action, reward: 0.0, next_observation: &next, terminated: false };
        replay.push(&transition).unwrap();
    }
    replay
}

#[test]
fn transitions_are_drawn_in_proportion_to_their_priorities() {
    const N: usize = 20;
    let mut replay = PrioritizedReplay::new(numbered(N), &PrioritizedReplayConfig::new()).unwrap();
    let (mut rng, mut batch) = (Seed(3).stream(Stream::Replay), Batch::default());
    // Every transition is drawn once, as long as all have the same priority.
    replay.sample_into(N, 0.99, &mut rng, &mut batch).unwrap();
    assert_eq!(batch.actions(), (0..N).map(|i| i as f32).collect::<Vec<_>>());
    let errors: Vec<f32> = (0..N).map(|i| i as f32).collect();
    replay.update_priorities(&batch, &errors).unwrap();

    let priority = |i: usize| (i as f64 + 1e-6).powf(0.6);
    let total: f64 = (0..N).map(priority).sum();
    let mut counts = [0.0; N];
    const BATCHES: usize = 20_000;
    for _ in 0..BATCHES {
        // One at a time: those of a larger batch are not independent.
        replay.sample_into(1, 0.99, &mut rng, &mut batch).unwrap();
        counts[batch.rows()[0]] += 1.0;
    }
    // Without the first, which is almost never drawn: χ² over 19 cells has mean 18 and standard deviation 6.
    let expected = |i: usize| BATCHES as f64 * priority(i) / total;
    let chi_squared: f64 = (1..N).map(|i| (counts[i] - expected(i)).powi(2) / expected(i)).sum();
    assert!(chi_squared < 45.0, "{chi_squared}");
    assert!(counts[0] < 5.0);
}

#[test]
fn without_an_exponent_every_transition_counts_the_same() {
    let config = PrioritizedReplayConfig::new().with_priority_exponent(0.0);
    let mut replay = PrioritizedReplay::new(numbered(50), &config).unwrap();
    let (mut rng, mut batch) = (Seed(4).stream(Stream::Replay), Batch::default());
    let mut counts = [0.0_f64; 50];
    for _ in 0..2_000 {
        replay.sample_into(5, 0.99, &mut rng, &mut batch).unwrap();
        replay.update_priorities(&batch, &[0.0, 1.0, 10.0, 100.0, 1e6]).unwrap();
        batch.rows().iter().for_each(|&row| counts[row] += 1.0);
        let weights = batch.weights().unwrap();
        assert!(weights.iter().all(|&weight| (weight - 1.0).abs() < 1e-6), "{weights:?}");
    }
    let chi_squared: f64 = counts.iter().map(|count| (count - 200.0).powi(2) / 200.0).sum();
    assert!(chi_squared < 90.0, "{chi_squared}");
}

#[test]
fn settings_and_errors_out_of_range_are_refused() {
    let new = |config: PrioritizedReplayConfig| PrioritizedReplay::new(numbered(2), &config).unwrap_err().to_string();
    let config = PrioritizedReplayConfig::new;
    assert_eq!(new(config().with_priority_exponent(1.5)), "priority_exponent must be in [0, 1], got 1.5");
    assert_eq!(new(config().with_correction_exponent(-0.1)), "correction_exponent must be in [0, 1], got -0.1");
    assert_eq!(new(config().with_correction_batches(0)), "correction_batches must be at least 1, got 0");
    assert_eq!(new(config().with_priority_epsilon(0.0)), "priority_epsilon must be positive and finite, got 0");
    let error = ReplayBuffer::new(1, 1, 1).unwrap().with_n_step(0).unwrap_err();
    assert_eq!(error.to_string(), "number of steps of a return must be at least 1, got 0");

    let mut replay = PrioritizedReplay::new(numbered(4), &config()).unwrap();
    let (mut rng, mut batch) = (Seed(0).stream(Stream::Replay), Batch::default());
    let rng: &mut dyn Rng = &mut rng;
    assert_eq!(replay.sample_into(0, 0.99, rng, &mut batch), Err(ReplayError::EmptyBatch));
    let too_few = ReplayError::TooFewTransitions { requested: 5, stored: 4 };
    assert_eq!(replay.sample_into(5, 0.99, rng, &mut batch), Err(too_few));
    let error = replay.sample_into(2, 1.1, rng, &mut batch).unwrap_err();
    assert_eq!(error.to_string(), "discount must be in [0, 1], got 1.1");
    let error = replay.transitions().sample_into(2, f64::NAN, rng, &mut batch).unwrap_err();
    assert_eq!(error.to_string(), "discount must be in [0, 1], got NaN");
    replay.sample_into(2, 0.99, rng, &mut batch).unwrap();
    let text = |result: Result<(), ReplayError>| result.unwrap_err().to_string();
    assert_eq!(
        text(replay.update_priorities(&batch, &[1.0])),
        "a batch of 2 transitions needs one temporal difference error each, got 1"
    );
    assert_eq!(
        text(replay.update_priorities(&batch, &[1.0, f32::NAN])),
        "temporal difference error must be finite, got NaN at index 1"
    );
}

#[test]
fn a_replay_that_was_saved_draws_the_same_batches() {
    let fresh = || PrioritizedReplay::new(numbered(30), &PrioritizedReplayConfig::new()).unwrap();
    let (mut replay, mut batch) = (fresh(), Batch::default());
    let mut rng = Seed(5).stream(Stream::Replay);
    for _ in 0..10 {
        replay.sample_into(4, 0.99, &mut rng, &mut batch).unwrap();
        replay.update_priorities(&batch, &[0.1, 7.0, 0.0, 2.0]).unwrap();
    }
    let [mut rng, mut same_rng] = [0; 2].map(|_| Seed(6).stream(Stream::Replay));
    let (mut again, mut other) = (fresh(), Batch::default());
    again.load(replay.transitions().clone(), replay.save_state().unwrap()).unwrap();
    for _ in 0..10 {
        replay.sample_into(8, 0.99, &mut rng, &mut batch).unwrap();
        again.sample_into(8, 0.99, &mut same_rng, &mut other).unwrap();
        assert_eq!(batch.rows(), other.rows());
    }

    let wrong = |change: fn(&mut actor_critic::state::State)| {
        let mut state = replay.save_state().unwrap();
        change(&mut state);
        fresh().load(replay.transitions().clone(), state).unwrap_err().to_string()
    };
    let text = wrong(|state| {
        state.take::<f64>("largest").unwrap();
        state.put("largest", -1.0);
    });
    assert_eq!(text, "`priorities` must be positive and at most 1e39, got -1");
    let text = wrong(|state| state.put("more", 0_u64));
    assert!(text.contains("more"), "{text}");
}

#[test]
fn a_batch_of_another_replay_is_refused() {
    let row = |x: f32| [x];
    let mut replay = ReplayBuffer::new(20, 1, 1).unwrap();
    for i in 0..20 {
        let (observation, action) = (row(i as f32), row(0.0));
        let transition = Transition {
            observation: &observation,
            action: &action,
            reward: 0.0,
            next_observation: &observation,
            terminated: false,
        };
        replay.push(&transition).unwrap();
    }
    let (mut rng, mut batch) = (Seed(7).stream(Stream::Replay), Batch::default());
    replay.sample_into(20, 0.99, &mut rng, &mut batch).unwrap();
    let small = ReplayBuffer::new(4, 1, 1).unwrap();
    let mut small = PrioritizedReplay::new(small, &PrioritizedReplayConfig::new()).unwrap();
    let largest = batch.rows()[0];
    assert_eq!(
        small.update_priorities(&batch, &[1.0; 20]).unwrap_err().to_string(),
        format!("a batch must be from the replay that gets its errors, whose rows are 0 to 0, got row {largest}")
    );
}
