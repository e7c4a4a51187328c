//! A first program: a task of your own with wrappers, four seeds, a report.
//!
//! `cargo run --release --example first_steps`
//! checks the task, trains SAC with four seeds on two cores, and writes tables and `report.html` to `runs/first_steps`.
//! You can stop it at any moment; the same command continues. It takes about a minute of CPU time.

use actor_critic::env::{EpisodeStatistics, RescaleAction, check_action};
use actor_critic::experiment::{Cell, Experiment, Scoring};
use actor_critic::prelude::*;
use actor_critic::train::EvaluationSummary;

/// A boat on a line, driven by a motor against a current that changes from episode to episode; it should come to rest at 0.
struct Boat {
    observations: BoxSpace,
    actions: BoxSpace,
    /// Position in m, speed in m/s, current in m/s².
    state: Option<[f32; 3]>,
}

impl Boat {
    fn new() -> Result<Self, Error> {
        let bounds = vec![5.0, f32::INFINITY, 0.5];
        let observations = BoxSpace::new(bounds.iter().map(|bound| -bound).collect(), bounds)?;
        Ok(Self { observations, actions: BoxSpace::new(vec![-1.0], vec![3.0])?, state: None })
    }
}

impl Environment for Boat {
    fn observation_space(&self) -> &BoxSpace {
        &self.observations
    }

    fn action_space(&self) -> &BoxSpace {
        &self.actions
    }

    fn reset(&mut self, seed: u64) -> Result<Vec<f32>, EnvironmentError> {
        let uniform = self.actions.sample(&mut Seed(seed).stream(Stream::Episodes))[0];
        let state = [uniform - 1.0, 0.0, 0.2 * (uniform - 1.0).sin()];
        self.state = Some(state);
        Ok(state.to_vec())
    }

    fn step(&mut self, action: &[f32]) -> Result<Step, EnvironmentError> {
        check_action(&self.actions, action)?;
        let [position, speed, current] = self.state.ok_or(EnvironmentError::StepBeforeReset)?;
        let force = action[0].clamp(-1.0, 3.0);
        let speed = 0.95 * speed + 0.1 * (force + current);
        let position = position + 0.1 * speed;
        let terminated = position.abs() > 5.0;
        self.state = (!terminated).then_some([position, speed, current]);
        let reward = 1.0 - position.abs() - 0.01 * force * force - if terminated { 100.0 } else { 0.0 };
        Ok(Step { observation: vec![position.clamp(-5.0, 5.0), speed, current], reward, terminated, truncated: false })
    }
}

/// The motor drives harder forwards than back; the wrapper hides that. Episodes are cut off after 100 steps.
fn boat() -> Result<impl Environment + Send, Error> {
    const LIMIT: std::num::NonZeroUsize = std::num::NonZeroUsize::new(100).expect("100 is not zero");
    Ok(EpisodeStatistics::new(RescaleAction::to_unit(TimeLimit::new(Boat::new()?, LIMIT))?, 100)?)
}

fn train(cell: &Cell, device: &Device) -> Result<Vec<EvaluationSummary>, Error> {
    let env = boat()?;
    let agent = SacConfig::recommended().init(&Spaces::of(&env)?, device, cell.seed())?;
    let mut judged_in = boat()?;
    let evaluation = EvaluateEvery::steps(500, move |agent: &Sac<_, _>| evaluate(agent, &mut judged_in, 1_000..1_020))?;
    let mut trainer =
        Trainer::new(env, agent, &TrainerConfig::recommended(6_000), cell.seed())?.with_evaluation(evaluation);
    let mut diagnosis = Diagnosis::new();
    trainer.run(&mut [&mut diagnosis])?;
    // Nothing for a run that learns.
    print!("{diagnosis}");
    Ok(trainer.evaluations().to_vec())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    check_environment(&mut boat()?)?;
    let device = Device::flex();
    let folder = std::env::args().nth(1).unwrap_or_else(|| "runs/first_steps".to_owned());
    let experiment =
        Experiment::new(&folder).algorithms(["sac"]).tasks(["boat"]).seeds(0..4).threads(2).setting("steps", 6_000);
    experiment.run(|cell| train(cell, &device))?;

    let (results, scoring) = (experiment.results()?, Scoring::new().with_threshold("boat", 60.0));
    results.write(&folder, &scoring)?;
    results.report("SAC learns to hold a boat", &scoring)?.write(format!("{folder}/report.html"))?;
    let last = results.runs().iter().map(|run| run.final_score());
    println!("final scores {:.1?}", last.collect::<Vec<_>>());
    Ok(())
}
