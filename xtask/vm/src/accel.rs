// SPDX-License-Identifier: GPL-2.0
//! Chooses the accelerator of the guests. KVM counts only if a guest was seen to run under it: even
//! where /dev/kvm opens and creates machines, a kernel may never print a line.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use guest_protocol::Scenario;

use super::machine::Machine;
use super::session::{Limits, Plan, Rig, Session};
use super::threads::Threads;
use kernel::image::Image;
use toolbox::fault;
use toolbox::options::Accel;
use toolbox::run;

/// Time limit from QEMU's start to the verdict of a guest that does nothing else. Under KVM this
/// takes about one second.
const PROBE_LIMIT: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    Kvm,
    Tcg,
}

impl Accelerator {
    pub fn name(self) -> &'static str {
        match self {
            Accelerator::Kvm => "kvm",
            Accelerator::Tcg => "tcg",
        }
    }

    /// Returns QEMU's arguments. With `one_thread`, TCG runs all CPUs of the guest in one thread,
    /// alternating.
    pub fn qemu_args(self, one_thread: bool) -> [&'static str; 4] {
        match (self, one_thread) {
            (Accelerator::Kvm, _) => ["-accel", "kvm", "-cpu", "host"],
            (Accelerator::Tcg, false) => ["-accel", "tcg,thread=multi", "-cpu", "max"],
            (Accelerator::Tcg, true) => ["-accel", "tcg,thread=single", "-cpu", "max"],
        }
    }

    /// The factor by which everything may take longer than under KVM.
    pub fn patience(self) -> u32 {
        match self {
            Accelerator::Kvm => 1,
            Accelerator::Tcg => 4,
        }
    }
}

/// Picks the accelerator, and reports which one and why.
pub fn choose(rig: &Rig, image: &Image, wanted: Accel) -> Result<Accelerator> {
    if wanted == Accel::Tcg {
        eprintln!("accelerator: tcg, as requested");
        return Ok(Accelerator::Tcg);
    }
    match (probe_kvm(rig, image)?, wanted) {
        (Ok(()), _) => {
            eprintln!("accelerator: kvm, because a guest ran under it");
            Ok(Accelerator::Kvm)
        }
        (Err(why), Accel::Kvm) => Err(fault::environment(format!(
            "KVM does not run a guest here: {why}\n  try: --accel tcg"
        ))),
        (Err(why), _) => {
            eprintln!("accelerator: tcg, because KVM does not run a guest here: {why}");
            Ok(Accelerator::Tcg)
        }
    }
}

/// Boots a guest under KVM. The inner error is why KVM cannot be used here; the outer error means
/// that the probe itself failed.
fn probe_kvm(rig: &Rig, image: &Image) -> Result<Result<(), String>> {
    let device = Path::new("/dev/kvm");
    if let Err(err) = File::options().read(true).write(true).open(device) {
        let remedy = match err.kind() {
            ErrorKind::PermissionDenied => "; try `sudo usermod -aG kvm $USER`, then log in again",
            _ => "",
        };
        return Ok(Err(format!("{}: {err}{remedy}", device.display())));
    }
    let plan = Plan {
        name: "probe-kvm".into(),
        image: image.clone(),
        machine: Machine::bare(),
        accel: Accelerator::Kvm,
        scenario: Scenario::Probe,
        programs: Vec::new(),
        limits: Limits {
            silence: PROBE_LIMIT,
            total: PROBE_LIMIT,
        },
        threads: Threads::Anywhere,
        rerun: "cargo xtask boot-test --accel kvm".into(),
    };
    let ended = Session::start(rig, &plan)?.finish(|_| ())?;
    run::check_interrupt()?;
    Ok(ended.outcome.map_err(|err| {
        let text = err.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    }))
}
