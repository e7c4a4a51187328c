//! The mean return of uniformly random actions on each bundled task, from the starts of evaluations.
//!
//! `cargo run --release --example random_returns`
//! prints a table: mean and standard error over 1,000 episodes.

use actor_critic::prelude::*;
use actor_critic::preset::Task;

const EPISODES: u64 = 1_000;

fn main() -> Result<(), Error> {
    println!("| task | mean return | standard error |\n|---|---|---|");
    for task in Task::ALL {
        let mut env = task.environment();
        let space = env.action_space().clone();
        let mut rng = Seed(0).stream(Stream::WarmUp);
        let mut returns = Vec::new();
        for seed in 0..EPISODES {
            env.reset(seed)?;
            let mut episode_return = 0.0;
            loop {
                let step = env.step(&space.sample(&mut rng))?;
                episode_return += f64::from(step.reward);
                if step.is_last() {
                    break;
                }
            }
            returns.push(episode_return);
        }
        let n = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / n;
        let variance = returns.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        println!("| {task} | {mean:.2} | {:.2} |", (variance / n).sqrt());
    }
    Ok(())
}
