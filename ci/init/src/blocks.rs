// SPDX-License-Identifier: GPL-2.0
//! A disk's blocks, read and written one at a time with direct I/O.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fs_err::File;
use fs_err::os::unix::fs::{FileExt, OpenOptionsExt};
use nix::libc::O_DIRECT;

use crate::cpus;
use crate::disk::VirtioDisk;

/// Size of a block, in bytes: what benchmarks read at a time.
pub const BLOCK_SIZE: usize = 4096;

pub type Block = [u8; BLOCK_SIZE];

/// A block with the alignment that direct I/O needs.
#[repr(align(4096))]
struct Aligned(Block);

pub struct Blocks {
    file: File,
    block: Box<Aligned>,
}

impl Blocks {
    pub fn open(disk: &VirtioDisk) -> Result<Blocks> {
        let mut options = File::options();
        options.read(true).write(true).custom_flags(O_DIRECT);
        Ok(Blocks {
            file: options.open(disk.path())?,
            block: Box::new(Aligned([0; BLOCK_SIZE])),
        })
    }

    pub fn read(&mut self, index: u64) -> Result<&Block> {
        // Overwrite the content of the last read, so that it cannot be taken for this one's.
        self.block.0.fill(!0);
        self.file
            .read_exact_at(&mut self.block.0, index * BLOCK_SIZE as u64)
            .with_context(|| format!("reading block {index}"))?;
        Ok(&self.block.0)
    }

    pub fn write(&mut self, index: u64, content: &Block) -> Result<()> {
        self.block.0 = *content;
        self.file
            .write_all_at(&self.block.0, index * BLOCK_SIZE as u64)
            .with_context(|| format!("writing block {index}"))
    }
}

/// Reads a disk for `ms` milliseconds, on the CPU that takes the first queue's interrupts. Returns
/// the number of blocks read.
pub fn read_for(disk: &VirtioDisk, ms: u64) -> Result<u64> {
    let mut blocks = Blocks::open(disk)?;
    cpus::on(disk.irq_cpus()?[0], || {
        let (start, mut done) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_millis(ms) {
            blocks.read(done % 1024)?;
            done += 1;
        }
        Ok(done)
    })
}
