// SPDX-License-Identifier: GPL-2.0
//! What must not be left of the stress: sources, and memory.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::port::Untried;
use crate::procfs::read;
use crate::sources;

const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";
/// An object that young may be on its way to its owner.
const SETTLES: Duration = Duration::from_secs(6);

pub struct Before {
    sources: usize,
}

impl Before {
    pub fn now() -> Result<Before> {
        Ok(Before {
            sources: sources::all()?.len(),
        })
    }

    /// With every switch off again.
    pub fn compare(&self) -> Result<String> {
        let left = sources::all()?;
        ensure!(
            left.len() == self.sources,
            "there were {} sources before, now there are {}: {left:?}",
            self.sources,
            left.len()
        );
        Ok(format!("{} before, {} after", self.sources, left.len()))
    }
}

pub fn new_devices_are_polled(so: bool) -> Result<()> {
    const PARAMETER: &str = "/sys/module/virtio/parameters/poll_source";
    let value = if so { "Y" } else { "N" };
    fs::write(PARAMETER, value).with_context(|| format!("writing {value} to {PARAMETER}"))
}

/// kmemleak's own search, twice: what it finds at first may be in use.
pub fn scan_memory() -> Result<String> {
    if !Path::new(KMEMLEAK).exists() {
        return Err(Untried("this kernel has no kmemleak".into()).into());
    }
    let tell = |what: &str| {
        fs::write(KMEMLEAK, what).with_context(|| format!("writing {what} to {KMEMLEAK}"))
    };
    sleep(SETTLES);
    tell("scan")?;
    sleep(SETTLES);
    tell("scan")?;
    let found = read(KMEMLEAK)?;
    ensure!(found.is_empty(), "kmemleak found: {found}");
    Ok("kmemleak found nothing".into())
}
