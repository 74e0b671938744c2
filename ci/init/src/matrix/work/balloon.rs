// SPDX-License-Identifier: GPL-2.0
//! balloon: the host has it take memory and give it back, both seen in what memory there is.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use guest_protocol::Ask;

use super::{Counter, Work};
use crate::port::Asker;
use crate::procfs::{number, read};

/// The driver tells the device of 256 pages at a time.
const OPERATION_KIB: u64 = 1024;
const BATCH_MIB: u64 = 64;
const TICK: Duration = Duration::from_millis(5);

pub struct Breathe {
    asker: Asker,
    /// With the balloon empty.
    full_kib: u64,
}

impl Breathe {
    pub fn open(asker: &Asker) -> Result<Breathe> {
        let balloon = Breathe {
            asker: asker.clone(),
            full_kib: total_kib()?,
        };
        // An interrupt that was told to move does so when it comes next.
        let ignored = Counter::default();
        balloon.reach(1, &ignored)?;
        balloon.reach(0, &ignored)?;
        Ok(balloon)
    }

    /// Waits until the balloon has that size, to the page.
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

/// The pages in the balloon are not the guest's.
fn total_kib() -> Result<u64> {
    number(&read("/proc/meminfo")?, "MemTotal")
}
