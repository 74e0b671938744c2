// SPDX-License-Identifier: GPL-2.0
//! Test data that is recognised when it comes back.

use anyhow::{Result, ensure};

/// Bytes that differ between numbers, and within one result.
pub fn pattern(number: u64, length: usize) -> Vec<u8> {
    let bytes = (0u64..).flat_map(|word| {
        let mixed = (number << 20 | word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()
    });
    bytes.take(length).collect()
}

/// Fails unless what came back is the data that was sent.
pub fn same(number: u64, sent: &[u8], back: &[u8]) -> Result<()> {
    ensure!(
        sent == back,
        "message {number} of {} bytes came back as {} other bytes",
        sent.len(),
        back.len()
    );
    Ok(())
}
