// SPDX-License-Identifier: GPL-2.0
//! A cipher by the kernel's socket interface.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::libc::{ALG_OP_DECRYPT, ALG_OP_ENCRYPT, c_int};
use nix::sys::socket::sockopt::AlgSetKey;
use nix::sys::socket::{
    AddressFamily, AlgAddr, ControlMessage, MsgFlags, SockFlag, SockType, accept, bind, sendmsg,
    setsockopt, socket,
};
use nix::unistd::read;

use super::KEY;

pub struct Cipher {
    operations: OwnedFd,
    // The key is here.
    _transform: OwnedFd,
}

impl Cipher {
    /// None if these sockets do not take it: since Linux 7.3 they take none that is asynchronous,
    /// as each driver of a device is.
    pub fn open(name: &str) -> Result<Option<Cipher>> {
        let transform = socket(
            AddressFamily::Alg,
            SockType::SeqPacket,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .context("making a socket for ciphers")?;
        match bind(transform.as_raw_fd(), &AlgAddr::new("skcipher", name)) {
            Err(Errno::ENOENT) => return Ok(None),
            bound => bound.with_context(|| format!("asking for {name}"))?,
        }
        setsockopt(&transform, AlgSetKey::default(), &KEY).context("setting the key")?;
        let operations = accept(transform.as_raw_fd()).context("making a socket for operations")?;
        Ok(Some(Cipher {
            // SAFETY: accept() gave it just now, and nobody else has it.
            operations: unsafe { OwnedFd::from_raw_fd(operations) },
            _transform: transform,
        }))
    }

    pub fn encrypt(&self, iv: &[u8; 16], plain: &[u8]) -> Result<Vec<u8>> {
        self.run(ALG_OP_ENCRYPT, iv, plain)
    }

    pub fn decrypt(&self, iv: &[u8; 16], cipher: &[u8]) -> Result<Vec<u8>> {
        self.run(ALG_OP_DECRYPT, iv, cipher)
    }

    fn run(&self, operation: c_int, iv: &[u8; 16], input: &[u8]) -> Result<Vec<u8>> {
        let about = [
            ControlMessage::AlgSetOp(&operation),
            ControlMessage::AlgSetIv(iv),
        ];
        let input = [IoSlice::new(input)];
        let fd = self.operations.as_raw_fd();
        let sent = sendmsg::<AlgAddr>(fd, &input, &about, MsgFlags::empty(), None)
            .context("sending to the cipher")?;
        let mut output = vec![0; sent];
        let length = read(&self.operations, &mut output).context("reading from the cipher")?;
        output.truncate(length);
        Ok(output)
    }
}
