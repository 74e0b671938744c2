// SPDX-License-Identifier: GPL-2.0
//! The cost of each event in each setting, in ns, as a range from published figures.
//! c-shim/results/prices.md explains how each range is derived, who published the figures, and what
//! replaces a figure that nobody published.

use crate::{Counts, Range, Setting};

const fn cycles(count: f64, ghz: f64) -> f64 {
    count / ghz
}

/// The slowest and the fastest frequency, in GHz, that is assumed for a CPU whose frequency was not
/// published.
const SLOW: f64 = 2.0;
const FAST: f64 = 4.0;

/// Delivery of an interrupt: a vector is posted, one IPI notifies the CPU, the handler runs. Low:
/// the CPU does all of it; high: KVM does it.
const DELIVERY: Range = range(cycles(3_430.0, FAST), 251_301_666.0 / 100_000.0);
/// An exit for an external interrupt, as the host sees it.
const EXIT: Range = range(470.0, 710.0);
/// An exit that KVM handles by itself: a hypercall.
const HYPERCALL: f64 = cycles(1_575.0, 2.2);
/// An exit of a nested guest that the inner KVM handles.
const NESTED_EXIT: Range = range(cycles(13_189.0, FAST), cycles(37_733.0, 2.2));
/// A wake-up without halt polling: half of the time that a request and its response take longer in
/// a guest than on the host, without the share of timers and IPIs.
const WAKE_UP: f64 = (25_000.0 - 9.58 * cycles(2_005.0, 2.2)) / 2.0;

/// A halt, and a queue notification: posted interrupts make no difference.
const HALT: Range = range(2_296.11 - 1_159.14, WAKE_UP);
const NOTIFICATION: Range = range(HYPERCALL, cycles(4_984.0, 2.2));

const fn range(low: f64, high: f64) -> Range {
    Range { low, high }
}

/// An event that costs time in an operation, in addition to the work itself.
pub struct Event {
    pub name: &'static str,
    /// How often it happens in one operation.
    pub count: fn(&Counts) -> f64,
    /// Its cost in each of [`Setting::ALL`].
    costs: [Range; 3],
}

impl Event {
    pub fn cost(&self, setting: Setting) -> Range {
        self.costs[setting as usize]
    }
}

pub const EVENTS: [Event; 7] = [
    // A device interrupts a running vCPU. The cost lasts until the handler has finished.
    Event {
        name: "device interrupt, vCPU running",
        count: |counts| counts.device_interrupts,
        costs: [
            DELIVERY,
            range(DELIVERY.low + EXIT.low, DELIVERY.high + EXIT.high),
            range(cycles(4_215.0, FAST), DELIVERY.high + NESTED_EXIT.high),
        ],
    },
    // The guest ends each interrupt once, whatever raised it.
    Event {
        name: "end of interrupt (EOI)",
        count: |counts| counts.device_interrupts + counts.timers + counts.ipis,
        costs: [
            range(0.0, 0.0),
            range(0.0, HYPERCALL),
            range(0.0, NESTED_EXIT.high),
        ],
    },
    // HLT exits, and something wakes the vCPU.
    Event {
        name: "HLT exit and wake-up",
        count: |counts| counts.halts,
        costs: [
            HALT,
            HALT,
            range(
                cycles(28_348.0 - 14_858.0, FAST),
                NESTED_EXIT.high + WAKE_UP,
            ),
        ],
    },
    Event {
        name: "timer programming",
        count: |counts| counts.timers,
        costs: [
            range(cycles(2_467.75, FAST), cycles(3_018.5, SLOW)),
            range(cycles(2_005.0, 2.2), cycles(4_845.75, SLOW)),
            range(NESTED_EXIT.low, cycles(43_359.0, 2.2)),
        ],
    },
    Event {
        name: "IPI, sent to handled",
        count: |counts| counts.ipis,
        costs: [
            DELIVERY,
            range(cycles(4_215.0, FAST) + EXIT.low, DELIVERY.high + EXIT.high),
            range(NESTED_EXIT.low, cycles(39_456.0, 2.2)),
        ],
    },
    // The driver notifies a device that a queue has buffers for it.
    Event {
        name: "queue notification (ioeventfd)",
        count: |counts| counts.notifications,
        costs: [
            NOTIFICATION,
            NOTIFICATION,
            range(NESTED_EXIT.low, cycles(48_390.0, 2.2)),
        ],
    },
    Event {
        name: "context switch",
        count: |counts| counts.context_switches,
        costs: [range(1_159.14, 3_500.0); 3],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ways to find the extra cost of an interrupt without posted interrupts give ranges that
    /// overlap.
    #[test]
    fn the_exit_for_an_interrupt_fits_what_kvm_unit_tests_say() {
        let [interrupt, end, ..] = EVENTS;
        let [posted, not_posted] = [Setting::Posted, Setting::NotPosted].map(|setting| {
            let (interrupt, end) = (interrupt.cost(setting), end.cost(setting));
            (interrupt.low + end.low, interrupt.high + end.high)
        });
        let (least, most) = (not_posted.0 - posted.0, not_posted.1 - posted.1);
        let (fast, slow) = (cycles(1_383.0, FAST), cycles(1_862.0, SLOW));
        assert!(
            least < slow && fast < most,
            "{least} to {most} ns, {fast} to {slow} ns"
        );
    }
}
