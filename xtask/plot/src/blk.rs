// SPDX-License-Identifier: GPL-2.0
//! gain.svg: what polling gains by the device's latency, a panel for each workload.

use guest_protocol::Workload;
use measure::results::BlkCase;
use measure::scale::Scale;

use crate::canvas::Canvas;
use crate::page::{Page, arrange};
use crate::panel::{Bar, Panel, SERIES, gain, signed};
use crate::scale::Axis;

/// `slowness`: a guest that is slower than the host has a device that is faster to it.
pub fn draw(subtitle: &str, slowness: Option<&Scale>, cases: &[BlkCase]) -> Canvas {
    let page = Page {
        title: "IOPS gained over the same wait without polling, in % (line: 95 % interval)",
        subtitle,
        rows: arrange(panels(cases, &axis(slowness))),
    };
    page.draw()
}

fn axis(slowness: Option<&Scale>) -> String {
    match slowness.filter(|it| it.is_slow()) {
        Some(it) => format!("device latency ({} us are as 1 natively)", it.shown()),
        None => "device latency".into(),
    }
}

/// With the same scale.
fn panels(cases: &[BlkCase], axis: &str) -> Vec<Panel> {
    let mut latencies: Vec<u64> = cases.iter().map(|blk| blk.latency_us).collect();
    latencies.sort_unstable();
    latencies.dedup();
    let of = |workload| bars(cases, workload, &latencies);
    let bars = Workload::ALL.map(of);
    let scale = Axis::of_gains(bars.iter().flatten());
    let panel = |(workload, bars)| Panel {
        title: format!("4k {workload}"),
        below: axis.to_owned(),
        groups: latencies.iter().map(|us| format!("{us} us")).collect(),
        bars,
        scale,
        value: signed,
    };
    Workload::ALL.into_iter().zip(bars).map(panel).collect()
}

/// Latencies are groups, with equal room: on an axis, 0 and 100 us would touch beside 400 us.
fn bars(cases: &[BlkCase], workload: Workload, latencies: &[u64]) -> Vec<Bar> {
    let own = cases.iter().filter(|blk| blk.workload == workload);
    let of_case = |blk: &BlkCase| {
        let group = latencies.binary_search(&blk.latency_us).unwrap_or(0);
        SERIES.map(|(variant, _)| gain(&blk.case, group, variant))
    };
    own.flat_map(of_case).flatten().collect()
}

#[cfg(test)]
mod tests {
    use guest_protocol::Variant;

    use super::*;
    use crate::sample;

    #[test]
    fn the_plot_has_a_panel_for_each_workload_and_bars_for_each_variant() {
        let all = sample::blk(Variant::IoPoll);
        let canvas = draw("tcg, 2 rounds", None, &all);
        let has = |part: &str| sample::texts(&canvas).contains(&part);
        for part in [
            "4k randread",
            "4k randrw",
            "poll_source",
            "io_poll",
            "tcg, 2 rounds",
            "100 us",
            "+20",
            "not measured",
        ] {
            assert!(has(part), "{part:?} is missing");
        }
        let own = |bar: &&Bar| bar.variant == Variant::PollSource && bar.group == 1;
        let panels = panels(&all, "device latency");
        let bar = panels[0].bars.iter().find(own).unwrap();
        assert!((bar.top - 20.0).abs() < 1e-9);
        assert_eq!(panels[0].bars.len(), 3 * 2);
        assert!(panels[1].bars.is_empty() && panels[0].scale == panels[1].scale);
    }

    #[test]
    fn the_kernel_as_it_comes_has_bars_where_it_was_measured() {
        let stock = sample::blk(Variant::AsItComes);
        let canvas = draw("tcg, 2 rounds", None, &stock);
        let texts = sample::texts(&canvas);
        let has = |part: &str| texts.contains(&part);
        assert!(has("as_it_comes") && has("-30") && !has("io_poll"));
        assert!(panels(&stock, "device latency")[0].scale.low < -30.0);
    }

    #[test]
    fn the_axis_tells_of_a_slow_guest() {
        let slow = axis(Some(&sample::slow(10.0)));
        assert_eq!(slow, "device latency (10 to 20 us are as 1 natively)");
        assert_eq!(axis(Some(&sample::slow(1.0))), axis(None));
    }
}
