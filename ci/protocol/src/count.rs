// SPDX-License-Identifier: GPL-2.0
//! What a guest reports to the QEMU plugin that counts the guest's instructions (`xtask/counter`):
//! the addresses of the kernel functions that the count is about, and where a run begins or ends.

use serde::{Deserialize, Serialize};

/// Displacement of the NOPL that marks the beginning or end of a run. No other code executes a NOPL
/// with it.
pub const MARK: u32 = u32::from_le_bytes(*b"mark");

/// The role of a kernel function in the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRole {
    /// The function waits for work, and looks for it repeatedly.
    Wait,
    /// The function reads the clock. Waits call it, and so does other code.
    Clock,
    /// The function runs the interrupt handler of a device that was found to be ready.
    Hit,
    /// The function notifies a device that a queue has something for it.
    Notify,
}

/// Prefixes of the names of C functions that wait: in the series, the module and `poll_idle()`.
const WAITS: [&str; 4] = ["poll_core_", "poll_idle", "poll_ring_", "poll_source_wait"];
const CLOCKS: [&str; 3] = ["local_clock", "native_sched_clock", "sched_clock"];

impl CodeRole {
    /// Returns the role of the function with this name, if it has one.
    pub fn of(symbol: &str) -> Option<CodeRole> {
        let begins = |with: &[&str]| with.iter().any(|start| symbol.starts_with(start));
        match symbol {
            "poll_core_hit" => Some(CodeRole::Hit),
            "vp_notify" | "vp_notify_with_data" => Some(CodeRole::Notify),
            // The name of the crate, as rustc mangles it.
            _ if symbol.contains("9poll_core") || begins(&WAITS) => Some(CodeRole::Wait),
            _ if begins(&CLOCKS) => Some(CodeRole::Clock),
            _ => None,
        }
    }
}

/// A kernel function that has a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    pub role: CodeRole,
    pub start: u64,
    /// The address after the function's last byte.
    pub end: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_both_forms_have_roles() {
        let core = "_RNvNtCsjzARSTnm5Th_9poll_core9poll_wait4wait";
        for name in ["poll_idle", "poll_idle_enter", "poll_source_wait", core] {
            assert_eq!(CodeRole::of(name), Some(CodeRole::Wait), "{name}");
        }
        assert_eq!(CodeRole::of("poll_core_hit"), Some(CodeRole::Hit));
        assert_eq!(CodeRole::of("local_clock_noinstr"), Some(CodeRole::Clock));
        // These functions do work. A wait does not execute them repeatedly.
        for name in ["poll_source_idle", "vp_notify_vq", "handle_polled_irq"] {
            assert_eq!(CodeRole::of(name), None, "{name}");
        }
    }
}
