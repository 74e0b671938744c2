// SPDX-License-Identifier: GPL-2.0
//! Turns the timed runs of a network card into cases.

use guest_protocol::{Exchange, NetMeasured, Variant};

use crate::bench::plan;
use measure::events::EventsPerOp;
use measure::results::{self, Comparison, Design, LatencySamples, NET, Runs, Samples};

/// The share of received packets that busy polling must find. It finds a reply unless the reply
/// came before the waiting task began to look.
const BUSY_POLLED: f64 = 0.5;

pub fn cases(measured: &[NetMeasured]) -> Vec<Comparison> {
    let kind = Design::of(measured.iter().map(|run| run.segment.variant), &NET);
    let all = Exchange::ALL.iter().map(|&exchange| {
        let outcome = |variant, runs| outcome(exchange, variant, runs);
        let outcomes = plan::by_variant(measured, |run| &run.segment, exchange, outcome);
        Comparison::of_card(exchange, outcomes, kind)
    });
    all.filter(|case| !case.variants.is_empty()).collect()
}

fn outcome(exchange: Exchange, variant: Variant, runs: Vec<&NetMeasured>) -> Runs {
    let sum = |of: fn(&NetMeasured) -> u64| runs.iter().map(|run| of(run)).sum::<u64>() as f64;
    let (received, busy_polled) = (sum(|run| run.received), sum(|run| run.busy_polled));
    // Runs count as busy_poll only if busy polling found the packets. A stream keeps the CPU
    // busy, and no task waits for the packets that come then: for a stream one packet is enough.
    let wanted = match exchange.is_request_response() {
        true => BUSY_POLLED * received,
        false => 1.0,
    };
    if variant == Variant::BusyPoll && busy_polled < wanted {
        return Runs::Not {
            not_measured: format!(
                "of {received} received packets, busy polling found {busy_polled}"
            ),
        };
    }
    Runs::Samples(Samples {
        samples: runs.iter().map(|run| run.rate).collect(),
        irqs_per_op: sum(|run| run.interrupts) / received,
        latency_us: latency(&runs),
        events_per_op: EventsPerOp::of(runs.iter().map(|run| run.events), received),
        qemu_percent: results::mean(runs.iter().map(|run| run.qemu_percent)),
    })
}

fn latency(runs: &[&NetMeasured]) -> Option<LatencySamples> {
    let all: Option<Vec<_>> = runs.iter().map(|run| run.latency).collect();
    let all = all?;
    Some(LatencySamples {
        p50: all.iter().map(|latency| latency.p50_us).collect(),
        p99: all.iter().map(|latency| latency.p99_us).collect(),
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use guest_protocol::{Events, Latency, Segment};

    /// A run with 1000 received packets. The median latency follows from the rate, and p99 is
    /// twice that.
    pub fn run(
        round: u32,
        workload: Exchange,
        variant: Variant,
        rate: f64,
        interrupts: u64,
    ) -> NetMeasured {
        NetMeasured {
            segment: Segment {
                round,
                workload,
                variant,
            },
            rate,
            latency: workload.is_request_response().then(|| Latency {
                p50_us: 1e6 / rate,
                p99_us: 2e6 / rate,
            }),
            interrupts,
            received: 1000,
            busy_polled: match variant {
                Variant::BusyPoll => 990,
                _ => 0,
            },
            events: Events::default(),
            qemu_percent: None,
        }
    }

    /// Two rounds in which poll_source gains 25 % for requests, and nothing for streams.
    pub fn two_rounds() -> Vec<NetMeasured> {
        let mut runs = Vec::new();
        for round in [2, 1] {
            for &exchange in Exchange::ALL {
                let (base, gain) = match exchange.is_request_response() {
                    true => (4000.0, 1.25),
                    false => (1e9, 1.0),
                };
                let base = base * f64::from(round);
                runs.extend([
                    run(round, exchange, Variant::PollSource, base * gain, 40),
                    run(round, exchange, Variant::BusyPoll, base, 1000),
                    run(round, exchange, Variant::Before, base, 1500),
                ]);
            }
        }
        runs
    }

    #[test]
    fn busy_poll_that_did_not_poll_is_not_measured() {
        let mut runs = two_rounds();
        for run in &mut runs {
            if run.segment.workload != Exchange::TcpRr {
                run.busy_polled = 0;
            }
        }
        let cases = cases(&runs);
        for index in [0, 2, 3] {
            let case = &cases[index];
            assert!(case.samples(Variant::BusyPoll).is_none(), "{}", case.name);
            assert!(case.ratio.contains_key("poll_source"));
            assert!(!case.ratio.contains_key("poll_source_vs_busy_poll"));
        }
        assert!(cases[1].samples(Variant::BusyPoll).is_some());
        let json = serde_json::to_value(&cases[0]).unwrap();
        let why = json["variants"]["busy_poll"]["not_measured"].as_str();
        assert!(why.unwrap().contains("of 2000 received packets"), "{why:?}");
    }
}
