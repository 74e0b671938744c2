// SPDX-License-Identifier: GPL-2.0
//! net.svg: what polling gains for each exchange, how long a round trip takes, how many interrupts
//! come; a panel for each, a bar for each variant.

use std::path::Path;

use anyhow::{Result, anyhow};
use guest_protocol::Variant;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use measure::results::NetCase;
use measure::stats::median;

const SIZE: (u32, u32) = (1080, 430);
const FONT: &str = "sans-serif";
/// Told apart by colour-blind eyes, too; poll_source has the colour that it has for the disk.
const SERIES: [(Variant, RGBColor); 4] = [
    (Variant::Before, RGBColor(150, 150, 150)),
    (Variant::PollSource, RGBColor(0, 90, 181)),
    (Variant::BusyPoll, RGBColor(220, 110, 0)),
    (Variant::AsItComes, RGBColor(90, 60, 20)),
];
const GREY: RGBColor = RGBColor(90, 90, 90);
/// Of the room that an exchange has.
const BAR: f64 = 0.26;
/// Axes end this much beyond the bars, for what is written there.
const ROOM: f64 = 1.15;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// What is drawn of one variant of one exchange.
#[derive(Debug, PartialEq)]
struct Bar {
    group: usize,
    variant: Variant,
    /// From here up to `top` it is pale: the part that is told apart.
    full: f64,
    top: f64,
    /// An interval, or a tail.
    whisker: Option<(f64, f64)>,
    label: String,
}

struct Panel {
    title: &'static str,
    unit: &'static str,
    digits: usize,
    groups: Vec<&'static str>,
    bars: Vec<Bar>,
}

pub fn write(path: &Path, network: &str, subtitle: &str, cases: &[NetCase]) -> Result<()> {
    draw(path, network, subtitle, cases).map_err(|err| anyhow!("drawing {}: {err}", path.display()))
}

fn draw(path: &Path, network: &str, subtitle: &str, cases: &[NetCase]) -> Drawn {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = TextStyle::from((FONT, 22).into_font());
    let small = TextStyle::from((FONT, 14).into_font()).color(&GREY);
    let head = format!("virtio-net, {network}: polled or interrupted");
    root.draw_text(&head, &title, (20, 14))?;
    root.draw_text(subtitle, &small, (20, 42))?;
    let measured = SERIES.into_iter().filter(|(variant, _)| {
        let has_it = |net: &NetCase| net.case.samples(*variant).is_some();
        cases.iter().any(has_it)
    });
    for (index, (variant, colour)) in measured.enumerate() {
        let x = 720 + 120 * index as i32;
        let box_at = [(x, 17), (x + 14, 31)];
        root.draw(&Rectangle::new(box_at, colour.filled()))?;
        root.draw_text(variant.name(), &small, (x + 20, 17))?;
    }
    let (_, below) = root.split_vertically(70);
    let (left, rest) = below.split_horizontally(440);
    let (middle, right) = rest.split_horizontally(320);
    draw_panel(&left, &gain(cases))?;
    draw_panel(&middle, &round_trip(cases))?;
    draw_panel(&right, &interrupts(cases))?;
    root.present()?;
    Ok(())
}

fn gain(cases: &[NetCase]) -> Panel {
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let bars = bars(cases, |net, variant| {
        let ratio = net.case.ratio.get(variant.name())?;
        let gain = percent(ratio.median);
        Some(Bar {
            whisker: Some((percent(ratio.lo), percent(ratio.hi))),
            ..Bar::new(gain, format!("{gain:+.0}"))
        })
    });
    Panel {
        title: "rate over the same wait unpolled, 95 % interval",
        unit: "gain, %",
        digits: 0,
        groups: names(cases),
        bars,
    }
}

fn round_trip(cases: &[NetCase]) -> Panel {
    let cases = request_response(cases);
    let bars = bars(&cases, |net, variant| {
        let latency = net.case.samples(variant)?.latency_us.as_ref()?;
        let (p50, p99) = (median(&latency.p50), median(&latency.p99));
        Some(Bar {
            whisker: Some((p50, p99)),
            ..Bar::new(p50, format!("{p50:.0}"))
        })
    });
    Panel {
        title: "round trip, p50 and p99",
        unit: "us",
        digits: 0,
        groups: names(&cases),
        bars,
    }
}

fn interrupts(cases: &[NetCase]) -> Panel {
    let cases = request_response(cases);
    let bars = bars(&cases, |net, variant| {
        let samples = net.case.samples(variant)?;
        let all = samples.irqs_per_op;
        Some(Bar {
            full: all - samples.tx_irqs_per_op.unwrap_or(0.0),
            ..Bar::new(all, format!("{all:.2}"))
        })
    });
    Panel {
        title: "interrupts; pale: the sending queue's",
        unit: "per packet received",
        digits: 1,
        groups: names(&cases),
        bars,
    }
}

fn names(cases: &[NetCase]) -> Vec<&'static str> {
    cases.iter().map(|net| net.exchange.name()).collect()
}

fn request_response(cases: &[NetCase]) -> Vec<NetCase> {
    let is_one = |net: &&NetCase| net.exchange.is_request_response();
    cases.iter().filter(is_one).cloned().collect()
}

/// Those of the variants that were measured.
fn bars(cases: &[NetCase], bar: impl Fn(&NetCase, Variant) -> Option<Bar>) -> Vec<Bar> {
    let mut bars = Vec::new();
    for (group, net) in cases.iter().enumerate() {
        for (variant, _) in SERIES {
            bars.extend(bar(net, variant).map(|bar| Bar {
                group,
                variant,
                ..bar
            }));
        }
    }
    bars
}

impl Bar {
    /// Its place comes later.
    fn new(top: f64, label: String) -> Bar {
        Bar {
            group: 0,
            variant: Variant::Before,
            full: top,
            top,
            whisker: None,
            label,
        }
    }

    fn ends(&self) -> (f64, f64) {
        let (lo, hi) = self.whisker.unwrap_or((self.top, self.top));
        (lo.min(self.top).min(0.0), hi.max(self.top).max(0.0))
    }
}

fn draw_panel(area: &Area, panel: &Panel) -> Drawn {
    let ends = || panel.bars.iter().map(Bar::ends);
    let low = ends().map(|ends| ends.0).fold(0.0, f64::min);
    let high = ends().map(|ends| ends.1).fold(1e-3, f64::max);
    let groups = panel.groups.len().max(1);
    let right = groups as f64 - 0.5;
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, (FONT, 16))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(56)
        .build_cartesian_2d(-0.5..right, low * ROOM..high * ROOM)?;
    let name = |place: &f64| match place.fract() == 0.0 && *place >= 0.0 {
        true => panel.groups.get(*place as usize).map_or("", |name| name),
        false => "",
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .y_desc(panel.unit)
        .x_labels(groups + 1)
        .y_labels(6)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_label_formatter(&|place| name(place).to_owned())
        .y_label_formatter(&|value| format!("{value:.*}", panel.digits))
        .draw()?;
    let shown: Vec<(Variant, RGBColor)> = SERIES
        .into_iter()
        .filter(|(variant, _)| panel.bars.iter().any(|bar| bar.variant == *variant))
        .collect();
    let label = TextStyle::from((FONT, 12).into_font())
        .color(&GREY)
        .pos(Pos::new(HPos::Center, VPos::Bottom));
    for bar in &panel.bars {
        let Some(index) = shown.iter().position(|(of, _)| *of == bar.variant) else {
            continue;
        };
        let colour = shown[index].1;
        let aside = (index as f64 - (shown.len() as f64 - 1.0) / 2.0) * BAR;
        let centre = bar.group as f64 + aside;
        let (from, to) = (centre - BAR * 0.45, centre + BAR * 0.45);
        let part =
            |low, high, mix| Rectangle::new([(from, low), (to, high)], colour.mix(mix).filled());
        chart.draw_series([part(0.0, bar.full, 0.8), part(bar.full, bar.top, 0.35)])?;
        if let Some((lo, hi)) = bar.whisker {
            let style = BLACK.mix(0.7).stroke_width(1);
            let cap = |at| vec![(centre - BAR * 0.15, at), (centre + BAR * 0.15, at)];
            let lines = [vec![(centre, lo), (centre, hi)], cap(lo), cap(hi)];
            chart.draw_series(lines.map(|line| PathElement::new(line, style)))?;
        }
        let above = EmptyElement::at((centre, bar.ends().1));
        let text = Text::new(bar.label.clone(), (0, -3), label.clone());
        chart.draw_series([above + text])?;
    }
    chart.draw_series(LineSeries::new([(-0.5, 0.0), (right, 0.0)], GREY))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_plot_has_all_panels_exchanges_and_variants() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net.svg");
        write(
            &path,
            "a wire",
            "tcg, 2 rounds",
            &sample::net(Variant::BusyPoll),
        )
        .unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        let parts = [
            "a wire",
            "2 rounds",
            "p50 and p99",
            "per packet received",
            "udp-rr",
            "stream-in",
            "before",
            "busy_poll",
            "+25",
        ];
        for part in parts {
            assert!(svg.contains(part), "{part:?} is missing");
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
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("net.svg");
        let cases = sample::net(Variant::AsItComes);
        write(&path, "a wire", "tcg, 2 rounds", &cases).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.contains("as_it_comes") && !svg.contains("busy_poll"));
        let gain = gain(&cases);
        let udp: Vec<Variant> = gain.bars[..2].iter().map(|bar| bar.variant).collect();
        assert_eq!(udp, [Variant::PollSource, Variant::AsItComes]);
        assert_eq!(gain.bars[1].label, "-20");
        assert_eq!(interrupts(&cases).bars.len(), 2 * 3);
    }

    #[test]
    fn nothing_measured_is_still_a_plot() {
        let dir = tempfile::tempdir().unwrap();
        write(
            &dir.path().join("net.svg"),
            "a wire",
            "tcg",
            &sample::empty_net(),
        )
        .unwrap();
        write(&dir.path().join("net.svg"), "a wire", "tcg", &[]).unwrap();
    }
}
