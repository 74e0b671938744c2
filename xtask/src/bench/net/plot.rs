// SPDX-License-Identifier: GPL-2.0
//! net.svg: what polling gains for each exchange, how long a round trip takes, how many interrupts
//! come; a panel for each.

use std::path::Path;

use anyhow::{Result, anyhow};
use guest_init::Variant;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::cases::NetCase;
use crate::bench::case::Samples;
use crate::bench::stats::median;

const SIZE: (u32, u32) = (1080, 420);
const FONT: &str = "sans-serif";
/// Told apart by colour-blind eyes, too; poll_source has the colour that it has for the disk.
const SERIES: [(Variant, RGBColor); 3] = [
    (Variant::Before, RGBColor(150, 150, 150)),
    (Variant::PollSource, RGBColor(0, 90, 181)),
    (Variant::BusyPoll, RGBColor(220, 110, 0)),
];
/// Of the room that an exchange has.
const BAR: f64 = 0.26;
/// Axes end this much above the highest bar, for the legend and what is written on the bars.
const ROOM: f64 = 1.35;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// One bar: its top, the ends of its interval or tail, what is written above.
struct Bar {
    group: usize,
    variant: Variant,
    top: f64,
    ends: Option<(f64, f64)>,
    label: String,
}

struct Panel {
    title: &'static str,
    unit: &'static str,
    groups: Vec<&'static str>,
    bars: Vec<Bar>,
}

pub fn write(path: &Path, subtitle: &str, cases: &[NetCase]) -> Result<()> {
    draw(path, subtitle, cases).map_err(|err| anyhow!("drawing {}: {err}", path.display()))
}

fn draw(path: &Path, subtitle: &str, cases: &[NetCase]) -> Drawn {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = TextStyle::from((FONT, 22).into_font());
    let small = TextStyle::from((FONT, 14).into_font()).color(&RGBColor(90, 90, 90));
    root.draw_text("virtio-net: gain over haltpoll alone", &title, (20, 14))?;
    root.draw_text(subtitle, &small, (20, 42))?;
    let (_, below) = root.split_vertically(64);
    let (left, rest) = below.split_horizontally(430);
    let (middle, right) = rest.split_horizontally(325);
    draw_panel(&left, &gain(cases))?;
    draw_panel(&middle, &round_trip(cases))?;
    draw_panel(&right, &interrupts(cases))?;
    root.present()?;
    Ok(())
}

fn gain(cases: &[NetCase]) -> Panel {
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    Panel {
        title: "rate, with 95 % interval",
        unit: "gain, %",
        groups: cases.iter().map(|net| net.exchange.name()).collect(),
        bars: bars(cases, |net, variant| {
            let ratio = net.case.ratio.get(variant.name())?;
            let gain = percent(ratio.median);
            let ends = Some((percent(ratio.lo), percent(ratio.hi)));
            Some((gain, ends, format!("{gain:+.0}")))
        }),
    }
}

fn round_trip(cases: &[NetCase]) -> Panel {
    let cases = request_response(cases);
    Panel {
        title: "round trip, p50 and p99",
        unit: "us",
        groups: cases.iter().map(|net| net.exchange.name()).collect(),
        bars: bars(&cases, |net, variant| {
            let latency = net.case.samples(variant)?.latency_us.as_ref()?;
            let (p50, p99) = (median(&latency.p50), median(&latency.p99));
            Some((p50, Some((p50, p99)), format!("{p50:.0}")))
        }),
    }
}

fn interrupts(cases: &[NetCase]) -> Panel {
    let cases = request_response(cases);
    let irqs = |samples: &Samples| samples.irqs_per_op;
    Panel {
        title: "interrupts",
        unit: "per packet received",
        groups: cases.iter().map(|net| net.exchange.name()).collect(),
        bars: bars(&cases, |net, variant| {
            let irqs = net.case.samples(variant).map(irqs)?;
            Some((irqs, None, format!("{irqs:.2}")))
        }),
    }
}

fn request_response(cases: &[NetCase]) -> Vec<NetCase> {
    cases
        .iter()
        .filter(|net| net.exchange.is_request_response())
        .cloned()
        .collect()
}

/// Top, ends and label, if the variant was measured.
type Shown = Option<(f64, Option<(f64, f64)>, String)>;

fn bars(cases: &[NetCase], shown: impl Fn(&NetCase, Variant) -> Shown) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (group, net) in cases.iter().enumerate() {
        for (variant, _) in SERIES {
            if let Some((top, ends, label)) = shown(net, variant) {
                bars.push(Bar {
                    group,
                    variant,
                    top,
                    ends,
                    label,
                });
            }
        }
    }
    bars
}

fn draw_panel(area: &Area, panel: &Panel) -> Drawn {
    let all = || {
        panel
            .bars
            .iter()
            .flat_map(|bar| [bar.top, bar.ends.map_or(bar.top, |ends| ends.1)])
    };
    let lows = panel.bars.iter().filter_map(|bar| bar.ends);
    let low = lows.map(|ends| ends.0).fold(0.0, f64::min);
    let high = all().fold(0.0, f64::max).max(1e-3);
    let groups = panel.groups.len().max(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, (FONT, 17))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(52)
        .build_cartesian_2d(-0.5..groups - 0.5, low * ROOM..high * ROOM)?;
    let names = panel.groups.clone();
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .y_desc(panel.unit)
        // One at each group: plotters labels multiples of what divides the axis evenly.
        .x_labels(panel.groups.len() + 1)
        .y_labels(6)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_label_formatter(&move |place| {
            let is_group = place.fract().abs() < 1e-6 && *place >= 0.0;
            let name = names.get(*place as usize).filter(|_| is_group);
            name.map_or(String::new(), ToString::to_string)
        })
        .draw()?;
    let shown: Vec<_> = SERIES
        .into_iter()
        .filter(|(variant, _)| panel.bars.iter().any(|bar| bar.variant == *variant))
        .collect();
    for (index, &(variant, colour)) in shown.iter().enumerate() {
        let own = || panel.bars.iter().filter(|bar| bar.variant == variant);
        let aside = (index as f64 - (shown.len() as f64 - 1.0) / 2.0) * BAR;
        let centre = |bar: &Bar| bar.group as f64 + aside;
        chart
            .draw_series(own().map(|bar| {
                let (left, right) = (centre(bar) - BAR * 0.45, centre(bar) + BAR * 0.45);
                Rectangle::new([(left, 0.0), (right, bar.top)], colour.mix(0.75).filled())
            }))?
            .label(variant.name())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
        let with_ends = own().filter_map(|bar| Some((centre(bar), bar.top, bar.ends?)));
        chart.draw_series(with_ends.map(|(x, top, (lo, hi))| {
            ErrorBar::new_vertical(x, lo, top, hi, colour.stroke_width(1), 8)
        }))?;
        let label = TextStyle::from((FONT, 12).into_font()).color(&RGBColor(60, 60, 60));
        chart.draw_series(own().map(|bar| {
            let above = bar.ends.map_or(bar.top, |ends| ends.1).max(0.0);
            let place = EmptyElement::at((centre(bar), above));
            place + Text::new(bar.label.clone(), (-9, -16), label.clone())
        }))?;
    }
    let zero = [(-0.5, 0.0), (groups - 0.5, 0.0)];
    chart.draw_series(LineSeries::new(zero, RGBColor(120, 120, 120)))?;
    if !shown.is_empty() {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .label_font((FONT, 13))
            .border_style(RGBColor(200, 200, 200))
            .background_style(WHITE.mix(0.9))
            .draw()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::net::cases::{cases, tests::two_rounds};

    #[test]
    fn the_plot_has_all_panels_exchanges_and_variants() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net.svg");
        write(&path, "tcg, 2 rounds", &cases(&two_rounds())).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        let parts = [
            "p50 and p99",
            "per packet received",
            "udp-rr",
            "stream-in",
            "before",
            "busy_poll",
            "2 rounds",
            "+25",
        ];
        for part in parts {
            assert!(svg.contains(part), "{part:?} is missing");
        }
    }

    #[test]
    fn nothing_measured_is_still_a_plot() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("net.svg"), "tcg", &cases(&[])).unwrap();
        write(&dir.path().join("net.svg"), "tcg", &[]).unwrap();
    }
}
