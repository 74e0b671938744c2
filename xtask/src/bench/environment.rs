// SPDX-License-Identifier: GPL-2.0
//! What the figures depend on besides the kernel: host, accelerator, versions, settings.

use std::fs;

use anyhow::Result;
use guest_init::{Facts, Shape};
use serde::Serialize;

use super::Args;
use super::boot::Setup;
use crate::guest::qmp;
use crate::guest::session::Rig;

#[derive(Serialize)]
pub struct Environment {
    pub cpu: String,
    pub host_cpus: usize,
    pub qemu: String,
    pub fio: String,
    pub rustc: String,
    /// All tools, "NAME VERSION".
    pub tools: Vec<String>,
    pub kernel: String,
    pub accel: &'static str,
    pub shape: Shape,
    pub seed: u64,
    pub rounds: u32,
    pub seconds: f64,
    /// The machine's threads had processors of their own.
    pub pinned: bool,
    /// How long the host's KVM polls before it lets a vCPU sleep; null without KVM.
    pub halt_poll_ns: Option<u64>,
    pub warnings: Vec<String>,
    pub guest: Facts,
}

pub fn collect(rig: &Rig, setup: &Setup, args: &Args, guest: Facts) -> Environment {
    let tool = |name: &str| {
        let entry = rig
            .tools
            .versions
            .iter()
            .find(|entry| entry.starts_with(name));
        entry.cloned().unwrap_or_else(|| "unknown".into())
    };
    Environment {
        cpu: cpu_model(),
        host_cpus: host_cpus().unwrap_or(0),
        qemu: tool("qemu"),
        fio: tool("fio"),
        rustc: tool("rustc"),
        tools: rig.tools.versions.clone(),
        kernel: guest.kernel.clone(),
        accel: setup.accel.name(),
        shape: args.shape,
        seed: setup.seed,
        rounds: args.rounds,
        seconds: args.seconds.as_secs_f64(),
        pinned: setup.pin,
        halt_poll_ns: halt_poll_ns(),
        warnings: setup.warnings.clone(),
        guest,
    }
}

impl Environment {
    /// One line for a person.
    pub fn summary(&self) -> String {
        let pinned = if self.pinned { "pinned" } else { "not pinned" };
        let halt_poll = match self.halt_poll_ns {
            Some(ns) => format!(", host halt_poll_ns {ns}"),
            None => String::new(),
        };
        format!(
            "Linux {}, {} on {} x {}, {}, {}, {pinned}, {} rounds of {} s, seed {}{halt_poll}",
            self.kernel,
            self.accel,
            self.host_cpus,
            self.cpu,
            self.qemu,
            self.fio,
            self.rounds,
            self.seconds,
            self.seed
        )
    }
}

/// Processors that this process may use.
pub fn host_cpus() -> Result<usize> {
    Ok(qmp::host_cpus()?.len())
}

fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown".into(), |(_, name)| name.trim().to_owned())
}

fn halt_poll_ns() -> Option<u64> {
    let text = fs::read_to_string("/sys/module/kvm/parameters/halt_poll_ns").ok()?;
    text.trim().parse().ok()
}
