//! The format of a policy file.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{Policy, PolicyError, PolicyNetwork};
use crate::boundary::{Boundary, Normalization};
use crate::env::Spaces;
use crate::nn::lab::ClippedNoiseConfig;
use crate::nn::{Activation, DeterministicActor, GaussianActor, Mlp};
use crate::space::BoxSpace;
use crate::state::{State, StateError};

/// Version of the format: the only one that is written and read.
const FORMAT: u64 = 1;

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
    observation: Bounds,
    action: Bounds,
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
    let parts = [("blocks", trunk.blocks.is_empty()), ("norms", trunk.norms.is_empty())];
    if let Some((name, _)) = parts.into_iter().find(|(_, is_empty)| !is_empty) {
        let reason =
            "a policy file has no layer normalisation, nor residual blocks; export such a policy as C, Rust or ONNX";
        return Err(StateError::Unsupported { name: name.to_owned(), reason }.into());
    }
    for (i, layer) in trunk.layers.iter().enumerate() {
        put_linear(&mut state, &format!("layers.{i}"), layer)?;
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
    let spaces = &boundary.spaces;
    let description = Description {
        format: FORMAT,
        crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        kind,
        activation,
        observation: Bounds::of(spaces.observation()),
        action: Bounds::of(spaces.action()),
    };
    let note = serde_json::to_string(&description).expect("a description is numbers and text");
    Ok(state.to_bytes_with_note(Some(note))?)
}

/// Writes a layer in PyTorch's layout: `[outputs, inputs]`.
fn put_linear(state: &mut State, name: &str, layer: &Linear) -> Result<(), StateError> {
    let read =
        |tensor: Vec<f32>, shape: &[usize], name: String, state: &mut State| state.put_array(&name, shape, tensor);
    let unreadable = |_| StateError::Unsupported {
        name: name.to_owned(),
        reason: "its values could not be read from the device as f32",
    };
    let weight = layer.weight.val().inner().transpose();
    let shape = weight.dims();
    read(weight.try_into_vec_as().map_err(unreadable)?, &shape, format!("{name}.weight"), state);
    if let Some(bias) = &layer.bias {
        let bias = bias.val().inner();
        let shape = bias.dims();
        read(bias.try_into_vec_as().map_err(unreadable)?, &shape, format!("{name}.bias"), state);
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
        let spaces = Spaces::new(observation.space()?, action.space()?)?;
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
        let axes = spaces.action().dim();
        let missing = || StateError::Missing { name: "layers.0.weight".to_owned() };
        let output = |layers: &[Linear]| match layers.last().ok_or_else(missing)?.weight.dims()[1] {
            outputs if outputs == axes => Ok(()),
            outputs => {
                Err(StateError::invalid("the last layer", format!("as wide as the action space, {axes}"), outputs))
            }
        };
        let network = match kind {
            Kind::Gaussian => {
                let mut head = |name| take_linear(&mut state, name, width, Some(axes), device);
                let (mean, log_std) = (head("mean")?, head("log_std")?);
                if layers.is_empty() {
                    return Err(missing().into());
                }
                PolicyNetwork::Gaussian(GaussianActor {
                    trunk: Mlp::of(layers, activation),
                    mean,
                    log_std,
                    log_volume: 0.0,
                })
            }
            Kind::Deterministic | Kind::ClippedNoise { .. } => {
                output(&layers)?;
                let actor = DeterministicActor { trunk: Mlp::of(layers, activation) };
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
