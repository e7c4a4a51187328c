//! The bundled environments against Gymnasium's own, on recorded episodes, single steps and start states.
//!
//! `ACTOR_CRITIC_FIXTURES` names another folder of recordings than `tests/fixtures`.

use actor_critic::env::mountain_car::MountainCarState;
use actor_critic::env::pendulum::{
    GRID_OPTIMUM, PendulumConfig, PendulumGrid, PendulumState, advance, evaluation_grid,
};
use actor_critic::env::{Environment, EnvironmentError, MountainCarContinuous, Pendulum, Step, TimeLimit};
use serde_json::Value;
use std::path::PathBuf;

const PENDULUM: &str = "Pendulum-v1";
const MOUNTAIN_CAR: &str = "MountainCarContinuous-v0";

fn recordings(task: &str, kind: &str) -> Vec<Value> {
    let folder = std::env::var_os("ACTOR_CRITIC_FIXTURES")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"), PathBuf::from);
    let path = folder.join("environments.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut all: Value = serde_json::from_str(&text).unwrap();
    match all[task][kind].take() {
        Value::Array(rows) if !rows.is_empty() => rows,
        other => panic!("{task} has no {kind}: {other}"),
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn singles(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

/// A bundled environment whose hidden state can be set and read as the recordings hold it.
trait Recorded: Environment {
    fn begin(&mut self, state: &[f64]) -> Result<Vec<f32>, EnvironmentError>;
    fn hidden(&self) -> Vec<f64>;
}

impl Recorded for Pendulum {
    fn begin(&mut self, state: &[f64]) -> Result<Vec<f32>, EnvironmentError> {
        self.reset_to(PendulumState { theta: state[0], theta_dot: state[1] })
    }

    fn hidden(&self) -> Vec<f64> {
        self.state().map(|state| vec![state.theta, state.theta_dot]).unwrap()
    }
}

impl Recorded for MountainCarContinuous {
    fn begin(&mut self, state: &[f64]) -> Result<Vec<f32>, EnvironmentError> {
        self.reset_to(MountainCarState { position: state[0], velocity: state[1] })
    }

    fn hidden(&self) -> Vec<f64> {
        self.state().map(|state| vec![state.position, state.velocity]).unwrap()
    }
}

/// Distance in representable numbers; both signs of zero are the same.
fn ulps(a: f32, b: f32) -> u32 {
    let rank = |x: f32| if x < 0.0 { -((x.to_bits() & 0x7fff_ffff) as i64) } else { x.to_bits() as i64 & 0x7fff_ffff };
    rank(a).abs_diff(rank(b)).try_into().unwrap()
}

fn assert_within_one_ulp(found: &[f32], expected: &Value, place: &str) {
    let expected = singles(expected);
    assert_eq!(found.len(), expected.len());
    for (&found, expected) in found.iter().zip(expected) {
        assert!(ulps(found, expected) <= 1, "{place}: {found} instead of {expected}");
    }
}

/// Starts from each recorded seed, and asks for the same bits.
fn compare_start_states<E: Recorded>(mut env: E, task: &str) {
    for row in recordings(task, "seeds") {
        env.reset(row["seed"].as_str().unwrap().parse().unwrap()).unwrap();
        assert_eq!(env.hidden(), numbers(&row["state"]), "seed {}", row["seed"]);
    }
}

/// Takes each recorded step; the reward, an f32 here, may be one ulp from Gymnasium's.
fn compare_single_steps<E: Recorded>(mut env: E, task: &str) {
    for (i, row) in recordings(task, "steps").iter().enumerate() {
        env.begin(&numbers(&row["state"])).unwrap();
        let step = env.step(&singles(&row["action"])).unwrap();
        for (found, expected) in env.hidden().into_iter().zip(numbers(&row["next_state"])) {
            assert!((found - expected).abs() <= 1e-12, "step {i}: state {found} instead of {expected}");
        }
        assert_within_one_ulp(&step.observation, &row["observation"], &format!("observation of step {i}"));
        let reward = number(&row["reward"]) as f32;
        assert!(ulps(step.reward, reward) <= 1, "step {i}: reward {} instead of {reward}", step.reward);
        assert_eq!(step.terminated, row["terminated"], "step {i}");
    }
}

/// Repeats each recorded episode with its time limit, to `bar` in observations and rewards.
fn compare_episodes<E: Recorded>(mut env: TimeLimit<E>, task: &str, bar: f32) {
    for episode in recordings(task, "episodes") {
        let seed = episode["seed"].as_u64().unwrap();
        assert_eq!(env.reset(seed).unwrap(), singles(&episode["initial_observation"]), "seed {seed}");
        assert_eq!(env.inner().hidden(), numbers(&episode["initial_state"]), "seed {seed}");
        for (i, row) in episode["steps"].as_array().unwrap().iter().enumerate() {
            let Step { observation, reward, terminated, truncated } = env.step(&singles(&row["action"])).unwrap();
            let expected = [singles(&row["observation"]), vec![number(&row["reward"]) as f32]].concat();
            for (found, expected) in observation.into_iter().chain([reward]).zip(expected) {
                assert!((found - expected).abs() <= bar, "seed {seed}, step {i}: {found} instead of {expected}");
            }
            assert_eq!((terminated, truncated), flags(row), "seed {seed}, step {i}");
        }
        assert!(matches!(env.step(&[0.0]), Err(EnvironmentError::StepAfterEnd)));
    }
}

fn flags(row: &Value) -> (bool, bool) {
    (row["terminated"].as_bool().unwrap(), row["truncated"].as_bool().unwrap())
}

#[test]
fn pendulum_starts_where_gymnasiums_does() {
    compare_start_states(Pendulum::default(), PENDULUM);
}

#[test]
fn pendulum_steps_as_gymnasiums_does() {
    compare_single_steps(Pendulum::default(), PENDULUM);
}

#[test]
fn pendulum_rewards_agree_in_f64() {
    for row in recordings(PENDULUM, "steps") {
        let state = numbers(&row["state"]);
        let state = PendulumState { theta: state[0], theta_dot: state[1] };
        let (_, reward) = advance(state, singles(&row["action"])[0], &PendulumConfig::default());
        let expected = number(&row["reward"]);
        assert!((reward - expected).abs() <= 1e-12, "{state:?}: {reward} instead of {expected}");
    }
}

#[test]
fn pendulum_episodes_are_gymnasiums() {
    compare_episodes(Pendulum::v1(), PENDULUM, 1e-6);
}

#[test]
fn mountain_car_starts_where_gymnasiums_does() {
    compare_start_states(MountainCarContinuous::default(), MOUNTAIN_CAR);
}

#[test]
fn mountain_car_steps_as_gymnasiums_does() {
    compare_single_steps(MountainCarContinuous::default(), MOUNTAIN_CAR);
}

#[test]
fn mountain_car_episodes_are_gymnasiums() {
    compare_episodes(MountainCarContinuous::v0(), MOUNTAIN_CAR, 1e-6);
}

/// Pumps energy with the sign of the speed, and holds the pendulum where a linear law is strong enough.
fn swing_up(observation: &[f32]) -> f32 {
    let [cos, sin, theta_dot] = [observation[0], observation[1], observation[2]];
    let energy = theta_dot * theta_dot / 6.0 + 5.0 * (cos - 1.0);
    if cos > 0.9 && energy.abs() < 1.5 { -(10.0 * sin + 2.5 * theta_dot) } else { -2.0 * (energy * theta_dot).signum() }
}

#[test]
fn a_swing_up_law_by_hand_comes_near_the_optimum_and_not_past_it() {
    let mut env = PendulumGrid::v1();
    let starts = evaluation_grid().len();
    let mut total = 0.0;
    for k in 0..starts as u64 {
        let mut observation = env.reset(k).unwrap();
        loop {
            let step = env.step(&[swing_up(&observation)]).unwrap();
            total += f64::from(step.reward);
            observation.clone_from(&step.observation);
            if step.is_last() {
                break;
            }
        }
    }
    let regret = GRID_OPTIMUM - total / starts as f64;
    assert!((0.0..100.0).contains(&regret), "regret {regret}");
}
