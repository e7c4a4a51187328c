//! The frame around each message of an event file.
//!
//! ```text
//! length   u64, little endian
//! mask(CRC-32C of the length)    u32, little endian
//! message  `length` bytes
//! mask(CRC-32C of the message)   u32, little endian
//! ```

/// Appends a message in its frame.
pub(super) fn append(file: &mut Vec<u8>, message: &[u8]) {
    let length = (message.len() as u64).to_le_bytes();
    file.extend_from_slice(&length);
    file.extend_from_slice(&masked(&length));
    file.extend_from_slice(message);
    file.extend_from_slice(&masked(message));
}

/// Rotates a checksum by 15 bits and adds a constant, because checksums of data with checksums would be weak otherwise.
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// CRC-32C bit by bit, as its definition says: reflected, with the polynomial 0x1EDC6F41.
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }))
        })
    }

    /// Reads the messages of a file back, each of its checksums checked.
    pub(in super::super) fn messages(mut file: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        let mut take = |count: usize| {
            let (taken, rest) = file.split_at(count);
            file = rest;
            (taken.to_vec(), rest.is_empty())
        };
        loop {
            let (length, _) = take(8);
            let unmask = |sum: Vec<u8>| {
                let sum = u32::from_le_bytes(sum.try_into().unwrap()).wrapping_sub(0xa282_ead8);
                sum.rotate_left(15)
            };
            assert_eq!(unmask(take(4).0), crc(&length), "the checksum of a length");
            let (message, _) = take(u64::from_le_bytes(length.try_into().unwrap()) as usize);
            let (sum, is_last) = take(4);
            assert_eq!(unmask(sum), crc(&message), "the checksum of a message");
            messages.push(message);
            if is_last {
                return messages;
            }
        }
    }

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        // RFC 3720, appendix B.4: 32 zeros; and the usual check value.
        assert_eq!((crc(&[0; 32]), crc(b"123456789")), (0x8a91_36aa, 0xe306_9283));
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn messages_read_back_and_a_changed_byte_does_not() {
        let mut file = Vec::new();
        append(&mut file, b"brain");
        append(&mut file, b"");
        assert_eq!(messages(&file), [b"brain".to_vec(), Vec::new()]);
        for index in 8..file.len() {
            let mut changed = file.clone();
            changed[index] ^= 1;
            let read = std::panic::catch_unwind(|| messages(&changed));
            assert!(read.is_err(), "byte {index}");
        }
    }
}
