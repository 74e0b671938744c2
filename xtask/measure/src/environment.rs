// SPDX-License-Identifier: GPL-2.0
//! Everything besides the kernel that the figures depend on, as results.json has it.

use guest_protocol::{Facts, Shape};
use serde::{Deserialize, Serialize};

use crate::scale::Scale;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Environment {
    pub cpu: String,
    pub host_cpus: usize,
    pub qemu: String,
    /// "NAME VERSION"
    pub tools: Vec<String>,
    pub kernel: String,
    pub accel: String,
    /// blk, net or all.
    pub workload: String,
    pub shape: Shape,
    /// The kind of network between guest and servers; null if no network was measured.
    pub network: Option<String>,
    pub seed: u64,
    pub rounds: u32,
    pub seconds: f64,
    /// Whether the machine's threads had CPUs of their own.
    pub pinned: bool,
    /// How long the host's KVM polls before it lets a vCPU sleep; null without KVM.
    pub halt_poll_ns: Option<u64>,
    /// How much slower the guest's code was than the host's; missing in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    pub warnings: Vec<String>,
    pub guest: Facts,
}

impl Environment {
    /// Returns a summary in one line, for a person.
    pub fn summary(&self) -> String {
        let pinned = if self.pinned { "pinned" } else { "not pinned" };
        let halt_poll = match self.halt_poll_ns {
            Some(ns) => format!(", host halt_poll_ns {ns}"),
            None => String::new(),
        };
        let does_work = |tool: &&str| {
            let mut working = ["fio ", "sockperf ", "iperf3 "].iter();
            working.any(|name| tool.starts_with(name))
        };
        let tools = self.tools.iter().map(String::as_str);
        let programs: Vec<&str> = tools.filter(does_work).collect();
        format!(
            "Linux {}, {} on {} x {}, {}, {}, {pinned}, {} rounds of {} s, seed {}{halt_poll}",
            self.kernel,
            self.accel,
            self.host_cpus,
            self.cpu,
            self.qemu,
            programs.join(", "),
            self.rounds,
            self.seconds,
            self.seed
        )
    }
}
