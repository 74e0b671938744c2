// SPDX-License-Identifier: GPL-2.0
//! The guest's reports to the host, one JSON object per line.

use serde::{Deserialize, Serialize};

use crate::cell::{Ask, Cell, Device};
use crate::cost::Gauged;
use crate::count::Code;
use crate::net::NetMeasured;
use crate::pace::Pace;
use crate::scenario::{Segment, Workload};
use crate::trouble::Stressed;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// What the guest does next. The last stage shows where a guest hung.
    Stage { name: String },
    /// The outcome of one check.
    Case {
        name: String,
        pass: bool,
        detail: String,
    },
    /// A check that does not apply to this kernel or machine.
    Skip { name: String, why: String },
    /// What the guest found out about its kernel and machine.
    Facts(Facts),
    /// The addresses of the kernel functions that a count of instructions is about.
    Code { code: Vec<Code> },
    /// One timed run of a disk.
    Measured(Measured),
    /// One timed run of a network card.
    NetMeasured(NetMeasured),
    /// One timed run of what polling costs.
    Gauged(Gauged),
    /// The outcome of one cell of the device matrix.
    Cell(Cell),
    /// A device has completed nothing for `ms` milliseconds, although it was asked for something.
    Stuck {
        device: Device,
        ms: u64,
        /// What the guest's kernel knows about the device.
        state: String,
    },
    /// The outcome of a stress.
    Stressed(Stressed),
    /// A request to the host.
    Ask(Ask),
    /// The last report. It is sent exactly once.
    Verdict { pass: bool, reason: String },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    pub kernel: String,
    pub cmdline: String,
    pub clocksource: String,
    pub cpuidle_driver: String,
    pub cpuidle_governor: String,
    pub guest_halt_poll_ns: String,
    /// Whether the kernel measures the time of interrupts (IRQ_TIME_ACCOUNTING). If not, its ticks
    /// take samples. None if the scenario does not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irq_time: Option<bool>,
    /// Whether the wait before a halt counts as idle time twice. None if the scenario does not ask.
    /// In 7.3, `tick_nohz_idle_stop_tick()` starts the precise count at the time when the idle loop
    /// was entered, and ticks count the time until then as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_count_twice: Option<bool>,
    /// How fast this guest's kernel runs. None if the scenario does not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// Virtio features that both sides accepted, as the driver lists them. Empty for a device that
    /// was not measured.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub disk_features: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub nic_features: String,
    /// The CPUs on which the disk's jobs run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job_cpus: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    #[serde(flatten)]
    pub segment: Segment<Workload>,
    pub ios: u64,
    /// fio's own run time, without its start-up.
    pub elapsed_ns: u64,
    /// Interrupts of the disk's request queues while fio ran.
    pub interrupts: u64,
    /// /sys/block/DISK/queue/io_poll
    pub queue_polls: bool,
    /// Events on the CPUs that run jobs, over fio's whole life. fio starts and ends on other CPUs.
    pub events: Events,
    /// QEMU's CPU time in this run, in percent of one CPU; the host fills it in.
    pub qemu_percent: Option<f64>,
}

impl Measured {
    pub fn iops(&self) -> f64 {
        self.ios as f64 * 1e9 / self.elapsed_ns as f64
    }
}

/// How often expensive events happened, apart from the device's own interrupts. Device interrupts,
/// timer interrupts, IPIs and halts involve the hypervisor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Halts of a CPU. None if no idle driver counts them.
    pub halts: Option<u64>,
    /// Interrupts of the local timer.
    pub timers: u64,
    /// IPIs to reschedule, and to call a function.
    pub ipis: u64,
    pub context_switches: u64,
}

/// Columns of /proc/stat, in ms. Idle includes iowait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuTime {
    pub user_ms: u64,
    pub system_ms: u64,
    pub idle_ms: u64,
    pub irq_ms: u64,
    pub softirq_ms: u64,
}
