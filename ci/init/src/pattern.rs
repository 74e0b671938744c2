// SPDX-License-Identifier: GPL-2.0
//! What is sent away, to be known again when it comes back.

/// Bytes that differ from one number to the next, and within.
pub fn pattern(number: u64, length: usize) -> Vec<u8> {
    let bytes = (0u64..).flat_map(|word| {
        let mixed = (number << 20 | word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()
    });
    bytes.take(length).collect()
}
