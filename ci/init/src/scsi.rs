// SPDX-License-Identifier: GPL-2.0
//! Disks behind SCSI hosts that do not look for them by themselves (`scsi_mod.scan=manual`).

use std::path::Path;

use anyhow::{Result, ensure};

use crate::procfs;
use crate::soon::soon;

const HOSTS: &str = "/sys/class/scsi_host";

/// Has each host look at channel 0, target 0, LUN 0, where QEMU puts the first disk. Returns with the
/// disk's queues started; a host that scans by itself goes on through all 256 targets, and starts and
/// frees queues for each, when its driver is long bound.
pub fn find_first_disk() -> Result<()> {
    soon(|| {
        let hosts = procfs::names(HOSTS)?;
        ensure!(!hosts.is_empty(), "{HOSTS} is empty");
        let scan = |host: &String| procfs::write(Path::new(HOSTS).join(host).join("scan"), "0 0 0");
        hosts.iter().try_for_each(scan)
    })
}
