//! The values in the body of a frame.

use super::ProtocolError;

/// The rest of a body.
pub(super) struct Body<'a> {
    /// The kind of frame, for messages.
    kind: &'static str,
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    pub(super) fn new(kind: &'static str, body: &'a [u8]) -> Self {
        Self { kind, rest: body }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ProtocolError> {
        let Some((value, rest)) = self.rest.split_at_checked(count) else {
            let (needed, found) = (count as u64, self.rest.len() as u64);
            return Err(ProtocolError::BodyTooShort { kind: self.kind, needed, found });
        };
        self.rest = rest;
        Ok(value)
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let value = self.take(N)?;
        Ok(std::array::from_fn(|i| value[i]))
    }

    pub(super) fn count(&mut self) -> Result<usize, ProtocolError> {
        Ok(u32::from_le_bytes(self.bytes()?) as usize)
    }

    pub(super) fn floats(&mut self, count: usize) -> Result<Vec<f32>, ProtocolError> {
        // Saturated, it is longer than any body. The bytes are there before memory is taken for their numbers.
        self.take(count.saturating_mul(4)).map(numbers)
    }

    pub(super) fn text(&mut self) -> Result<String, ProtocolError> {
        let length = self.count()?;
        match str::from_utf8(self.take(length)?) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(ProtocolError::Text { kind: self.kind, position: error.valid_up_to() }),
        }
    }

    /// Takes the rest, as numbers.
    pub(super) fn remaining_floats(self) -> Result<Vec<f32>, ProtocolError> {
        match self.rest.len() {
            length if length % 4 == 0 => Ok(numbers(self.rest)),
            length => Err(ProtocolError::Numbers { kind: self.kind, found: length as u64 }),
        }
    }

    /// Takes the rest, as the pixels of a picture of this size.
    pub(super) fn pixels(self, width: u32, height: u32) -> Result<Vec<u8>, ProtocolError> {
        match self.rest.len() as u64 {
            found if u128::from(found) == 3 * u128::from(width) * u128::from(height) => Ok(self.rest.to_vec()),
            found => Err(ProtocolError::Pixels { width, height, found }),
        }
    }

    /// Requires that the body is at its end.
    pub(super) fn finish(self) -> Result<(), ProtocolError> {
        match self.rest.len() {
            0 => Ok(()),
            surplus => Err(ProtocolError::BodyTooLong { kind: self.kind, surplus: surplus as u64 }),
        }
    }
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

pub(super) fn put_floats(out: &mut Vec<u8>, values: &[f32]) {
    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

/// Appends a count of bytes or of items in memory, which is far below 2³².
pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}
