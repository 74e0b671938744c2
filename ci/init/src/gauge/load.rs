// SPDX-License-Identifier: GPL-2.0
//! The loads: one operation in flight, and a CPU that waits for it. The loads start no program, so
//! the measurement contains no start or end of one.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::Result;
use guest_protocol::{Costs, Load};

use crate::blocks::{BLOCK_SIZE, Blocks};
use crate::cpus;
use crate::disk::VirtioDisk;
use crate::peer::{Peer, trip};

/// The CPU on which everything else runs.
pub const HOME_CPU: usize = 0;
/// Distance between two blocks that are read in sequence, in blocks: far from the last block and
/// its neighbours.
const STRIDE: u64 = 7919;

pub struct Loads {
    disk: VirtioDisk,
    blocks: u64,
    peer: Peer,
}

impl Loads {
    pub fn new(disk: &VirtioDisk, costs: &Costs) -> Result<Loads> {
        let peer = Peer(costs.udp_port);
        peer.greet()?;
        Ok(Loads {
            disk: disk.clone(),
            blocks: disk.sectors()? * 512 / BLOCK_SIZE as u64,
            peer,
        })
    }

    /// Runs a load on the calling thread. Before each operation it passes the number of operations
    /// done to `more`, and ends when `more` returns false. Returns the number of operations.
    pub fn run(&self, load: Load, more: impl Fn(u64) -> bool) -> Result<u64> {
        match load {
            Load::Blk => self.blocks(more),
            Load::Net | Load::Slow => self.echo(more),
        }
    }

    /// Runs each load on its CPU, and `probe` concurrently. Operations begin `pace` apart, or as
    /// soon as they can if it is None. Returns the outcome of the probe and the number of
    /// operations.
    pub fn meanwhile<T>(
        &self,
        jobs: &[(Load, usize)],
        pace: Option<Duration>,
        probe: impl FnOnce() -> Result<T>,
    ) -> Result<(T, u64)> {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let done = &done;
            let start = |&(load, cpu): &(Load, usize)| {
                scope.spawn(move || {
                    cpus::pin(&[cpu])?;
                    let start = Instant::now();
                    self.run(load, |begun| {
                        if let Some(pace) = pace {
                            // Late operations begin at once, so that their total number stays the
                            // same.
                            sleep(
                                (start + pace * begun as u32)
                                    .saturating_duration_since(Instant::now()),
                            );
                        }
                        !done.load(Ordering::Relaxed)
                    })
                })
            };
            let jobs: Vec<_> = jobs.iter().map(start).collect();
            let outcome = probe();
            done.store(true, Ordering::Relaxed);
            let mut operations = 0;
            for job in jobs {
                operations += job.join().unwrap_or_else(|panic| resume_unwind(panic))?;
            }
            Ok((outcome?, operations))
        })
    }

    fn blocks(&self, more: impl Fn(u64) -> bool) -> Result<u64> {
        let mut blocks = Blocks::open(&self.disk)?;
        let mut done = 0;
        while more(done) {
            blocks.read(done * STRIDE % self.blocks)?;
            done += 1;
        }
        Ok(done)
    }

    fn echo(&self, more: impl Fn(u64) -> bool) -> Result<u64> {
        let socket = self.peer.socket()?;
        let mut done = 0;
        while more(done) {
            trip(&socket, done, &done.to_be_bytes())?;
            done += 1;
        }
        Ok(done)
    }
}
