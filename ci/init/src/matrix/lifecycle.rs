// SPDX-License-Identifier: GPL-2.0
//! Checks a device that is polled while its driver is unbound, while it is unplugged, and while its
//! switch changes all the time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use guest_protocol::Ask;

use super::batch::{Batch, BatchState};
use super::work::DeviceWork;
use super::{Checked, TestedDevice};
use crate::cpus;
use crate::soon::{soon, until};
use crate::virtio::{Virtio, new_devices_are_polled, status::OFF};

/// Number of times that the switch is changed.
const FLIPS: u32 = 1000;
const FLIP_TICK: Duration = Duration::from_micros(200);

impl TestedDevice<'_> {
    /// Runs a check while another device's source stays on. So the idle loop keeps polling while
    /// sources come and go, and its code is not patched. `cpus.rs` says what patching could cause.
    pub fn beside_another(&mut self, check: fn(&mut Self) -> Result<Checked>) -> Result<Checked> {
        let other = self.virtio()?.other()?;
        other.set_calmly(true)?;
        let found = check(self);
        other.set_calmly(false)?;
        found
    }

    pub fn rebind(&mut self) -> Result<Checked> {
        self.switch(true)?;
        self.work = None;
        let virtio = self.virtio()?;
        let driver = virtio.driver()?;
        virtio.tell_driver(&driver, "unbind")?;
        ensure!(
            virtio.driver().is_err(),
            "{driver} is still bound after the unbind"
        );
        virtio.tell_driver(&driver, "bind")?;
        soon(|| virtio.driver())?;
        ensure!(virtio.is_on()?, "the switch is off after the rebind");
        let on = self.batch()?;
        Ok((self.figures(on)?, String::new()))
    }

    /// Unplugs the device and plugs in another. The new device is polled from the start, because
    /// the parameter for new devices is set.
    pub fn hot_plug(&mut self) -> Result<Checked> {
        self.switch(true)?;
        self.work = None;
        let old = self.virtio.take().context("the device is gone")?;
        let device = self.device;
        self.asker.ask(Ask::Unplug { device })?;
        until(&format!("{} is gone", old.name), || !old.is_there())?;
        new_devices_are_polled(true)?;
        self.asker.ask(Ask::Plug { device })?;
        self.find()?;
        new_devices_are_polled(false)?;
        let virtio = self.virtio()?;
        let (is_on, status) = (virtio.is_on()?, virtio.status()?);
        ensure!(
            is_on && status != OFF,
            "the new device is switched on: {is_on}, and its status is '{status}'"
        );
        let on = self.batch()?;
        Ok((self.figures(on)?, String::new()))
    }

    pub fn flips(&mut self) -> Result<Checked> {
        let virtio = self.virtio()?.clone();
        let (work, operations) = flip_under_load(&virtio, self.take_work()?, FLIPS)?;
        self.work = Some(work);
        let on = self.batch_with(true)?;
        Ok((
            self.figures(on)?,
            format!("{FLIPS} flips, {operations} operations, none lost"),
        ))
    }
}

/// Flips a device's switch under load. Each flip waits until the device has completed something
/// since the last one. So flips hit a device at work, and a loss is attributed to the flip that
/// caused it. Returns the number of operations.
pub fn flip_under_load(virtio: &Virtio, work: DeviceWork, flips: u32) -> Result<(DeviceWork, u64)> {
    let cpu = virtio.spread()?;
    // The flips come from another CPU than that of the batch, if there is one.
    let other = cpus::online()?.into_iter().find(|&other| other != cpu);
    cpus::on(other.unwrap_or(cpu), || {
        let mut operations = 0;
        let mut batch = Batch::start(work, cpu)?;
        for flip in 0..flips {
            virtio.set(flip % 2 == 0)?;
            let mut from = None;
            loop {
                match batch
                    .look(FLIP_TICK)
                    .with_context(|| format!("after flip {flip}"))?
                {
                    BatchState::Running(done) => {
                        if done > *from.get_or_insert(done) {
                            break;
                        }
                    }
                    BatchState::Done(work, done) => {
                        operations += done;
                        batch = Batch::start(work, cpu)?;
                        from = None;
                    }
                }
            }
        }
        let (work, done) = batch.wait()?;
        Ok((work, operations + done))
    })
}
