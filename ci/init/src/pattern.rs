// SPDX-License-Identifier: GPL-2.0
//! Test data that is recognised when it comes back.

/// Bytes that differ between numbers, and within one result.
pub fn pattern(number: u64, length: usize) -> Vec<u8> {
    let bytes = (0u64..).flat_map(|word| {
        let mixed = (number << 20 | word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()
    });
    bytes.take(length).collect()
}
