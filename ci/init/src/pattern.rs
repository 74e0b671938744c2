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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_differ() {
        assert_eq!(pattern(1, 100), pattern(1, 100));
        assert_eq!(pattern(1, 100).len(), 100);
        assert_ne!(pattern(1, 8), pattern(2, 8));
        assert_ne!(pattern(1, 16)[..8], pattern(1, 16)[8..]);
    }
}
