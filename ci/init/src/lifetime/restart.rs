// SPDX-License-Identifier: GPL-2.0
//! Restarts the machine by its firmware or by kexec, and leaves a mark for the kernel that runs
//! next.

use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::path::Path;

use anyhow::{Context, Result, bail};
use fs_err::{self as fs, File};
use guest_protocol::module_test::SHELL;
use guest_protocol::scenario::PROGRAMS;
use nix::errno::Errno;
use nix::libc::{SYS_kexec_file_load, syscall};
use nix::sys::reboot::{RebootMode, reboot};
use serde::{Deserialize, Serialize};

use crate::blocks::{BLOCK_SIZE, Blocks};
use crate::client;
use crate::disk::VirtioDisk;
use crate::port::untried;
use crate::procfs::{expect, has_word, read};

/// A word on the command line of a kernel that kexec has started, and of no other.
const WORD: &str = "started=kexec";
const LOADED: &str = "/sys/kernel/kexec_loaded";
const INITRAMFS: &str = "/tmp/initramfs.cpio";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    Kexec,
    Reboot,
}

/// The content of a disk's first block: a message to the next kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The restart that the machine is about to do; None if no restart is expected.
    pub restart: Option<Restart>,
    /// The number of a write that the disk has acknowledged. Later writes may be there, too.
    pub acknowledged: u64,
}

impl Mark {
    /// Returns None if the disk is blank.
    pub fn read(disk: &VirtioDisk) -> Result<Option<Mark>> {
        let mut blocks = Blocks::open(disk)?;
        let text = String::from_utf8_lossy(blocks.read(0)?);
        match text.trim_end_matches('\0') {
            "" => Ok(None),
            text => serde_json::from_str(text).with_context(|| format!("{}: {text}", disk.name)),
        }
    }

    pub fn write(self, disk: &VirtioDisk) -> Result<()> {
        let json = serde_json::to_vec(&self)?;
        let mut block = [0; BLOCK_SIZE];
        block[..json.len()].copy_from_slice(&json);
        Blocks::open(disk)?.write(0, &block)
    }
}

/// Whether kexec started the running kernel.
pub fn was_by_kexec() -> Result<bool> {
    Ok(has_word(&read("/proc/cmdline")?, WORD))
}

/// Loads an image of the running kernel for kexec, with an initramfs like the one that it started
/// with. Returns the command line of the next kernel.
pub fn load(image: &str) -> Result<String> {
    if !Path::new(LOADED).exists() {
        return Err(untried("this kernel has no kexec"));
    }
    pack(image)?;
    let cmdline = format!("{} {WORD}", read("/proc/cmdline")?);
    let image = format!("{PROGRAMS}/{image}");
    let (kernel, initramfs) = (File::open(&image)?, File::open(INITRAMFS)?);
    let line = CString::new(cmdline.as_str())?;
    let length = line.as_bytes_with_nul().len();
    let (kernel_fd, initramfs_fd) = (kernel.as_raw_fd(), initramfs.as_raw_fd());
    let (line, flags) = (line.as_ptr(), 0u64);
    // SAFETY: the files stay open during the call, and the line has this length.
    let ret = unsafe {
        syscall(
            SYS_kexec_file_load,
            kernel_fd,
            initramfs_fd,
            length,
            line,
            flags,
        )
    };
    Errno::result(ret).with_context(|| format!("loading {image} for kexec"))?;
    expect(LOADED, 1)?;
    fs::remove_file(INITRAMFS)?;
    Ok(cmdline)
}

/// Packs the root file system into `INITRAMFS`. Leaves out what is mounted in it, and the image,
/// which the next kernel does not need.
fn pack(image: &str) -> Result<()> {
    let busybox = format!("{PROGRAMS}/{SHELL}");
    let files = format!("{busybox} find . -xdev ! -name '{image}'");
    let pack = format!("cd / && {files} | {busybox} cpio -o -H newc > {INITRAMFS}");
    client::run_words(SHELL, &["sh", "-c", &pack]).map(drop)
}

/// Restarts the machine. Returns only if that fails.
pub fn now(restart: Restart) -> Result<Infallible> {
    let mode = match restart {
        Restart::Kexec => RebootMode::RB_KEXEC,
        Restart::Reboot => RebootMode::RB_AUTOBOOT,
    };
    match reboot(mode) {
        Ok(never) => match never {},
        Err(err) => bail!("{restart:?}: {err}"),
    }
}
