// SPDX-License-Identifier: GPL-2.0
//! What must see a bug, and by which words. Another failure is not this bug caught.

use serde::Deserialize;

/// A check, by who runs it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Check {
    /// The core's tests on the host.
    PollCore(HostTest),
    /// Those of its root in the module.
    PollCoreModule(HostTest),
    /// Those of the C files, compiled for the host.
    ShimHarness(HostTest),
    /// A guest with the series: `cargo xtask check planted`.
    Guest(GuestCheck),
    /// A guest with the module: `cargo xtask module test --planted`.
    Module(ModuleCheck),
}

/// A test of a package of the workspace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostTest {
    /// The target, as cargo has it, and perhaps tests of it by their whole names.
    pub run: String,
    /// The name of the test that fails, or words of its message. A random test goes by its name
    /// alone: which of its assertions fails first depends on the seed.
    pub says: String,
    #[serde(default)]
    pub fails: HostFails,
    /// It is built with this sanitizer.
    pub sanitizer: Option<String>,
}

/// How the host sees a bug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostFails {
    /// It does not even build.
    Build,
    #[default]
    Test,
}

/// A check of a guest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestCheck {
    /// A command of xtask's that takes --kernel, --accel and --out.
    pub run: String,
    /// Fragments of kconfig/ that the kernel needs.
    #[serde(default)]
    pub config: Vec<String>,
    /// How the check may end, and what it then says, in part.
    pub ends: Vec<(GuestFails, String)>,
    /// Soon caught: one of the few that `cargo xtask test` tries.
    #[serde(default)]
    pub quick: bool,
}

/// A check of a guest with the module on Debian's kernel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleCheck {
    /// How the name of the case ends that fails. It says which guest that is.
    pub says: String,
}

/// How a guest's check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestFails {
    /// No kernel comes of it: a compiler or objtool will not have it.
    Build,
    /// What it looked at is not as it should be.
    Test,
    /// The kernel complained.
    Splat,
    /// The guest went silent.
    Hang,
}

impl Check {
    /// The package whose test it is, if it is the host's.
    pub fn on_host(&self) -> Option<(&'static str, &HostTest)> {
        match self {
            Check::PollCore(test) => Some(("poll-core", test)),
            Check::PollCoreModule(test) => Some(("poll-core-module", test)),
            Check::ShimHarness(test) => Some(("shim-harness", test)),
            Check::Guest(_) | Check::Module(_) => None,
        }
    }

    /// If it is that of a guest with the series.
    pub fn in_guest(&self) -> Option<&GuestCheck> {
        match self {
            Check::Guest(check) => Some(check),
            _ => None,
        }
    }

    /// If it is that of a guest with the module.
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
