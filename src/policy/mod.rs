//! Policies: act with a trained policy, save it to one file, export it.
//!
//! The guide [Deploy](crate::_docs::deploy) compares the forms. To act without this crate, export a policy: [`Policy::to_c_source`], [`Policy::to_rust_source`], or
//! `Policy::to_onnx` with the feature `onnx`.
//!
//! A policy file is [safetensors](https://huggingface.co/docs/safetensors), which holds numbers and no code. Its layers have the names
//! and the layout of PyTorch: `layers.0.weight` of shape `[outputs, inputs]`, `layers.0.bias`, and so on, with the heads
//! `mean` and `log_std` of a Gaussian policy. Its metadata, under the key `actor-critic`, is JSON: kind of policy,
//! activation, and bounds of observations and actions, null where infinite. Bounds of more than 1,000 axes are arrays instead, such as
//! `observation.low` and `observation.high`, with ±3.4028235e38 where infinite. The greedy action for an observation o is
//!
//! ```text
//! (low + high) / 2 + (high − low) / 2 · tanh(f(o))
//! ```
//!
//! with f the layers, and an activation between every two of them. For a Gaussian policy an activation follows each of
//! `layers`, and f ends in the head `mean`. Layer normalisation has the arrays `norms.0.weight` and `norms.0.bias`, and so on, and is computed
//! between a layer and its activation. Residual blocks have the arrays of [`ResidualBlock`](crate::nn::ResidualBlock), such as
//! `blocks.0.norm.weight`, `blocks.0.expand.weight` and `blocks.0.contract.weight`, and lie between `layers.0` and `norms.0`. A policy with normalised observations also has the arrays `normalization.mean` and
//! `normalization.scale`, and uses `clip((o − mean) · scale, ±10)` in place of o.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::boundary::Boundary;
use crate::config::ConfigError;
use crate::env::Spaces;
use crate::fused::{Flat, Members, PolicyProgram};
use crate::matrix::Matrix;
use crate::nn::lab::ClippedNoise;
use crate::nn::{Actor, DeterministicActor, GaussianActor, StochasticActor};
use crate::space::SpaceError;
use crate::state::{FileError, StateError};

mod act;
mod export;
mod file;

pub use crate::boundary::{ActError, Normalization};
use act::only;
pub use act::{Act, SampleActions, Sampled};
pub(crate) use act::{row_by_row, write_rows};

/// Largest policy file that is read, in bytes: 268 million weights.
const MAX_FILE: u64 = 1 << 30;

/// Why a policy could not be made, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file system returned an error.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action, such as `read`.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// A file that is too long.
    #[error("a policy file must be at most {limit} bytes long, got {found}")]
    TooLarge {
        /// Longest file that is read.
        limit: u64,
        /// Its length.
        found: u64,
    },
    /// Bytes that are not safetensors, or hold unusable numbers.
    #[error(transparent)]
    File(#[from] FileError),
    /// Arrays that do not fit together.
    #[error(transparent)]
    State(#[from] StateError),
    /// A file without the description of a policy.
    #[error("the metadata must describe a policy under the key `actor-critic`, and has no such key")]
    NotAPolicy,
    /// A description of another form.
    #[error("the description of the policy must be JSON with the fields of a policy: {0}")]
    Description(#[source] serde_json::Error),
    /// A format that this version of the crate does not read.
    #[error("the policy must have format {supported}, which this version of the crate reads, got {found}")]
    Version {
        /// The format that this version reads.
        supported: u64,
        /// The format that was found.
        found: u64,
    },
    /// Bounds that are invalid.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A network that does not fit the spaces.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A network that cannot be exported.
    #[error(
        "an exported network must be made of linear layers with a bias and layer normalisations with an offset, in single precision, and has \
         another part: give each layer a bias, 0 if it has none, or write the network by hand from the arrays of `Policy::save`"
    )]
    NotExportable,
    /// A weight that is not finite.
    #[error("every number of an exported policy must be finite, got {value}: its weights have diverged")]
    NonFiniteNumber {
        /// The first weight that is not finite.
        value: f32,
    },
    /// An exported policy that could not record its self-test.
    #[error("the policy must return an action for each observation of the self-test: {0}")]
    Recording(#[source] ActError),
}

/// The networks that a [`Policy`] can hold.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "there is one in a policy, and no list of them")]
pub enum PolicyNetwork {
    /// The network of DDPG and TD3.
    Deterministic(DeterministicActor),
    /// The network of SAC.
    Gaussian(GaussianActor),
    /// A deterministic network with noise of its own.
    ClippedNoise(ClippedNoise<DeterministicActor>),
}

impl From<DeterministicActor> for PolicyNetwork {
    fn from(actor: DeterministicActor) -> Self {
        Self::Deterministic(actor)
    }
}

impl From<GaussianActor> for PolicyNetwork {
    fn from(actor: GaussianActor) -> Self {
        Self::Gaussian(actor)
    }
}

impl From<ClippedNoise<DeterministicActor>> for PolicyNetwork {
    fn from(actor: ClippedNoise<DeterministicActor>) -> Self {
        Self::ClippedNoise(actor)
    }
}

impl PolicyNetwork {
    fn act(&self, observations: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Deterministic(actor) => actor.act(observations),
            Self::Gaussian(actor) => actor.act(observations),
            Self::ClippedNoise(actor) => actor.act(observations),
        }
    }

    fn sample(&self, observations: Tensor<2>, noise: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Deterministic(actor) => actor.act(observations),
            Self::Gaussian(actor) => actor.sample(observations, noise).actions,
            Self::ClippedNoise(actor) => actor.sample(observations, noise).actions,
        }
    }
}

/// A trained policy without the parts of training: no autodiff, no optimizer, no replay.
///
/// To save networks of your own, call [`save_parameters`](crate::state::save_parameters).
///
/// # Examples
///
/// ```
/// use actor_critic::prelude::*;
///
/// # let device = actor_critic::burn::tensor::Device::flex();
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let path = folder.path().join("pendulum.safetensors");
/// let mut env = Pendulum::v1();
/// let agent = SacConfig::new().init(&Spaces::of(&env)?, &device, Seed(0))?;
/// // Train it, then:
/// agent.policy()?.save(&path)?;
///
/// // Where it is deployed:
/// let policy = Policy::load(&path, &device)?;
/// let observation = env.reset(0)?;
/// let torque = policy.action(&observation)?;
/// assert!(policy.spaces().action().contains(&torque));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Policy {
    network: PolicyNetwork,
    flat: Option<Flat>,
    boundary: Boundary,
}

impl Policy {
    /// Takes a copy of a network, off the tape and on `device`.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Config`] if the network does not have the shapes of the spaces.
    pub fn new(network: impl Into<PolicyNetwork>, spaces: &Spaces, device: &Device) -> Result<Self, PolicyError> {
        let boundary = Boundary::new(spaces, device)?;
        let network = match network.into() {
            PolicyNetwork::Deterministic(actor) => {
                let actor = actor.valid().fork(boundary.device());
                boundary.check_actor(&actor)?;
                PolicyNetwork::Deterministic(actor)
            }
            PolicyNetwork::Gaussian(actor) => {
                let actor = actor.valid().fork(boundary.device());
                boundary.check_stochastic_actor(&actor)?;
                PolicyNetwork::Gaussian(actor)
            }
            PolicyNetwork::ClippedNoise(actor) => {
                let actor = actor.valid().fork(boundary.device());
                boundary.check_stochastic_actor(&actor)?;
                PolicyNetwork::ClippedNoise(actor)
            }
        };
        Ok(Self { flat: Self::flat(&network, &boundary), network, boundary })
    }

    /// Makes a policy from the networks and the normalisation of an agent.
    pub(crate) fn deployed(network: impl Into<PolicyNetwork>, boundary: &Boundary) -> Result<Self, PolicyError> {
        let policy = Self::new(network, &boundary.spaces, boundary.device())?;
        Ok(policy.with_normalization(boundary.normalization.clone()))
    }

    /// Adds the normalisation of observations.
    fn with_normalization(mut self, normalization: Option<Normalization>) -> Self {
        self.boundary.normalization = normalization;
        self
    }

    /// Returns the normalisation of observations, if there is one.
    pub fn normalization(&self) -> Option<&Normalization> {
        self.boundary.normalization.as_ref()
    }

    /// Reads a policy file. Any bytes, also from untrusted sources, give a policy with finite weights, or an error.
    ///
    /// # Errors
    ///
    /// See the variants of [`PolicyError`].
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self, PolicyError> {
        let path = path.as_ref();
        let failed = |source| PolicyError::Io { action: "read", path: path.to_owned(), source };
        // Asked before opening: to open a pipe is to wait for its other end.
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        let found = metadata.len();
        if found > MAX_FILE {
            return Err(PolicyError::TooLarge { limit: MAX_FILE, found });
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(found as usize).map_err(|_| failed(io::ErrorKind::OutOfMemory.into()))?;
        File::open(path).and_then(|file| file.take(found).read_to_end(&mut bytes)).map_err(failed)?;
        let parsed = file::parse(&bytes)?;
        // Before the network is built: the weights are in memory twice already.
        drop(bytes);
        parsed.build(device)
    }

    /// Reads a policy from the bytes of a file.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, PolicyError> {
        file::parse(bytes)?.build(device)
    }

    /// Returns the policy as the bytes of a file. The same policy gives the same bytes.
    ///
    /// # Errors
    ///
    /// [`PolicyError::File`] if a weight is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PolicyError> {
        file::bytes(&self.network, &self.boundary)
    }

    /// Writes the policy to a file, and makes its parent folders. An older file is replaced only after the new one is complete.
    ///
    /// # Errors
    ///
    /// As [`to_bytes`](Self::to_bytes), or [`PolicyError::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), PolicyError> {
        let path = path.as_ref();
        let bytes = self.to_bytes()?;
        let failed = |source| PolicyError::Io { action: "write", path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut side = path.as_os_str().to_owned();
        side.push(format!(".unfinished-{}", std::process::id()));
        let write = || {
            let mut file = File::create(&side)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&side, path)
        };
        write().map_err(|source| {
            let _ = fs::remove_file(&side);
            failed(source)
        })
    }

    /// Returns the best action for one observation, in environment units and inside the bounds.
    ///
    /// # Errors
    ///
    /// [`ActError::Observation`] if the observation has the wrong length or is not finite;
    /// [`ActError::NonFiniteAction`] if large weights make the action NaN.
    pub fn action(&self, observation: &[f32]) -> Result<Vec<f32>, ActError> {
        Act::act(self, &[observation]).map(only)
    }

    /// Samples an action for one observation. A deterministic policy returns its best action.
    ///
    /// # Errors
    ///
    /// As [`action`](Self::action).
    pub fn sample(&self, observation: &[f32], rng: &mut impl Rng) -> Result<Vec<f32>, ActError> {
        SampleActions::sample(self, &[observation], rng).map(only)
    }

    /// Returns the best action for each of several observations, on the device.
    ///
    /// # Shapes
    ///
    /// - `observations`: `[n, O]`; returns `[n, A]` in environment units, inside the bounds to within one rounding
    ///
    /// # Panics
    ///
    /// Panics if the observations have another number of columns or are on another device.
    pub fn act_on_device(&self, observations: Tensor<2>) -> Tensor<2> {
        let observations = match &self.boundary.normalization {
            Some(normalization) => normalization.apply_to(observations, self.boundary.device()),
            None => observations,
        };
        self.boundary.outside(self.network.act(observations))
    }

    /// Returns the network.
    pub fn network(&self) -> &PolicyNetwork {
        &self.network
    }

    /// Returns the spaces that the policy was trained for.
    pub fn spaces(&self) -> &Spaces {
        &self.boundary.spaces
    }
}

impl Policy {
    /// Returns the weights in the form of the kernels, if the device has kernels.
    fn flat(network: &PolicyNetwork, boundary: &Boundary) -> Option<Flat> {
        let of = |program: Option<PolicyProgram>, flat: &dyn Fn(PolicyProgram) -> Flat| program.map(flat);
        if !boundary.place.is_host {
            return None;
        }
        match network {
            PolicyNetwork::Deterministic(actor) => of(actor.program(), &|program| Flat::policy(program, actor)),
            PolicyNetwork::Gaussian(actor) => of(actor.program(), &|program| Flat::policy(program, actor)),
            PolicyNetwork::ClippedNoise(actor) => of(actor.program(), &|program| Flat::policy(program, actor)),
        }
    }

    /// Writes the best action for each of several observations in sequence, or samples it with standard normal noise.
    fn write_actions(&self, observations: &[f32], noise: Option<Matrix>, actions: &mut [f32]) -> Result<(), ActError> {
        let Self { network, flat, boundary } = self;
        let (observations, place) = (boundary.observations(observations)?, &boundary.place);
        let chosen = match (flat, noise) {
            (Some(flat), noise) => {
                let outputs = flat.run(&Members::up_to(1), [observations.host().values(), &[]]);
                Matrix::Host(match noise {
                    Some(noise) => flat.head().sample(&outputs, noise.host()).0,
                    None => flat.head().greedy(&outputs),
                })
            }
            (None, Some(noise)) => place.take(network.sample(place.tensor(&observations), place.tensor(&noise))),
            (None, None) => place.take(network.act(place.tensor(&observations))),
        };
        boundary.write_actions(chosen, None, actions)
    }
}

impl Act for Policy {
    fn spaces(&self) -> &Spaces {
        &self.boundary.spaces
    }

    fn act(&self, observations: &[&[f32]]) -> Result<Vec<Vec<f32>>, ActError> {
        row_by_row(&self.boundary.spaces, observations, |rows, actions| self.write_actions(rows, None, actions))
    }

    fn act_into(&self, observation: &[f32], action: &mut [f32]) -> Result<(), ActError> {
        self.write_actions(observation, None, action)
    }
}

impl SampleActions for Policy {
    fn sample(&self, observations: &[&[f32]], rng: &mut dyn Rng) -> Result<Vec<Vec<f32>>, ActError> {
        row_by_row(&self.boundary.spaces, observations, |rows, actions| {
            let noise = self.boundary.normal(observations.len(), rng);
            self.write_actions(rows, Some(noise), actions)
        })
    }
}

#[cfg(test)]
mod tests;
