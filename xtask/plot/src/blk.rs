// SPDX-License-Identifier: GPL-2.0
//! gain.svg: what polling gains against the device's latency, a panel for each workload.

use std::path::Path;

use anyhow::{Result, anyhow};
use guest_protocol::{Variant, Workload};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use measure::results::BlkCase;

const SIZE: (u32, u32) = (1080, 420);
const FONT: &str = "sans-serif";
/// Told apart by colour-blind eyes, too.
const SERIES: [(Variant, RGBColor); 3] = [
    (Variant::PollSource, RGBColor(0, 90, 181)),
    (Variant::IoPoll, RGBColor(220, 110, 0)),
    (Variant::AsItComes, RGBColor(90, 60, 20)),
];

/// Share of the axis by which a series is moved, so that intervals do not hide each other.
const ASIDE: f64 = 0.016;

/// Latency, gain in %, its interval.
type Point = (f64, f64, f64, f64);
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

pub fn write(path: &Path, subtitle: &str, cases: &[BlkCase]) -> Result<()> {
    draw(path, subtitle, cases).map_err(|err| anyhow!("drawing {}: {err}", path.display()))
}

fn draw(path: &Path, subtitle: &str, cases: &[BlkCase]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let title = TextStyle::from((FONT, 22).into_font());
    let small = TextStyle::from((FONT, 14).into_font()).color(&RGBColor(90, 90, 90));
    let head = "IOPS gained over the same wait without polling";
    root.draw_text(head, &title, (20, 14))?;
    root.draw_text(subtitle, &small, (20, 42))?;
    let (_, below) = root.split_vertically(64);
    let panels = below.split_evenly((1, Workload::ALL.len()));
    let range = Range::of(cases);
    for (panel, workload) in panels.iter().zip(Workload::ALL) {
        draw_panel(panel, workload, cases, &range)?;
    }
    root.present()?;
    Ok(())
}

/// The same axes in all panels.
struct Range {
    latency: f64,
    low: f64,
    high: f64,
}

impl Range {
    /// High enough for poll_source, which the plot is about: io_poll may gain ten times as much on
    /// a device without latency, and is cut there.
    fn of(cases: &[BlkCase]) -> Range {
        let all = || {
            SERIES
                .iter()
                .flat_map(|(variant, _)| points(*variant, cases))
        };
        let own = points(Variant::PollSource, cases);
        let highest =
            |points: &mut dyn Iterator<Item = Point>| points.map(|p| p.3).fold(10.0, f64::max);
        let top = match own.is_empty() {
            true => highest(&mut all()),
            false => highest(&mut own.into_iter()),
        };
        Range {
            latency: all().map(|point| point.0).fold(50.0, f64::max),
            low: all().map(|point| point.2).fold(0.0, f64::min) * 1.1,
            high: top * 1.3,
        }
    }
}

fn points(variant: Variant, cases: &[BlkCase]) -> Vec<Point> {
    let gain = |ratio: f64| (ratio - 1.0) * 100.0;
    let point = |blk: &BlkCase| {
        let ratio = blk.case.ratio.get(variant.name())?;
        Some((
            blk.latency_us as f64,
            gain(ratio.median),
            gain(ratio.lo),
            gain(ratio.hi),
        ))
    };
    let mut points: Vec<Point> = cases.iter().filter_map(point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

fn draw_panel(
    panel: &DrawingArea<SVGBackend, Shift>,
    workload: Workload,
    cases: &[BlkCase],
    range: &Range,
) -> Result<(), Box<dyn std::error::Error>> {
    let margin = range.latency * 0.06;
    let mut chart = ChartBuilder::on(panel)
        .caption(format!("4k {workload}"), (FONT, 17))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d(-margin..range.latency + margin, range.low..range.high)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc("device latency, us")
        .y_desc("gain, %")
        .x_labels(6)
        .y_labels(6)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_label_formatter(&|latency| format!("{latency:.0}"))
        .y_label_formatter(&|gain| format!("{gain:.0}"))
        .draw()?;
    let zero = [(-margin, 0.0), (range.latency + margin, 0.0)];
    chart.draw_series(LineSeries::new(zero, RGBColor(120, 120, 120)))?;
    let own: Vec<BlkCase> = cases
        .iter()
        .filter(|blk| blk.workload == workload)
        .cloned()
        .collect();
    for (index, (variant, colour)) in SERIES.into_iter().enumerate() {
        let aside = (index as f64 - 1.0) * ASIDE * range.latency;
        let mut points = points(variant, &own);
        for point in &mut points {
            point.0 += aside;
        }
        draw_line(&mut chart, variant, colour, &points, range.high)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font((FONT, 14))
        .border_style(RGBColor(200, 200, 200))
        .background_style(WHITE.mix(0.9))
        .draw()?;
    Ok(())
}

/// What lies above the axis is drawn at its end, with its value beside it.
fn draw_line(
    chart: &mut Chart,
    variant: Variant,
    colour: RGBColor,
    points: &[Point],
    high: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    if points.is_empty() {
        return Ok(());
    }
    let line = points.iter().map(|point| (point.0, point.1.min(high)));
    let style = colour.stroke_width(2);
    chart
        .draw_series(LineSeries::new(line.clone(), style))?
        .label(variant.name())
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    let inside = |value: f64| value.min(high);
    chart.draw_series(points.iter().map(|&(latency, gain, lo, hi)| {
        let thin = colour.stroke_width(1);
        ErrorBar::new_vertical(latency, inside(lo), inside(gain), inside(hi), thin, 10)
    }))?;
    chart.draw_series(line.map(|point| Circle::new(point, 4, colour.filled())))?;
    let cut = points.iter().filter(|point| point.1 > high);
    chart.draw_series(cut.map(|&(latency, gain, ..)| {
        let label = TextStyle::from((FONT, 13).into_font()).color(&colour);
        let beside = EmptyElement::at((latency, high));
        beside + Text::new(format!("{gain:+.0} %"), (10, -2), label)
    }))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn the_plot_has_a_panel_for_each_workload_and_a_line_for_each_variant() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gain.svg");
        let all = sample::blk(Variant::IoPoll);
        write(&path, "tcg, 2 rounds", &all).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for part in [
            "4k randread",
            "4k randrw",
            "poll_source",
            "io_poll",
            "2 rounds",
        ] {
            assert!(svg.contains(part), "{part:?} is missing");
        }
        let (latency, gain, ..) = points(Variant::PollSource, &all)[1];
        assert!(latency == 100.0 && (gain - 20.0).abs() < 1e-9);
    }

    #[test]
    fn the_kernel_as_it_comes_has_a_line_where_it_was_measured() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gain.svg");
        let stock = sample::blk(Variant::AsItComes);
        write(&path, "tcg, 2 rounds", &stock).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.contains("as_it_comes") && !svg.contains("io_poll"));
        let (_, gain, ..) = points(Variant::AsItComes, &stock)[1];
        assert!((gain + 30.0).abs() < 1e-9, "{gain}");
        assert!(Range::of(&stock).low < gain);
    }

    #[test]
    fn nothing_measured_is_still_a_plot() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("gain.svg"), "tcg", &[]).unwrap();
    }
}
