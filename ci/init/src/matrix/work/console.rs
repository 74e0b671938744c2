// SPDX-License-Identifier: GPL-2.0
//! console: two ports whose far ends are connected. Each port receives what is written to the
//! other.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fs_err::os::unix::fs::OpenOptionsExt;
use fs_err::{File, OpenOptions};
use guest_protocol::cell::CONSOLE_PORTS;
use nix::libc::O_NONBLOCK;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Counter, LOST, Work, pattern, same};
use crate::procfs::read;
use crate::soon::soon;
use crate::virtio::Virtio;

/// Number of messages in a batch, alternating between the two directions.
const BATCH: u64 = 200;
const BYTES: usize = 512;
/// Pause before each message. The reader looks at the ring by itself and may have finished long
/// before the interrupt has. Without a pause, one interrupt would serve many messages.
const PAUSE: Duration = Duration::from_millis(1);

pub struct Talk {
    /// Both ports, opened with O_NONBLOCK. A writer that may block spins until the device has taken
    /// the message.
    ports: [File; 2],
    sent: u64,
}

impl Talk {
    pub fn open(virtio: &Virtio) -> Result<Talk> {
        let [left, right] = CONSOLE_PORTS;
        let ports = [soon(|| port(virtio, left))?, soon(|| port(virtio, right))?];
        let mut talk = Talk { ports, sent: 0 };
        // It takes a moment until the far ends are connected.
        for _ in 0..2 {
            soon(|| talk.say())?;
            talk.hear()?;
        }
        Ok(talk)
    }

    fn say(&self) -> Result<()> {
        let message = pattern(self.sent, BYTES);
        let mut from = &self.ports[self.sent as usize % 2];
        let written = from.write(&message)?;
        ensure!(
            written == BYTES,
            "a console port accepted only {written} of {BYTES} bytes"
        );
        Ok(())
    }

    fn hear(&mut self) -> Result<()> {
        let mut to = &self.ports[(self.sent as usize + 1) % 2];
        let mut heard = [0; BYTES];
        let mut length = 0;
        while length < BYTES {
            let mut ready = [PollFd::new(to.as_fd(), PollFlags::POLLIN)];
            let limit = PollTimeout::try_from(LOST).context("the time limit is too long")?;
            let found = poll(&mut ready, limit).context("waiting for a console port")?;
            ensure!(found > 0, "message {} is lost", self.sent);
            length += to.read(&mut heard[length..])?;
        }
        same(self.sent, &pattern(self.sent, BYTES), &heard)?;
        self.sent += 1;
        Ok(())
    }
}

impl Work for Talk {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        for _ in 0..BATCH {
            sleep(PAUSE);
            self.say()?;
            self.hear()?;
            done.add(1);
        }
        Ok(())
    }
}

fn port(virtio: &Virtio, wanted: &str) -> Result<File> {
    for name in virtio.children("virtio-ports")? {
        let label = virtio.path().join("virtio-ports").join(&name).join("name");
        // A port appears a moment before its name does.
        if read(label).is_ok_and(|label| label == wanted) {
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(O_NONBLOCK);
            return Ok(options.open(format!("/dev/{name}"))?);
        }
    }
    bail!("{} has no port '{wanted}'", virtio.name)
}
