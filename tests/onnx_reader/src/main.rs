//! Runs exported ONNX models with tract: the actions must be those of the crate.
//!
//! ```sh
//! ACTOR_CRITIC_ONNX=$PWD/runs/onnx cargo test --lib policy::export::onnx
//! cargo run --release --manifest-path tests/onnx_reader/Cargo.toml -- runs/onnx
//! ```
//!
//! The folder has NAME.onnx, NAME.observations and NAME.actions for each policy, the last two raw in single precision, row by row.
//! The bars are those of `tests/policy_in_onnx.py`.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tract_onnx::prelude::*;

fn main() -> TractResult<()> {
    let folder = std::env::args().nth(1).context("the first argument must be a folder of models")?;
    let files = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut models: Vec<PathBuf> = files.collect::<TractResult<_>>()?;
    models.retain(|path| path.extension().is_some_and(|extension| extension == "onnx"));
    models.sort();
    ensure!(!models.is_empty(), "the folder must have models, got none");
    for path in &models {
        let name = path.file_stem().context("a model has a name")?.to_string_lossy();
        let (count, largest) = check(path)?;
        println!("{name}: {count} actions, largest difference {largest:.1e} half-ranges");
        let bar = if name == "many_layer_norm" { 2e-6 } else { 1e-6 };
        ensure!(largest <= bar, "{name} must be at most {bar:e} away, got {largest:e}");
    }
    Ok(())
}

/// Returns the number of actions of a model, and the largest difference in half-ranges.
fn check(path: &Path) -> TractResult<(usize, f64)> {
    let onnx = tract_onnx::onnx();
    let proto = onnx.proto_model_for_path(path)?;
    let graph = proto.graph.as_ref().context("a model has a graph")?;
    let half_range = graph.initializer.iter().find(|tensor| tensor.name == "half_range");
    let half_range = numbers(&half_range.context("a policy has half-ranges")?.raw_data);

    let observations = numbers(&std::fs::read(path.with_extension("observations"))?);
    let expected = numbers(&std::fs::read(path.with_extension("actions"))?);
    let rows = expected.len() / half_range.len();
    let columns = observations.len() / rows;

    let model = onnx.model_for_path(path)?.into_optimized()?.into_runnable()?;
    let input = tract_ndarray::Array2::from_shape_vec((rows, columns), observations)?;
    let outputs = model.run(tvec!(input.into_tensor().into()))?;
    let actions = outputs[0].to_plain_array_view::<f32>()?;
    ensure!(actions.shape() == [rows, half_range.len()], "{:?}", actions.shape());
    let differences = actions.iter().zip(&expected).zip(half_range.iter().cycle());
    let differences =
        differences.map(|((a, b), half_range)| (f64::from(*a) - f64::from(*b)).abs() / f64::from(*half_range));
    Ok((expected.len(), differences.fold(0.0, |largest: f64, x| if x <= largest { largest } else { x })))
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes"))).collect()
}
