// SPDX-License-Identifier: GPL-2.0
//! Cases of two rounds to draw.

use std::collections::BTreeMap;

use guest_protocol::{Exchange, Pace, Variant, Workload};
use measure::results::{
    BLK, BlkCase, CpuPercent, Design, LatencySamples, NET, NetCase, Runs, Samples,
};
use measure::scale::Scale;
use measure::stats::Ratio;

use crate::canvas::Canvas;

/// Everything that is written in a picture.
pub fn texts(canvas: &Canvas) -> Vec<&str> {
    canvas.items.iter().filter_map(|item| item.text()).collect()
}

/// A guest that is slower than its host by this on one path, and by twice as much on the other.
pub fn slow(factor: f64) -> Scale {
    let native = Pace {
        pipe_ns: 500.0,
        switch_ns: 3_000.0,
    };
    let guest = Pace {
        pipe_ns: 500.0 * factor,
        switch_ns: 6_000.0 * factor,
    };
    Scale { native, guest }
}

/// What came in two rounds; the second was twice as fast.
fn outcome(rate: f64, irqs_per_op: f64) -> Samples {
    Samples {
        samples: vec![rate, 2.0 * rate],
        irqs_per_op,
        tx_irqs_per_op: None,
        latency_us: None,
        events_per_op: None,
        cpu_percent: CpuPercent::default(),
        qemu_percent: None,
    }
}

/// In which polling gains a fifth and io_poll a half; the kernel as it comes, in io_poll's place, loses
/// three tenths. One workload alone was measured.
pub fn blk(peer: Variant) -> Vec<BlkCase> {
    let peer_rate = match peer {
        Variant::AsItComes => 700.0,
        _ => 1500.0,
    };
    let measured = [
        (Variant::Before, outcome(1000.0, 1.0)),
        (Variant::PollSource, outcome(1200.0, 0.02)),
        (peer, outcome(peer_rate, 0.0)),
    ];
    let kind = Design::of(measured.iter().map(|(variant, _)| *variant), &BLK);
    let of = |latency_us| {
        Workload::ALL.map(|workload| {
            let outcomes = match workload {
                Workload::RandRead => outcomes(&measured),
                _ => BTreeMap::new(),
            };
            BlkCase::new(workload, latency_us, outcomes, kind)
        })
    };
    [0, 100, 400].map(of).concat()
}

/// In which polling gains a quarter for requests, and nothing for streams; the kernel as it comes, in
/// busy_poll's place, loses a fifth.
pub fn net(peer: Variant) -> Vec<NetCase> {
    let of = |exchange: Exchange| {
        let (base, gain) = match exchange.is_request_response() {
            true => (4000.0, 1.25),
            false => (1e9, 1.0),
        };
        let peer_rate = match peer {
            Variant::AsItComes => base * 0.8,
            _ => base,
        };
        let run = |rate: f64, irqs: f64| {
            let round_trip = |us: f64| vec![us / rate, us / rate / 2.0];
            Samples {
                tx_irqs_per_op: Some(irqs / 2.0),
                latency_us: exchange.is_request_response().then(|| LatencySamples {
                    p50: round_trip(1e6),
                    p99: round_trip(2e6),
                }),
                ..outcome(rate, irqs)
            }
        };
        let measured = [
            (Variant::Before, run(base, 1.5)),
            (Variant::PollSource, run(base * gain, 0.04)),
            (peer, run(peer_rate, 1.0)),
        ];
        let kind = Design::of([peer].into_iter(), &NET);
        NetCase::new(exchange, outcomes(&measured), kind)
    };
    Exchange::ALL.map(of).to_vec()
}

/// Of a variant, in per cent: the median, how far the interval goes down from there, how far up.
pub type Gain = (Variant, f64, f64, f64);

/// Cases of these gains only, by latency.
pub fn gains(of: &[(u64, &[Gain])]) -> Vec<BlkCase> {
    let case = |(latency_us, variants): &(u64, &[Gain])| {
        Workload::ALL.map(|workload| {
            let mut blk = BlkCase::new(workload, *latency_us, BTreeMap::new(), &BLK);
            blk.case.ratio = ratios(variants);
            blk
        })
    };
    of.iter().flat_map(case).collect()
}

/// The same for each exchange of a network card.
pub fn net_gains(variants: &[Gain]) -> Vec<NetCase> {
    let mut cases = net(Variant::BusyPoll);
    for net in &mut cases {
        net.case.ratio = ratios(variants);
    }
    cases
}

fn ratios(variants: &[Gain]) -> BTreeMap<String, Ratio> {
    let ratio = |&(variant, gain, down, up): &Gain| {
        let of = |percent: f64| 1.0 + percent / 100.0;
        let ratio = Ratio {
            median: of(gain),
            lo: of(gain - down),
            hi: of(gain + up),
            pairs: 8,
        };
        (variant.name().to_owned(), ratio)
    };
    variants.iter().map(ratio).collect()
}

fn outcomes(measured: &[(Variant, Samples)]) -> BTreeMap<Variant, Runs> {
    let of = |(variant, samples): &(Variant, Samples)| (*variant, Runs::Samples(samples.clone()));
    measured.iter().map(of).collect()
}

/// Exchanges of which nothing was measured.
pub fn empty_net() -> Vec<NetCase> {
    let of = |exchange| NetCase::new(exchange, BTreeMap::new(), &NET);
    Exchange::ALL.map(of).to_vec()
}
