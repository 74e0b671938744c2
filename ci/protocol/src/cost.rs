// SPDX-License-Identifier: GPL-2.0
//! The protocol of the scenario that measures what polling costs everything else: the accounting of
//! CPU time, the latency of wake-ups, and grace periods.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::named::named;
use crate::report::CpuTime;
use crate::scenario::{Segment, Variant};

/// The CPU that polls and is measured. It is not the first CPU, because the stack of that CPU's
/// idle task was the kernel's stack at boot.
pub const POLLING_CPU: usize = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    pub disk: String,
    /// UDP port on the host where an echo server listens.
    pub udp_port: u16,
    /// Time for which each load runs before anything is measured.
    pub warm_up_ms: u64,
    pub amounts: Amounts,
    /// The timed runs, in the order that the host drew.
    pub segments: Vec<Segment<Probe>>,
}

/// Amounts that are the same in every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// Operations of a disk or a network card, one after the other.
    pub operations: u64,
    /// Packets whose handler is slow.
    pub slow_packets: u64,
    /// Wake-ups by a timer, one per millisecond.
    pub wake_ups: u64,
    /// Time from the start of one operation to the start of the next, for paced loads.
    pub pace_us: u64,
    pub grace_periods: u64,
}

named! {
    /// The load that makes a CPU wait for a device.
    Load {
        /// Blocks are read from a disk.
        Blk = "blk",
        /// Datagrams go to the host and come back.
        Net = "net",
        /// Like `net`, but the softirq of each datagram that arrives takes a millisecond.
        Slow = "slow handler",
    }
}

/// What one timed run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// The columns of /proc/stat that count the time of a fixed amount of work.
    Accounting(Load),
    /// How late a task runs after a timer woke it, on the CPU that polls.
    WakeUps(Load),
    /// Like `WakeUps`, at a fixed rate of operations, which is the same with and without polling.
    PacedWakeUps(Load),
    /// How long an RCU grace period takes while every CPU reads blocks.
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
    /// haltpoll alone, and haltpoll with the devices as poll sources.
    pub const VARIANTS: [Variant; 2] = [Variant::Before, Variant::PollSource];
}

/// The result of one timed run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gauged {
    #[serde(flatten)]
    pub segment: Segment<Probe>,
    pub elapsed_ns: u64,
    pub operations: u64,
    /// Interrupts of the devices' queues.
    pub interrupts: u64,
    pub hits: u64,
    /// Time that the hits took by the kernel's clock, including softirqs.
    pub hits_us: u64,
    /// How often the CPU that polls halted.
    pub halts: u64,
    /// Times of the CPU that polls.
    pub cpu: CpuTime,
    /// Latency of wake-ups or of grace periods. The other probes have none.
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
