// SPDX-License-Identifier: GPL-2.0
//! The guest's side of the cost measurement: what polling costs everything else. Both devices are
//! under load on one CPU, alternating between polling off and on, and probes run concurrently. The
//! host evaluates the numbers.

mod latency;
mod limit;
mod load;
mod slow;

use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use guest_protocol::cost::POLLING_CPU;
use guest_protocol::{
    Costs, CpuTime, Facts, Gauged, Load, Probe, Quantiles, Report, Segment, Variant,
};

use crate::cpus;
use crate::disk::VirtioDisk;
use crate::facts;
use crate::nic::Nic;
use crate::port::Port;
use crate::procfs::{cpu_time, elapsed, has_function, read};
use crate::segments;
use crate::sources;
use load::{HOME_CPU, Loads};

/// Number of haltpoll's second state, which halts.
const HALTS: usize = 1;
/// Time from a packet's reply to the next packet. The filters still run long after the reply was
/// delivered. A packet that arrives before they end would find the CPU in ksoftirqd, not waiting.
const APART: Duration = Duration::from_millis(3);

pub fn run(port: &mut Port, costs: &Costs) -> Result<()> {
    port.stage("setting up the disk and the network card")?;
    facts::need_idle_driver()?;
    cpus::pin(&[HOME_CPU])?;
    let rig = CostRig::new(costs)?;
    port.send(&Report::Facts(rig.facts()?))?;
    for variant in Probe::VARIANTS {
        rig.arrange(variant)?;
        for &load in Load::ALL {
            port.stage(format!("warming up {variant}, {load}"))?;
            rig.warm_up(load)?;
        }
    }
    port.case("the limit ends waits with slow handlers", || {
        rig.arrange(Variant::PollSource)?;
        let _slow = rig.slow(Load::Slow)?;
        // The load runs on another CPU than the one that polls: a packet that wakes a task on the
        // polling CPU ends the wait.
        let packets = |sent| {
            sleep(APART);
            sent < costs.amounts.slow_packets
        };
        limit::check(|| cpus::on(HOME_CPU, || rig.loads.run(Load::Slow, packets)))
    })?;
    if port.has_failed() {
        // The rest takes long and would be useless.
        return Ok(());
    }
    segments::run(port, &costs.segments, |segment| {
        rig.gauge(segment).map(Report::Gauged)
    })
}

struct CostRig<'a> {
    costs: &'a Costs,
    disk: VirtioDisk,
    nic: Nic,
    loads: Loads,
    /// Number of filters that each packet passes through if its handler is to be slow.
    filters: usize,
}

impl CostRig<'_> {
    fn new(costs: &Costs) -> Result<CostRig<'_>> {
        let disk = VirtioDisk::find(&costs.disk)?;
        let cpus = disk.irq_cpus()?;
        ensure!(
            cpus == [HOME_CPU, POLLING_CPU],
            "the disk's queues interrupt CPUs {cpus:?}, not {HOME_CPU} and {POLLING_CPU}"
        );
        let nic = Nic::find()?;
        nic.bring_up()?;
        nic.interrupt_on(POLLING_CPU)?;
        let loads = Loads::new(&disk, costs)?;
        Ok(CostRig {
            filters: slow::calibrate()?,
            costs,
            disk,
            nic,
            loads,
        })
    }

    fn facts(&self) -> Result<Facts> {
        Ok(Facts {
            // The kernel has this function only if it measures the time of interrupts.
            irq_time: Some(has_function("irqtime_account_irq")?),
            waits_count_twice: Some(has_function("kcpustat_dyntick_start")?),
            ..facts::of_machine()?
        })
    }

    fn arrange(&self, variant: Variant) -> Result<()> {
        let on = variant == Variant::PollSource;
        for virtio in [&self.disk.virtio, &self.nic.virtio] {
            virtio.set_calmly(on)?;
        }
        Ok(())
    }

    /// Makes handlers slow until the value is dropped, if `load` asks for slow handlers.
    fn slow(&self, load: Load) -> Result<Vec<OwnedFd>> {
        match load {
            Load::Slow => slow::open(self.filters),
            Load::Blk | Load::Net => Ok(Vec::new()),
        }
    }

    fn work(&self, cpu: usize, load: Load, amount: u64) -> Result<u64> {
        cpus::on(cpu, || self.loads.run(load, |done| done < amount))
    }

    fn warm_up(&self, load: Load) -> Result<()> {
        let _slow = self.slow(load)?;
        let end = Instant::now() + Duration::from_millis(self.costs.warm_up_ms);
        cpus::on(POLLING_CPU, || {
            self.loads.run(load, |_| Instant::now() < end)
        })?;
        Ok(())
    }

    fn gauge(&self, segment: Segment<Probe>) -> Result<Gauged> {
        let amounts = self.costs.amounts;
        self.arrange(segment.variant)?;
        let _slow = match segment.workload {
            Probe::Accounting(load) | Probe::WakeUps(load) | Probe::PacedWakeUps(load) => {
                self.slow(load)?
            }
            Probe::GracePeriods => Vec::new(),
        };
        let before = self.counters()?;
        let start = Instant::now();
        let (operations, latency) = match segment.workload {
            Probe::Accounting(load) => {
                let amount = match load {
                    Load::Slow => amounts.slow_packets,
                    Load::Blk | Load::Net => amounts.operations,
                };
                (self.work(POLLING_CPU, load, amount)?, None)
            }
            Probe::WakeUps(load) => with_latency(self.wake_ups(load, None)?),
            Probe::PacedWakeUps(load) => {
                let pace = Duration::from_micros(amounts.pace_us);
                with_latency(self.wake_ups(load, Some(pace))?)
            }
            Probe::GracePeriods => {
                let jobs = [HOME_CPU, POLLING_CPU].map(|cpu| (Load::Blk, cpu));
                let grace_periods = || latency::grace_periods(amounts.grace_periods);
                with_latency(self.loads.meanwhile(&jobs, None, grace_periods)?)
            }
        };
        let elapsed_ns = start.elapsed().as_nanos() as u64;
        let after = self.counters()?;
        let hits = |cpu: usize| after.hits[cpu].saturating_sub(before.hits[cpu]);
        ensure!(
            segment.workload != Probe::GracePeriods
                || segment.variant == Variant::Before
                || hits(HOME_CPU) > 0,
            "not every CPU polled: CPU {HOME_CPU} had no hits"
        );
        Ok(Gauged {
            segment,
            elapsed_ns,
            operations,
            interrupts: after.interrupts - before.interrupts,
            hits: hits(POLLING_CPU),
            hits_us: after.hits_us.saturating_sub(before.hits_us),
            halts: after.halts - before.halts,
            cpu: elapsed(before.cpu, after.cpu),
            latency,
        })
    }

    fn wake_ups(&self, load: Load, pace: Option<Duration>) -> Result<(Quantiles, u64)> {
        let wake_ups = || latency::wake_ups(self.costs.amounts.wake_ups);
        self.loads.meanwhile(&[(load, POLLING_CPU)], pace, wake_ups)
    }

    fn counters(&self) -> Result<CostCounters> {
        let sources = sources::all()?;
        let on = |cpu: usize| {
            sources
                .iter()
                .filter(move |source| source.cpu == cpu as i64)
        };
        Ok(CostCounters {
            interrupts: self.disk.virtio.interrupts()?
                + self.nic.interrupts("input")?
                + self.nic.interrupts("output")?,
            hits: [HOME_CPU, POLLING_CPU].map(|cpu| on(cpu).map(|source| source.hits).sum()),
            hits_us: on(POLLING_CPU).map(|source| source.time_us).sum(),
            halts: cpus::usage(POLLING_CPU, HALTS)?,
            cpu: cpu_time(&read("/proc/stat")?, &[POLLING_CPU]),
        })
    }
}

fn with_latency((latency, operations): (Quantiles, u64)) -> (u64, Option<Quantiles>) {
    (operations, Some(latency))
}

struct CostCounters {
    interrupts: u64,
    /// One count for each CPU.
    hits: [u64; 2],
    /// On the CPU that polls, in us.
    hits_us: u64,
    halts: u64,
    cpu: CpuTime,
}
