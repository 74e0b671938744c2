// SPDX-License-Identifier: GPL-2.0
//! The module's own test: what the guest is asked to do.

use serde::{Deserialize, Serialize};

use crate::scenario::Feature;

/// The shell with its tools, and the scripts of the selftest. The host passes them to the guest as
/// programs.
pub const SHELL: &str = "busybox";
pub const SELFTEST: [&str; 3] = ["poll_source.sh", "disk.sh", "ktap_helpers.sh"];
/// A cpuidle driver that some checks load before the module. It is also passed as a program,
/// because it must not be loaded at boot.
pub const OTHER_IDLE: &str = "other_idle.ko";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleTest {
    /// How much of the feature the kernel must have. The smoke test checks that first.
    pub feature: Feature,
    /// Pairs of runs that the selftest does.
    pub pairs: u32,
    /// How often the module is unloaded and loaded under load.
    pub loads: u32,
    /// Changes of a disk's switch under load.
    pub flips: u32,
    /// Time for which an idle machine is watched, once with the module and once without.
    pub idle_seconds: u64,
}
