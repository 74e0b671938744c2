// SPDX-License-Identifier: GPL-2.0
//! Polls the network card in NAPI's modes. A ring that NAPI owns is left alone, a ring that waits
//! for an event is polled. In every mode no reply is lost or comes twice.

mod traffic;

use anyhow::{Result, ensure};
use guest_protocol::{NetModes, Sent};

use crate::cpus::{self, while_none_idles};
use crate::ethtool;
use crate::facts;
use crate::nic::{self, Nic};
use crate::peer::Peer;
use crate::port::{Port, untried};
use crate::procfs;
use crate::virtio;
use traffic::Traffic;

/// Number of packets in a flood: several times what the ring holds.
const FLOOD: u64 = 2000;

/// How long a task busy polls, in us: long enough for a reply under TCG.
const LONG_POLL_US: u64 = 5000;

/// Time after which NAPI looks again if it found nothing, in ns.
const FLUSH_TIMEOUT_NS: u64 = 200_000;
/// How often NAPI does that before it enables the interrupt.
const DEFERRALS: u64 = 2;

/// After a mode was left, there may be at most this many more interrupts per received packet than
/// before it.
const MORE_INTERRUPTS: f64 = 0.25;

pub fn run(port: &mut Port, modes: &NetModes) -> Result<()> {
    port.stage("bringing up the network card")?;
    let rig = ModesRig::new(modes)?;
    port.case("plain", || rig.plain(modes.sent))?;
    if modes.sent != Sent::Soon {
        return Ok(());
    }
    port.case("two queue pairs", || rig.two_pairs())?;
    port.case("threaded NAPI", || rig.threaded())?;
    port.case("busy polling", || rig.busy_polling())?;
    port.case("interrupts deferred", || rig.deferred())
}

struct ModesRig {
    nic: Nic,
    peer: Peer,
    cpus: Vec<usize>,
}

impl ModesRig {
    fn new(modes: &NetModes) -> Result<ModesRig> {
        facts::need_idle_driver()?;
        let nic = Nic::find()?;
        nic.bring_up()?;
        while_none_idles(|| virtio::set_all(true))?;
        let peer = Peer(modes.udp_port);
        peer.greet()?;
        Ok(ModesRig {
            nic,
            peer,
            cpus: cpus::online()?,
        })
    }

    fn plain(&self, sent: Sent) -> Result<String> {
        let napi_tx = if sent == Sent::Unseen { "N" } else { "Y" };
        procfs::expect("/sys/module/virtio_net/parameters/napi_tx", napi_tx)?;
        let home = self.home()?;
        let set = |on| self.nic.virtio.set(on);
        let unpolled = within(set(false), || set(true), || self.udp(home))?;
        let polled = self.polled(home)?;
        if sent == Sent::Late {
            polled.expect_hits("output.0")?;
        }
        // If the ring cannot hold all packets, the card must report when it has room again.
        self.peer.flood(FLOOD)?;
        let after = self.polled(home)?;
        Ok(format!(
            "not polled: {unpolled}; polled: {polled}; after a flood: {after}"
        ))
    }

    fn two_pairs(&self) -> Result<String> {
        let (_, most) = ethtool::pairs(&self.nic.name)?;
        if most < 2 {
            let why =
                format!("the card has {most} queue pair: QEMU's user network supports no more");
            return Err(untried(why));
        }
        let with = |pairs| while_none_idles(|| ethtool::use_pairs(&self.nic.name, pairs));
        within(
            with(2),
            || with(1),
            || {
                let mut said = Vec::new();
                for (pair, &cpu) in self.cpus.iter().take(2).enumerate() {
                    // The first run only lets the sources follow their interrupts, which have just
                    // been moved.
                    self.udp(cpu)?;
                    let figures = self.udp(cpu)?;
                    figures.expect_hits(&format!("input.{pair}"))?;
                    said.push(format!("CPU {cpu}: {figures}"));
                }
                Ok(said.join("; "))
            },
        )
    }

    fn threaded(&self) -> Result<String> {
        let set = |on| self.nic.set("threaded", on);
        within(
            set(1),
            || set(0),
            || self.everywhere(|figures| figures.expect_hits("input.0")),
        )
    }

    fn busy_polling(&self) -> Result<String> {
        let said = within(
            nic::busy_poll(LONG_POLL_US),
            || nic::busy_poll(0),
            || {
                self.everywhere(|figures| {
                    let busy = figures.card.busy_polled > 0;
                    ensure!(busy, "busy polling found no packet: {figures}");
                    Ok(())
                })
            },
        )?;
        let after = self.polled(self.home()?)?;
        Ok(format!("{said}; afterwards: {after}"))
    }

    fn deferred(&self) -> Result<String> {
        let home = self.home()?;
        let before = self.polled(home)?;
        let set = |deferrals, flush| {
            self.nic.set("napi_defer_hard_irqs", deferrals)?;
            self.nic.set("gro_flush_timeout", flush)
        };
        let said = within(
            set(DEFERRALS, FLUSH_TIMEOUT_NS),
            || set(0, 0),
            || self.everywhere(|_| Ok(())),
        )?;
        let after = self.polled(home)?;
        ensure!(
            after.hits("input.0") > before.hits("input.0") / 2
                && after.card.rx.rate() < before.card.rx.rate() + MORE_INTERRUPTS,
            "too few hits or too many interrupts afterwards: before: {before}; afterwards: {after}"
        );
        Ok(format!("{said}; afterwards: {after}"))
    }

    /// The CPU that takes the first queue's interrupts, and so polls it.
    fn home(&self) -> Result<usize> {
        traffic::cpu(&self.nic, "input.0")
    }

    fn udp(&self, cpu: usize) -> Result<Traffic> {
        Traffic::of(&self.nic, &self.peer, cpu)
    }

    /// Makes the same round trips, and fails without a hit.
    fn polled(&self, cpu: usize) -> Result<Traffic> {
        let figures = self.udp(cpu)?;
        figures.expect_hits("input.0")?;
        Ok(figures)
    }

    /// Makes round trips from each CPU: the one that polls, and those that do not.
    fn everywhere(&self, judge: impl Fn(&Traffic) -> Result<()>) -> Result<String> {
        let mut said = Vec::new();
        for &cpu in &self.cpus {
            let figures = self.udp(cpu)?;
            judge(&figures)?;
            said.push(format!("CPU {cpu}: {figures}"));
        }
        Ok(said.join("; "))
    }
}

/// Does the work in a mode, and leaves the mode even if something fails: the next case needs that.
fn within<T>(
    entered: Result<()>,
    leave: impl FnOnce() -> Result<()>,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let done = entered.and_then(|()| work());
    let left = leave();
    let done = done?;
    left.map(|()| done)
}
