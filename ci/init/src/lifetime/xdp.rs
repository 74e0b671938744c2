// SPDX-License-Identifier: GPL-2.0
//! Attaches an XDP program to the card's driver (linux/bpf.h). The program passes each packet. The
//! driver stops all its queues to attach it.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::libc::{SYS_bpf, syscall};

use crate::nic::Nic;
use crate::port::untried;
use crate::procfs::{self, number, read};
use crate::soon::within;

/// Makes the kernel count how often a program runs.
const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";
const TIMES: u32 = 10;
/// Number of packets that the program must see each time.
const PACKETS: u64 = 20;
const SEES_THEM: Duration = Duration::from_secs(10);

const BPF_PROG_LOAD: i32 = 5;
const BPF_LINK_CREATE: i32 = 28;
const BPF_PROG_TYPE_XDP: u32 = 6;
/// Attach type of an XDP program.
const BPF_XDP: u32 = 37;
/// The driver must run the program, not the network stack in its place.
const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
/// `r0 = XDP_PASS; exit`, as struct bpf_insn.
const PASS: [u64; 2] = [0x0000_0002_0000_00b7, 0x95];

/// The first fields of bpf_attr for BPF_PROG_LOAD.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    text: u64,
    licence: u64,
}

/// The first fields of bpf_attr for BPF_LINK_CREATE.
#[repr(C)]
struct Link {
    program: i32,
    card: u32,
    kind: u32,
    flags: u32,
}

/// Attaches and detaches the program several times. Each time the program must see packets.
pub fn attach_and_detach(card: &Nic) -> Result<String> {
    if !Path::new(STATS).exists() {
        return Err(untried("this kernel has no bpf(2)"));
    }
    procfs::write(STATS, 1)?;
    let program = load().context("loading the XDP program")?;
    for _ in 0..TIMES {
        let before = runs(&program)?;
        let link = attach(&program, card)
            .with_context(|| format!("attaching the XDP program to {}", card.name))?;
        within(SEES_THEM, || {
            let seen = runs(&program)? - before;
            ensure!(
                seen >= PACKETS,
                "the program saw only {seen} of {PACKETS} packets"
            );
            Ok(())
        })?;
        drop(link);
    }
    Ok(format!(
        "attached {TIMES} times, the program saw {} packets",
        runs(&program)?
    ))
}

fn load() -> Result<OwnedFd> {
    let mut load = Load {
        kind: BPF_PROG_TYPE_XDP,
        instructions: PASS.len() as u32,
        text: PASS.as_ptr() as u64,
        licence: c"GPL".as_ptr() as u64,
    };
    // SAFETY: the attributes belong to this command, and what they point to is static.
    unsafe { bpf(BPF_PROG_LOAD, &mut load) }
}

/// Attaches the program until the link is closed.
fn attach(program: &OwnedFd, card: &Nic) -> Result<OwnedFd> {
    let mut link = Link {
        program: program.as_raw_fd(),
        card: card.index()?,
        kind: BPF_XDP,
        flags: XDP_FLAGS_DRV_MODE,
    };
    // SAFETY: the attributes belong to this command.
    unsafe { bpf(BPF_LINK_CREATE, &mut link) }
}

/// # Safety
///
/// `attributes` must be those of the command. They, and what they point to, must be valid.
unsafe fn bpf<T>(command: i32, attributes: &mut T) -> Result<OwnedFd> {
    let attributes_size = size_of::<T>();
    // SAFETY: the kernel takes fields beyond the size as zeros. The caller guarantees the rest.
    let fd = unsafe { syscall(SYS_bpf, command, &raw mut *attributes, attributes_size) };
    let fd = Errno::result(fd)?;
    // SAFETY: the descriptor was just made, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

fn runs(program: &OwnedFd) -> Result<u64> {
    let info = read(format!("/proc/self/fdinfo/{}", program.as_raw_fd()))?;
    number(&info, "run_cnt")
}
