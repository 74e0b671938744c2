// SPDX-License-Identifier: GPL-2.0
//! What the feature must gain on a network card, and what it must not cost.

use measure::floors::Missed;
use measure::results::{Design, NET, NetCase};

/// poll_source/before for requests and responses, the median and its lower bound.
const GAIN: f64 = 1.15;
const MODULE_GAIN: f64 = 1.25;
const GAIN_LO: f64 = 1.0;
/// poll_source/busy_poll.
const OF_BUSY_POLL: f64 = 0.95;
/// For each packet received, the sending queue's among them.
const INTERRUPTS: f64 = 0.1;
/// poll_source/before for streams: they seldom wait.
const STREAM: f64 = 0.97;

/// A line for each floor that was missed or could not be looked at.
pub fn missed(cases: &[NetCase]) -> Vec<String> {
    let mut missed = Missed::default();
    let is_module = Design::of_cases(cases.iter().map(|net| &net.case), &NET).is_module();
    for NetCase { exchange, case } in cases {
        let of_before = ("poll_source", "poll_source/before");
        if exchange.is_request_response() {
            if is_module {
                missed.gain(case, of_before.0, of_before.1, MODULE_GAIN);
                continue;
            }
            missed.gain(case, of_before.0, of_before.1, GAIN);
            missed.lower_bound(case, of_before.0, of_before.1, GAIN_LO);
            missed.gain(
                case,
                "poll_source_vs_busy_poll",
                "poll_source/busy_poll",
                OF_BUSY_POLL,
            );
            missed.interrupts(case, "packet received", INTERRUPTS);
        } else {
            missed.gain(case, of_before.0, of_before.1, STREAM);
        }
    }
    missed.lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::net::cases::{cases, tests::run, tests::two_rounds};
    use guest_protocol::{Exchange, NetMeasured, Variant};

    #[test]
    fn good_enough_misses_nothing() {
        assert_eq!(missed(&cases(&two_rounds(), true)), [""; 0]);
    }

    /// Changes the runs of one exchange and expects a floor missed for it.
    fn expect(exchange: Exchange, part: &str, change: impl Fn(&mut NetMeasured)) {
        let mut runs = two_rounds();
        runs.iter_mut()
            .filter(|run| run.segment.workload == exchange)
            .for_each(change);
        let missed = missed(&cases(&runs, true));
        assert!(
            missed.iter().any(|line| line.contains(part)),
            "{part}: {missed:?}"
        );
    }

    fn slower(variant: Variant, to: f64) -> impl Fn(&mut NetMeasured) {
        move |run| {
            if run.segment.variant == variant {
                run.rate *= to;
            }
        }
    }

    #[test]
    fn each_floor_can_be_missed() {
        let polled = Variant::PollSource;
        expect(
            Exchange::UdpRr,
            "net/udp-rr: poll_source/before is 1.125",
            slower(polled, 0.9),
        );
        expect(
            Exchange::TcpRr,
            "net/tcp-rr: poll_source/before, lower bound is 0.875",
            slower(polled, 0.7),
        );
        expect(
            Exchange::UdpRr,
            "poll_source/busy_poll is 0.833",
            slower(Variant::BusyPoll, 1.5),
        );
        expect(
            Exchange::TcpRr,
            "packet received: 0.200, at most 0.10",
            |run| {
                run.rx_interrupts *= 9;
            },
        );
        expect(
            Exchange::StreamIn,
            "net/stream-in: poll_source/before is 0.900",
            slower(polled, 0.9),
        );
        expect(
            Exchange::UdpRr,
            "poll_source/busy_poll was not measured",
            |run| {
                run.busy_polled = 0;
            },
        );
        let lone = [run(1, Exchange::UdpRr, Variant::Before, 1.0, 1)];
        let missed = missed(&cases(&lone, true));
        assert!(missed[0].contains("net/udp-rr: poll_source/before was not measured"));
    }
}
