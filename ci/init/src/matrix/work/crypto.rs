// SPDX-License-Identifier: GPL-2.0
//! crypto: AES by the kernel's socket interface where that takes the device's driver, else by
//! IPsec.

mod cipher;
mod encrypt;
mod engine;
mod ipsec;

use anyhow::{Context, Result, ensure};

use super::Work;
use crate::procfs::{field, number, read};
use crate::soon::soon;
use crate::virtio::Virtio;
use cipher::Cipher;
use engine::Engine;

const CIPHER: &str = "cbc(aes)";
const DRIVER: &str = "virtio_crypto_aes_cbc";

/// NIST SP 800-38A, F.2.1.
const KEY: [u8; 16] = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();

pub fn open(virtio: &Virtio) -> Result<Box<dyn Work>> {
    soon(|| references(&read("/proc/crypto")?, CIPHER))?;
    let engine = Engine::of(virtio)?;
    // By its driver's name, so that nobody else computes it.
    Ok(match Cipher::open(DRIVER)? {
        Some(cipher) => Box::new(encrypt::Encrypt::by(cipher, engine)?),
        None => Box::new(ipsec::Ipsec::open(engine)?),
    })
}

/// Fails unless it is the device that computes this algorithm for somebody.
fn expect_in_use(algorithm: &str) -> Result<()> {
    let crypto = read("/proc/crypto")?;
    ensure!(
        references(&crypto, algorithm)? > 1,
        "/proc/crypto does not show {DRIVER} at work for {algorithm}: {crypto}"
    );
    Ok(())
}

/// Of the algorithm as the device's driver computes it, alone or with others; 1 is the kernel's own.
fn references(crypto: &str, algorithm: &str) -> Result<u64> {
    let entry = crypto.split("\n\n").find(|entry| {
        field(entry, "name") == Some(algorithm)
            && field(entry, "driver").is_some_and(|driver| driver.contains(DRIVER))
    });
    let entry = entry.with_context(|| format!("/proc/crypto has no {algorithm} of {DRIVER}"))?;
    number(entry, "refcnt").with_context(|| format!("in /proc/crypto: {entry}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_devices_own_algorithms_count() {
        let entry = |name: &str, driver: &str, users: u32| {
            format!("name         : {name}\ndriver       : {driver}\nrefcnt       : {users}\n\n")
        };
        let both = "authenc(hmac(sha256),cbc(aes))";
        let crypto = entry(CIPHER, "cbc(aes-lib)", 9)
            + &entry(CIPHER, DRIVER, 2)
            + &entry(both, "authenc(hmac-sha256-lib,cbc(aes-lib))", 9)
            + &entry(both, &format!("authenc(hmac-sha256-lib,{DRIVER})"), 3);
        assert_eq!(references(&crypto, CIPHER).unwrap(), 2);
        assert_eq!(references(&crypto, both).unwrap(), 3);
        assert!(references(&crypto, "ecb(aes)").is_err());
        assert!(references("name : cbc(aes)\n", CIPHER).is_err());
    }
}
