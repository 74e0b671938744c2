// SPDX-License-Identifier: GPL-2.0
//! Runs the disk benchmark on a machine that is not a test guest and keeps running. The program is
//! not process 1 there. It works in a folder with the files of an initramfs, and its mounts end
//! with this process. It does not restore the switches and parameters that it changes; its caller
//! must.

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

/// Runs the scenario in the folder `root`. Reports go to standard output, the verdict last.
pub fn run(root: &Path) -> Result<()> {
    let output = io::stdout().as_fd().try_clone_to_owned();
    let port = Port::to(File::from(output.context("duplicating standard output")?));
    port.verdict_of(|port| {
        enter(root)?;
        // Load the module first: the benchmark begins by reading one of its parameters.
        if modules::form() == Form::Module && !modules::is_loaded(MODULE) {
            modules::load(MODULE)?;
        }
        match crate::orders()? {
            Scenario::Bench(bench) => bench::run(port, &bench),
            other => bail!("{other:?} needs a machine of its own"),
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
