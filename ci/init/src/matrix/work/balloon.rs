// SPDX-License-Identifier: GPL-2.0
//! balloon: the host makes the balloon take memory and give it back. The guest's total memory shows
//! both.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use guest_protocol::Ask;

use super::{Counter, Work};
use crate::port::Asker;
use crate::procfs::{number, read};

/// Memory in one operation, in KiB. The driver reports 256 pages at a time to the device.
const OPERATION_KIB: u64 = 1024;
const BATCH_MIB: u64 = 64;
const TICK: Duration = Duration::from_millis(5);

pub struct Breathe {
    asker: Asker,
    /// Total memory with an empty balloon.
    full_kib: u64,
}

impl Breathe {
    pub fn open(asker: &Asker) -> Result<Breathe> {
        let balloon = Breathe {
            asker: asker.clone(),
            full_kib: total_kib()?,
        };
        // A moved interrupt reaches its new CPU only with its next arrival. These two changes make
        // it arrive.
        let ignored = Counter::default();
        balloon.reach(1, &ignored)?;
        balloon.reach(0, &ignored)?;
        Ok(balloon)
    }

    /// Waits until the balloon has exactly this size.
    fn reach(&self, mib: u64, done: &Counter) -> Result<()> {
        let wanted = self.full_kib - mib * 1024;
        let mut counted = total_kib()?;
        self.asker.ask(Ask::Balloon { mib })?;
        loop {
            let now = total_kib()?;
            let operations = counted.abs_diff(now) / OPERATION_KIB;
            done.add(operations);
            counted = match now > counted {
                true => counted + operations * OPERATION_KIB,
                false => counted - operations * OPERATION_KIB,
            };
            if now == wanted {
                return Ok(());
            }
            sleep(TICK);
        }
    }
}

impl Work for Breathe {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        self.reach(BATCH_MIB, done)?;
        self.reach(0, done)
    }
}

/// The guest's total memory. It does not include the pages in the balloon.
fn total_kib() -> Result<u64> {
    number(&read("/proc/meminfo")?, "MemTotal")
}
