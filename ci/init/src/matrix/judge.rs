// SPDX-License-Identifier: GPL-2.0
//! Checks whether figures are what the feature promises. The limits are wide: they distinguish
//! interrupts from polling, not one machine from another. But suppression that works only half of
//! the time must fail.

use anyhow::{Result, ensure};
use guest_protocol::cell::POLLED;
use guest_protocol::{Device, Figures, Form, Layout, Phase, Vectors};

use crate::virtio::status::THREADS;

/// Minimum of interrupts per operation without polling. The usual rate is about one, less where
/// completions share an interrupt, which happens most on a busy host.
const INTERRUPTS: f64 = 0.1;
/// The share of a device's interrupts that may be left with the switch on.
const LEFT: f64 = 0.5;
/// The same share for crypto, where more may be left. A completion that arrives while the CPU is
/// still busy has to interrupt. On a fast host, where QEMU computes on a CPU of its own, half of
/// the completions do.
const LEFT_OF_CRYPTO: f64 = 0.75;
/// The same share for every device after a soak, where other guests keep the host busy. At a load
/// of 11 on 2 CPUs a card with INTx kept 0.59 of its interrupts, and SCSI 0.85. This limit detects
/// that a device is no longer polled. The limits above, used in the matrix, detect suppression that
/// works only half of the time.
pub const LEFT_AFTER_SOAK: f64 = 0.95;

/// The share of interrupts that may be left if no other guest uses the host.
pub fn left(device: Device) -> f64 {
    match device {
        Device::Crypto => LEFT_OF_CRYPTO,
        _ => LEFT,
    }
}

/// The reasons why a device with such rings and lines is not polled: its status must be one of
/// these texts. Empty if the device is polled. `threads`: interrupt handlers are threads.
pub fn refusals(form: Form, threads: bool, layout: Layout, vectors: Vectors) -> Vec<&'static str> {
    let mut words = Vec::new();
    if form == Form::Series && threads && matches!(vectors, Vectors::Intx | Vectors::Line) {
        words.push(THREADS);
    }
    if form == Form::Module {
        if matches!(vectors, Vectors::Intx | Vectors::Line) {
            words.push("the device's interrupts are not MSI-X");
        }
        if layout.packed() {
            words.push("the ring is packed");
        }
        if !layout.event_idx() {
            words.push("the ring has no event index");
        }
    }
    words
}

/// Fails if the figures break a promise. `left` is the share of interrupts that may be left.
/// `at_once`: the device answers before the driver has finished asking. If there are `refusals`,
/// the device must not be polled.
pub fn figures(figures: &Figures, left: f64, at_once: bool, refusals: &[&str]) -> Result<()> {
    let Figures { status, on, .. } = figures;
    let usual = by_interrupt("off", &figures.off)?;
    if !refusals.is_empty() {
        ensure!(
            refusals.contains(&status.as_str()),
            "on: the status is '{status}', not one of {refusals:?}"
        );
        by_interrupt("on", on)?;
        return off_again(figures);
    }
    ensure!(
        status == POLLED,
        "on: the status is '{status}', not '{POLLED}'"
    );
    match at_once {
        true => ensure!(
            on.hits + on.interrupts > 0,
            "on: neither interrupts nor hits in {} operations",
            on.ops
        ),
        false => polled(on, usual, left)?,
    }
    off_again(figures)
}

fn off_again(figures: &Figures) -> Result<()> {
    match &figures.off_again {
        Some(again) => by_interrupt("off again", again).map(drop),
        None => Ok(()),
    }
}

fn polled(on: &Phase, usual: f64, left: f64) -> Result<()> {
    let rate = on.interrupts_per_op();
    ensure!(
        on.hits > 0,
        "on: no hits in {} operations, {rate:.2} interrupts per operation",
        on.ops
    );
    ensure!(
        rate <= usual * left,
        "on: {rate:.2} interrupts per operation; off: {usual:.2}, of which a share of {left} may \
         be left; {:.2} hits per operation",
        on.hits_per_op()
    );
    Ok(())
}

/// Checks a phase without polling. Returns its interrupts per operation.
fn by_interrupt(when: &str, phase: &Phase) -> Result<f64> {
    let rate = phase.interrupts_per_op();
    ensure!(
        rate >= INTERRUPTS,
        "{when}: {rate:.2} interrupts per operation; wanted at least {INTERRUPTS}"
    );
    ensure!(
        phase.hits == 0,
        "{when}: {} hits, but the device must not be polled",
        phase.hits
    );
    Ok(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(interrupts: u64, hits: u64) -> Phase {
        Phase {
            ops: 100,
            interrupts,
            hits,
        }
    }

    fn good() -> Figures {
        Figures {
            vectors: Vectors::Own,
            status: POLLED.into(),
            off: phase(100, 0),
            on: phase(3, 97),
            off_again: Some(phase(98, 0)),
        }
    }

    #[track_caller]
    fn fails(figures: Figures, part: &str) {
        let err = super::figures(&figures, LEFT, false, &[])
            .unwrap_err()
            .to_string();
        assert!(err.contains(part), "{err}");
    }

    #[test]
    fn what_the_feature_promises_passes() {
        figures(&good(), LEFT, false, &[]).unwrap();
        let unmeasured = Figures {
            off_again: None,
            ..good()
        };
        figures(&unmeasured, LEFT, false, &[]).unwrap();
    }

    #[test]
    fn each_broken_promise_is_told() {
        let on = |on| Figures { on, ..good() };
        fails(on(phase(3, 0)), "on: no hits");
        fails(on(phase(60, 40)), "off: 1.00, of which");
        let off = |off| Figures { off, ..good() };
        fails(off(phase(100, 1)), "off: 1 hits");
        fails(off(phase(5, 0)), "off: 0.05 interrupts");
        let again = |again| Figures {
            off_again: Some(again),
            ..good()
        };
        fails(again(phase(3, 97)), "off again: 0.03 interrupts");
        fails(again(phase(100, 5)), "off again: 5 hits");
    }

    /// Whether the check passes if `interrupts` of 100 are left.
    fn passes(interrupts: u64, left: f64) -> bool {
        let on = phase(interrupts, 100 - interrupts);
        figures(&Figures { on, ..good() }, left, false, &[]).is_ok()
    }

    #[test]
    fn suppression_that_works_half_of_the_time_fails() {
        for &device in Device::ALL {
            assert!(passes(45, left(device)), "{device}");
            assert_eq!(
                passes(60, left(device)),
                device == Device::Crypto,
                "{device}"
            );
            assert!(!passes(80, left(device)), "{device}");
        }
    }

    #[test]
    fn a_busy_host_is_no_reason_to_fail_after_a_soak() {
        assert!(passes(85, LEFT_AFTER_SOAK));
        assert!(!passes(97, LEFT_AFTER_SOAK));
    }

    #[test]
    fn a_device_that_answers_at_once_leaves_nothing_to_poll_for() {
        let on = |on| Figures { on, ..good() };
        figures(&on(phase(100, 0)), LEFT, true, &[]).unwrap();
        assert!(figures(&on(phase(0, 0)), LEFT, true, &[]).is_err());
    }

    #[test]
    fn what_the_module_refuses_interrupts_and_says_why() {
        let why = refusals(Form::Module, false, Layout::PackedNoIdx, Vectors::Own);
        assert_eq!(why, ["the ring is packed", "the ring has no event index"]);
        let series = |threads, vectors| refusals(Form::Series, threads, Layout::Packed, vectors);
        assert!(series(false, Vectors::Intx).is_empty());
        assert_eq!(series(true, Vectors::Intx), [THREADS]);
        assert!(series(true, Vectors::Own).is_empty());
        assert!(refusals(Form::Module, false, Layout::SplitInOrder, Vectors::Shared).is_empty());
        let refused = |status: &str, on| Figures {
            status: status.into(),
            on,
            ..good()
        };
        let judged = |of: &Figures| figures(of, LEFT, false, &why);
        judged(&refused("the ring is packed", phase(100, 0))).unwrap();
        assert!(judged(&refused(POLLED, phase(100, 0))).is_err());
        assert!(judged(&refused("the ring is packed", phase(3, 97))).is_err());
    }

    #[test]
    fn no_reason_excuses_from_polling() {
        let refused = Figures {
            status: "no queue has an interrupt".into(),
            on: phase(100, 0),
            ..good()
        };
        fails(refused, "the status is 'no queue");
    }
}
