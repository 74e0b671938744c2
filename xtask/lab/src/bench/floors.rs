// SPDX-License-Identifier: GPL-2.0
//! Floors: the least gain of the feature on a two-core machine under TCG, and limits for what it
//! costs. They are asserted only on request, because a busy host gains less.

use Floor::{Gain, GainLo, Irqs, OfPeer};
use anyhow::Result;
use guest_protocol::Variant;
use measure::results::{BLK, Comparison, Design, latencies};
use toolbox::fault;

#[derive(Clone, Copy)]
enum Floor {
    /// The least median of poll_source/before.
    Gain(f64),
    /// The least lower bound of its interval.
    GainLo(f64),
    /// The least median of poll_source/io_poll or poll_source/busy_poll.
    OfPeer(f64),
    /// The most interrupts per operation, or per received packet.
    Irqs(f64),
}

/// Floors of a disk, by its latency in us.
const DISK: &[(u64, &[Floor])] = &[
    (0, &[Gain(1.20)]),
    (100, &[Gain(1.18), GainLo(1.10), OfPeer(0.80), Irqs(0.05)]),
    (400, &[Gain(1.05)]),
];
/// Floors of a disk with the module, by its latency in us. At 0 us the gain is reported, but not
/// judged.
const MODULE_DISK: &[(u64, &[Floor])] = &[
    (100, &[Gain(1.25), GainLo(1.10), Irqs(0.05)]),
    (400, &[Gain(1.07)]),
];
/// Floors of requests and responses.
const EXCHANGE: &[Floor] = &[Gain(1.15), GainLo(1.0), OfPeer(0.95), Irqs(0.1)];
const MODULE_EXCHANGE: &[Floor] = &[Gain(1.25)];
/// Floor of a stream. A stream seldom waits, so polling need not gain anything.
const STREAM: &[Floor] = &[Gain(0.97)];

/// Returns one line for each floor that was missed or could not be checked.
pub fn missed(cases: &[Comparison]) -> Vec<String> {
    let is_module = Design::of_cases(cases.iter(), &BLK).is_module();
    let of_disk = if is_module { MODULE_DISK } else { DISK };
    let mut lines = Vec::new();
    let latencies = latencies(cases);
    if !latencies.is_empty() {
        let not_there = of_disk.iter().filter(|(us, _)| !latencies.contains(us));
        lines.extend(not_there.map(|(us, _)| format!("{us} us: not measured")));
    }
    for case in cases {
        let floors = match (case.disk(), case.exchange()) {
            (Some((_, us)), _) => {
                let own = of_disk.iter().find(|(of, _)| *of == us);
                own.map_or(&[][..], |(_, floors)| floors)
            }
            (_, Some(exchange)) if !exchange.is_request_response() => STREAM,
            _ if is_module => MODULE_EXCHANGE,
            _ => EXCHANGE,
        };
        lines.extend(floors.iter().filter_map(|&floor| check(floor, case)));
    }
    lines
}

/// Fails if there are any lines; the error has `what` and the lines.
pub fn none_of(what: &str, lines: &[String]) -> Result<()> {
    match lines.is_empty() {
        true => Ok(()),
        false => Err(fault::test_failed(format!(
            "{what}:\n  {}",
            lines.join("\n  ")
        ))),
    }
}

fn check(floor: Floor, case: &Comparison) -> Option<String> {
    let (peer, per) = match case.disk() {
        Some(_) => ("io_poll", "operation"),
        None => ("busy_poll", "packet received"),
    };
    let name = &case.name;
    let own = case.ratio.get("poll_source");
    let of_peer = case.ratio.get(&format!("poll_source_vs_{peer}"));
    let (what, value, floor) = match floor {
        Gain(floor) => ("before", own.map(|it| it.median), floor),
        GainLo(floor) => ("before, lower bound", own.map(|it| it.lo), floor),
        OfPeer(floor) => (peer, of_peer.map(|it| it.median), floor),
        Irqs(most) => {
            let irqs = case.samples(Variant::PollSource).map(|it| it.irqs_per_op);
            let said = irqs.map_or("not measured".into(), |irqs| format!("{irqs:.3}"));
            return (!irqs.is_some_and(|irqs| irqs <= most)).then(|| {
                format!("{name}: poll_source's interrupts per {per}: {said}, limit {most:.2}")
            });
        }
    };
    let said = match value {
        None => "was not measured".to_owned(),
        Some(value) if value < floor => format!("is {value:.3}"),
        Some(_) => return None,
    };
    Some(format!(
        "{name}: poll_source/{what} {said}, floor {floor:.2}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{blk, net};
    use guest_protocol::{Exchange, NetMeasured};

    /// A disk's case with one round, where poll_source has `polled` operations and `interrupts`.
    fn disk(latency_us: u64, polled: u64, interrupts: u64, peer: Variant) -> Comparison {
        let run = |variant, ios, interrupts| blk::cases::tests::run(1, variant, ios, interrupts);
        let runs = [
            run(Variant::Before, 1000, 1000),
            run(Variant::PollSource, polled, interrupts),
            run(peer, 1400, 0),
        ];
        blk::cases::cases(latency_us, &runs).remove(0)
    }

    fn card(change: impl Fn(&mut NetMeasured)) -> Vec<Comparison> {
        let mut runs = net::cases::tests::two_rounds();
        runs.iter_mut().for_each(change);
        net::cases::cases(&runs)
    }

    #[test]
    fn each_floor_of_a_disk_can_be_missed() {
        let at = |polled: [u64; 3], interrupts| {
            let cases = [0, 100, 400].into_iter().zip(polled);
            let cases: Vec<Comparison> = cases
                .map(|(us, polled)| disk(us, polled, interrupts, Variant::IoPoll))
                .collect();
            missed(&cases)
        };
        assert_eq!(at([1200, 1180, 1050], 30), [""; 0]);
        let lines = at([1190, 1090, 1040], 100).join("; ");
        for part in [
            "@0us: poll_source/before is 1.190, floor 1.20",
            "@100us: poll_source/before is 1.090",
            "@100us: poll_source/before, lower bound is 1.090",
            "poll_source/io_poll is 0.779",
            "interrupts per operation: 0.092, limit 0.05",
            "@400us: poll_source/before is 1.040",
        ] {
            assert!(lines.contains(part), "{part}: {lines}");
        }
        let one = missed(&[disk(100, 1180, 30, Variant::IoPoll)]);
        assert_eq!(one, ["0 us: not measured", "400 us: not measured"]);
    }

    #[test]
    fn the_module_has_floors_of_its_own() {
        let at = |us, polled, interrupts| disk(us, polled, interrupts, Variant::AsItComes);
        assert_eq!(missed(&[at(100, 1250, 30), at(400, 1070, 30)]), [""; 0]);
        let lines = missed(&[at(100, 1240, 90), at(400, 1060, 30)]).join("; ");
        for part in [
            "is 1.240, floor 1.25",
            "0.073, limit 0.05",
            "is 1.060, floor 1.07",
        ] {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }

    #[test]
    fn each_floor_of_a_card_can_be_missed() {
        assert_eq!(missed(&card(|_| {})), [""; 0]);
        let slower = missed(&card(|run| {
            if run.segment.variant == Variant::PollSource {
                run.rate *= 0.7;
                run.interrupts *= 5;
            }
        }));
        let unpolled = missed(&card(|run| run.busy_polled = 0));
        let lone = [net::cases::tests::run(
            1,
            Exchange::UdpRr,
            Variant::Before,
            1.0,
            1,
        )];
        let lines = [slower, unpolled, missed(&net::cases::cases(&lone))]
            .concat()
            .join("; ");
        for part in [
            "net/udp-rr: poll_source/before is 0.875",
            "net/tcp-rr: poll_source/before, lower bound is 0.875",
            "net/udp-rr: poll_source/busy_poll is 0.875",
            "packet received: 0.200, limit 0.10",
            "net/stream-in: poll_source/before is 0.700",
            "poll_source/busy_poll was not measured",
            "net/udp-rr: poll_source/before was not measured",
        ] {
            assert!(lines.contains(part), "{part}: {lines}");
        }
    }
}
