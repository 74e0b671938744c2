// SPDX-License-Identifier: GPL-2.0
//! The settings of all benchmarks.

use std::time::Duration;

use anyhow::{Context, Result};
use guest_protocol::{Form, Pace, Variant};

use super::Args;
use super::environment::{self, Ticks};
use crate::testbed::TestBed;
use vm::accel::Accelerator;
use vm::spent::Spent;
use vm::threads::{self, Threads};

/// The settings that all boots of one bench share.
pub struct BenchSetup {
    pub bed: TestBed,
    pub args: Args,
    pub seed: u64,
    /// Number of host CPUs that this process may use.
    pub host_cpus: usize,
    /// The speed of this host's kernel, measured natively.
    pub pace: Pace,
    /// Conditions that make the figures less reliable.
    pub warnings: Vec<String>,
    /// The measured machine is the one that this program runs in.
    pub is_inside: bool,
}

impl BenchSetup {
    pub fn new(bed: TestBed, args: Args) -> Result<BenchSetup> {
        let warnings = warnings(&args, environment::host_cpus()?, bed.accel)?;
        Ok(BenchSetup {
            is_inside: false,
            ..BenchSetup::inside(bed, args, warnings)?
        })
    }

    /// A setup that measures the machine that this program runs in. `warnings` are the known
    /// conditions of that machine.
    pub fn inside(bed: TestBed, mut args: Args, warnings: Vec<String>) -> Result<BenchSetup> {
        args.latencies.sort_unstable();
        args.latencies.dedup();
        Ok(BenchSetup {
            bed,
            seed: args.seed.seed(),
            args,
            host_cpus: environment::host_cpus()?,
            pace: threads::on_one_cpu(|| Pace::measure().context("measuring the speed of a pipe"))?,
            warnings,
            is_inside: true,
        })
    }

    /// Prints the warnings and the seed, before the figures are printed.
    pub fn tell(&self) {
        for warning in &self.warnings {
            eprintln!("warning: {warning}");
        }
        println!("seed {}", self.seed);
    }

    /// Returns all warnings about a measurement that began at `before` and has ended.
    pub fn warnings_since(&self, before: Ticks) -> Result<Vec<String>> {
        let stolen = environment::stolen_since(before)?;
        Ok(self.warnings.iter().cloned().chain(stolen).collect())
    }

    /// Returns the CPU time of QEMU since `Spent::begin()`, in percent of one CPU. Only for the
    /// module: its results include a kernel that does not wait.
    pub fn cost_of_waiting(&self, spent: &mut Spent) -> Option<f64> {
        let percent = spent.percent();
        percent.filter(|_| self.bed.image.form == Form::Module)
    }

    /// How long the network card waits before it sends; None under KVM. Under TCG the answer of a
    /// peer on this host would otherwise arrive before the CPU is idle, and nothing could be
    /// polled.
    pub fn network_latency(&self) -> Option<Duration> {
        let is_slow = self.bed.accel == Accelerator::Tcg;
        is_slow.then_some(Duration::from_micros(100))
    }

    pub fn threads(&self, guest_cpus: u32) -> Threads {
        match self.is_inside {
            true => Threads::Anywhere,
            false => Threads::apart_if_enough(guest_cpus, self.host_cpus),
        }
    }
}

fn warnings(args: &Args, host: usize, accel: Accelerator) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    let busy = args.shape.jobs() as usize + 1;
    if args.workload.blk() && busy > host {
        warnings.push(format!(
            "{} job(s) and the disk's thread keep {busy} CPUs busy, but this host has {host}: the \
             guest takes CPU time from its own disk",
            args.shape.jobs()
        ));
    }
    if args.workload.net() && host < 2 {
        warnings.push("the guest takes CPU time from its own network: this host has 1 CPU".into());
    }
    if let Some(percent) = environment::others_load()? {
        warnings.push(format!(
            "other programs keep {percent:.0} % of this host busy: they and polling take CPU time \
             from each other"
        ));
    }
    if accel == Accelerator::Kvm && environment::is_virtual() {
        warnings.push(
            "this host is a virtual machine itself: each VM exit of the guest causes several VM \
             exits of the host"
                .into(),
        );
    }
    warnings.extend(environment::too_few(args.rounds));
    Ok(warnings)
}

/// Returns the variants in which a device is measured: `usual` for the series, others for the
/// module.
pub fn variants(usual: [Variant; 3], setup: &BenchSetup) -> Vec<Variant> {
    match setup.bed.image.form {
        Form::Series => usual.to_vec(),
        Form::Module => Variant::MODULE.to_vec(),
    }
}
