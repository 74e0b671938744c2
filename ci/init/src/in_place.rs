// SPDX-License-Identifier: GPL-2.0
//! The benchmark on a machine that is somebody's own and goes on running: not as its first process,
//! in a folder with what an initramfs would have, and with mounts that end with this process. The
//! switches and parameters that it leaves are for whoever started it to put back.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, Result, bail};
use guest_protocol::form::MODULE;
use guest_protocol::{Form, Scenario};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, chroot};

use crate::port::Port;
use crate::{bench, modules};

/// Reports go to the standard output, the verdict last.
pub fn run(root: &Path) -> Result<()> {
    let output = io::stdout().as_fd().try_clone_to_owned();
    let port = Port::to(File::from(output.context("taking the standard output")?));
    port.verdict_of(|port| {
        enter(root)?;
        // What the machine is asked first is a parameter of it.
        if modules::form() == Form::Module && !modules::is_loaded(MODULE) {
            modules::load(MODULE)?;
        }
        match crate::orders()? {
            Scenario::Bench(bench) => bench::run(port, &bench),
            other => bail!("{other:?} is for a machine of its own"),
        }
    })
}

fn enter(root: &Path) -> Result<()> {
    let entering = || format!("entering {}", root.display());
    unshare(CloneFlags::CLONE_NEWNS).with_context(entering)?;
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).with_context(entering)?;
    chroot(root)
        .and_then(|()| chdir("/"))
        .with_context(entering)?;
    crate::mount_all()
}
