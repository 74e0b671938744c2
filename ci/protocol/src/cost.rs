// SPDX-License-Identifier: GPL-2.0
//! What polling costs everything else: the contract of the scenario that measures the accounting of
//! processor time, the latency of wake-ups, grace periods, and the depth of the stacks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::named::named;
use crate::report::CpuTime;
use crate::scenario::{Segment, Variant};

/// The processor that polls and is looked at. Not the first one: its idle task's stack was the
/// kernel's at boot.
pub const POLLING_CPU: usize = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    pub disk: String,
    /// Where an echo listens on the host.
    pub udp_port: u16,
    /// Of each load, before anything is measured.
    pub warm_up_ms: u64,
    pub amounts: Amounts,
    /// In the order in which they are run; the host draws it.
    pub segments: Vec<Segment<Probe>>,
}

/// The same in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Operations of a disk or a network card, one after the other.
    pub operations: u64,
    /// Packets whose handler is slow.
    pub slow_packets: u64,
    /// Timers, one each millisecond.
    pub wake_ups: u64,
    /// From the start of one operation to that of the next, where the load is paced.
    pub pace_us: u64,
    pub grace_periods: u64,
}

named! {
    /// What keeps the processor waiting for a device.
    Load {
        /// Blocks are read from a disk.
        Blk = "blk",
        /// Datagrams go to the host and come back.
        Net = "net",
        /// The same, and the softirq of each datagram that arrives takes a millisecond.
        Slow = "slow handler",
    }
}

/// What one timed run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// Where /proc/stat puts the time of a fixed amount of work.
    Accounting(Load),
    /// How late a task runs that a timer wakes on the processor that polls.
    WakeUps(Load),
    /// The same, at a fixed rate of operations, polled or not.
    PacedWakeUps(Load),
    /// How long RCU takes while every processor reads blocks.
    GracePeriods,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Accounting(load) => write!(f, "accounting, {load}"),
            Probe::WakeUps(load) => write!(f, "wake-ups, {load}"),
            Probe::PacedWakeUps(load) => write!(f, "wake-ups, {load}, paced"),
            Probe::GracePeriods => f.write_str("grace periods"),
        }
    }
}

impl Probe {
    pub const ALL: [Probe; 9] = [
        Probe::Accounting(Load::Blk),
        Probe::Accounting(Load::Net),
        Probe::Accounting(Load::Slow),
        Probe::WakeUps(Load::Blk),
        Probe::WakeUps(Load::Net),
        Probe::WakeUps(Load::Slow),
        Probe::PacedWakeUps(Load::Blk),
        Probe::PacedWakeUps(Load::Net),
        Probe::GracePeriods,
    ];
    /// Haltpoll alone, and with the devices as poll sources.
    pub const VARIANTS: [Variant; 2] = [Variant::Before, Variant::PollSource];
}

/// One timed run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gauged {
    #[serde(flatten)]
    pub segment: Segment<Probe>,
    pub elapsed_ns: u64,
    pub operations: u64,
    /// Of the devices' queues.
    pub interrupts: u64,
    pub hits: u64,
    /// How long the hits took by the kernel's clock, softirqs included.
    pub hits_us: u64,
    /// How often the processor that polls halted.
    pub halts: u64,
    /// Of the processor that polls.
    pub cpu: CpuTime,
    /// Of wake-ups and grace periods; the other probes have none.
    pub latency: Option<Quantiles>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub samples: u64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
}
