// SPDX-License-Identifier: GPL-2.0
//! The cost of each event in each setting, in ns, as a range from published figures.
//! c-shim/results/prices.md explains how each range is derived, who published the figures, and what
//! replaces a figure that nobody published.

use crate::{Event, Range, Setting};

const fn cycles(count: f64, ghz: f64) -> f64 {
    count / ghz
}

/// The slowest and the fastest frequency, in GHz, that is assumed for a CPU whose frequency was not
/// published.
const SLOW: f64 = 2.0;
const FAST: f64 = 4.0;

/// Delivery of an interrupt: a vector is posted, one IPI notifies the CPU, the handler runs. Low:
/// the CPU does all of it; high: KVM does it.
const DELIVERY: Range = Range {
    low: cycles(3_430.0, FAST),
    high: 251_301_666.0 / 100_000.0,
};
/// An exit for an external interrupt, as the host sees it.
const EXIT: Range = Range {
    low: 470.0,
    high: 710.0,
};
/// An exit that KVM handles by itself: a hypercall.
const HYPERCALL: f64 = cycles(1_575.0, 2.2);
/// An exit of a nested guest that the inner KVM handles.
const NESTED_EXIT: Range = Range {
    low: cycles(13_189.0, FAST),
    high: cycles(37_733.0, 2.2),
};
/// A wake-up without halt polling: half of the time that a request and its response take longer in
/// a guest than on the host, without the share of timers and IPIs.
const WAKE_UP: f64 = (25_000.0 - 9.58 * cycles(2_005.0, 2.2)) / 2.0;

const fn range(low: f64, high: f64) -> Range {
    Range { low, high }
}

/// The cost of an event in a setting, in ns.
pub fn cost(event: Event, setting: Setting) -> Range {
    match event {
        Event::DeviceInterrupt => match setting {
            Setting::Posted => DELIVERY,
            Setting::NotPosted => range(DELIVERY.low + EXIT.low, DELIVERY.high + EXIT.high),
            Setting::Nested => range(cycles(4_215.0, FAST), DELIVERY.high + NESTED_EXIT.high),
        },
        Event::EndOfInterrupt => match setting {
            Setting::Posted => range(0.0, 0.0),
            Setting::NotPosted => range(0.0, HYPERCALL),
            Setting::Nested => range(0.0, NESTED_EXIT.high),
        },
        Event::Halt => match setting {
            Setting::Posted | Setting::NotPosted => range(2_296.11 - 1_159.14, WAKE_UP),
            Setting::Nested => range(
                cycles(28_348.0 - 14_858.0, FAST),
                NESTED_EXIT.high + WAKE_UP,
            ),
        },
        Event::Timer => match setting {
            Setting::Posted => range(cycles(2_467.75, FAST), cycles(3_018.5, SLOW)),
            Setting::NotPosted => range(cycles(2_005.0, 2.2), cycles(4_845.75, SLOW)),
            Setting::Nested => range(NESTED_EXIT.low, cycles(43_359.0, 2.2)),
        },
        Event::Ipi => match setting {
            Setting::Posted => DELIVERY,
            Setting::NotPosted => {
                range(cycles(4_215.0, FAST) + EXIT.low, DELIVERY.high + EXIT.high)
            }
            Setting::Nested => range(NESTED_EXIT.low, cycles(39_456.0, 2.2)),
        },
        Event::Notification => match setting {
            Setting::Posted | Setting::NotPosted => range(HYPERCALL, cycles(4_984.0, 2.2)),
            Setting::Nested => range(NESTED_EXIT.low, cycles(48_390.0, 2.2)),
        },
        Event::ContextSwitch => range(1_159.14, 3_500.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ways to find the extra cost of an interrupt without posted interrupts give ranges that
    /// overlap.
    #[test]
    fn the_exit_for_an_interrupt_fits_what_kvm_unit_tests_say() {
        let [posted, not_posted] = [Setting::Posted, Setting::NotPosted].map(|setting| {
            let interrupt = cost(Event::DeviceInterrupt, setting);
            let end = cost(Event::EndOfInterrupt, setting);
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
