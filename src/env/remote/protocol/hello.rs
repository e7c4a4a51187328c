//! The hello of a simulator: its first answer.

use super::ProtocolError;
use super::body::{Body, put_count, put_floats, put_text};
use super::limits::MAX_VERSIONS;
use crate::env::Spaces;
use crate::space::BoxSpace;

/// The version of the protocol that this crate implements.
pub const PROTOCOL_VERSION: u32 = 1;

/// The first bytes of every hello, in every version.
pub(super) const MAGIC: &str = "acritic\n";

/// The hello of a simulator: its name, its versions and its spaces.
#[derive(Debug, Clone, PartialEq)]
pub struct Hello {
    /// Name of the simulated task, such as `HalfCheetah-v5`.
    pub name: String,
    /// Programs whose version changes the results of a step, each with its version.
    pub versions: Vec<(String, String)>,
    /// The two spaces, flattened.
    pub spaces: Spaces,
}

impl Hello {
    /// Shows the name and the versions in one line: `HalfCheetah-v5 (gymnasium 1.2.3, mujoco 3.4.0)`.
    pub fn identity(&self) -> String {
        let versions: Vec<String> = self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        match versions.as_slice() {
            [] => self.name.clone(),
            versions => format!("{} ({})", self.name, versions.join(", ")),
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        put_head(out);
        put_text(out, &self.name);
        put_count(out, self.versions.len());
        for (name, version) in &self.versions {
            put_text(out, name);
            put_text(out, version);
        }
        for space in [self.spaces.observation(), self.spaces.action()] {
            put_count(out, space.dim());
            put_floats(out, space.low());
            put_floats(out, space.high());
        }
    }

    /// Reads the part after the head.
    pub(super) fn take(body: &mut Body<'_>) -> Result<Self, ProtocolError> {
        let name = body.text()?;
        let count = body.count()?;
        if count > MAX_VERSIONS {
            return Err(ProtocolError::Versions { found: count as u64 });
        }
        let versions = (0..count).map(|_| Ok((body.text()?, body.text()?))).collect::<Result<_, _>>()?;
        let mut space = |space| {
            let dim = body.count()?;
            let (low, high) = (body.floats(dim)?, body.floats(dim)?);
            BoxSpace::new(low, high).map_err(|source| ProtocolError::Space { space, source })
        };
        let (observation, action) = (space("observation")?, space("action")?);
        let spaces = Spaces::new(observation, action);
        let spaces = spaces.map_err(|source| ProtocolError::Space { space: "action", source })?;
        Ok(Self { name, versions, spaces })
    }
}

/// Appends the head of a hello.
pub(super) fn put_head(out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC.as_bytes());
    out.extend(PROTOCOL_VERSION.to_le_bytes());
}

/// Reads the head of a hello, in every version.
pub(super) fn take_head(body: &mut Body<'_>) -> Result<(), ProtocolError> {
    let magic: [u8; MAGIC.len()] = body.bytes()?;
    if magic != MAGIC.as_bytes() {
        let escape = |text: &[u8]| text.escape_ascii().to_string();
        let (expected, found) = ("acritic\\n", escape(&magic));
        return Err(ProtocolError::Magic { expected, found });
    }
    match u32::from_le_bytes(body.bytes()?) {
        PROTOCOL_VERSION => Ok(()),
        found => Err(ProtocolError::Version { expected: PROTOCOL_VERSION, found }),
    }
}
