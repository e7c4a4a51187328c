//! Export of policies as C source, Rust source or ONNX, which need neither this crate nor burn.

use super::{Policy, PolicyError, PolicyNetwork};
use crate::fused::Graph;
use crate::nn::Actor;
use exported::Exported;
use recording::Recording;

mod c;
mod exported;
#[cfg(feature = "onnx")]
mod onnx;
mod recording;
mod rust;
mod text;

impl Policy {
    /// Returns the policy as one file of C99, which needs `math.h` and allocates nothing.
    ///
    /// The file defines one function with external linkage:
    ///
    /// ```c
    /// int policy_act(const float observation[POLICY_OBSERVATIONS], float action[POLICY_ACTIONS]);
    /// ```
    ///
    /// - `observation`: one number per axis, in the units and the order of the environment
    /// - `action`: receives the best action, in environment units, inside the bounds
    /// - returns 0, or 1 if an observation is not finite or beyond
    ///   [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE), or 2 if the network gave NaN; on 1 and 2 it does not write `action`
    ///
    /// The file contains normalisation, bounds and squashing, and writes every constant exactly. Compile with `-DPOLICY_ACT=other_name` to
    /// rename the function, and with `-DACTOR_CRITIC_SELF_TEST` to get a `main` that compares recorded actions. The actions agree with
    /// [`Act::act`](super::Act::act) to 1e-6 of the half-range of each action axis, as far as single precision allows.
    ///
    /// [`docs/guide/deploy.md`](crate::_docs::deploy) shows how to build it, for a microcontroller too.
    ///
    /// # Errors
    ///
    /// - [`PolicyError::NotExportable`] if the network has an unsupported part, such as a layer without bias
    /// - [`PolicyError::NonFiniteNumber`] if a weight is NaN or infinite
    /// - [`PolicyError::Recording`] if the policy returns an error for the observations of the self-test
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// let agent = SacConfig::new().init(&Spaces::of(&Pendulum::v1())?, &device, Seed(0))?;
    /// let source = agent.policy()?.to_c_source()?;
    /// assert!(source.contains("int POLICY_ACT(const float observation[POLICY_OBSERVATIONS], float action[POLICY_ACTIONS])"));
    /// # Ok::<(), actor_critic::Error>(())
    /// ```
    pub fn to_c_source(&self) -> Result<String, PolicyError> {
        Ok(c::source(&self.exported()?, &Recording::of(self)?))
    }

    /// Returns the policy as one module of Rust, which needs `core` alone and allocates nothing.
    ///
    /// Save it beside your code and declare it with `mod policy;`, also under `#![no_std]`. It has:
    ///
    /// ```text
    /// pub const OBSERVATIONS: usize;
    /// pub const ACTIONS: usize;
    /// pub fn act(observation: &[f32; OBSERVATIONS]) -> Option<[f32; ACTIONS]>
    /// pub fn self_test() -> Option<usize>
    /// ```
    ///
    /// - `act` takes an observation in the units and the order of the environment, and returns the best action, in environment
    ///   units, inside the bounds; `None` if an observation is not finite or beyond [`MAX_MAGNITUDE`](crate::space::MAX_MAGNITUDE),
    ///   or if the network gave NaN
    /// - `self_test` compares recorded actions and returns the index of the first that differs; `cargo test` calls it too
    ///
    /// Accuracy as for [`to_c_source`](Self::to_c_source).
    ///
    /// # Errors
    ///
    /// As [`to_c_source`](Self::to_c_source).
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// let agent = SacConfig::new().init(&Spaces::of(&Pendulum::v1())?, &device, Seed(0))?;
    /// let source = agent.policy()?.to_rust_source()?;
    /// assert!(source.contains("pub fn act(observation: &[f32; OBSERVATIONS]) -> Option<[f32; ACTIONS]>"));
    /// # Ok::<(), actor_critic::Error>(())
    /// ```
    pub fn to_rust_source(&self) -> Result<String, PolicyError> {
        Ok(rust::source(&self.exported()?, &Recording::of(self)?))
    }

    /// Returns the policy as an ONNX model, opset 17.
    ///
    /// The model contains normalisation, squashing and bounds. It does not check observations: check that they are finite before.
    ///
    /// # Shapes
    ///
    /// - input `observations`: `[batch, O]`, single precision, in environment units; batch is free
    /// - output `actions`: `[batch, A]`, single precision, in environment units, inside the bounds
    ///
    /// The metadata has the name of the producer, and the bounds of both spaces as JSON, null where infinite: `actor-critic.observation` and
    /// `actor-critic.action`.
    ///
    /// # Errors
    ///
    /// [`PolicyError::NotExportable`] or [`PolicyError::NonFiniteNumber`], as [`to_c_source`](Self::to_c_source).
    ///
    /// # Examples
    ///
    /// ```
    /// use actor_critic::prelude::*;
    ///
    /// # let device = actor_critic::burn::tensor::Device::flex();
    /// # let folder = tempfile::tempdir().expect("a temporary folder");
    /// # let path = folder.path().join("pendulum.onnx");
    /// let agent = SacConfig::new().init(&Spaces::of(&Pendulum::v1())?, &device, Seed(0))?;
    /// let model = agent.policy()?.to_onnx()?;
    /// std::fs::write(&path, model)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "onnx")]
    pub fn to_onnx(&self) -> Result<Vec<u8>, PolicyError> {
        Ok(onnx::model(&self.exported()?))
    }

    /// Returns all numbers of the policy, checked.
    fn exported(&self) -> Result<Exported<'_>, PolicyError> {
        let graph = match &self.network {
            PolicyNetwork::Deterministic(actor) => actor.program().and_then(|program| Graph::new(program, actor)),
            PolicyNetwork::Gaussian(actor) => actor.program().and_then(|program| Graph::new(program, actor)),
            PolicyNetwork::ClippedNoise(actor) => actor.program().and_then(|program| Graph::new(program, actor)),
        };
        Exported::new(self.spaces(), self.normalization(), graph.ok_or(PolicyError::NotExportable)?)
    }
}

#[cfg(test)]
mod tests;
