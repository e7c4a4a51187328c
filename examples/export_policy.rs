//! Exports a policy file as C source, Rust source or ONNX, which need neither this crate nor burn.
//!
//! ```sh
//! cargo run --release --example sac_pendulum -- --policy runs/pendulum.safetensors
//! cargo run --release --example export_policy -- runs/pendulum.safetensors --c runs/policy.c --rust runs/policy.rs --onnx runs/policy.onnx
//! ```
//!
//! Without a policy file it exports an untrained policy for Pendulum-v1, with `--widths` as its hidden layers.

mod cli;

use std::path::{Path, PathBuf};

use actor_critic::nn::GaussianActorConfig;
use actor_critic::prelude::*;
use actor_critic::rng::Stream;
use clap::Parser;

#[derive(Parser)]
#[command(about = "Writes a policy file as C, as Rust or as ONNX")]
struct Cli {
    /// The policy file; an untrained policy if there is none
    file: Option<PathBuf>,
    /// File for the C source
    #[arg(long)]
    c: Option<PathBuf>,
    /// File for the Rust source
    #[arg(long)]
    rust: Option<PathBuf>,
    /// File for the ONNX model
    #[arg(long)]
    onnx: Option<PathBuf>,
    /// Hidden layers of an untrained policy
    #[arg(long, value_delimiter = ',', default_value = "64,64", conflicts_with = "file")]
    widths: Vec<usize>,
    #[command(flatten)]
    device: cli::DeviceArg,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Cli::parse();
    let device = args.device.device();
    let policy = match &args.file {
        Some(file) => Policy::load(file, &device)?,
        None => untrained(args.widths, &device)?,
    };
    println!("policy with {}", policy.spaces());
    if let Some(path) = args.c {
        write(&path, policy.to_c_source()?.as_bytes())?;
    }
    if let Some(path) = args.rust {
        write(&path, policy.to_rust_source()?.as_bytes())?;
    }
    if let Some(path) = args.onnx {
        write(&path, &policy.to_onnx()?)?;
    }
    Ok(())
}

/// Makes a policy that has learned nothing, to try the tools with.
fn untrained(widths: Vec<usize>, device: &Device) -> Result<Policy, Box<dyn std::error::Error>> {
    let spaces = Spaces::of(&Pendulum::v1())?;
    let mut rng = Seed(0).stream(Stream::ActorWeights);
    let actor = GaussianActorConfig::new().with_hidden_dims(widths).init(&spaces, &mut rng, device)?;
    Ok(Policy::new(actor, &spaces, device)?)
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, bytes)?;
    println!("{}: {} bytes", path.display(), bytes.len());
    Ok(())
}
