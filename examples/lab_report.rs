//! Compares our runs with the lab's printed table: reads the histories of `ddpg_pendulum` and `sac_pendulum`.
//!
//! `cargo run --release --example lab_report`
//! after any number of runs of `ddpg_pendulum` and `sac_pendulum`, prints a Markdown table for each and draws
//! every seed's running average, their mean and the lab's into one picture. A second.

mod cli;

use std::path::{Path, PathBuf};

use actor_critic::env::pendulum::MEAN_OPTIMUM;
use actor_critic::train::plot::{Curve, Plot};
use clap::Parser;

/// What the lab's notebook prints as the average score of episodes 0, 5, …, 195.
#[rustfmt::skip]
const LAB_DDPG: [f64; 40] = [
    -1_125.11, -1_259.65, -1_319.66, -1_235.76, -1_108.09, -944.36, -823.54, -736.18, -670.56, -618.98,
    -585.72, -546.54, -521.26, -494.56, -470.09, -445.91, -427.94, -413.03, -395.83, -380.50,
    -365.31, -308.21, -246.12, -199.85, -171.11, -168.43, -165.17, -159.24, -156.94, -158.49,
    -154.13, -150.48, -147.03, -150.53, -151.39, -157.04, -153.08, -152.05, -152.53, -152.35,
];
#[rustfmt::skip]
const LAB_SAC: [f64; 40] = [
    -878.30, -1_142.26, -1_189.62, -931.21, -747.61, -631.10, -552.27, -482.29, -438.01, -406.13,
    -385.02, -363.42, -341.50, -328.37, -313.90, -302.58, -289.81, -279.91, -271.26, -263.78,
    -249.21, -194.27, -137.84, -129.04, -131.68, -131.84, -128.47, -134.31, -135.38, -131.86,
    -128.52, -130.57, -131.84, -129.48, -130.63, -129.71, -134.33, -135.42, -135.21, -132.52,
];
const LAB_EVERY: usize = 5;
/// Rows of the table: each of these episodes.
const ROWS: [usize; 8] = [20, 45, 70, 95, 120, 145, 170, 195];

#[derive(Parser)]
#[command(about = "Our pendulum runs beside the lab's printed table")]
struct Cli {
    /// Folder with the histories, and for the pictures
    #[arg(long, default_value = "runs")]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Cli::parse().out;
    for (name, lab) in [("ddpg_pendulum", LAB_DDPG), ("sac_pendulum", LAB_SAC)] {
        let averages = histories(&folder, name)?;
        if averages.is_empty() {
            println!("no {name}_seed*.csv of whole length in {}", folder.display());
            continue;
        }
        print_table(name, &lab, &averages);
        plot(name, &lab, &averages).write(folder.join(format!("{name}_report")))?;
    }
    Ok(())
}

/// Reads the running average of every run that has as many episodes as the lab's.
fn histories(folder: &Path, name: &str) -> Result<Vec<Vec<f64>>, Box<dyn std::error::Error>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|path| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        file.starts_with(&format!("{name}_seed")) && file.ends_with(".csv")
    });
    files.sort();
    let mut averages = Vec::new();
    for file in files {
        let mut reader = csv::Reader::from_path(file)?;
        let column =
            reader.headers()?.iter().position(|header| header == "average_return").ok_or("no average_return")?;
        let run: Vec<f64> =
            reader.records().map(|row| Ok(row?[column].parse()?)).collect::<Result<_, Box<dyn std::error::Error>>>()?;
        if run.len() > ROWS[ROWS.len() - 1] {
            averages.push(run);
        }
    }
    Ok(averages)
}

fn print_table(name: &str, lab: &[f64], runs: &[Vec<f64>]) {
    let title = cli::title(name);
    println!("\n{title}, {} seeds\n\n| episode | lab | ours, mean | ours, each seed |\n|---|---|---|---|", runs.len());
    for episode in ROWS {
        let each: Vec<String> = runs.iter().map(|run| format!("{:.0}", run[episode])).collect();
        let mean = runs.iter().map(|run| run[episode]).sum::<f64>() / runs.len() as f64;
        println!("| {episode} | {:.0} | {mean:.0} | {} |", lab[episode / LAB_EVERY], each.join(", "));
    }
}

fn plot(name: &str, lab: &[f64], runs: &[Vec<f64>]) -> Plot {
    let length = runs.iter().map(Vec::len).min().unwrap_or(0);
    let mean = (0..length).map(|i| runs.iter().map(|run| run[i]).sum::<f64>() / runs.len() as f64);
    let lab = lab.iter().enumerate().map(|(i, &average)| ((i * LAB_EVERY) as f64, average));
    let title = format!("{}: average score over the last 100 episodes", cli::title(name));
    let mut plot = Plot::new(title).with_labels("episode", "average score");
    for (i, run) in runs.iter().enumerate() {
        let label = if i == 0 { "each seed" } else { "" };
        plot =
            plot.with_curve(Curve { color: Some(0), ..Curve::thin(label, Curve::from_values("", run.clone()).points) });
    }
    plot.with_curve(Curve::from_values(format!("mean of {} seeds", runs.len()), mean).with_color(0))
        .with_curve(Curve::new("the lab's run", lab).with_color(1))
        .with_reference("optimum", MEAN_OPTIMUM)
}
