// SPDX-License-Identifier: GPL-2.0
//! Finds out what the figures depend on besides the kernel: host, accelerator, versions, settings.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use fs_err as fs;

use super::part::{BenchSetup, Part};
use measure::environment::Environment;
use measure::judge::FEWEST_PAIRS;
use measure::scale::Scale;
use toolbox::options::spelled;
use vm::threads::{self, Threads};

pub fn collect(setup: &BenchSetup, part: &Part) -> Environment {
    let BenchSetup { rig, args, .. } = setup;
    let mut versions = rig.tools.versions.iter();
    let qemu = versions.find(|entry| entry.starts_with("qemu"));
    let guest = part.facts.clone();
    Environment {
        cpu: cpu_model(),
        host_cpus: setup.host_cpus,
        qemu: qemu.map_or("unknown".into(), String::clone),
        tools: rig.tools.versions.clone(),
        kernel: guest.kernel.clone(),
        accel: setup.accel.name().into(),
        workload: spelled(args.workload),
        shape: args.shape,
        network: part.network.clone(),
        seed: setup.seed,
        rounds: args.rounds,
        seconds: args.seconds.as_secs_f64(),
        // Of the two benchmarks the disk's takes more processors.
        pinned: Threads::Apart
            == setup.threads(match args.workload.blk() {
                true => 2 * args.shape.jobs(),
                false => 1,
            }),
        halt_poll_ns: halt_poll_ns(),
        scale: Scale::of(Some(setup.pace), guest.pace),
        warnings: setup.warnings.clone(),
        guest,
    }
}

/// A host that others load more than this measures them, too.
const BUSY_PERCENT: f64 = 10.0;

/// What others keep busy of the host's processors, in percent, if it matters. Looks for a second.
pub fn others_load() -> Result<Option<f64>> {
    let sample = || -> Result<(u64, u64)> {
        let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
        busy_and_all(&stat).context("/proc/stat does not begin with the sum of all processors")
    };
    let (busy, all) = sample()?;
    sleep(Duration::from_secs(1));
    let (busy_after, all_after) = sample()?;
    let percent = 100.0 * (busy_after - busy) as f64 / (all_after - all).max(1) as f64;
    Ok((percent > BUSY_PERCENT).then_some(percent))
}

/// A warning about so many rounds.
pub fn too_few(rounds: u32) -> Option<String> {
    (rounds < FEWEST_PAIRS).then(|| format!("{rounds} rounds are too few for an interval"))
}

/// Ticks: user nice system idle iowait irq softirq steal ...
fn busy_and_all(stat: &str) -> Option<(u64, u64)> {
    let columns = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = columns
        .split_whitespace()
        .take(8)
        .map_while(|ticks| ticks.parse().ok())
        .collect();
    let all = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((all - idle, all))
}

/// Processors that this process may use.
pub fn host_cpus() -> Result<usize> {
    Ok(threads::host_cpus()?.len())
}

pub fn cpu_model() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or("unknown".into(), |(_, name)| name.trim().to_owned())
}

/// Whether this host is somebody's guest.
pub fn is_virtual() -> bool {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    has_hypervisor(&info)
}

fn has_hypervisor(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags"));
    flags.is_some_and(|line| line.split_whitespace().any(|flag| flag == "hypervisor"))
}

fn halt_poll_ns() -> Option<u64> {
    let text = fs::read_to_string("/sys/module/kvm/parameters/halt_poll_ns").ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_all_but_idle_and_iowait() {
        let stat = "cpu  30 2 6 300 40 5 6 1 0 0\ncpu0 10 1 2 100 20 3 4 0 0 0\n";
        assert_eq!(busy_and_all(stat), Some((50, 390)));
        assert_eq!(busy_and_all("intr 1"), None);
    }

    #[test]
    fn a_guest_is_known_by_a_flag_of_its_processors() {
        let info =
            |flag: &str| format!("model name\t: X\nflags\t\t: fpu {flag} aes\n\nflags\t: x\n");
        assert!(has_hypervisor(&info("hypervisor")));
        assert!(!has_hypervisor(&info("hypervisors")) && !has_hypervisor(""));
    }
}
