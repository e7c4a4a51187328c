//! The bundled tasks against dm_control, Gymnasium and NumPy, on recorded steps, episodes and start states.
//!
//! `ACTOR_CRITIC_FIXTURES` may name another folder than `tests/fixtures`; it counts here if it holds a `tasks.json`.

use actor_critic::env::acrobot::{self, AcrobotState};
use actor_critic::env::cart_pole::CartPoleState;
use actor_critic::env::quadrotor::{self, QuadrotorState};
use actor_critic::env::reacher::ReacherState;
use actor_critic::env::{
    AcrobotSwingUp, CartPoleSwingUp, ContinuousCartPole, Environment, EnvironmentError, QuadrotorHover, Reacher,
    Starts, TimeLimit, cart_pole_swing_up, check_environment, check_saved_state,
};
use actor_critic::state::SaveState;
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::PathBuf;

fn recordings(task: &str, kind: &str) -> Vec<Value> {
    let named = std::env::var_os("ACTOR_CRITIC_FIXTURES").map(PathBuf::from);
    let bundled = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let path = named.into_iter().chain([bundled]).map(|folder| folder.join("tasks.json")).find(|path| path.exists());
    let text = std::fs::read_to_string(path.expect("tests/fixtures has a tasks.json")).unwrap();
    let mut all: Value = serde_json::from_str(&text).unwrap();
    match all[task][kind].take() {
        Value::Array(rows) if !rows.is_empty() => rows,
        other => panic!("{task} has no {kind}: {other}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn singles(value: &Value) -> Vec<f32> {
    numbers(value).into_iter().map(|x| x as f32).collect()
}

/// A task whose hidden state can be set and read as the recordings hold it.
trait Recorded: Environment + Sized {
    fn begin(&mut self, state: &[f64]) -> Result<Vec<f32>, EnvironmentError>;
    fn hidden(&self) -> Vec<f64>;

    /// The reward of one step before it is rounded to f32, where it is not a whole number.
    fn exact_reward(&self, _action: &[f32]) -> Option<f64> {
        None
    }
}

fn cart_pole_state(position: f64, theta: f64, velocity: f64, theta_dot: f64) -> CartPoleState {
    CartPoleState { position, velocity, theta, theta_dot }
}

impl Recorded for ContinuousCartPole {
    fn begin(&mut self, s: &[f64]) -> Result<Vec<f32>, EnvironmentError> {
        self.reset_to(cart_pole_state(s[0], s[2], s[1], s[3]))
    }

    fn hidden(&self) -> Vec<f64> {
        self.state().map(|s| vec![s.position, s.velocity, s.theta, s.theta_dot]).unwrap()
    }
}

impl Recorded for CartPoleSwingUp {
    fn begin(&mut self, s: &[f64]) -> Result<Vec<f32>, EnvironmentError> {
        self.reset_to(cart_pole_state(s[0], s[1], s[2], s[3]))
    }

    fn hidden(&self) -> Vec<f64> {
        self.state().map(|s| vec![s.position, s.theta, s.velocity, s.theta_dot]).unwrap()
    }

    fn exact_reward(&self, action: &[f32]) -> Option<f64> {
        // A sparse reward is 0 or 1, which a single-precision number holds.
        if self.is_sparse() { None } else { Some(cart_pole_swing_up::advance(self.state()?, action[0]).1) }
    }
}

impl Recorded for AcrobotSwingUp {
    fn begin(&mut self, s: &[f64]) -> Result<Vec<f32>, EnvironmentError> {
        self.reset_to(AcrobotState { shoulder: s[0], elbow: s[1], shoulder_velocity: s[2], elbow_velocity: s[3] })
    }

    fn hidden(&self) -> Vec<f64> {
        self.state().map(|s| vec![s.shoulder, s.elbow, s.shoulder_velocity, s.elbow_velocity]).unwrap()
    }

    fn exact_reward(&self, action: &[f32]) -> Option<f64> {
        Some(acrobot::advance(self.state()?, action[0]).1)
    }
}

impl Recorded for Reacher {
    fn begin(&mut self, s: &[f64]) -> Result<Vec<f32>, EnvironmentError> {
        let [shoulder, wrist, shoulder_velocity, wrist_velocity, x, y] = s[..] else { panic!("six numbers") };
        self.reset_to(ReacherState { shoulder, wrist, shoulder_velocity, wrist_velocity, target: [x, y] })
    }

    fn hidden(&self) -> Vec<f64> {
        let state = self.state().unwrap();
        let ReacherState { shoulder, wrist, shoulder_velocity, wrist_velocity, target: [x, y] } = state;
        vec![shoulder, wrist, shoulder_velocity, wrist_velocity, x, y]
    }
}

impl Recorded for QuadrotorHover {
    fn begin(&mut self, s: &[f64]) -> Result<Vec<f32>, EnvironmentError> {
        self.reset_to(QuadrotorState {
            position: s[..3].try_into().unwrap(),
            velocity: s[3..6].try_into().unwrap(),
            attitude: s[6..10].try_into().unwrap(),
            angular_velocity: s[10..].try_into().unwrap(),
        })
    }

    fn hidden(&self) -> Vec<f64> {
        let state = self.state().unwrap();
        [&state.position[..], &state.velocity, &state.attitude, &state.angular_velocity].concat()
    }

    fn exact_reward(&self, action: &[f32]) -> Option<f64> {
        Some(quadrotor::advance(self.state()?, action.try_into().unwrap()).1)
    }
}

/// Largest distance between two lists of numbers.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Takes each recorded step: the state within `bar`, the reward within 1e-9, the observation to rounding in f32.
fn compare_single_steps<E: Recorded>(mut env: E, task: &str, bar: f64) {
    let (mut farthest, mut farthest_reward) = (0.0_f64, 0.0_f64);
    for (i, row) in recordings(task, "steps").iter().enumerate() {
        env.begin(&numbers(&row["state"])).unwrap();
        let action = singles(&row["action"]);
        let exact_reward = env.exact_reward(&action);
        let step = env.step(&action).unwrap();

        let error = distance(&env.hidden(), &numbers(&row["next_state"]));
        assert!(error <= bar, "step {i}: {:?} instead of {}", env.hidden(), row["next_state"]);
        farthest = farthest.max(error);

        for (&found, expected) in step.observation.iter().zip(singles(&row["observation"])) {
            // One unit in the last place is at most 2⁻²³ of a number; a difference of nearly equal ones has 1e-9 more.
            let bar = expected.abs() * f32::EPSILON + 1e-9;
            assert!((found - expected).abs() <= bar, "observation of step {i}: {found} instead of {expected}");
        }
        assert_eq!(step.observation.len(), row["observation"].as_array().unwrap().len());

        let expected = row["reward"].as_f64().unwrap();
        let error = (exact_reward.unwrap_or(step.reward.into()) - expected).abs();
        assert!(error <= 1e-9, "reward of step {i}: {exact_reward:?} instead of {expected}");
        assert!((step.reward - expected as f32).abs() <= expected as f32 * f32::EPSILON + 1e-12, "step {i}");
        farthest_reward = farthest_reward.max(error);
        assert_eq!((step.terminated, step.truncated), (row["terminated"].as_bool().unwrap(), false), "step {i}");
    }
    println!("{task}: largest error of a state {farthest:e}, of a reward {farthest_reward:e}");
}

/// Steps of an episode in which nothing may have grown out of the rounding of sines.
const EARLY: usize = 200;

/// Repeats each recorded episode with its time limit: the state within 1e-9 in its first 200 steps, and within `bar` to its end.
fn compare_episodes<E: Recorded>(env: TimeLimit<E>, task: &str, bar: f64) {
    let episodes = recordings(task, "episodes");
    let starts = episodes.iter().map(|episode| numbers(&episode["state"])).collect();
    let limit = NonZeroUsize::new(env.max_steps()).unwrap();
    let starts = Starts::new(env.into_inner(), starts, |env: &mut E, state: Vec<f64>| env.begin(&state));
    let mut env = TimeLimit::new(starts.unwrap(), limit);
    for (i, episode) in episodes.iter().enumerate() {
        env.reset(i as u64).unwrap();
        let mut states = episode["states"].as_array().unwrap().iter();
        let mut next = states.next();
        let (actions, rewards) = (episode["actions"].as_array().unwrap(), numbers(&episode["rewards"]));
        let mut farthest = 0.0_f64;
        for (taken, (action, expected)) in (1..).zip(actions.iter().zip(&rewards)) {
            let step = env.step(&singles(action)).unwrap();
            let bar = if taken <= EARLY { 1e-9 } else { bar };
            let drift = (f64::from(step.reward) - expected).abs();
            assert!(drift <= bar + 1e-7, "{task}, episode {i}, step {taken}: {} instead of {expected}", step.reward);
            if let Some(row) = next.filter(|row| row["step"] == taken) {
                farthest = farthest.max(distance(&env.inner().inner().hidden(), &numbers(&row["state"])));
                assert!(farthest <= bar, "{task}, episode {i}, step {taken}: drift {farthest:e}");
                next = states.next();
            }
            let last = taken == actions.len();
            let terminated = last && episode["terminated"].as_bool().unwrap();
            assert_eq!((step.terminated, step.is_last()), (terminated, last), "{task}, episode {i}, step {taken}");
        }
        assert!(next.is_none(), "every recorded state was compared");
        let action = vec![0.0; env.action_space().dim()];
        assert!(matches!(env.step(&action), Err(EnvironmentError::StepAfterEnd)));
        println!("{task}, episode {i}: {} steps, drift {farthest:e}", actions.len());
    }
}

/// Starts from each recorded seed.
fn compare_start_states<E: Recorded>(mut env: E, task: &str, bar: f64) {
    for row in recordings(task, "seeds") {
        env.reset(row["seed"].as_str().unwrap().parse().unwrap()).unwrap();
        let error = distance(&env.hidden(), &numbers(&row["state"]));
        assert!(error <= bar, "seed {}: {:?}", row["seed"], env.hidden());
    }
}

/// Checks both contracts on fresh environments.
fn keeps_the_contracts<E: Environment + SaveState + Send>(make: impl Fn() -> E) {
    check_environment(&mut make()).unwrap();
    check_saved_state(&mut make()).unwrap();
}

#[test]
fn every_task_keeps_the_contracts() {
    keeps_the_contracts(CartPoleSwingUp::standard);
    keeps_the_contracts(AcrobotSwingUp::standard);
    keeps_the_contracts(Reacher::easy);
    keeps_the_contracts(Reacher::hard);
    keeps_the_contracts(ContinuousCartPole::standard);
    keeps_the_contracts(QuadrotorHover::standard);
    keeps_the_contracts(CartPoleSwingUp::default);
    keeps_the_contracts(AcrobotSwingUp::default);
    keeps_the_contracts(Reacher::default);
    keeps_the_contracts(ContinuousCartPole::default);
    keeps_the_contracts(QuadrotorHover::default);
}

#[test]
fn cart_pole_swing_up_steps_as_dm_controls_does_at_the_ends_of_the_rail_too() {
    compare_single_steps(CartPoleSwingUp::default(), "cart_pole_swing_up", 1e-9);
    compare_single_steps(CartPoleSwingUp::sparse().into_inner(), "cart_pole_swing_up_sparse", 1e-9);
}

#[test]
fn acrobot_swing_up_steps_as_dm_controls_does() {
    compare_single_steps(AcrobotSwingUp::default(), "acrobot_swing_up", 1e-9);
}

#[test]
fn reacher_steps_as_dm_controls_does_at_the_stops_of_the_wrist_too() {
    compare_single_steps(Reacher::default(), "reacher_easy", 1e-9);
    compare_single_steps(Reacher::hard().into_inner(), "reacher_hard", 1e-9);
}

#[test]
fn continuous_cart_pole_steps_as_gymnasiums_does_with_that_force() {
    compare_single_steps(ContinuousCartPole::default(), "cart_pole", 1e-12);
}

#[test]
fn quadrotor_steps_as_its_equations_in_numpy_do() {
    compare_single_steps(QuadrotorHover::default(), "quadrotor", 1e-12);
}

#[test]
fn cart_pole_swing_up_episodes_are_dm_controls() {
    // A pole that passes the top amplifies the rounding: in 21 episodes, of 7 seeds, the drift was 2.4e-11 at most.
    compare_episodes(CartPoleSwingUp::standard(), "cart_pole_swing_up", 1e-7);
    compare_episodes(CartPoleSwingUp::sparse(), "cart_pole_swing_up_sparse", 1e-7);
}

#[test]
fn acrobot_swing_up_episodes_are_dm_controls() {
    // As above: 6.1e-9 at most in 14 episodes. The other tasks stay within 1e-13.
    compare_episodes(AcrobotSwingUp::standard(), "acrobot_swing_up", 1e-6);
}

#[test]
fn reacher_episodes_are_dm_controls() {
    compare_episodes(Reacher::easy(), "reacher_easy", 1e-9);
    compare_episodes(Reacher::hard(), "reacher_hard", 1e-9);
}

#[test]
fn continuous_cart_pole_episodes_are_gymnasiums_with_that_force() {
    compare_episodes(ContinuousCartPole::standard(), "cart_pole", 1e-9);
}

#[test]
fn quadrotor_episodes_are_numpys() {
    compare_episodes(QuadrotorHover::standard(), "quadrotor", 1e-9);
}

#[test]
fn continuous_cart_pole_starts_where_gymnasiums_does() {
    compare_start_states(ContinuousCartPole::default(), "cart_pole", 0.0);
}

#[test]
fn quadrotor_starts_where_numpys_does() {
    compare_start_states(QuadrotorHover::default(), "quadrotor", 1e-15);
}
