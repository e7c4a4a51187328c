//! The best possible return on the pendulum, by dynamic programming over the exact dynamics.
//!
//! `cargo run --release --example pendulum_optimum`
//! prints the best mean return over the evaluation grid, over random starts, and over the last 100 episodes that the lab's
//! runs meet with seeds 0 to 4. Half a minute on two cores, 0.5 GiB.

use actor_critic::env::pendulum::{PendulumConfig, PendulumState, advance, evaluation_grid, wrap_to_pi};
use actor_critic::prelude::*;
use actor_critic::rand::RngExt;
use rayon::prelude::*;

const STEPS: usize = 200;
/// Points of the grid over angle, which closes on itself, and over speed, from −8 to 8 rad/s.
const ANGLES: usize = 541;
const SPEEDS: usize = 481;
const MAX_SPEED: f64 = 8.0;
/// Torques that the recursion tries in each state, and that the roll-out tries in each step.
const TORQUES: usize = 25;
const ROLLOUT_TORQUES: usize = 101;
const RANDOM_STARTS: usize = 10_000;

/// Cell of the grid that a state lies in, and how far into it: for bilinear interpolation.
struct Cell {
    corners: [u32; 4],
    weights: [f32; 4],
}

impl Cell {
    fn of(state: PendulumState) -> Self {
        let angle = (wrap_to_pi(state.theta) / std::f64::consts::TAU + 0.5) * ANGLES as f64;
        let speed = (state.theta_dot + MAX_SPEED) / (2.0 * MAX_SPEED) * (SPEEDS - 1) as f64;
        let (i, j) = (angle.floor(), speed.floor().min((SPEEDS - 2) as f64));
        let (u, v) = ((angle - i) as f32, (speed - j) as f32);
        let (i, j) = (i as usize % ANGLES, j as usize);
        let corner = |i: usize, j: usize| ((i % ANGLES) * SPEEDS + j) as u32;
        Self {
            corners: [corner(i, j), corner(i, j + 1), corner(i + 1, j), corner(i + 1, j + 1)],
            weights: [(1.0 - u) * (1.0 - v), (1.0 - u) * v, u * (1.0 - v), u * v],
        }
    }

    fn interpolate(&self, values: &[f32]) -> f32 {
        self.corners.iter().zip(self.weights).map(|(&corner, weight)| values[corner as usize] * weight).sum()
    }
}

fn torques(count: usize) -> impl Iterator<Item = f32> {
    (0..count).map(move |i| -2.0 + 4.0 * i as f32 / (count - 1) as f32)
}

/// Returns the best return from each point of the grid with 0, 1, …, 200 steps to go.
fn values(config: &PendulumConfig) -> Vec<Vec<f32>> {
    let outcomes: Vec<(Cell, f32)> = (0..ANGLES * SPEEDS)
        .into_par_iter()
        .flat_map_iter(|point| {
            let theta = (point / SPEEDS) as f64 / ANGLES as f64 * std::f64::consts::TAU - std::f64::consts::PI;
            let theta_dot = (point % SPEEDS) as f64 / (SPEEDS - 1) as f64 * 2.0 * MAX_SPEED - MAX_SPEED;
            torques(TORQUES).map(move |torque| {
                let (next, reward) = advance(PendulumState { theta, theta_dot }, torque, config);
                (Cell::of(next), reward as f32)
            })
        })
        .collect();
    let mut values = vec![vec![0.0; ANGLES * SPEEDS]];
    for _ in 0..STEPS {
        let later = &values[values.len() - 1];
        let best = |choices: &[(Cell, f32)]| {
            choices.iter().map(|(cell, reward)| reward + cell.interpolate(later)).fold(f32::NEG_INFINITY, f32::max)
        };
        values.push(outcomes.par_chunks(TORQUES).map(best).collect());
    }
    values
}

/// Follows the values from `state` with the exact dynamics; what it earns is a lower bound of the optimum.
fn rollout(mut state: PendulumState, values: &[Vec<f32>], config: &PendulumConfig) -> f64 {
    let mut total = 0.0;
    for to_go in (0..STEPS).rev() {
        let outcomes = torques(ROLLOUT_TORQUES).map(|torque| advance(state, torque, config));
        let value =
            |&(next, reward): &(PendulumState, f64)| reward + f64::from(Cell::of(next).interpolate(&values[to_go]));
        let best = outcomes.max_by(|a, b| value(a).total_cmp(&value(b)));
        let (next, reward) = best.expect("there is more than one torque to choose from");
        (state, total) = (next, total + reward);
    }
    total
}

/// Returns the start states that a run with `seed` meets in its first `episodes` episodes.
fn starts(seed: Seed, episodes: usize) -> Result<Vec<PendulumState>, Error> {
    let mut seeds = seed.stream(Stream::Episodes);
    let mut env = Pendulum::v1();
    (0..episodes)
        .map(|_| {
            env.reset(seeds.random())?;
            Ok(env.inner().state().ok_or(EnvironmentError::StepBeforeReset)?)
        })
        .collect()
}

fn main() -> Result<(), Error> {
    let config = PendulumConfig::default();
    let values = values(&config);
    let mean = |returns: Vec<f64>| returns.iter().sum::<f64>() / returns.len() as f64;
    let report = |name: &str, starts: &[PendulumState]| {
        let last = &values[STEPS];
        let interpolated = mean(starts.iter().map(|&start| f64::from(Cell::of(start).interpolate(last))).collect());
        let rolled_out = mean(starts.par_iter().map(|&start| rollout(start, &values, &config)).collect());
        println!("{name}: optimum {interpolated:.1} (interpolated), {rolled_out:.1} (rolled out)");
    };
    report("evaluation grid", &evaluation_grid());
    let random_starts = starts(Seed(0), RANDOM_STARTS)?;
    report(&format!("{RANDOM_STARTS} random starts"), &random_starts);
    let best: Vec<f64> = random_starts.par_iter().map(|&start| rollout(start, &values, &config)).collect();
    let spread = (mean(best.iter().map(|x| x * x).collect()) - mean(best.clone()).powi(2)).sqrt();
    let idle = |mut state: PendulumState| {
        let mut step = || {
            let (next, reward) = advance(state, 0.0, &config);
            state = next;
            reward
        };
        (0..STEPS).map(|_| step()).sum::<f64>()
    };
    let idle = mean(random_starts.iter().map(|&start| idle(start)).collect());
    println!("standard deviation of the best returns over random starts {spread:.0}; doing nothing returns {idle:.0}");
    for seed in 0..5 {
        report(&format!("seed {seed}, episodes 100 to 199"), &starts(Seed(seed), 200)?[100..]);
    }
    Ok(())
}
