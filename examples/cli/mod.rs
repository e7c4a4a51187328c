//! What the command lines of the examples share.

#![allow(dead_code, reason = "each example uses its own part")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actor_critic::env::pendulum::MEAN_OPTIMUM;
use actor_critic::prelude::*;
use actor_critic::train::plot::LearningCurve;
use clap::{Args, ValueEnum};

#[cfg(not(any(
    feature = "flex",
    feature = "ndarray",
    feature = "wgpu",
    feature = "vulkan",
    feature = "metal",
    feature = "webgpu",
    feature = "cuda",
    feature = "rocm"
)))]
compile_error!("the examples need a backend, such as the feature flex");

/// A backend that this build contains.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DeviceName {
    #[cfg(feature = "flex")]
    Flex,
    #[cfg(feature = "ndarray")]
    Ndarray,
    #[cfg(feature = "wgpu")]
    Wgpu,
    #[cfg(feature = "vulkan")]
    Vulkan,
    #[cfg(feature = "metal")]
    Metal,
    #[cfg(feature = "webgpu")]
    Webgpu,
    #[cfg(feature = "cuda")]
    Cuda,
    #[cfg(feature = "rocm")]
    Rocm,
}

impl DeviceName {
    pub fn device(self) -> Device {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Device::flex(),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated)]
            Self::Ndarray => Device::ndarray(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(Default::default()),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::vulkan(Default::default()),
            #[cfg(feature = "metal")]
            Self::Metal => Device::metal(Default::default()),
            #[cfg(feature = "webgpu")]
            Self::Webgpu => Device::webgpu(Default::default()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
            #[cfg(feature = "rocm")]
            Self::Rocm => Device::rocm(0),
        }
    }
}

/// At some 300 steps a second, three seconds of work.
const STEPS_BETWEEN_CHECKPOINTS: usize = 1_000;

/// The flags of an example that trains one agent.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Root of every random number of the run
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Episodes to train for [default: as many as the example says at its top]
    #[arg(long)]
    pub episodes: Option<usize>,
    #[command(flatten)]
    pub device: DeviceArg,
    /// Folder for the results
    #[arg(long, default_value = "runs")]
    pub out: PathBuf,
    /// Folder for checkpoints: the run is saved there every 1,000 steps and by Ctrl-C, and the same command continues it
    #[arg(long)]
    pub checkpoints: Option<PathBuf>,
    /// File for the greedy policy, once it is trained
    #[arg(long)]
    pub policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DeviceArg {
    /// Backend to compute on: those that were compiled in
    #[arg(long = "device", value_enum, default_value_t = DeviceName::value_variants()[0])]
    name: DeviceName,
}

impl DeviceArg {
    pub fn device(&self) -> Device {
        self.name.device()
    }
}

impl RunArgs {
    /// Returns the path of a result file, without its extension.
    pub fn result(&self, name: &str) -> PathBuf {
        self.out.join(format!("{name}_seed{}", self.seed))
    }
}

/// Turns `sac_pendulum` into the title of a picture.
pub fn title(name: &str) -> String {
    format!("{} on Pendulum-v1", name.trim_end_matches("_pendulum").to_uppercase())
}

/// Trains under the lab's console line, a CSV history, a learning curve and a progress bar; with checkpoints if asked.
///
/// Returns the trainer if the run came to its end, and `None` if it was interrupted.
pub fn train<E: Environment + SaveState, A: Agent + SaveState>(
    mut trainer: Trainer<E, A>,
    args: &RunArgs,
    name: &str,
) -> Result<Option<Trainer<E, A>>, Box<dyn std::error::Error>> {
    let result = args.result(name);
    let mut history = CsvHistory::create(result.with_extension("csv"))?;
    let title = format!("{}, seed {}", title(name), args.seed);
    let mut curve = LearningCurve::new(&result, title).with_optimum("optimum", MEAN_OPTIMUM);
    let mut progress = Progress::around(Console::every(5));
    let observers: &mut [&mut dyn Observer] = &mut [&mut progress, &mut history, &mut curve];
    let Some(directory) = &args.checkpoints else {
        trainer.run(observers)?;
        return Ok(Some(trainer));
    };

    let checkpoints = CheckpointEvery::steps(STEPS_BETWEEN_CHECKPOINTS, Checkpoints::open(directory)?)?;
    let interrupted = checkpoints.interrupt_flag();
    let mut trainer = trainer.with_checkpoints(checkpoints);
    if let Some(resumed) = trainer.resume_newest()? {
        println!("resumed at step {}", resumed.environment_steps);
    }
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))?;
    trainer.run(observers)?;
    if interrupted.load(Ordering::Relaxed) {
        println!("saved at step {}; the same command continues from there", trainer.environment_steps());
        return Ok(None);
    }
    Ok(Some(trainer))
}
