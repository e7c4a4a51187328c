//! A question of the lab (`docs/lab.md`): can DDPG get better by changing the hyperparameters?
//!
//! `cargo run --release --example hyperparameter_study`
//! changes one setting at a time, several seeds each, on all cores; prints a table, writes a CSV and a picture with a panel
//! per setting. 33 runs of half the lab's length: about half an hour on two cores.

mod study;

use actor_critic::train::plot::write_panels;
use clap::Parser;

use study::Setting;

const DISCOUNTS: [f64; 2] = [0.9, 0.999];
const BATCH_SIZES: [usize; 2] = [32, 256];
/// Both learning rates, times this.
const RATE_FACTORS: [f64; 2] = [0.25, 4.0];
const HIDDEN_DIMS: [usize; 2] = [32, 64];
const REPLAY_CAPACITIES: [usize; 2] = [1_000, 5_000];

#[derive(Parser)]
#[command(about = "DDPG on Pendulum-v1 with one hyperparameter changed at a time")]
struct Cli {
    #[command(flatten)]
    study: study::StudyArgs,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse().study;
    let lab = Setting::lab();
    let panels: [(&str, [Setting; 2]); 5] = [
        ("discount γ", DISCOUNTS.map(|discount| Setting { label: format!("γ = {discount}"), discount, ..lab.clone() })),
        (
            "batch",
            BATCH_SIZES.map(|batch_size| Setting { label: format!("batch {batch_size}"), batch_size, ..lab.clone() }),
        ),
        (
            "learning rates",
            RATE_FACTORS.map(|factor| Setting {
                label: format!("rates × {factor}"),
                actor_learning_rate: lab.actor_learning_rate * factor,
                critic_learning_rate: lab.critic_learning_rate * factor,
                ..lab.clone()
            }),
        ),
        (
            "width",
            HIDDEN_DIMS.map(|hidden_dim| Setting { label: format!("width {hidden_dim}"), hidden_dim, ..lab.clone() }),
        ),
        (
            "replay buffer",
            REPLAY_CAPACITIES.map(|replay_capacity| Setting {
                label: format!("buffer {replay_capacity}"),
                replay_capacity,
                ..lab.clone()
            }),
        ),
    ];
    let mut settings = vec![lab];
    settings.extend(panels.iter().flat_map(|(_, settings)| settings.clone()));
    let learnings = study::run(&settings, &args)?;

    study::print_table(&settings, &learnings);
    study::write_csv(&args.out.join("hyperparameter_study.csv"), &settings, &learnings)?;
    let curves: Vec<_> =
        settings.iter().zip(&learnings).map(|(setting, learnings)| study::curve(setting, learnings)).collect();
    let plots: Vec<_> = (panels.iter().zip(curves[1..].chunks(2)))
        .map(|((title, _), changed)| study::plot(title, [&curves[..1], changed].concat()))
        .collect();
    write_panels(&plots, 2, args.out.join("hyperparameter_study"))?;
    Ok(())
}
