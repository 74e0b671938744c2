// SPDX-License-Identifier: GPL-2.0
//! net.svg: what polling gains for each exchange, how long a round trip takes, how many interrupts
//! come; a panel for each.

use guest_protocol::Variant;
use measure::results::{Comparison, NetCase};
use measure::stats::median;

use crate::canvas::Canvas;
use crate::page::{Page, arrange};
use crate::panel::{self, Bar, Panel, SERIES, signed};
use crate::scale::Axis;

/// How far a round trip's tail may go on, by the highest median.
const TAIL: f64 = 1.5;

pub fn draw(network: &str, subtitle: &str, cases: &[NetCase]) -> Canvas {
    let mut rows = vec![vec![gain(cases)]];
    rows.extend(arrange(vec![round_trip(cases), interrupts(cases)]));
    let page = Page {
        title: "virtio-net: polled or interrupted",
        subtitle: &format!("{network}; {subtitle}"),
        rows,
    };
    page.draw()
}

fn gain(cases: &[NetCase]) -> Panel {
    let bars = bars(cases, panel::gain);
    Panel {
        title: "Rate gained over the same wait without polling, in % (line: 95 % interval)".into(),
        below: String::new(),
        groups: names(cases),
        scale: Axis::of_gains(bars.iter()),
        bars,
        value: signed,
    }
}

fn round_trip(cases: &[NetCase]) -> Panel {
    let cases = request_response(cases);
    let bars = bars(&cases, |case, group, variant| {
        let latency = case.samples(variant)?.latency_us.as_ref()?;
        let (p50, p99) = (median(&latency.p50), median(&latency.p99));
        let bar = Bar {
            whisker: p99.is_finite().then_some((p50, p99)),
            ..Bar::new(group, variant, p50, whole(p50))
        };
        p50.is_finite().then_some(bar)
    });
    Panel {
        title: "Round trip, us: bar p50, line to p99".into(),
        below: String::new(),
        groups: names(&cases),
        scale: Axis::of_bars(bars.iter(), TAIL),
        bars,
        value: whole,
    }
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn interrupts(cases: &[NetCase]) -> Panel {
    let cases = request_response(cases);
    let bars = bars(&cases, |case, group, variant| {
        let samples = case.samples(variant)?;
        let all = samples.irqs_per_op;
        let bar = Bar {
            full: all - samples.tx_irqs_per_op.unwrap_or(0.0),
            ..Bar::new(group, variant, all, format!("{all:.2}"))
        };
        all.is_finite().then_some(bar)
    });
    Panel {
        title: "Interrupts per packet received".into(),
        below: "pale: the sending queue's".into(),
        groups: names(&cases),
        scale: Axis::of_bars(bars.iter(), 0.0),
        bars,
        value: whole,
    }
}

fn names(cases: &[NetCase]) -> Vec<String> {
    cases.iter().map(|net| net.exchange.name().into()).collect()
}

fn request_response(cases: &[NetCase]) -> Vec<NetCase> {
    let is_one = |net: &&NetCase| net.exchange.is_request_response();
    cases.iter().filter(is_one).cloned().collect()
}

/// Those of the variants that were measured.
fn bars(cases: &[NetCase], bar: impl Fn(&Comparison, usize, Variant) -> Option<Bar>) -> Vec<Bar> {
    let of_case = |(group, net): (usize, &NetCase)| {
        let of = |(variant, _)| bar(&net.case, group, variant);
        SERIES.into_iter().filter_map(of).collect::<Vec<Bar>>()
    };
    cases.iter().enumerate().flat_map(of_case).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_plot_has_all_panels_exchanges_and_variants() {
        let cases = sample::net(Variant::BusyPoll);
        let canvas = draw("a wire", "tcg, 2 rounds", &cases);
        let text = sample::texts(&canvas).join("\n");
        let parts = [
            "a wire",
            "2 rounds",
            "p50, line to p99",
            "per packet received",
            "udp-rr",
            "stream-in",
            "before",
            "busy_poll",
            "+25",
        ];
        for part in parts {
            assert!(text.contains(part), "{part:?} is missing");
        }
    }

    #[test]
    fn bars_are_what_was_measured() {
        let cases = sample::net(Variant::BusyPoll);
        let gain = gain(&cases);
        // Nothing gains over itself.
        assert_eq!(gain.bars.len(), 4 * 2);
        let udp = &gain.bars[0];
        assert_eq!((udp.group, udp.variant), (0, Variant::PollSource));
        assert!((udp.top - 25.0).abs() < 1e-9 && udp.label == "+25");
        let interrupts = interrupts(&cases);
        assert_eq!(interrupts.groups, ["udp-rr", "tcp-rr"]);
        let before = &interrupts.bars[3];
        assert_eq!((before.group, before.variant), (1, Variant::Before));
        assert_eq!((before.full, before.top), (0.75, 1.5));
        assert_eq!(round_trip(&cases).bars[0].whisker, Some((187.5, 375.0)));
    }

    #[test]
    fn the_kernel_as_it_comes_has_bars_where_it_was_measured() {
        let cases = sample::net(Variant::AsItComes);
        let text = sample::texts(&draw("a wire", "tcg, 2 rounds", &cases)).join("\n");
        assert!(text.contains("as_it_comes") && !text.contains("busy_poll"));
        let gain = gain(&cases);
        let udp: Vec<Variant> = gain.bars[..2].iter().map(|bar| bar.variant).collect();
        assert_eq!(udp, [Variant::PollSource, Variant::AsItComes]);
        assert_eq!(gain.bars[1].label, "-20");
        assert_eq!(interrupts(&cases).bars.len(), 2 * 3);
    }
}
