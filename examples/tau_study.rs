//! A question of the lab (`docs/lab.md`): what does τ do, and what happens at 0 and at 1?
//!
//! `cargo run --release --example tau_study`
//! trains DDPG with four values of τ and several seeds each, on all cores; writes a CSV and one picture with a band per τ.
//! Twelve runs of half the lab's length, because the effect of τ shows early: about ten minutes on two cores.

mod study;

use clap::Parser;

use study::Setting;

const TAUS: [f64; 4] = [0.0, 0.005, 0.05, 1.0];

#[derive(Parser)]
#[command(about = "DDPG on Pendulum-v1 with four values of tau")]
struct Cli {
    #[command(flatten)]
    study: study::StudyArgs,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse().study;
    let settings = TAUS.map(|tau| Setting { label: format!("τ = {tau}"), tau, ..Setting::lab() });
    let learnings = study::run(&settings, &args)?;

    study::print_table(&settings, &learnings);
    study::write_csv(&args.out.join("tau_study.csv"), &settings, &learnings)?;
    let curves = settings.iter().zip(&learnings).map(|(setting, learnings)| study::curve(setting, learnings)).collect();
    study::plot("DDPG on Pendulum-v1: share τ copied into the target per update", curves)
        .write(args.out.join("tau_study"))?;
    Ok(())
}
