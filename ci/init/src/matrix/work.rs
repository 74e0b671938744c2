// SPDX-License-Identifier: GPL-2.0
//! The work for each kind of device: batches of operations, each operation checked.

mod balloon;
mod console;
mod crypto;
pub mod disk;
mod input;
pub mod net;
mod p9;
mod ping;
mod rng;
mod vsock;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use guest_protocol::Device;

use crate::pattern::{pattern, same};
use crate::port::Asker;
use crate::virtio::Virtio;

/// An operation that takes this long is lost, where the work itself sets a limit. The limit is
/// shorter than that of the code that waits for the work.
const LOST: Duration = Duration::from_secs(5);

/// Reads how many operations have completed since some point in time.
pub type Meter = Box<dyn Fn() -> Result<u64> + Send>;

/// Whether the device owes an answer.
pub type Debt = Box<dyn Fn() -> bool + Send>;

/// Work that keeps the device in use until it is dropped.
pub trait Work: Send {
    /// Does one batch. Adds the operations to `done`, unless the work has a meter.
    fn batch(&mut self, done: &Counter) -> Result<()>;
    /// A meter that reads a counter of the kernel, if there is one.
    fn meter(&self) -> Option<Meter> {
        None
    }
    /// Whether the device owes an answer, to be asked during a batch. Most works do nothing but ask
    /// and wait, so the default is always true.
    fn debt(&self) -> Debt {
        Box::new(|| true)
    }
}

/// A device's work, and its count of operations.
pub struct DeviceWork {
    work: Box<dyn Work>,
    done: Counter,
}

impl DeviceWork {
    pub fn new(work: impl Work + 'static) -> DeviceWork {
        DeviceWork {
            work: Box::new(work),
            done: Counter::default(),
        }
    }

    pub fn open(device: Device, virtio: &Virtio, asker: &Asker) -> Result<DeviceWork> {
        Ok(match device {
            Device::Blk | Device::Scsi => DeviceWork::new(disk::Verify::open(virtio)?),
            Device::Net => DeviceWork::new(net::open(virtio)?),
            Device::Rng => DeviceWork::new(rng::Draw::open()?),
            Device::Console => DeviceWork::new(console::Talk::open(virtio)?),
            Device::Balloon => DeviceWork::new(balloon::Breathe::open(asker)?),
            Device::P9 => DeviceWork::new(p9::Share::open(virtio)?),
            Device::Input => DeviceWork::new(input::Type::open(virtio, asker)?),
            Device::Crypto => DeviceWork::new(crypto::Ipsec::open(virtio)?),
            Device::Vsock => DeviceWork::new(vsock::Echo::open()?),
        })
    }

    pub fn batch(&mut self) -> Result<()> {
        self.work.batch(&self.done)
    }

    pub fn meter(&self) -> Meter {
        self.work.meter().unwrap_or_else(|| self.done.meter())
    }

    pub fn debt(&self) -> Debt {
        self.work.debt()
    }
}

/// Counts operations that no file of the kernel counts.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    pub fn add(&self, operations: u64) {
        self.0.fetch_add(operations, Ordering::Relaxed);
    }

    pub fn meter(&self) -> Meter {
        let count = self.0.clone();
        Box::new(move || Ok(count.load(Ordering::Relaxed)))
    }
}
