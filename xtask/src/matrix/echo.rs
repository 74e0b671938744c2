// SPDX-License-Identifier: GPL-2.0
//! The host's end of vsock: echoes what guests send, for as long as xtask lives.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::thread;

use anyhow::{Context, Result};
use guest_init::cell::VSOCK_PORT;
use nix::libc::VMADDR_CID_ANY;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, VsockAddr, accept, bind, listen, socket,
};

/// Listens, and leaves the rest to a thread.
pub fn start() -> Result<()> {
    let listener = socket(
        AddressFamily::Vsock,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .context("making a vsock")?;
    let address = VsockAddr::new(VMADDR_CID_ANY, VSOCK_PORT);
    bind(listener.as_raw_fd(), &address)
        .with_context(|| format!("taking the vsock port {VSOCK_PORT}"))?;
    listen(&listener, Backlog::new(4)?).context("listening on the vsock port")?;
    thread::spawn(move || {
        while let Ok(guest) = accept(listener.as_raw_fd()) {
            // SAFETY: accept() gave it just now, and nobody else has it.
            let guest = File::from(unsafe { OwnedFd::from_raw_fd(guest) });
            // A guest that ends breaks its stream off.
            thread::spawn(move || echo(guest));
        }
    });
    Ok(())
}

fn echo(mut stream: impl Read + Write) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes)? {
            0 => return Ok(()),
            length => stream.write_all(&bytes[..length])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_comes_goes_back_until_it_ends() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let far_end = thread::spawn(|| echo(theirs));
        ours.write_all(b"one two").unwrap();
        ours.shutdown(Shutdown::Write).unwrap();
        let mut back = String::new();
        ours.read_to_string(&mut back).unwrap();
        assert_eq!(back, "one two");
        far_end.join().unwrap().unwrap();
    }
}
