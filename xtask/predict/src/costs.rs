// SPDX-License-Identifier: GPL-2.0
//! What each event costs in each setting: a range, how it follows from published figures, and from
//! which. Where nobody published the figure itself, the text says what stands in for it.

use crate::source::{
    DVH, EOI_BITMAP, HALT_POLLING, IDLE_POLL, IPIV, MESSAGE_PASSING, NESTED_POSTED, NESTED_VMEXIT,
    PV_EOI, PV_IPI, Publication, SWITCH, TIMER_POSTED, TSCDEADLINE,
};
use crate::{Event, Range, Setting};

/// The cost of one event.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// In ns.
    pub range: Range,
    pub why: &'static str,
    pub sources: &'static [&'static Publication],
}

const fn cycles(count: f64, ghz: f64) -> f64 {
    count / ghz
}

/// Of processors whose frequency was not told, the slowest and the fastest.
const SLOW: f64 = 2.0;
const FAST: f64 = 4.0;

/// A vector is posted, one IPI tells the processor, the handler runs. Low: the processor does it
/// all; high: KVM does it.
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
/// Half of what a request and its response take longer in a guest, without the timers' and IPIs'
/// share.
const WAKE_UP: f64 = (25_000.0 - 9.58 * cycles(2_005.0, 2.2)) / 2.0;

const fn range(low: f64, high: f64) -> Range {
    Range { low, high }
}

const fn priced(range: Range, why: &'static str, sources: &'static [&'static Publication]) -> Cost {
    Cost {
        range,
        why,
        sources,
    }
}

/// What an event costs in a setting.
pub fn cost(event: Event, setting: Setting) -> Cost {
    match event {
        Event::DeviceInterrupt => device_interrupt(setting),
        Event::EndOfInterrupt => end_of_interrupt(setting),
        Event::Halt => halt(setting),
        Event::Timer => timer(setting),
        Event::Ipi => ipi(setting),
        Event::Notification => notification(setting),
        Event::ContextSwitch => priced(
            range(1_159.14, 3_500.0),
            "low: two tasks on two vCPUs that never halt; high: two processes on the host. Not a \
             matter of the hypervisor",
            &[&IDLE_POLL, &SWITCH],
        ),
    }
}

fn device_interrupt(setting: Setting) -> Cost {
    match setting {
        Setting::Posted => priced(
            DELIVERY,
            "no figure was found for KVM's irqfd; an IPI to a vCPU that runs ends in the same way. \
             Low: sent by the processor; high: by KVM",
            &[&IPIV, &PV_IPI],
        ),
        Setting::NotPosted => priced(
            range(DELIVERY.low + EXIT.low, DELIVERY.high + EXIT.high),
            "as with posted interrupts, and an exit for the external interrupt, in which KVM \
             injects. To compare: tscdeadline_immed takes 1,383 to 1,862 cycles longer without \
             APICv, EOI included",
            &[&IPIV, &PV_IPI, &TIMER_POSTED, &TSCDEADLINE],
        ),
        Setting::Nested => priced(
            range(cycles(4_215.0, FAST), DELIVERY.high + NESTED_EXIT.high),
            "low: the inner KVM posts, and its IPI exits once; high: the nested guest exits so that \
             the inner KVM injects",
            &[&NESTED_POSTED, &IPIV, &PV_IPI, &DVH],
        ),
    }
}

fn end_of_interrupt(setting: Setting) -> Cost {
    match setting {
        Setting::Posted => priced(range(0.0, 0.0), "no exit", &[&EOI_BITMAP]),
        Setting::NotPosted => priced(
            range(0.0, HYPERCALL),
            "low: PV EOI, no exit; high: a short exit",
            &[&PV_EOI, &DVH],
        ),
        Setting::Nested => priced(
            range(0.0, NESTED_EXIT.high),
            "low: PV EOI or APICv, no exit; high: an exit that the inner KVM handles",
            &[&PV_EOI, &DVH],
        ),
    }
}

fn halt(setting: Setting) -> Cost {
    let sources: &[&Publication] = &[&IDLE_POLL, &MESSAGE_PASSING, &HALT_POLLING, &DVH];
    match setting {
        Setting::Posted | Setting::NotPosted => priced(
            range(2_296.11 - 1_159.14, WAKE_UP),
            "low: what a switch with KVM's halt polling takes longer than one without a halt; high: \
             half of 25 us for two wake-ups without halt polling, less 9.58 MSR writes (of DVH's \
             ProgramTimer each)",
            sources,
        ),
        Setting::Nested => priced(
            range(
                cycles(28_348.0 - 14_858.0, FAST),
                NESTED_EXIT.high + WAKE_UP,
            ),
            "low: self_ipi_sti_hlt less self_ipi_sti_nop; high: a nested exit and a wake-up without \
             halt polling",
            &[&NESTED_VMEXIT, &DVH, &MESSAGE_PASSING],
        ),
    }
}

fn timer(setting: Setting) -> Cost {
    match setting {
        Setting::Posted => priced(
            range(cycles(2_467.75, FAST), cycles(3_018.5, SLOW)),
            "tscdeadline_immed with APICv; DVH's ProgramTimer, 911 ns, lies between",
            &[&TSCDEADLINE, &DVH],
        ),
        Setting::NotPosted => priced(
            range(cycles(2_005.0, 2.2), cycles(4_845.75, SLOW)),
            "low: DVH's ProgramTimer; high: tscdeadline_immed without APICv, which includes the \
             interrupt",
            &[&DVH, &TSCDEADLINE],
        ),
        Setting::Nested => priced(
            range(NESTED_EXIT.low, cycles(43_359.0, 2.2)),
            "low: any exit that the inner KVM handles; high: ProgramTimer",
            &[&NESTED_VMEXIT, &DVH],
        ),
    }
}

fn ipi(setting: Setting) -> Cost {
    match setting {
        Setting::Posted => priced(
            DELIVERY,
            "low: sent by the processor; high: by KVM",
            &[&IPIV, &PV_IPI],
        ),
        Setting::NotPosted => priced(
            range(cycles(4_215.0, FAST) + EXIT.low, DELIVERY.high + EXIT.high),
            "sent by KVM, and an exit of the receiver",
            &[&IPIV, &PV_IPI, &TIMER_POSTED],
        ),
        Setting::Nested => priced(
            range(NESTED_EXIT.low, cycles(39_456.0, 2.2)),
            "low: any exit that the inner KVM handles; high: SendIPI",
            &[&NESTED_VMEXIT, &DVH],
        ),
    }
}

fn notification(setting: Setting) -> Cost {
    match setting {
        Setting::Posted | Setting::NotPosted => priced(
            range(HYPERCALL, cycles(4_984.0, 2.2)),
            "low: a short exit; high: DevNotify",
            &[&DVH],
        ),
        Setting::Nested => priced(
            range(NESTED_EXIT.low, cycles(48_390.0, 2.2)),
            "low: any exit that the inner KVM handles; high: DevNotify",
            &[&NESTED_VMEXIT, &DVH],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    fn all() -> impl Iterator<Item = (Event, Setting, Cost)> {
        let of_event = |event| Setting::ALL.map(|setting| (event, setting, cost(event, setting)));
        Event::ALL.into_iter().flat_map(of_event)
    }

    #[test]
    fn every_price_has_a_source_and_a_reason() {
        for (event, setting, cost) in all() {
            let Range { low, high } = cost.range;
            let name = format!("{event}, {setting}");
            assert!(0.0 <= low && low <= high && high < 30_000.0, "{name}");
            assert!(!cost.sources.is_empty() && !cost.why.is_empty(), "{name}");
            for &source in cost.sources {
                assert!(source::ALL.contains(&source), "{name}: {}", source.name);
            }
        }
    }

    #[test]
    fn every_source_is_used_and_has_an_address() {
        for source in source::ALL {
            assert!(source.address.starts_with("https://"), "{}", source.name);
            let used = all().any(|(_, _, cost)| cost.sources.contains(&source));
            assert!(used, "{} prices nothing", source.name);
        }
    }

    /// The two ways to find what an interrupt costs more without posted interrupts agree.
    #[test]
    fn the_exit_for_an_interrupt_fits_what_kvm_unit_tests_say() {
        let [posted, not_posted] = [Setting::Posted, Setting::NotPosted].map(|setting| {
            let interrupt = cost(Event::DeviceInterrupt, setting).range;
            let end = cost(Event::EndOfInterrupt, setting).range;
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
