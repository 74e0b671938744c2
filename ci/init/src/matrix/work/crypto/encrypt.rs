// SPDX-License-Identifier: GPL-2.0
//! Texts encrypted and decrypted back, by the kernel's socket interface.

use anyhow::{Result, ensure};

use super::super::{Counter, Meter, Work, pattern};
use super::cipher::Cipher;
use super::engine::Engine;
use super::{CIPHER, expect_in_use};

const BATCH: u64 = 100;
const BYTES: usize = 512;

/// NIST SP 800-38A, F.2.1: the first block under this key.
const IV: [u8; 16] = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes();
const PLAIN: [u8; 16] = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes();
const ENCRYPTED: [u8; 16] = 0x7649_abac_8119_b246_cee9_8e9b_12e9_197d_u128.to_be_bytes();

pub struct Encrypt {
    cipher: Cipher,
    engine: Engine,
    encrypted: u64,
    counter: Counter,
}

impl Encrypt {
    pub fn by(cipher: Cipher, engine: Engine) -> Result<Encrypt> {
        expect_in_use(CIPHER)?;
        let block = cipher.encrypt(&IV, &PLAIN)?;
        ensure!(
            block == ENCRYPTED,
            "the known block came out as {block:02x?}"
        );
        Ok(Encrypt {
            cipher,
            engine,
            encrypted: 0,
            counter: Counter::default(),
        })
    }
}

impl Work for Encrypt {
    fn batch(&mut self) -> Result<()> {
        self.engine.follow()?;
        for _ in 0..BATCH {
            self.encrypted += 1;
            let plain = pattern(self.encrypted, BYTES);
            let encrypted = self.cipher.encrypt(&IV, &plain)?;
            ensure!(
                encrypted.len() == BYTES && encrypted != plain,
                "the cipher gave its input back"
            );
            let back = self.cipher.decrypt(&IV, &encrypted)?;
            ensure!(back == plain, "text {} is another now", self.encrypted);
            self.counter.add(2);
        }
        Ok(())
    }

    fn meter(&self) -> Meter {
        self.counter.meter()
    }
}
