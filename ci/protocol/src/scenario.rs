// SPDX-License-Identifier: GPL-2.0
//! The scenarios: what a guest is asked to do. How the guest does it is in the files of `ci/init`.

use serde::{Deserialize, Serialize};

use crate::cell::Matrix;
use crate::cost::Costs;
use crate::losses::Losses;
use crate::module_test::ModuleTest;
use crate::named::named;
use crate::net::{NetBench, NetModes};
use crate::trouble::Stress;

/// Path of the scenario in the initramfs.
pub const PATH: &str = "/scenario.json";
/// Folder of programs in the initramfs.
pub const PROGRAMS: &str = "/usr/bin";
/// Folder of the kernel's modules in the initramfs. A file is named after its module, plus ".ko".
pub const MODULES: &str = "/modules";
/// JSON file in the initramfs with the names of the modules, in an order in which they can be
/// loaded.
pub const MODULE_ORDER: &str = "/modules.json";
/// The init's first argument if it does not run as process 1. The second argument is the folder
/// that has the files named above.
pub const IN_PLACE: &str = "in-place";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scenario", rename_all = "snake_case")]
pub enum Scenario {
    /// Only give the verdict. This shows whether the accelerator can run a guest at all.
    Probe,
    /// Check that the feature works, in as little time as possible.
    ///
    /// The guest is told how much of the feature the kernel must have. It cannot find this out
    /// itself: it cannot tell a missing part from one that is not meant to be there.
    Smoke { feature: Feature },
    /// Timed runs of fio in several variants, in the order that the host drew.
    Bench(Bench),
    /// The same for the network, with sockperf and iperf3.
    NetBench(NetBench),
    /// Measure what polling costs: CPU time, wake-ups, grace periods.
    Costs(Costs),
    /// Poll the network card in NAPI's modes. No reply may be lost.
    NetModes(NetModes),
    /// Put each virtio device of this boot to work, with and without polling.
    Matrix(Matrix),
    /// Put all devices to work at once, while faults of every kind are injected.
    Stress(Stress),
    /// Load the module, use it and unload it. It must leave nothing behind.
    Module(ModuleTest),
    /// Poll disks for short moments, which makes a lost event visible.
    Losses(Losses),
    /// Suspend and restart the machine, and use XDP on its network card, all under load.
    Lifetime {
        /// File name of the running kernel's image, for kexec. The host passes the image to the
        /// guest as a program.
        kernel: String,
    },
    /// Run these suites of the kernel's own tests (KUnit).
    Kunit { suites: Vec<String> },
    /// Crash the kernel. This scenario and the next two show that the host notices a failure.
    Panic,
    /// Hang without a verdict.
    Hang,
    /// Give a passing verdict after the kernel has printed a backtrace.
    Splat,
}

/// The disk that answers after a set latency and keeps no data.
pub const TIMED_DISK: &str = "vda";
/// The disk that keeps its data, also over kexec and reboot.
pub const MEMORY_DISK: &str = "vdb";

/// How much of the feature a kernel has. The first patches of the series add it step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// No device has the switch.
    Absent,
    /// Devices have the switch, but nothing is polled.
    Switch,
    /// The whole feature, but interrupt handlers are threads and no device has vectors. So nothing
    /// is polled, and the status says why.
    Threaded,
    /// The whole feature.
    Polling,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    pub disk: String,
    /// A disk without work, for the controls. In `wait_alone` a CPU polls it in its wait, without a
    /// hit.
    pub decoy: Option<String>,
    pub shape: Shape,
    pub warm_up_ms: u64,
    pub segment_ms: u64,
    /// The timed runs, in the order that the host drew.
    pub segments: Vec<Segment<Workload>>,
    /// A QEMU plugin counts instructions, so the guest must mark where each run begins and ends.
    pub counted: bool,
}

/// One timed run. `W` is the type of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment<W> {
    pub round: u32,
    pub workload: W,
    pub variant: Variant,
}

/// The number of jobs. Each job has its own CPU and its own queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One job. A two-core host can run it without taking time from the device that it emulates.
    #[default]
    Fit,
    /// The RFC's shape: four jobs.
    Rfc,
}

impl Shape {
    pub fn jobs(self) -> u32 {
        match self {
            Shape::Fit => 1,
            Shape::Rfc => 4,
        }
    }
}

named! {
    /// The RFC's three workloads, with fio's names.
    Workload {
        RandRead = "randread",
        RandWrite = "randwrite",
        RandRw = "randrw",
    }
}

named! {
    /// How the completion of a request is noticed.
    Variant {
        /// haltpoll alone, with interrupts.
        Before = "before",
        /// haltpoll with the device as a poll source.
        PollSource = "poll_source",
        /// The block layer's own polling, which never sleeps.
        IoPoll = "io_poll",
        /// The network stack's own polling, by the task that reads a socket.
        BusyPoll = "busy_poll",
        /// The kernel without the module: no CPU waits before it halts.
        AsItComes = "as_it_comes",
        /// A control: CPUs wait as in poll_source, but the device is not polled and interrupts.
        /// Another device, without work, is polled instead.
        WaitAlone = "wait_alone",
        /// A control: no CPU waits before it halts, as if haltpoll were not loaded.
        Halts = "halts",
    }
}

impl Variant {
    /// The variants in which a disk is measured.
    pub const BLK: [Variant; 3] = [Variant::Before, Variant::PollSource, Variant::IoPoll];
    /// The variants in which a network card is measured.
    pub const NET: [Variant; 3] = [Variant::Before, Variant::PollSource, Variant::BusyPoll];
    /// The variants of a disk or a network card where the feature is a module.
    pub const MODULE: [Variant; 3] = [Variant::Before, Variant::PollSource, Variant::AsItComes];
    /// The variants of a disk that show where a gain comes from.
    pub const CONTROLS: [Variant; 5] = [
        Variant::Before,
        Variant::PollSource,
        Variant::IoPoll,
        Variant::WaitAlone,
        Variant::Halts,
    ];
}
