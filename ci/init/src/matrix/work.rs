// SPDX-License-Identifier: GPL-2.0
//! What each kind of device is good for: batches of operations, each of them checked.

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

use crate::pattern::pattern;
use crate::port::Asker;
use crate::virtio::Virtio;

/// What takes this long without an error is lost, where the work itself can tell. Shorter than the
/// patience of who waits for the work.
const LOST: Duration = Duration::from_secs(5);

/// Reads how many operations were completed since some point in time.
pub type Meter = Box<dyn Fn() -> Result<u64> + Send>;

/// Looks whether the device owes an answer.
pub type Debt = Box<dyn Fn() -> bool + Send>;

/// Keeps the device in use for as long as it lives.
pub trait Work: Send {
    /// Counts what is done, unless there is a meter for it.
    fn batch(&mut self, done: &Counter) -> Result<()>;
    /// Of what a file of the kernel counts.
    fn meter(&self) -> Option<Meter> {
        None
    }
    /// During a batch. Most works do nothing but ask and wait.
    fn debt(&self) -> Debt {
        Box::new(|| true)
    }
}

/// A device's work, and the count of what was done.
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

    /// For figures: once the device is at rest.
    pub fn open_at_rest(device: Device, virtio: &Virtio, asker: &Asker) -> Result<DeviceWork> {
        Ok(match device {
            Device::Blk | Device::Scsi => DeviceWork::new(disk::Verify::settled(virtio)?),
            _ => DeviceWork::open(device, virtio, asker)?,
        })
    }

    pub fn open(device: Device, virtio: &Virtio, asker: &Asker) -> Result<DeviceWork> {
        Ok(match device {
            Device::Blk | Device::Scsi => DeviceWork::new(disk::Verify::open(virtio)?),
            Device::Net => DeviceWork::new(net::Gateway::open(virtio)?),
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

/// Counts what no file of the kernel counts.
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
