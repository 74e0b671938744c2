// SPDX-License-Identifier: GPL-2.0
//! vsock: a stream to the host, which echoes it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use guest_protocol::cell::VSOCK_PORT;
use nix::libc::VMADDR_CID_HOST;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, VsockAddr, connect, socket};

use super::{Counter, Work, pattern, same};
use crate::soon::soon;

const BATCH: u64 = 200;
const BYTES: usize = 512;

pub struct Echo {
    stream: File,
    sent: u64,
}

impl Echo {
    pub fn open() -> Result<Echo> {
        Ok(Echo {
            stream: soon(call)?,
            sent: 0,
        })
    }
}

impl Work for Echo {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        for _ in 0..BATCH {
            let message = pattern(self.sent, BYTES);
            self.stream
                .write_all(&message)
                .context("writing to the host")?;
            let mut back = [0; BYTES];
            self.stream
                .read_exact(&mut back)
                .context("reading from the host")?;
            same(self.sent, &message, &back)?;
            self.sent += 1;
            done.add(1);
        }
        Ok(())
    }
}

fn call() -> Result<File> {
    let stream = socket(
        AddressFamily::Vsock,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .context("making a vsock")?;
    connect(
        stream.as_raw_fd(),
        &VsockAddr::new(VMADDR_CID_HOST, VSOCK_PORT),
    )
    .context("connecting to the host")?;
    Ok(File::from(stream))
}
