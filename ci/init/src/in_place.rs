// SPDX-License-Identifier: GPL-2.0
//! The benchmark on a machine that is somebody's own and goes on running: not as its first process,
//! in a folder with what an initramfs would have, and with mounts that end with this process. The
//! switches and parameters that it leaves are for whoever started it to put back.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use guest_protocol::form::MODULE;
use guest_protocol::{Form, Scenario};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, chroot};

use crate::port::Port;
use crate::{bench, modules, mounts};

/// Reports go to the standard output, the verdict last.
pub fn run(root: &Path) -> Result<()> {
    let output = io::stdout().as_fd().try_clone_to_owned();
    let mut port = Port::to(File::from(output.context("taking the standard output")?));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        enter(root)?;
        // What the machine is asked first is a parameter of it.
        if modules::form() == Form::Module && !modules::is_loaded(MODULE) {
            modules::load(MODULE)?;
        }
        match crate::orders()? {
            Scenario::Bench(bench) => bench::run(&mut port, &bench, bench::Queues::OfAnybody),
            other => bail!("{other:?} is for a machine of its own"),
        }
    }))
    .unwrap_or_else(|panic| Err(anyhow!("init panicked: {}", crate::panic_message(&*panic))));
    port.verdict(outcome)
}

fn enter(root: &Path) -> Result<()> {
    let entering = || format!("entering {}", root.display());
    unshare(CloneFlags::CLONE_NEWNS).with_context(entering)?;
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).with_context(entering)?;
    chroot(root)
        .and_then(|()| chdir("/"))
        .with_context(entering)?;
    mounts::mount_all()
}
