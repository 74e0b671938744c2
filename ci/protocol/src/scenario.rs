// SPDX-License-Identifier: GPL-2.0
//! What the guest is asked to do. How it does that is in the init's own files.

use serde::{Deserialize, Serialize};

use crate::cell::Matrix;
use crate::cost::Costs;
use crate::lifetime::Lifetime;
use crate::losses::Losses;
use crate::module_test::ModuleTest;
use crate::named::named;
use crate::net::{NetBench, NetModes};
use crate::trouble::Stress;

/// Where the host puts the scenario in the initramfs.
pub const PATH: &str = "/scenario.json";
/// Where it puts programs.
pub const PROGRAMS: &str = "/usr/bin";
/// Where it puts the kernel's modules, each by its name and ".ko".
pub const MODULES: &str = "/modules";
/// Where it puts their names, in the order in which they can be loaded: JSON.
pub const MODULE_ORDER: &str = "/modules.json";
/// The init's first argument where it is no first process; the second is the folder that has the
/// files named above.
pub const IN_PLACE: &str = "in-place";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scenario", rename_all = "snake_case")]
pub enum Scenario {
    /// Give the verdict and nothing else: can this accelerator run a guest at all?
    Probe,
    /// Does the feature do what it says, in as little time as possible?
    Smoke(Smoke),
    /// Timed runs of fio, alternating between polling off and on.
    Bench(Bench),
    /// The same with sockperf and iperf3.
    NetBench(NetBench),
    /// What polling costs: processor time, wake-ups, grace periods.
    Costs(Costs),
    /// The network card polled in NAPI's modes: nothing may be lost.
    NetModes(NetModes),
    /// Each of the boot's virtio devices at work, polled and not.
    Matrix(Matrix),
    /// All devices at work at once, with trouble of every kind.
    Stress(Stress),
    /// The module is loaded, works, is unloaded, and leaves nothing behind.
    Module(ModuleTest),
    /// Disks that are polled for short moments, which makes a lost event visible.
    Losses(Losses),
    /// The machine sleeps, is restarted, and XDP changes its card, all under load.
    Lifetime(Lifetime),
    /// What the kernel's own tests of the core said at boot.
    Kunit(Kunit),
    /// Crash the kernel. Like the two below it is there to show that the host notices.
    Panic,
    /// Stop without a verdict.
    Hang,
    /// Give a passing verdict after the kernel has printed a backtrace.
    Splat,
}

/// The disk that answers after a set latency and keeps no data.
pub const TIMED_DISK: &str = "vda";
/// The disk that keeps what is written to it, over kexec and reboot as well.
pub const MEMORY_DISK: &str = "vdb";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Smoke {
    /// What the kernel must have. The guest does not find that out by itself: it could not tell
    /// what is missing from what is not meant to be there.
    pub feature: Feature,
}

/// How much of the feature a kernel has; the first patches of the series add it step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// No device has the switch.
    Absent,
    /// The switch is there, and nothing is polled by it.
    Switch,
    /// All of it, but interrupt handlers are threads and no device has vectors: nothing is polled,
    /// and the status says why.
    Threaded,
    /// All of it.
    Polling,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kunit {
    /// The suites' names.
    pub suites: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    pub disk: String,
    /// A disk that does nothing, for a wait that polls and finds nothing.
    #[serde(default)]
    pub decoy: Option<String>,
    pub shape: Shape,
    pub warm_up_ms: u64,
    pub segment_ms: u64,
    /// In the order in which they are run; the host draws it.
    pub segments: Vec<Segment<Workload>>,
    /// A plugin in QEMU counts: tell it of each run.
    #[serde(default)]
    pub counted: bool,
}

/// One timed run of a workload, `W` being the kind of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment<W> {
    pub round: u32,
    pub workload: W,
    pub variant: Variant,
}

/// How many jobs, and processors and queues with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One job: what a two-core host can run without taking time from the device that it plays.
    #[default]
    Fit,
    /// The RFC's: four jobs, each with a processor and a queue.
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
    /// The RFC's three workloads; the names are fio's.
    Workload {
        RandRead = "randread",
        RandWrite = "randwrite",
        RandRw = "randrw",
    }
}

named! {
    /// How the completion of a request is noticed.
    Variant {
        /// haltpoll alone, by interrupt.
        Before = "before",
        /// haltpoll with the device as a poll source.
        PollSource = "poll_source",
        /// The block layer's own polling, which never sleeps.
        IoPoll = "io_poll",
        /// The network's own polling by the task that reads a socket.
        BusyPoll = "busy_poll",
        /// The kernel without the module: no processor waits before it halts.
        AsItComes = "as_it_comes",
        /// A control: the wait in which poll_source polls, while the device is not polled but
        /// interrupts. Another device is polled, which does nothing.
        WaitAlone = "wait_alone",
        /// A control: no CPU waits before it halts, as where haltpoll is not loaded.
        Halts = "halts",
    }
}

impl Variant {
    /// The variants in which a disk is measured.
    pub const BLK: [Variant; 3] = [Variant::Before, Variant::PollSource, Variant::IoPoll];
    /// The variants in which a network card is measured.
    pub const NET: [Variant; 3] = [Variant::Before, Variant::PollSource, Variant::BusyPoll];
    /// The variants of either where the feature is a module.
    pub const MODULE: [Variant; 3] = [Variant::Before, Variant::PollSource, Variant::AsItComes];
    /// The variants of a disk that tell where a gain comes from.
    pub const CONTROLS: [Variant; 5] = [
        Variant::Before,
        Variant::PollSource,
        Variant::IoPoll,
        Variant::WaitAlone,
        Variant::Halts,
    ];
}
