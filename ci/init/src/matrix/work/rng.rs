// SPDX-License-Identifier: GPL-2.0
//! rng: reads random bytes, as many at a time as the driver requests from the device.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use fs_err::File;

use super::{Counter, Work};
use crate::procfs::{self, read};
use crate::soon::soon;

const BATCH: u64 = 200;
/// Size of the driver's buffer, in bytes.
const BYTES: usize = 64;
const CLASS: &str = "/sys/class/misc/hw_random";
const DEVICE: &str = "/dev/hwrng";

pub struct Draw {
    file: File,
    last: [u8; BYTES],
}

impl Draw {
    pub fn open() -> Result<Draw> {
        soon(choose)?;
        Ok(Draw {
            file: File::open(DEVICE)?,
            last: [0; BYTES],
        })
    }
}

impl Work for Draw {
    fn batch(&mut self, done: &Counter) -> Result<()> {
        for _ in 0..BATCH {
            let mut bytes = [0; BYTES];
            self.file.read_exact(&mut bytes)?;
            ensure!(
                bytes != self.last && bytes.iter().any(|byte| *byte != bytes[0]),
                "{DEVICE} returned {bytes:?} after {:?}",
                self.last
            );
            self.last = bytes;
            done.add(1);
        }
        Ok(())
    }
}

/// Selects the device's generator. The kernel may know others, for example the CPU's.
fn choose() -> Result<()> {
    let available = read(format!("{CLASS}/rng_available"))?;
    let name = available
        .split_whitespace()
        .find(|name| name.starts_with("virtio_rng"))
        .with_context(|| format!("no virtio_rng among '{available}'"))?;
    procfs::set(format!("{CLASS}/rng_current"), name)
}
