// SPDX-License-Identifier: GPL-2.0
//! The host's end of vsock: echoes what guests send, until xtask ends.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;

use anyhow::{Context, Result};
use guest_protocol::cell::VSOCK_PORT;
use nix::libc::VMADDR_CID_ANY;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, VsockAddr, accept, bind, listen, socket,
};

use crate::echo;

/// Starts to listen; a thread accepts and serves the connections.
pub fn start() -> Result<()> {
    let listener = socket(
        AddressFamily::Vsock,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .context("creating a vsock socket")?;
    let address = VsockAddr::new(VMADDR_CID_ANY, VSOCK_PORT);
    bind(listener.as_raw_fd(), &address)
        .with_context(|| format!("binding to vsock port {VSOCK_PORT}"))?;
    listen(&listener, Backlog::new(4)?).context("listening on the vsock port")?;
    thread::spawn(move || {
        while let Ok(guest) = accept(listener.as_raw_fd()) {
            // SAFETY: accept() has just returned this descriptor, and nobody else has it.
            let guest = File::from(unsafe { OwnedFd::from_raw_fd(guest) });
            // An error is ignored: a guest that ends breaks its stream off.
            thread::spawn(move || echo::stream(guest));
        }
    });
    Ok(())
}
