// SPDX-License-Identifier: GPL-2.0
//! Collects what the figures depend on besides the kernel: host, accelerator, versions, settings.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use fs_err as fs;
use guest_protocol::{Facts, Pace};

use super::setup::BenchSetup;
use measure::environment::Environment;
use measure::judge::FEWEST_PAIRS;
use measure::scale::Scale;
use toolbox::options::spelled;
use vm::threads::{self, Threads};

/// Returns what is known before the measurement.
pub fn collect(setup: &BenchSetup) -> Environment {
    let BenchSetup { bed, args, .. } = setup;
    let tools = bed.rig.tools.versions.clone();
    let qemu = tools.iter().find(|entry| entry.starts_with("qemu"));
    Environment {
        cpu: cpu_model(),
        host_cpus: setup.host_cpus,
        qemu: qemu.map_or("unknown".into(), String::clone),
        tools,
        kernel: String::new(),
        accel: bed.accel.name().into(),
        workload: spelled(args.workload),
        shape: args.shape,
        network: None,
        seed: setup.seed,
        rounds: args.rounds,
        seconds: args.seconds.as_secs_f64(),
        // If both devices are measured, the disk's guest decides, because it has more CPUs.
        pinned: Threads::Apart
            == setup.threads(match args.workload.blk() {
                true => 2 * args.shape.jobs(),
                false => 1,
            }),
        halt_poll_ns: halt_poll_ns(),
        scale: None,
        warnings: Vec::new(),
        guest: Facts::default(),
    }
}

/// Returns how much slower the guest is than the host, if the guest measured its pace.
pub fn scale(setup: &BenchSetup, guest: Option<Pace>) -> Option<Scale> {
    guest.map(|guest| Scale {
        native: setup.pace,
        guest,
    })
}

/// Upper limit for the load of other programs on a quiet host, in percent of its CPUs. Above it
/// the figures also measure those programs.
const BUSY_PERCENT: f64 = 10.0;

/// Measures for one second which share of the host's CPUs other programs keep busy. Returns it,
/// in percent, only if it is above `BUSY_PERCENT`.
pub fn others_load() -> Result<Option<f64>> {
    let before = Ticks::now()?;
    sleep(Duration::from_secs(1));
    let percent = Ticks::now()?.since(before).busy_percent();
    Ok((percent > BUSY_PERCENT).then_some(percent))
}

/// Returns a warning if `rounds` are too few for an interval.
pub fn too_few(rounds: u32) -> Option<String> {
    (rounds < FEWEST_PAIRS).then(|| format!("{rounds} rounds are too few for an interval"))
}

/// Upper limit for steal time on a quiet hypervisor, in percent of the CPU time that this host
/// wanted.
const STOLEN_PERCENT: f64 = 2.0;

/// Returns a warning if the hypervisor below this host gave others more than `STOLEN_PERCENT`
/// since `before`.
pub fn stolen_since(before: Ticks) -> Result<Option<String>> {
    let percent = Ticks::now()?.since(before).stolen_percent();
    Ok((percent > STOLEN_PERCENT).then(|| {
        format!(
            "this host is a virtual machine, and steal time was {percent:.0} % of the CPU time \
             that the measurement needed"
        )
    }))
}

/// CPU times from /proc/stat, summed over all CPUs, in units of USER_HZ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    all: u64,
    idle: u64,
    stolen: u64,
}

impl Ticks {
    pub fn now() -> Result<Ticks> {
        let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
        Ticks::of(&stat).context("/proc/stat does not begin with the sum of all CPUs")
    }

    /// Parses the first line: `cpu user nice system idle iowait irq softirq steal ...`.
    fn of(stat: &str) -> Option<Ticks> {
        let columns = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = columns
            .split_whitespace()
            .take(8)
            .map_while(|ticks| ticks.parse().ok())
            .collect();
        Some(Ticks {
            all: ticks.iter().sum(),
            idle: ticks.get(3)? + ticks.get(4)?,
            stolen: *ticks.get(7)?,
        })
    }

    fn since(self, before: Ticks) -> Ticks {
        Ticks {
            all: self.all.saturating_sub(before.all),
            // iowait can decrease, see the kernel's proc.rst.
            idle: self.idle.saturating_sub(before.idle),
            stolen: self.stolen.saturating_sub(before.stolen),
        }
    }

    fn busy(self) -> u64 {
        self.all.saturating_sub(self.idle)
    }

    fn busy_percent(self) -> f64 {
        100.0 * self.busy() as f64 / self.all.max(1) as f64
    }

    /// Steal time in percent of the CPU time that was wanted: nothing is stolen from an idle CPU.
    fn stolen_percent(self) -> f64 {
        100.0 * self.stolen as f64 / self.busy().max(1) as f64
    }
}

/// Returns the number of CPUs that this process may use.
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

/// Returns whether this host is itself a virtual machine.
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
    fn busy_is_all_but_idle_and_iowait_and_stolen_is_part_of_it() {
        let before = Ticks::of("cpu  10 0 0 100 10 0 0 0 0 0\ncpu0 1\n").unwrap();
        let after = Ticks::of("cpu  40 2 6 300 40 5 6 11 7 0\ncpu0 1\n").unwrap();
        let spent = after.since(before);
        assert_eq!((spent.all, spent.busy(), spent.stolen), (290, 60, 11));
        assert_eq!(spent.stolen_percent(), 100.0 * 11.0 / 60.0);
        assert_eq!(before.since(before).stolen_percent(), 0.0);
        for other in ["intr 1", "cpu  1 2 3 4 5 6 7\n"] {
            assert_eq!(Ticks::of(other), None);
        }
    }

    #[test]
    fn a_guest_is_known_by_a_flag_of_its_processors() {
        let info =
            |flag: &str| format!("model name\t: X\nflags\t\t: fpu {flag} aes\n\nflags\t: x\n");
        assert!(has_hypervisor(&info("hypervisor")));
        assert!(!has_hypervisor(&info("hypervisors")) && !has_hypervisor(""));
    }
}
