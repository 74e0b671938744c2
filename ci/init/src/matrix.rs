// SPDX-License-Identifier: GPL-2.0
//! The device matrix: each device of this boot works with the switch off, on and off again. The
//! work is in `work/`, the limits for the figures in `judge.rs`, the other checks in
//! `lifecycle.rs`.

mod batch;
mod judge;
mod lifecycle;
pub mod work;

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::{Ask, Cell, Check, Device, Figures, Matrix, Outcome, Phase, Vectors};

use crate::facts;
use crate::modules;
use crate::port::{Asker, Port};
use crate::soon::soon;
use crate::virtio::Virtio;
use crate::virtio::status::OFF;
use batch::Batch;
use work::{Counter, DeviceWork, Work};

/// The reasons why this kernel does not poll the devices of this boot. Empty if it polls them.
pub fn refusals(matrix: &Matrix) -> Result<Vec<&'static str>> {
    let threads = facts::handlers_are_threads()?;
    Ok(judge::refusals(
        modules::form(),
        threads,
        matrix.layout,
        matrix.vectors,
    ))
}

/// The network card's work, for other scenarios: pings, each answer compared. Returns their number.
pub fn ping_gateway() -> Result<u64> {
    let done = Counter::default();
    work::net::open(&Virtio::find(Device::Net)?)?.batch(&done)?;
    done.meter()()
}

/// Checks after a soak that a device is still polled with its switch on and interrupts with it off.
/// Returns the figures.
pub fn as_ever(device: Device, matrix: &Matrix, asker: &Asker) -> Result<String> {
    let mut subject = TestedDevice::new(device, matrix, asker);
    subject.left = judge::LEFT_AFTER_SOAK;
    let cell = subject.cell(Check::Switch);
    match (cell.outcome, cell.figures) {
        (Outcome::Fail { why }, _) => {
            asker.ask(Ask::Rings { device })?;
            bail!("{why}")
        }
        (Outcome::Pass, None) => bail!("passed without figures"),
        (Outcome::Pass, Some(Figures { off, on, .. })) => Ok(format!(
            "{:.2} interrupts per operation with the switch off, {:.2} with it on",
            off.interrupts_per_op(),
            on.interrupts_per_op()
        )),
    }
}

/// Flips a disk's switch under load. Returns the number of operations.
pub fn flip_disk(virtio: &Virtio, flips: u32) -> Result<u64> {
    let work = DeviceWork::new(work::disk::Verify::open(virtio)?);
    let (_, operations) = lifecycle::flip_under_load(virtio, work, flips)?;
    Ok(operations)
}

pub fn run(port: &mut Port, matrix: &Matrix) -> Result<()> {
    let asker = port.asker();
    let mut subject: Option<TestedDevice> = None;
    for (device, check) in matrix.cells() {
        port.stage(format!("{device}: {check}"))?;
        let known = subject.take().filter(|subject| subject.device == device);
        let mut now = known.unwrap_or_else(|| TestedDevice::new(device, matrix, &asker));
        port.cell(now.cell(check))?;
        subject = Some(now);
    }
    Ok(())
}

/// Number of tries. A busy host takes the CPU away from a waiting guest, and then the device
/// interrupts, so bad figures are taken again. A check in which something was lost or wrong is not
/// repeated.
pub const TRIES: u32 = 3;

struct TestedDevice<'a> {
    device: Device,
    matrix: &'a Matrix,
    asker: &'a Asker,
    /// The share of the device's interrupts that may be left with the switch on.
    left: f64,
    virtio: Option<Virtio>,
    work: Option<DeviceWork>,
    /// The figures with the switch off.
    usual: Option<Phase>,
    /// Whether the work has hung or failed. Nobody can predict what more of it would do.
    given_up: bool,
}

/// The figures of a check, and a note.
type Checked = (Figures, String);

impl<'a> TestedDevice<'a> {
    fn new(device: Device, matrix: &'a Matrix, asker: &'a Asker) -> TestedDevice<'a> {
        TestedDevice {
            device,
            matrix,
            asker,
            left: judge::left(device),
            virtio: None,
            work: None,
            usual: None,
            given_up: false,
        }
    }

    fn cell(&mut self, check: Check) -> Cell {
        let mut cell = Cell {
            device: self.device,
            check,
            outcome: Outcome::Pass,
            figures: None,
            note: String::new(),
        };
        if self.given_up {
            cell.outcome = Outcome::Fail {
                why: "not tried: the device failed an earlier check".into(),
            };
            return cell;
        }
        for attempt in 1..=TRIES {
            let (figures, note) = match self.check(check) {
                Ok(found) => found,
                Err(err) => {
                    self.given_up = true;
                    cell.outcome = Outcome::Fail {
                        why: self.explain(&err),
                    };
                    break;
                }
            };
            let judged = refusals(self.matrix).and_then(|refusals| {
                judge::figures(&figures, self.left, self.at_once().is_some(), &refusals)
            });
            cell.figures = Some(figures);
            cell.note = note;
            cell.outcome = match judged {
                Ok(()) => Outcome::Pass,
                Err(err) => Outcome::Fail {
                    why: format!("{} (try {attempt})", self.explain(&err)),
                },
            };
            if cell.outcome == Outcome::Pass {
                break;
            }
        }
        cell
    }

    fn at_once(&self) -> Option<&'static str> {
        let at_once = self.matrix.at_once.contains(&self.device);
        at_once.then_some(
            "the CPU that polls the device also sends its requests, so the device may answer \
             before that CPU waits",
        )
    }

    fn check(&mut self, check: Check) -> Result<Checked> {
        if self.virtio.is_none() {
            self.find()?;
        }
        match check {
            Check::Switch => Ok((self.by_turns()?, self.at_once().unwrap_or_default().into())),
            Check::Rebind => self.beside_another(Self::rebind),
            Check::HotPlug => self.beside_another(Self::hot_plug),
            Check::Flips => self.beside_another(Self::flips),
        }
    }

    /// The error, with the kernel's view of the device.
    fn explain(&self, err: &anyhow::Error) -> String {
        match &self.virtio {
            Some(virtio) => format!("{err:#}; {}: {}", virtio.name, virtio.state()),
            None => format!("{err:#}"),
        }
    }

    fn find(&mut self) -> Result<()> {
        let virtio = soon(|| Virtio::find(self.device))?;
        // The driver is bound long before it has requested the last of its interrupts.
        soon(|| virtio.expect_driver_ok())?;
        virtio.expect(self.matrix.layout)?;
        self.virtio = Some(virtio);
        Ok(())
    }

    fn virtio(&self) -> Result<&Virtio> {
        self.virtio.as_ref().context("the device is gone")
    }

    fn by_turns(&mut self) -> Result<Figures> {
        self.usual = Some(self.batch_with(false)?);
        let on = self.batch_with(true)?;
        let mut figures = self.figures(on)?;
        if self.matrix.vectors == Vectors::PollQueues {
            work::disk::by_poll_queue(self.virtio()?)?;
        }
        figures.off_again = Some(self.batch_with(false)?);
        Ok(figures)
    }

    fn batch_with(&mut self, on: bool) -> Result<Phase> {
        self.switch(on)?;
        self.batch()
    }

    /// Sets the switch, and checks that the status agrees.
    fn switch(&self, on: bool) -> Result<()> {
        let virtio = self.virtio()?;
        virtio.set_calmly(on)?;
        let status = virtio.status()?;
        ensure!(
            (status == OFF) != on,
            "the switch is set to {}, but the status is '{status}'",
            u8::from(on)
        );
        Ok(())
    }

    /// Runs one batch of work and returns its counts.
    fn batch(&mut self) -> Result<Phase> {
        let virtio = self.virtio()?.clone();
        let cpu = virtio.spread()?;
        let work = self.take_work()?;
        let (interrupts, hits) = (virtio.interrupts()?, virtio.hits()?);
        let (work, ops) = Batch::start(work, cpu)?.wait()?;
        let phase = Phase {
            ops,
            interrupts: virtio.interrupts()? - interrupts,
            // When a source goes, its count of hits goes with it.
            hits: virtio.hits()?.saturating_sub(hits),
        };
        ensure!(phase.ops > 0, "no operation was done");
        self.work = Some(work);
        Ok(phase)
    }

    fn take_work(&mut self) -> Result<DeviceWork> {
        if let Some(work) = self.work.take() {
            return Ok(work);
        }
        let virtio = self.virtio()?;
        let work = DeviceWork::open(self.device, virtio, self.asker)?;
        if self.device.is_disk() {
            work::disk::settle(virtio)?;
        }
        Ok(work)
    }

    /// Collects the figures of a check while the switch is on. `on` is the batch that was done with
    /// it.
    fn figures(&self, on: Phase) -> Result<Figures> {
        let virtio = self.virtio()?;
        Ok(Figures {
            vectors: virtio.vectors(self.matrix.vectors)?,
            status: virtio.status()?,
            off: self.usual.context("no figures with the switch off")?,
            on,
            off_again: None,
        })
    }
}
