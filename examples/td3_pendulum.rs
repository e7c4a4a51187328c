//! TD3 on Pendulum-v1 with its recommended setting, and every observer that a long run needs.
//!
//! `cargo run --release --example td3_pendulum -- --seed 0`
//! prints an evaluation every 1,000 steps and `regret R`; writes histories, an HTML report and the best policy to `runs/`.
//! About fifteen seconds on one core.

mod cli;

use actor_critic::env::pendulum::{GRID_OPTIMUM, PendulumGrid};
use actor_critic::prelude::*;
use actor_critic::preset::{Preset, Task};
use actor_critic::report::RunReport;
use actor_critic::train::StopWithoutImprovement;
use clap::Parser;

#[derive(Parser)]
#[command(about = "TD3 on Pendulum-v1")]
struct Cli {
    #[command(flatten)]
    run: cli::RunArgs,
    /// Environment steps [default: 10,000]
    #[arg(long)]
    steps: Option<usize>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Cli { run: args, steps } = Cli::parse();
    let (seed, device) = (Seed(args.seed), args.device.device());
    let mut preset = Preset::recommended_td3(Task::Pendulum);
    preset.trainer_config.environment_steps = Some(steps.unwrap_or(preset.steps()));
    println!("{}", preset.algorithm);

    let result = args.result("td3_pendulum");
    let best = result.with_extension("best.safetensors");
    let evaluation = EvaluateEvery::steps(1_000, |agent: &Td3<_, _>| evaluate(agent, &mut PendulumGrid::v1(), 0..256))?
        .keep_best(move |agent, evaluation| {
            println!("step {}: the best so far, {:.1}", evaluation.environment_steps, evaluation.mean_return());
            Ok(agent.policy()?.save(&best)?)
        });
    let mut trainer = preset.trainer(&device, seed)?.with_evaluation(evaluation);

    let mut history = CsvHistory::create(result.with_extension("csv"))?;
    let mut lines = JsonLines::create(result.with_extension("jsonl"))?.with_settings("agent", &preset.algorithm)?;
    let mut report = RunReport::new(result.with_extension("html"), "TD3 on Pendulum-v1")
        .with_optimum("optimum", GRID_OPTIMUM)
        .with_settings("agent", &preset.algorithm)?;
    let mut stuck = StopWithoutImprovement::new(15, 0.0);
    trainer.run(&mut [&mut Progress::new(), &mut history, &mut lines, &mut report, &mut stuck])?;

    let regret = evaluate(trainer.agent(), &mut PendulumGrid::v1(), 0..256)?.regret(GRID_OPTIMUM);
    println!("regret {regret:.2}");
    Ok(())
}
