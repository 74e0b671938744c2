// SPDX-License-Identifier: GPL-2.0
//! The module's own test: what a guest is asked to do.

use serde::{Deserialize, Serialize};

use crate::scenario::Smoke;

/// The shell and what it runs, and the scripts of the selftest: programs that the host hands over.
pub const SHELL: &str = "busybox";
pub const SELFTEST: [&str; 3] = ["poll_source.sh", "disk.sh", "ktap_helpers.sh"];
/// A driver of cpuidle that is there before the module: a program, too, for it is not to be loaded at
/// boot.
pub const OTHER_IDLE: &str = "other_idle.ko";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleTest {
    /// The disks, and how much of the feature there is.
    pub smoke: Smoke,
    /// Pairs of runs of the selftest.
    pub pairs: u32,
    /// How often the module is unloaded and loaded under load.
    pub loads: u32,
    /// Changes of a disk's switch under load.
    pub flips: u32,
    /// How long an idle machine is watched, with the module and without.
    pub idle_seconds: u64,
}
