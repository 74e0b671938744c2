// SPDX-License-Identifier: GPL-2.0
//! The network card as a poll source in each of NAPI's modes. A ring that NAPI owns is left alone,
//! one that waits for an event is polled, and whatever the mode, no reply is lost or comes twice.

mod epoll;
mod netdev;
mod peer;
mod traffic;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use guest_protocol::{NetModes, Sent};
use nix::sys::socket::getsockopt;

use crate::cpus::{self, while_none_idles};
use crate::ethtool::channels;
use crate::nic::Nic;
use crate::port::{Port, Untried};
use crate::procfs::read;
use crate::switch::Switch;
use crate::{busy_poll, facts};
use epoll::Polling;
use netdev::{Netdev, Setting};
use peer::{EchoClient, Peer, trips};
use traffic::Traffic;

const TRIPS: u64 = 300;
/// Several times what the ring holds.
const FLOOD: u64 = 2000;
const FLIPS: u32 = 200;
/// Each takes a command through the control queue, and moves the interrupts.
const CHANGES: u32 = 100;
const FLIP_FOR: Duration = Duration::from_millis(2);

/// Long enough for a reply under TCG.
const LONG_POLL_US: u32 = 5000;
/// Too short for any.
const SHORT_POLL_US: u32 = 1;

/// NAPI comes back so long after it found nothing, so often, before it wants an interrupt.
const FLUSH_TIMEOUT_NS: u64 = 200_000;
const DEFERRALS: u64 = 2;
/// An epoll that finds something may keep interrupts away for so long.
const SUSPEND_TIMEOUT_NS: u32 = 20_000_000;

/// A mode that was left leaves no more interrupts than this behind, for each packet received.
const MORE_INTERRUPTS: f64 = 0.25;

mod option {
    use nix::libc;
    // The one is made of the other.
    use nix::{getsockopt_impl, sockopt_impl};
    sockopt_impl!(
        /// The NAPI that a socket's last packet came from.
        NapiId,
        GetOnly,
        libc::SOL_SOCKET,
        libc::SO_INCOMING_NAPI_ID,
        u32
    );
}

pub fn run(port: &mut Port, modes: &NetModes) -> Result<()> {
    port.stage("bringing up the network card")?;
    let rig = ModesRig::new(modes)?;
    port.case("plain", || rig.plain(modes.sent))?;
    if modes.sent != Sent::Soon {
        return Ok(());
    }
    port.case("two queue pairs", || rig.two_pairs())?;
    port.case("threaded NAPI", || rig.threaded())?;
    port.case("threaded NAPI that polls", || rig.polling_thread())?;
    port.case("busy polling", || rig.busy_polling())?;
    port.case("epoll, interrupts suspended", || rig.suspended())?;
    port.case("the switch flipped", || rig.flipped())?;
    port.case("queue pairs changed", || rig.pairs_changed())
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
        nic.bring_up(modes.address, modes.prefix)?;
        // The other devices as well: flips are to meet a loop at work and not its code being patched.
        while_none_idles(|| Switch::set_all(true))?;
        let peer = Peer::of(modes);
        peer.greet()?;
        Ok(ModesRig {
            nic,
            peer,
            cpus: cpus::online()?,
        })
    }

    fn plain(&self, sent: Sent) -> Result<String> {
        let parameter = read("/sys/module/virtio_net/parameters/napi_tx")?;
        let wanted = if sent == Sent::Unseen { "N" } else { "Y" };
        ensure!(parameter == wanted, "napi_tx is {parameter}");
        let home = self.home()?;
        let switch = Switch::of(&self.nic.device);
        let unpolled = within(switch.set(false), || switch.set(true), || self.udp(home))?;
        let udp = self.polled(home)?;
        if sent == Sent::Late {
            ensure!(udp.hits("output.0") > 0, "no hit on output.0: {udp}");
        }
        let tcp = Traffic::of(&self.nic, || {
            cpus::on(home, || trips(&mut self.peer.tcp()?, |done| done < TRIPS))
        })?;
        // Where the card has no room for it all, it must say when it has again.
        self.peer.flood(FLOOD)?;
        let after = self.polled(home)?;
        Ok(format!(
            "not polled: {unpolled}; UDP: {udp}; TCP: {tcp}; after a flood: {after}"
        ))
    }

    fn two_pairs(&self) -> Result<String> {
        self.need_two_pairs()?;
        let with = |pairs| while_none_idles(|| channels::set(&self.nic.name, pairs));
        within(
            with(2),
            || with(1),
            || {
                let mut said = Vec::new();
                for (pair, &cpu) in self.cpus.iter().take(2).enumerate() {
                    // The sources follow their interrupts, which have just been moved.
                    self.udp(cpu)?;
                    let figures = self.udp(cpu)?;
                    let queue = format!("input.{pair}");
                    ensure!(
                        figures.hits(&queue) > 0,
                        "CPU {cpu}: no hit on {queue}: {figures}"
                    );
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
            || {
                self.everywhere(|figures| {
                    ensure!(figures.hits("input.0") > 0, "no hit on input.0: {figures}");
                    Ok(())
                })
            },
        )
    }

    /// The thread owns the ring for good: nothing is left to poll.
    fn polling_thread(&self) -> Result<String> {
        let netdev = Netdev::open()?;
        let napi = self.napi()?;
        let set = |how| netdev.set(napi, Setting::Threaded, how);
        let said = within(set(2), || set(0), || self.everywhere(|_| Ok(())))?;
        let after = self.polled(self.home()?)?;
        Ok(format!("{said}; afterwards: {after}"))
    }

    fn busy_polling(&self) -> Result<String> {
        let said = within(
            busy_poll::set(LONG_POLL_US.into()),
            || busy_poll::set(0),
            || self.everywhere(is_busy_polled),
        )?;
        let after = self.polled(self.home()?)?;
        Ok(format!("{said}; afterwards: {after}"))
    }

    fn suspended(&self) -> Result<String> {
        let home = self.home()?;
        let before = self.polled(home)?;
        let netdev = Netdev::open()?;
        let napi = self.napi()?;
        let set = |deferrals, flush, suspend| {
            self.nic.set("napi_defer_hard_irqs", deferrals)?;
            self.nic.set("gro_flush_timeout", flush)?;
            netdev.set(napi, Setting::IrqSuspendTimeout, suspend)
        };
        let said = within(
            set(DEFERRALS, FLUSH_TIMEOUT_NS, SUSPEND_TIMEOUT_NS),
            || set(0, 0, 0),
            || {
                let suspended = self.with_epoll(home, LONG_POLL_US)?;
                is_busy_polled(&suspended)?;
                let deferred = self.with_epoll(home, SHORT_POLL_US)?;
                Ok(format!("suspended: {suspended}; deferred: {deferred}"))
            },
        )?;
        let after = self.polled(home)?;
        ensure!(
            after.hits("input.0") > before.hits("input.0") / 2
                && after.interrupts() < before.interrupts() + MORE_INTERRUPTS,
            "before: {before}; afterwards: {after}"
        );
        Ok(format!("{said}; afterwards: {after}"))
    }

    fn flipped(&self) -> Result<String> {
        let switch = Switch::of(&self.nic.device);
        // A source that is made anew counts from 0.
        let said = self.amid_trips(|| {
            (0..FLIPS).try_for_each(|_| alternate([false, true], |on| switch.set(on)))
        })?;
        Ok(format!("{FLIPS} flips: {said}"))
    }

    fn pairs_changed(&self) -> Result<String> {
        self.need_two_pairs()?;
        let with = |pairs| channels::set(&self.nic.name, pairs);
        let said = within(
            Ok(()),
            || with(1),
            || self.amid_trips(|| (0..CHANGES).try_for_each(|_| alternate([2, 1], with))),
        )?;
        Ok(format!("{CHANGES} times two pairs and one: {said}"))
    }

    /// `work`, while requests and replies go on; and what they are like afterwards.
    fn amid_trips(&self, work: impl FnOnce() -> Result<()>) -> Result<String> {
        let home = self.home()?;
        let done = AtomicBool::new(false);
        let figures = Traffic::of(&self.nic, || {
            thread::scope(|scope| {
                let client = scope.spawn(|| {
                    cpus::on(home, || {
                        trips(&mut self.peer.udp()?, |_| !done.load(Ordering::Relaxed))
                    })
                });
                let worked = work();
                done.store(true, Ordering::Relaxed);
                let trips = client.join().map_err(|_| anyhow!("the client panicked"))?;
                worked.and(trips)
            })
        })?;
        let after = self.polled(self.home()?)?;
        Ok(format!("{figures}; afterwards: {after}"))
    }

    fn need_two_pairs(&self) -> Result<()> {
        let most = channels::most(&self.nic.name)?;
        if most < 2 {
            let why = format!("the card has {most} queue pair: the user network gives no more");
            return Err(Untried(why).into());
        }
        Ok(())
    }

    /// The processor that takes the first queue's interrupts, and so polls it.
    fn home(&self) -> Result<usize> {
        traffic::cpu(&self.nic, "input.0")
    }

    fn udp(&self, cpu: usize) -> Result<Traffic> {
        self.on(cpu, || self.peer.udp())
    }

    fn on<L: EchoClient>(
        &self,
        cpu: usize,
        line: impl FnOnce() -> Result<L> + Send,
    ) -> Result<Traffic> {
        Traffic::of(&self.nic, || {
            cpus::on(cpu, || trips(&mut line()?, |done| done < TRIPS))
        })
    }

    /// The same, with hits.
    fn polled(&self, cpu: usize) -> Result<Traffic> {
        let figures = self.udp(cpu)?;
        ensure!(figures.hits("input.0") > 0, "no hit on input.0: {figures}");
        Ok(figures)
    }

    fn with_epoll(&self, cpu: usize, us: u32) -> Result<Traffic> {
        self.on(cpu, || Polling::new(self.peer.udp()?, us))
    }

    /// From each processor: the one that polls, and those that do not.
    fn everywhere(&self, judge: impl Fn(&Traffic) -> Result<()>) -> Result<String> {
        let mut said = Vec::new();
        for &cpu in &self.cpus {
            let figures = self.udp(cpu)?;
            judge(&figures)?;
            said.push(format!("CPU {cpu}: {figures}"));
        }
        Ok(said.join("; "))
    }

    /// The NAPI of the first queue.
    fn napi(&self) -> Result<u32> {
        let mut line = self.peer.udp()?;
        trips(&mut line, |done| done < 1)?;
        let napi = getsockopt(&line, option::NapiId)?;
        ensure!(napi != 0, "a reply came from no NAPI");
        Ok(napi)
    }
}

fn is_busy_polled(figures: &Traffic) -> Result<()> {
    ensure!(
        figures.busy_polled > 0,
        "nothing was busy polled: {figures}"
    );
    Ok(())
}

/// One state and the other, with some traffic in either.
fn alternate<T>(states: [T; 2], set: impl Fn(T) -> Result<()>) -> Result<()> {
    for state in states {
        set(state)?;
        sleep(FLIP_FOR);
    }
    Ok(())
}

/// Leaves the mode whatever comes of the work, for the next case.
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
