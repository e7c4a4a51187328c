//! States as bytes: safetensors, which every framework reads and which cannot hold code.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::array::{Array, Values};
use super::error::excerpt;
use super::{State, StateError};

/// Longest header, in bytes: space for some thousand arrays.
///
/// A parsed header takes many times its length in memory, so its length limits the memory for a file.
const MAX_HEADER: u64 = 256 * 1024;

/// The only key of the metadata that is read and written.
const NOTE: &str = "actor-critic";

/// Why bytes are not a valid state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The bytes have another format, or offsets that overlap, leave gaps, or lead out of the file.
    #[error("the file must be valid safetensors: {0}")]
    Format(#[source] SafeTensorError),
    /// The header is too long.
    #[error("the header must be at most {limit} bytes long, got {found}")]
    HeaderTooLong {
        /// Longest header that is read.
        limit: u64,
        /// Its length.
        found: u64,
    },
    /// The header is not one JSON object without repeated keys.
    #[error("the header must be a JSON object without repeated names: {0}")]
    Header(#[source] serde_json::Error),
    /// An array has an unsupported type.
    #[error("`{}` must hold F32, F64 or U64, or a text as U8, got {found}", excerpt(name))]
    Kind {
        /// Name of the array.
        name: String,
        /// Its type.
        found: String,
    },
    /// A text is not valid UTF-8 in one row.
    #[error("`{}` must be one row of UTF-8 text", excerpt(name))]
    Text {
        /// Name of the array.
        name: String,
    },
    /// A number is not finite.
    #[error(transparent)]
    State(#[from] StateError),
}

impl State {
    /// Writes the state as a safetensors file, the same bytes for the same state.
    ///
    /// # Errors
    ///
    /// [`FileError::State`] if a number is not finite, [`FileError::HeaderTooLong`] if there are too many arrays.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FileError> {
        self.to_bytes_with_note(None)
    }

    /// As [`to_bytes`](Self::to_bytes), with a text as metadata, which other tools show.
    pub(crate) fn to_bytes_with_note(&self, note: Option<String>) -> Result<Vec<u8>, FileError> {
        self.check_finite()?;
        let metadata = note.map(|note| std::iter::once((NOTE.to_owned(), note)).collect());
        let bytes = safetensors::serialize(&self.arrays, metadata).map_err(FileError::Format)?;
        check_header_length(&bytes)?;
        Ok(bytes)
    }

    /// Reads a state. Any bytes, also from untrusted sources, give a state of finite numbers or an error.
    ///
    /// # Errors
    ///
    /// See the variants of [`FileError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        Ok(Self::from_bytes_with_note(bytes)?.0)
    }

    /// As [`from_bytes`](Self::from_bytes), with the text of the metadata.
    pub(crate) fn from_bytes_with_note(bytes: &[u8]) -> Result<(Self, Option<String>), FileError> {
        let header = check_header_length(bytes)?;
        // The parser of the crate lets the last of two equal names win.
        serde_json::from_slice::<UniqueNames>(header).map_err(FileError::Header)?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(FileError::Format)?;
        let note = metadata.metadata().as_ref().and_then(|notes| notes.get(NOTE).cloned());
        let file = SafeTensors::deserialize(bytes).map_err(FileError::Format)?;
        let mut state = Self::new();
        for (name, view) in file.iter() {
            state.insert(name.to_owned(), array(name, view.dtype(), view.shape(), view.data())?);
        }
        state.check_finite()?;
        Ok((state, note))
    }
}

/// Returns the header of a file, if it is short enough.
fn check_header_length(bytes: &[u8]) -> Result<&[u8], FileError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(FileError::Format(SafeTensorError::HeaderTooSmall))?;
    let found = u64::from_le_bytes(*length);
    if found > MAX_HEADER {
        return Err(FileError::HeaderTooLong { limit: MAX_HEADER, found });
    }
    rest.get(..found as usize).ok_or(FileError::Format(SafeTensorError::InvalidHeaderLength))
}

fn array(name: &str, dtype: Dtype, shape: &[usize], data: &[u8]) -> Result<Array, FileError> {
    let values = match dtype {
        Dtype::F32 => Values::F32(words(data, f32::from_le_bytes)),
        Dtype::F64 => Values::F64(words(data, f64::from_le_bytes)),
        Dtype::U64 => Values::U64(words(data, u64::from_le_bytes)),
        Dtype::U8 => match std::str::from_utf8(data) {
            Ok(text) if shape.len() == 1 => Values::Text(text.to_owned()),
            _ => return Err(FileError::Text { name: name.to_owned() }),
        },
        other => return Err(FileError::Kind { name: name.to_owned(), found: other.to_string() }),
    };
    Ok(Array { shape: shape.to_vec(), values })
}

fn words<const N: usize, T>(data: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks().0.iter().copied().map(read).collect()
}

impl View for &Array {
    fn dtype(&self) -> Dtype {
        match self.values {
            Values::F32(_) => Dtype::F32,
            Values::F64(_) => Dtype::F64,
            Values::U64(_) => Dtype::U64,
            Values::Text(_) => Dtype::U8,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.values {
            Values::F32(values) => values.iter().copied().flat_map(f32::to_le_bytes).collect(),
            Values::F64(values) => values.iter().copied().flat_map(f64::to_le_bytes).collect(),
            Values::U64(values) => values.iter().copied().flat_map(u64::to_le_bytes).collect(),
            Values::Text(text) => text.as_bytes().into(),
        }
    }

    fn data_len(&self) -> usize {
        match &self.values {
            Values::F32(values) => size_of_val(&values[..]),
            Values::F64(values) => size_of_val(&values[..]),
            Values::U64(values) => size_of_val(&values[..]),
            Values::Text(text) => text.len(),
        }
    }
}

/// A JSON object without repeated keys, also in its metadata.
struct UniqueNames;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == "__metadata__" {
                map.next_value::<Self>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format_args!("`{}` is there twice", excerpt(&name))));
            }
        }
        Ok(self)
    }
}
