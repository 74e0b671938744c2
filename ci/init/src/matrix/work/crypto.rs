// SPDX-License-Identifier: GPL-2.0
//! crypto: AES by the kernel's socket interface, encrypted and decrypted back.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc::{ALG_OP_DECRYPT, ALG_OP_ENCRYPT, c_int};
use nix::sys::socket::sockopt::AlgSetKey;
use nix::sys::socket::{
    AddressFamily, AlgAddr, ControlMessage, MsgFlags, SockFlag, SockType, accept, bind, sendmsg,
    setsockopt, socket,
};
use nix::unistd::read;

use super::super::virtio::soon;
use super::{Counter, Meter, Unreachable, Work, pattern};
use crate::procfs;

const BATCH: u64 = 100;
const BYTES: usize = 512;
/// By its driver's name, so that nobody else computes it.
const DRIVER: &str = "virtio_crypto_aes_cbc";

/// NIST SP 800-38A, F.2.1: the first block.
const KEY: [u8; 16] = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
const IV: [u8; 16] = 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f_u128.to_be_bytes();
const PLAIN: [u8; 16] = 0x6bc1_bee2_2e40_9f96_e93d_7e11_7393_172a_u128.to_be_bytes();
const CIPHER: [u8; 16] = 0x7649_abac_8119_b246_cee9_8e9b_12e9_197d_u128.to_be_bytes();

pub struct Encrypt {
    operations: OwnedFd,
    // The key is here.
    _transform: OwnedFd,
    encrypted: u64,
    counter: Counter,
}

impl Encrypt {
    pub fn open() -> Result<Encrypt> {
        soon(|| listed(&procfs::read("/proc/crypto")?).map(drop))?;
        let (operations, transform) = connect()?;
        let work = Encrypt {
            operations,
            _transform: transform,
            encrypted: 0,
            counter: Counter::default(),
        };
        in_use(&procfs::read("/proc/crypto")?)?;
        let cipher = work.run(ALG_OP_ENCRYPT, &PLAIN)?;
        ensure!(
            cipher == CIPHER,
            "the known block came out as {cipher:02x?}"
        );
        Ok(work)
    }

    fn run(&self, operation: c_int, input: &[u8]) -> Result<Vec<u8>> {
        let about = [
            ControlMessage::AlgSetOp(&operation),
            ControlMessage::AlgSetIv(&IV),
        ];
        let input = [std::io::IoSlice::new(input)];
        let fd = self.operations.as_raw_fd();
        let sent = sendmsg::<AlgAddr>(fd, &input, &about, MsgFlags::empty(), None)
            .context("sending to the cipher")?;
        let mut output = vec![0; sent];
        let length = read(&self.operations, &mut output).context("reading from the cipher")?;
        output.truncate(length);
        Ok(output)
    }
}

impl Work for Encrypt {
    fn batch(&mut self) -> Result<()> {
        for _ in 0..BATCH {
            self.encrypted += 1;
            let plain = pattern(self.encrypted, BYTES);
            let cipher = self.run(ALG_OP_ENCRYPT, &plain)?;
            ensure!(
                cipher.len() == BYTES && cipher != plain,
                "the cipher gave its input back"
            );
            let back = self.run(ALG_OP_DECRYPT, &cipher)?;
            ensure!(back == plain, "text {} is another now", self.encrypted);
            self.counter.add(2);
        }
        Ok(())
    }

    fn meter(&self) -> Meter {
        self.counter.meter()
    }
}

/// The socket for operations, and the one with the key that it came from.
fn connect() -> Result<(OwnedFd, OwnedFd)> {
    let transform = socket(
        AddressFamily::Alg,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .context("making a socket for ciphers")?;
    match bind(transform.as_raw_fd(), &AlgAddr::new("skcipher", DRIVER)) {
        // The driver is listed, and yet not for this interface: since Linux 7.3 it takes none
        // that is asynchronous, as each driver of a device is.
        Err(Errno::ENOENT) => Err(Unreachable(format!(
            "this kernel's sockets for ciphers do not take {DRIVER}, which is asynchronous"
        )))?,
        bound => bound.with_context(|| format!("asking for {DRIVER}"))?,
    }
    setsockopt(&transform, AlgSetKey::default(), &KEY).context("setting the key")?;
    let operations = accept(transform.as_raw_fd()).context("making a socket for operations")?;
    // SAFETY: accept() gave it just now, and nobody else has it.
    Ok((unsafe { OwnedFd::from_raw_fd(operations) }, transform))
}

/// The driver's entry.
fn listed(crypto: &str) -> Result<&str> {
    crypto
        .split("\n\n")
        .find(|entry| field(entry, "driver") == Some(DRIVER))
        .with_context(|| format!("/proc/crypto has no driver {DRIVER}"))
}

fn in_use(crypto: &str) -> Result<()> {
    let entry = listed(crypto)?;
    let users = field(entry, "refcnt").and_then(|count| count.parse::<u32>().ok());
    ensure!(
        field(entry, "name") == Some("cbc(aes)") && users.is_some_and(|users| users > 1),
        "/proc/crypto does not show {DRIVER} at work: {entry}"
    );
    Ok(())
}

fn field<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    entry.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_driver_in_use_serves() {
        let entry = |users: u32| {
            format!(
                "name         : ecb(aes)\ndriver       : generic\nrefcnt       : 9\n\n\
                 name         : cbc(aes)\ndriver       : {DRIVER}\nrefcnt       : {users}\n"
            )
        };
        in_use(&entry(2)).unwrap();
        assert!(in_use(&entry(1)).is_err());
        assert!(in_use("name : cbc(aes)\n").is_err());
    }
}
