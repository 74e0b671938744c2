// SPDX-License-Identifier: GPL-2.0
//! Grace periods of RCU as user space can have them: one kind of membarrier() is nothing but
//! synchronize_rcu().

use std::time::Instant;

use anyhow::{Context, Result};
use guest_protocol::Quantiles;
use nix::errno::Errno;
use nix::libc::{SYS_membarrier, syscall};

use super::quantiles;

/// linux/membarrier.h
const MEMBARRIER_CMD_GLOBAL: i32 = 1;

/// So many, one after the other.
pub fn periods(count: u64) -> Result<Quantiles> {
    let mut us = (0..count)
        .map(|_| {
            let start = Instant::now();
            // SAFETY: the call takes three numbers and touches no memory.
            let ret = unsafe { syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) };
            Errno::result(ret).context("membarrier(MEMBARRIER_CMD_GLOBAL)")?;
            Ok(start.elapsed().as_secs_f64() * 1e6)
        })
        .collect::<Result<Vec<_>>>()?;
    us.sort_by(f64::total_cmp);
    let each: Vec<_> = us.into_iter().map(|us| (us, 1)).collect();
    quantiles::of(&each).context("no grace period was asked for")
}
