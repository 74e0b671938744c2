// SPDX-License-Identifier: GPL-2.0
//! The checks that must catch a planted bug, and the words by which they report it. A failure with
//! other words does not count.

use serde::Deserialize;

/// A check that must catch a bug. The variant says where the check runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Check {
    /// A test of the core, on the host.
    PollCore(HostTest),
    /// A test of the core's root in the module, on the host.
    PollCoreModule(HostTest),
    /// A test of the C files, compiled for the host.
    ShimHarness(HostTest),
    /// A check in a guest with the series: `cargo xtask check planted`.
    Guest(GuestCheck),
    /// A check in a guest with the module: `cargo xtask module test --planted`.
    Module(ModuleCheck),
}

/// A test of a package of the workspace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostTest {
    /// Cargo's arguments for the test target, then optionally the full names of some of its tests.
    pub run: String,
    /// The name of the test that fails, or words of its message. A random test is given by its name
    /// alone: the seed decides which of its assertions fails first.
    pub says: String,
    #[serde(default)]
    pub fails: HostFails,
    /// The test is built with this sanitizer.
    pub sanitizer: Option<String>,
}

/// How the bug shows on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostFails {
    /// The package does not build.
    Build,
    #[default]
    Test,
}

/// A check in a guest with the series.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestCheck {
    /// An xtask command that takes --kernel, --accel and --out.
    pub run: String,
    /// Fragments of kconfig/ that the kernel needs.
    #[serde(default)]
    pub config: Vec<String>,
    /// The ways in which the check may fail, each with words of its output.
    pub ends: Vec<(GuestFails, String)>,
    /// The check catches the bug fast. Without --full, `cargo xtask test` runs only such checks.
    #[serde(default)]
    pub quick: bool,
}

/// A check in a guest with the module on Debian's kernel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleCheck {
    /// The end of the name of the case that must fail. It also decides which guest runs.
    pub says: String,
}

/// How a check in a guest fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestFails {
    /// The kernel does not build: a compiler or objtool rejects it.
    Build,
    /// The check found a wrong result.
    Test,
    /// The guest's kernel printed a warning or crashed.
    Splat,
    /// The guest hung.
    Hang,
}

impl Check {
    /// Returns the package and its test if the check runs on the host.
    pub fn on_host(&self) -> Option<(&'static str, &HostTest)> {
        match self {
            Check::PollCore(test) => Some(("poll-core", test)),
            Check::PollCoreModule(test) => Some(("poll-core-module", test)),
            Check::ShimHarness(test) => Some(("shim-harness", test)),
            Check::Guest(_) | Check::Module(_) => None,
        }
    }

    /// Returns the check if it runs in a guest with the series.
    pub fn in_guest(&self) -> Option<&GuestCheck> {
        match self {
            Check::Guest(check) => Some(check),
            _ => None,
        }
    }

    /// Returns the check if it runs in a guest with the module.
    pub fn of_module(&self) -> Option<&ModuleCheck> {
        match self {
            Check::Module(check) => Some(check),
            _ => None,
        }
    }

    pub(crate) fn says_something(&self) -> bool {
        let of_guest = |check: &GuestCheck| {
            !check.ends.is_empty() && check.ends.iter().all(|(_, says)| !says.is_empty())
        };
        self.on_host().is_none_or(|(_, test)| !test.says.is_empty())
            && self.in_guest().is_none_or(of_guest)
            && self.of_module().is_none_or(|check| !check.says.is_empty())
    }
}
