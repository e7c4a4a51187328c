//! An environment of your own: written, checked against the contract, and solved.
//!
//! `cargo run --release --example custom_environment`
//! prints the returns of doing nothing, of a controller tuned by hand, and of the learned policy, and `solved true`.
//! A few seconds on one core.

mod cli;

use actor_critic::prelude::*;
use actor_critic::rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use clap::Parser;

/// A cart of 1 kg on a rail that wants to stand still at the middle. It is lost where the rail ends, 2 m from there.
struct Cart {
    observations: BoxSpace,
    forces: BoxSpace,
    /// Position (m) and velocity (m/s); `None` before a reset and after the end.
    state: Option<[f32; 2]>,
}

impl Cart {
    fn new() -> Result<TimeLimit<Self>, Error> {
        let observations = BoxSpace::new(vec![-3.0, f32::NEG_INFINITY], vec![3.0, f32::INFINITY])?;
        let cart = Self { observations, forces: BoxSpace::symmetric(1.0, 1)?, state: None };
        Ok(TimeLimit::new(cart, MAX_STEPS))
    }
}

impl Environment for Cart {
    fn observation_space(&self) -> &BoxSpace {
        &self.observations
    }

    fn action_space(&self) -> &BoxSpace {
        &self.forces
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let state = [rng.random_range(-1.0..1.0), rng.random_range(-0.5..0.5)];
        self.state = Some(state);
        Ok(state.to_vec())
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        actor_critic::env::check_action(&self.forces, action)?;
        let [position, velocity] = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        let velocity = velocity + 0.1 * action[0].clamp(-1.0, 1.0);
        let position = (position + 0.1 * velocity).clamp(-3.0, 3.0);
        let terminated = position.abs() > 2.0;
        self.state = (!terminated).then_some([position, velocity]);
        let reward = -position.powi(2) - 0.1 * velocity.powi(2) - if terminated { 10.0 } else { 0.0 };
        Ok(Step { observation: vec![position, velocity], reward, terminated, truncated: false })
    }
}

const MAX_STEPS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(60).expect("60 is not 0");
const STEPS: usize = 5_000;
/// Share of the gap between doing nothing and the controller tuned by hand that counts as solved.
const SOLVED: f64 = 0.95;
const TEST_SEEDS: std::ops::Range<u64> = 1_000..1_050;

#[derive(Parser)]
#[command(about = "An environment of your own, checked and solved")]
struct Cli {
    /// Root of every random number of the run
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Environment steps to train for
    #[arg(long, default_value_t = STEPS)]
    steps: usize,
    #[command(flatten)]
    device: cli::DeviceArg,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    let (seed, device) = (Seed(args.seed), args.device.device());

    check_environment(&mut Cart::new()?)?;
    println!("the contract is kept");

    let env = Cart::new()?;
    let agent = SacConfig::recommended().init(&Spaces::of(&env)?, &device, seed)?;
    let training = TrainerConfig::recommended(args.steps);
    let mut trainer = Trainer::new(env, agent, &training, seed)?;
    let mut diagnosis = Diagnosis::new();
    trainer.run(&mut [&mut Console::every(10), &mut diagnosis])?;
    // Nothing for a run that learns.
    print!("{diagnosis}");

    let nothing = mean_return(|_| Ok(0.0))?;
    let by_hand = mean_return(|observation| Ok(-2.0 * observation[0] - 2.0 * observation[1]))?;
    let agent = trainer.agent();
    let learned = mean_return(|observation| Ok(agent.act(&[observation])?[0][0]))?;
    println!("doing nothing {nothing:.1}, by hand {by_hand:.2}, learned {learned:.2}");
    let closed = (learned - nothing) / (by_hand - nothing);
    println!("the gap from doing nothing to the controller is closed by {:.1} %", 100.0 * closed);
    println!("solved {}", closed >= SOLVED);
    if closed < SOLVED { Err("more steps, or another seed, are needed".into()) } else { Ok(()) }
}

/// Averages the return of a policy over episodes that training has not seen.
fn mean_return(mut policy: impl FnMut(&[f32]) -> Result<f32, Error>) -> Result<f64, Error> {
    let mut env = Cart::new()?;
    let mut total = 0.0;
    for seed in TEST_SEEDS {
        let mut observation = env.reset(seed)?;
        loop {
            let step = env.step(&[policy(&observation)?])?;
            total += f64::from(step.reward);
            if step.is_last() {
                break;
            }
            observation = step.observation;
        }
    }
    Ok(total / TEST_SEEDS.count() as f64)
}
