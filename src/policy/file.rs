//! The format of a policy file.

use burn::module::Param;
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{Policy, PolicyError, PolicyNetwork};
use crate::boundary::{Boundary, Normalization};
use crate::env::Spaces;
use crate::nn::lab::ClippedNoiseConfig;
use crate::nn::{Activation, DeterministicActor, GaussianActor, Mlp, ResidualBlock};
use crate::space::BoxSpace;
use crate::state::{State, StateError};

/// Version of the format: the only one that is written and read.
const FORMAT: u64 = 1;

/// Most axes of a space whose bounds are in the metadata, where programs in other languages write them; those of a wider one are arrays, since
/// a header is short.
const AXES_IN_METADATA: usize = 1_000;

/// Stands for infinity in arrays of bounds, which hold finite numbers.
const INFINITY: f32 = f32::MAX;

/// Names of the arrays of the normalisation.
const MEAN: &str = "normalization.mean";
const SCALE: &str = "normalization.scale";

/// The metadata of a policy file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    format: u64,
    crate_version: String,
    kind: Kind,
    activation: ActivationName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observation: Option<Bounds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<Bounds>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Deterministic,
    Gaussian,
    ClippedNoise { std: f64, clip: f64 },
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActivationName {
    Relu,
    Tanh,
    Elu,
    Silu,
}

/// A space; null stands for infinity, which JSON lacks.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bounds {
    low: Vec<Option<f32>>,
    high: Vec<Option<f32>>,
}

impl Bounds {
    pub(super) fn of(space: &BoxSpace) -> Self {
        let finite = |bounds: &[f32]| bounds.iter().map(|&bound| bound.is_finite().then_some(bound)).collect();
        Self { low: finite(space.low()), high: finite(space.high()) }
    }

    fn space(self) -> Result<BoxSpace, PolicyError> {
        let or = |bounds: Vec<Option<f32>>, infinity: f32| bounds.into_iter().map(|x| x.unwrap_or(infinity)).collect();
        Ok(BoxSpace::new(or(self.low, f32::NEG_INFINITY), or(self.high, f32::INFINITY))?)
    }
}

/// Returns the file of a policy.
pub(super) fn bytes(network: &PolicyNetwork, boundary: &Boundary) -> Result<Vec<u8>, PolicyError> {
    let mut state = State::new();
    let (kind, trunk) = match network {
        PolicyNetwork::Deterministic(actor) => (Kind::Deterministic, &actor.trunk),
        PolicyNetwork::ClippedNoise(actor) => {
            let ClippedNoiseConfig { std, clip } = actor.config();
            (Kind::ClippedNoise { std, clip }, &actor.actor.trunk)
        }
        PolicyNetwork::Gaussian(actor) => {
            put_linear(&mut state, "mean", &actor.mean)?;
            put_linear(&mut state, "log_std", &actor.log_std)?;
            (Kind::Gaussian, &actor.trunk)
        }
    };
    for (i, layer) in trunk.layers.iter().enumerate() {
        put_linear(&mut state, &format!("layers.{i}"), layer)?;
    }
    for (i, norm) in trunk.norms.iter().enumerate() {
        put_norm(&mut state, &format!("norms.{i}"), norm)?;
    }
    for (i, block) in trunk.blocks.iter().enumerate() {
        put_norm(&mut state, &format!("blocks.{i}.norm"), &block.norm)?;
        put_linear(&mut state, &format!("blocks.{i}.expand"), &block.expand)?;
        put_linear(&mut state, &format!("blocks.{i}.contract"), &block.contract)?;
    }
    let activation = match trunk.activation {
        Activation::Relu => ActivationName::Relu,
        Activation::Tanh => ActivationName::Tanh,
        Activation::Elu => ActivationName::Elu,
        Activation::Silu => ActivationName::Silu,
    };
    if let Some(normalization) = &boundary.normalization {
        for (name, values) in [(MEAN, normalization.mean()), (SCALE, normalization.scale())] {
            state.put_array(name, &[values.len()], values.to_vec());
        }
    }
    let (observation, action) = (boundary.spaces.observation(), boundary.spaces.action());
    let description = Description {
        format: FORMAT,
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        kind,
        activation,
        observation: put_bounds(&mut state, "observation", observation),
        action: put_bounds(&mut state, "action", action),
    };
    let note = serde_json::to_string(&description).expect("a description is numbers and text");
    Ok(state.to_bytes_with_note(Some(note))?)
}

/// Returns the bounds of a space for the metadata, or writes them as arrays if there are many.
fn put_bounds(state: &mut State, name: &str, space: &BoxSpace) -> Option<Bounds> {
    if space.dim() <= AXES_IN_METADATA {
        return Some(Bounds::of(space));
    }
    for (end, bounds) in [("low", space.low()), ("high", space.high())] {
        let finite = bounds.iter().map(|bound| bound.clamp(-INFINITY, INFINITY)).collect();
        state.put_array(&format!("{name}.{end}"), &[bounds.len()], finite);
    }
    None
}

/// Takes a space from the metadata, or from arrays.
fn take_space(state: &mut State, name: &str, bounds: Option<Bounds>) -> Result<BoxSpace, PolicyError> {
    match bounds {
        Some(bounds) => bounds.space(),
        None => {
            let mut row = |end| -> Result<Vec<f32>, StateError> {
                let bounds: Vec<f32> = state.take_row(&format!("{name}.{end}"))?;
                // Twice the largest number is infinite, with its sign.
                Ok(bounds.into_iter().map(|bound| if bound.abs() == INFINITY { 2.0 * bound } else { bound }).collect())
            };
            Ok(BoxSpace::new(row("low")?, row("high")?)?)
        }
    }
}

/// Writes a layer in PyTorch's layout: `[outputs, inputs]`.
fn put_linear(state: &mut State, name: &str, layer: &Linear) -> Result<(), StateError> {
    put_tensor(state, format!("{name}.weight"), layer.weight.val().inner().transpose())?;
    match &layer.bias {
        Some(bias) => put_tensor(state, format!("{name}.bias"), bias.val().inner()),
        None => Ok(()),
    }
}

/// Writes a layer normalisation under PyTorch's names: γ is `weight`, β is `bias`.
fn put_norm(state: &mut State, name: &str, norm: &LayerNorm) -> Result<(), StateError> {
    put_tensor(state, format!("{name}.weight"), norm.gamma.val().inner())?;
    match &norm.beta {
        Some(beta) => put_tensor(state, format!("{name}.bias"), beta.val().inner()),
        None => Ok(()),
    }
}

fn put_tensor<const D: usize>(state: &mut State, name: String, tensor: Tensor<D>) -> Result<(), StateError> {
    let shape = tensor.dims();
    match tensor.try_into_vec_as::<f32>() {
        Ok(values) => state.put_array(&name, &shape, values),
        Err(_) => {
            let reason = "its values could not be read from the device as f32";
            return Err(StateError::Unsupported { name, reason });
        }
    }
    Ok(())
}

/// A file whose description and arrays have been read, before the policy is built.
pub(super) struct Parsed {
    description: Description,
    state: State,
}

/// Reads the bytes of a policy file.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, PolicyError> {
    /// The fields that a description of any version has.
    #[derive(Deserialize)]
    struct Version {
        format: u64,
    }
    let (state, note) = State::from_bytes_with_note(bytes)?;
    let note = note.ok_or(PolicyError::NotAPolicy)?;
    let Version { format } = serde_json::from_str(&note).map_err(PolicyError::Description)?;
    if format != FORMAT {
        return Err(PolicyError::Version { supported: FORMAT, found: format });
    }
    let description = serde_json::from_str(&note).map_err(PolicyError::Description)?;
    Ok(Parsed { description, state })
}

impl Parsed {
    /// Builds the policy, and checks that all parts fit together.
    pub(super) fn build(self, device: &Device) -> Result<Policy, PolicyError> {
        let Self { description: Description { kind, activation, observation, action, .. }, mut state } = self;
        let observation = take_space(&mut state, "observation", observation)?;
        let spaces = Spaces::new(observation, take_space(&mut state, "action", action)?)?;
        let device = &device.clone().without_autodiff();
        let activation = match activation {
            ActivationName::Relu => Activation::Relu,
            ActivationName::Tanh => Activation::Tanh,
            ActivationName::Elu => Activation::Elu,
            ActivationName::Silu => Activation::Silu,
        };
        let mut layers = Vec::new();
        let mut width = spaces.observation().dim();
        while state.shape(&format!("layers.{}.weight", layers.len())).is_ok() {
            let layer = take_linear(&mut state, &format!("layers.{}", layers.len()), width, None, device)?;
            width = layer.weight.dims()[1];
            layers.push(layer);
        }
        let trunk = take_trunk(&mut state, layers, activation, device)?;
        let axes = spaces.action().dim();
        let missing = || StateError::Missing { name: "layers.0.weight".to_owned() };
        let output = |trunk: &Mlp| match trunk.layers.last().ok_or_else(missing)?.weight.dims()[1] {
            outputs if outputs == axes => Ok(()),
            outputs => {
                Err(StateError::invalid("the last layer", format!("as wide as the action space, {axes}"), outputs))
            }
        };
        let network = match kind {
            Kind::Gaussian => {
                let mut head = |name| take_linear(&mut state, name, width, Some(axes), device);
                let (mean, log_std) = (head("mean")?, head("log_std")?);
                if trunk.layers.is_empty() {
                    return Err(missing().into());
                }
                PolicyNetwork::Gaussian(GaussianActor { trunk, mean, log_std, log_volume: 0.0 })
            }
            Kind::Deterministic | Kind::ClippedNoise { .. } => {
                output(&trunk)?;
                let actor = DeterministicActor { trunk };
                match kind {
                    Kind::ClippedNoise { std, clip } => {
                        let noise = ClippedNoiseConfig { std, clip };
                        PolicyNetwork::ClippedNoise(noise.init(actor)?)
                    }
                    _ => PolicyNetwork::Deterministic(actor),
                }
            }
        };
        let normalization = match state.shape(MEAN) {
            Ok(_) => {
                let mut row = |name| state.take_array(name, &[spaces.observation().dim()]);
                Some(Normalization::new(row(MEAN)?, row(SCALE)?))
            }
            Err(_) => None,
        };
        state.finish()?;
        Ok(Policy::new(network, &spaces, device)?.with_normalization(normalization))
    }
}

/// Takes the layer normalisations and residual blocks that belong to layers, and joins them.
fn take_trunk(
    state: &mut State,
    layers: Vec<Linear>,
    activation: Activation,
    device: &Device,
) -> Result<Mlp, StateError> {
    let widths: Vec<usize> = layers.iter().map(|layer| layer.weight.dims()[1]).collect();
    let mut blocks = Vec::new();
    while state.shape(&format!("blocks.{}.norm.weight", blocks.len())).is_ok() {
        let name = format!("blocks.{}", blocks.len());
        let width = *widths.first().ok_or_else(|| StateError::Missing { name: "layers.0.weight".to_owned() })?;
        let norm = take_norm(state, &format!("{name}.norm"), width, device)?;
        let expand = take_linear(state, &format!("{name}.expand"), width, None, device)?;
        let inner = expand.weight.dims()[1];
        let contract = take_linear(state, &format!("{name}.contract"), inner, Some(width), device)?;
        blocks.push(ResidualBlock { norm, expand, contract });
    }
    if !blocks.is_empty() && layers.len() > 2 {
        let rule = "at most 2 layers, one before the residual blocks and one after them";
        return Err(StateError::invalid("layers", rule, layers.len()));
    }
    // Beside residual blocks there is one, of the width of the blocks.
    let normalized = if blocks.is_empty() { &widths[..] } else { &widths[..1] };
    let mut norms = Vec::new();
    for &width in normalized {
        let name = format!("norms.{}", norms.len());
        if state.shape(&format!("{name}.weight")).is_err() {
            break;
        }
        norms.push(take_norm(state, &name, width, device)?);
    }
    let mut trunk = Mlp::of(layers, activation);
    (trunk.norms, trunk.blocks) = (norms, blocks);
    Ok(trunk)
}

fn take_norm(state: &mut State, name: &str, width: usize, device: &Device) -> Result<LayerNorm, StateError> {
    let mut row = |name: &str| -> Result<Param<Tensor<1>>, StateError> {
        Ok(Param::from_data(TensorData::new(state.take_array::<f32>(name, &[width])?, [width]), device))
    };
    let gamma = row(&format!("{name}.weight"))?;
    let beta = match row(&format!("{name}.bias")) {
        Ok(beta) => Some(beta),
        Err(StateError::Missing { .. }) => None,
        Err(error) => return Err(error),
    };
    let mut norm = LayerNormConfig::new(width).init(device);
    (norm.gamma, norm.beta) = (gamma, beta);
    Ok(norm)
}

/// Takes a layer with `inputs` columns and, if known, `outputs` rows, and converts PyTorch's layout to burn's.
fn take_linear(
    state: &mut State,
    name: &str,
    inputs: usize,
    outputs: Option<usize>,
    device: &Device,
) -> Result<Linear, StateError> {
    let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
    let found = state.shape(&weight)?;
    let rows = outputs.or(found.first().copied()).unwrap_or(0);
    if rows == 0 {
        return Err(StateError::invalid(weight, "a matrix with at least one row", format!("shape {found:?}")));
    }
    let values: Vec<f32> = state.take_array(&weight, &[rows, inputs])?;
    let transposed = Tensor::<2>::from_data(TensorData::new(values, [rows, inputs]), device).transpose();
    // Copied into place, so that what is computed with it has the bits of the network that was saved.
    let values: Vec<f32> = transposed
        .try_into_vec_as()
        .map_err(|_| StateError::Unsupported { name: weight.clone(), reason: "the device could not transpose it" })?;
    let weight = Param::from_data(TensorData::new(values, [inputs, rows]), device);
    let bias = match state.shape(&bias) {
        Ok(_) => Some(Param::from_data(TensorData::new(state.take_array::<f32>(&bias, &[rows])?, [rows]), device)),
        Err(_) => None,
    };
    Ok(Linear { weight, bias })
}
