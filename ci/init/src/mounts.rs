// SPDX-License-Identifier: GPL-2.0
//! The file systems that a bare initramfs lacks.

use std::fs;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};

const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tmpfs", "/tmp"),
    ("debugfs", "/sys/kernel/debug"),
    ("tracefs", "/sys/kernel/tracing"),
];

pub fn mount_all() -> Result<()> {
    for (kind, place) in MOUNTS {
        fs::create_dir_all(place).with_context(|| format!("creating {place}"))?;
        mount(
            Some(kind),
            place,
            Some(kind),
            MsFlags::empty(),
            None::<&str>,
        )
        .with_context(|| format!("mounting {kind} on {place}"))?;
    }
    Ok(())
}
