// SPDX-License-Identifier: GPL-2.0
//! What a guest tells the plugin in QEMU that counts its instructions (`xtask/counter`): where the
//! kernel's functions are that the count is about, and when a run begins or ends.

use serde::{Deserialize, Serialize};

/// A run begins or ends where a CPU executes NOPL with this displacement. Nobody else has it.
pub const MARK: u32 = u32::from_le_bytes(*b"mark");

/// What a function of the kernel is to the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRole {
    /// It waits for work, and looks for it again and again.
    Wait,
    /// It reads the clock, for a wait among others.
    Clock,
    /// It runs the interrupt handler for a device that was found to be ready.
    Hit,
    /// It tells a device that a queue has something for it.
    Notify,
}

/// How the names of functions in C begin that wait: in the series, the module and `poll_idle()`.
const WAITS: [&str; 6] = [
    "poll_core_",
    "poll_idle",
    "poll_ring_",
    "poll_source_do_hit",
    "poll_source_poll",
    "poll_source_wait",
];
const CLOCKS: [&str; 3] = ["local_clock", "native_sched_clock", "sched_clock"];

impl CodeRole {
    /// Of the function of this name, if it has any.
    pub fn of(symbol: &str) -> Option<CodeRole> {
        let begins = |with: &[&str]| with.iter().any(|start| symbol.starts_with(start));
        match symbol {
            "poll_source_hit" => Some(CodeRole::Hit),
            "vp_notify" | "vp_notify_with_data" => Some(CodeRole::Notify),
            // As rustc spells the name of the crate.
            _ if symbol.contains("9poll_core") || begins(&WAITS) => Some(CodeRole::Wait),
            _ if begins(&CLOCKS) => Some(CodeRole::Clock),
            _ => None,
        }
    }
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    pub role: CodeRole,
    pub start: u64,
    /// Behind its last byte.
    pub end: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_both_forms_have_roles() {
        let core = "_RNvNtCsjzARSTnm5Th_9poll_core3ffi4step";
        for name in ["poll_idle", "poll_idle_enter", "poll_source_wait", core] {
            assert_eq!(CodeRole::of(name), Some(CodeRole::Wait), "{name}");
        }
        assert_eq!(CodeRole::of("poll_source_hit"), Some(CodeRole::Hit));
        assert_eq!(CodeRole::of("local_clock_noinstr"), Some(CodeRole::Clock));
        // They work, and are not executed again and again.
        for name in ["poll_source_idle", "vp_notify_vq", "handle_polled_irq"] {
            assert_eq!(CodeRole::of(name), None, "{name}");
        }
    }
}
