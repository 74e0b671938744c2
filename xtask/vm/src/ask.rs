// SPDX-License-Identifier: GPL-2.0
//! Carries out what a guest asks of the host: through QEMU's control socket or, for a pause, with
//! signals and ptrace.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use guest_protocol::{Ask, Device};
use nix::unistd::Pid;
use serde_json::json;

use super::board::{self, Board};
use super::machine::MEMORY_MIB;
use super::pause;
use super::qmp::Qmp;
use super::session::Session;
use toolbox::run::sleep;

const PRESSES: u32 = 4;
const PRESS_EVERY: Duration = Duration::from_secs(1);
const SLEEPS: Duration = Duration::from_secs(100);
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub struct Host<'a> {
    /// None if QEMU is going away.
    qmp: Option<Qmp>,
    qemu: Pid,
    board: &'a Board,
    /// The indices of the rings that the guest asked for, as QEMU reports them.
    pub rings: String,
    /// The requests that failed, with their errors. The guest waits for an effect that does not
    /// come, and reports that.
    pub refused: Vec<String>,
}

impl Host<'_> {
    pub fn new<'a>(session: &mut Session, board: &'a Board) -> Result<Host<'a>> {
        Ok(Host {
            qmp: session.control()?,
            qemu: session.pid(),
            board,
            rings: String::new(),
            refused: Vec::new(),
        })
    }

    pub fn grant(&mut self, ask: &Ask) {
        if let Err(err) = self.try_to(ask) {
            self.refused.push(format!("{ask:?}: {err:#}"));
        }
    }

    fn try_to(&mut self, ask: &Ask) -> Result<()> {
        let qmp = self.qmp.as_mut().context("QEMU has ended")?;
        match *ask {
            Ask::Balloon { mib } => balloon(qmp, mib),
            Ask::Keys { events, gap_us } => keys(qmp, events, Duration::from_micros(gap_us.into())),
            Ask::Unplug { device } => qmp
                .command("device_del", json!({ "id": board::id(device) }))
                .map(drop),
            Ask::Plug { device } => plug(qmp, self.board, device),
            Ask::Pause { cpu: None, ms } => {
                pause::process(self.qemu, Duration::from_millis(ms.into()))
            }
            Ask::Pause { cpu: Some(cpu), ms } => {
                let threads = qmp.threads("query-cpus-fast")?;
                let thread = threads.get(cpu as usize);
                let thread = thread.with_context(|| format!("the guest has no CPU {cpu}"))?;
                pause::thread(*thread, Duration::from_millis(ms.into()))
            }
            Ask::Wake => wake(qmp),
            Ask::WakeFromRam => wake_from_ram(qmp),
            Ask::Pace { iops } => board::disks(&self.board.devices)
                .iter()
                .try_for_each(|&device| pace(qmp, device, iops)),
            Ask::Rings { device } => {
                self.rings += &rings(qmp, device)?;
                Ok(())
            }
        }
    }
}

fn balloon(qmp: &mut Qmp, mib: u64) -> Result<()> {
    let left = bytes_beside_balloon(mib)?;
    qmp.command("balloon", json!({ "value": left })).map(drop)
}

fn bytes_beside_balloon(mib: u64) -> Result<u64> {
    let left = MEMORY_MIB.checked_sub(mib).with_context(|| {
        format!("a balloon of {mib} MiB is larger than the guest's memory, {MEMORY_MIB} MiB")
    })?;
    Ok(left << 20)
}

fn keys(qmp: &mut Qmp, events: u8, gap: Duration) -> Result<()> {
    for event in 0..events {
        let key = json!({ "type": "qcode", "data": "a" });
        let data = json!({ "down": event % 2 == 0, "key": key });
        let events = json!({ "events": [{ "type": "key", "data": data }] });
        qmp.command("input-send-event", events)?;
        sleep(gap)?;
    }
    Ok(())
}

/// Plugs a device in again. The guest has seen the old device disappear; QEMU deletes it a moment
/// later.
fn plug(qmp: &mut Qmp, board: &Board, device: Device) -> Result<()> {
    qmp.wait_for("DEVICE_DELETED", board::id(device))?;
    for part in board.parts(device) {
        qmp.command("device_add", part)?;
    }
    Ok(())
}

/// Presses the power button, because none of QEMU's clocks wakes a guest that is suspended to idle.
/// While the guest is awake the button does nothing, so it is pressed until the guest surely
/// sleeps.
fn wake(qmp: &mut Qmp) -> Result<()> {
    for _ in 0..PRESSES {
        sleep(PRESS_EVERY)?;
        qmp.ask("system_powerdown")?;
    }
    Ok(())
}

/// Waits until the guest sleeps, even if a busy host takes long to get it there, and wakes it.
pub fn wake_from_ram(qmp: &mut Qmp) -> Result<()> {
    let start = Instant::now();
    while qmp.ask("query-status")?["status"] != "suspended" {
        ensure!(
            start.elapsed() < SLEEPS,
            "the guest was not suspended within {} s",
            SLEEPS.as_secs()
        );
        sleep(LOOK_EVERY)?;
    }
    qmp.ask("system_wakeup").map(drop)
}

fn pace(qmp: &mut Qmp, device: Device, iops: u64) -> Result<()> {
    let limits = json!({
        "path": format!("/objects/{}", board::pace(device)),
        "property": "limits",
        "value": { "iops-total": iops },
    });
    qmp.command("qom-set", limits).map(drop)
}

/// Returns the indices of a device's queues, as QEMU has them.
fn rings(qmp: &mut Qmp, device: Device) -> Result<String> {
    let path = format!("/machine/peripheral/{}/virtio-backend", board::id(device));
    let mut text = String::new();
    for queue in 0.. {
        let which = json!({ "path": path, "queue": queue });
        // QEMU has no list of the queues: the first number that it does not know is the end.
        let Ok(status) = qmp.command("x-query-virtio-queue-status", which) else {
            break;
        };
        writeln!(text, "{device} queue {queue}: {status}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balloon_that_is_larger_than_the_memory_is_refused() {
        assert_eq!(bytes_beside_balloon(MEMORY_MIB - 1).unwrap(), 1 << 20);
        let err = bytes_beside_balloon(MEMORY_MIB + 1).unwrap_err();
        assert!(err.to_string().contains("larger"), "{err}");
    }
}
