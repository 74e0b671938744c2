// SPDX-License-Identifier: GPL-2.0
//! hosts.svg: what polling gains on each host, a block of rows for each case and a row for each
//! host. Rows instead of lines over the latency: there may be any number of hosts, and few of them
//! measure the same latencies.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::canvas::FONT;
use measure::foreign::Hosts;
use measure::stats::Ratio;

const WIDTH: u32 = 900;
/// For the names of cases and hosts.
const NAMES: i32 = 330;
const ROW: u32 = 22;
/// Title, and the axis below.
const AROUND: u32 = 130;
/// The colours of `blk.rs`: KVM has poll_source's, TCG is grey.
const KVM: RGBColor = RGBColor(0, 90, 181);
const TCG: RGBColor = RGBColor(130, 130, 130);
/// Longer names are cut.
const LONGEST: usize = 34;

/// A host's figure for a case; None where the next case begins.
struct Row {
    name: String,
    figure: Option<(Ratio, RGBColor)>,
}

pub fn write(path: &Path, hosts: &Hosts) -> Result<()> {
    draw(path, hosts).map_err(|err| anyhow!("drawing {}: {err}", path.display()))
}

/// Cases in the order in which the first host has them.
fn rows(hosts: &Hosts) -> Vec<Row> {
    let mut names: Vec<&str> = Vec::new();
    for case in hosts.hosts.iter().flat_map(|host| &host.results.cases) {
        if !names.contains(&case.name.as_str()) {
            names.push(&case.name);
        }
    }
    let mut rows = Vec::new();
    for name in names {
        rows.push(Row {
            name: name.to_owned(),
            figure: None,
        });
        for host in &hosts.hosts {
            let case = host.results.cases.iter().find(|case| case.name == name);
            let Some(ratio) = case.and_then(|case| case.ratio.get("poll_source")) else {
                continue;
            };
            let colour = match host.results.accel.as_str() {
                "kvm" => KVM,
                _ => TCG,
            };
            let name = format!("{}, {}", host.host, host.results.accel);
            rows.push(Row {
                name: name.chars().take(LONGEST).collect(),
                figure: Some((*ratio, colour)),
            });
        }
    }
    rows
}

/// The axis: no gain at all is always on it, and a tenth beyond what is farthest.
fn span(rows: &[Row]) -> (f64, f64) {
    let figures = || rows.iter().filter_map(|row| row.figure);
    let low = figures().map(|(ratio, _)| ratio.lo).fold(1.0, f64::min);
    let high = figures().map(|(ratio, _)| ratio.hi).fold(1.05, f64::max);
    let room = (high - low) * 0.1;
    (low - room, high + room)
}

fn draw(path: &Path, hosts: &Hosts) -> Result<(), Box<dyn std::error::Error>> {
    let rows = rows(hosts);
    let (low, high) = span(&rows);
    let height = AROUND + ROW * rows.len() as u32;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw_text(
        "poll_source / the same wait without polling",
        &TextStyle::from((FONT, 22).into_font()),
        (20, 14),
    )?;
    root.draw_text(
        "median of paired runs and 95 % interval; blue: KVM, grey: TCG, whose percentages do not carry over",
        &TextStyle::from((FONT, 14).into_font()).color(&RGBColor(90, 90, 90)),
        (20, 42),
    )?;
    let count = rows.len() as f64;
    let mut chart = ChartBuilder::on(&root)
        .margin_top(64)
        .margin_right(20)
        .margin_bottom(8)
        .margin_left(NAMES)
        .x_label_area_size(44)
        .build_cartesian_2d(low..high, count..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_desc("gain: 1.0 is none")
        .x_labels(8)
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .x_label_formatter(&|gain| format!("{gain:.2}"))
        .draw()?;
    chart.draw_series(LineSeries::new(
        [(1.0, 0.0), (1.0, count)],
        RGBColor(120, 120, 120),
    ))?;
    let end = Pos::new(HPos::Right, VPos::Center);
    for (index, row) in rows.iter().enumerate() {
        let y = index as f64 + 0.5;
        let (_, down) = chart.plotting_area().map_coordinate(&(low, y));
        let size = if row.figure.is_some() { 14 } else { 16 };
        let style = TextStyle::from((FONT, size).into_font()).pos(end);
        root.draw_text(&row.name, &style, (NAMES - 10, down))?;
        let Some((ratio, colour)) = row.figure else {
            continue;
        };
        let line = colour.stroke_width(2);
        chart.draw_series([
            PathElement::new([(ratio.lo, y), (ratio.hi, y)], line).into_dyn(),
            Circle::new((ratio.median, y), 4, colour.filled()).into_dyn(),
        ])?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use measure::foreign::Foreign;

    fn host(name: &str, accel: &str, gain: f64) -> Foreign {
        let mut results = measure::sample::results();
        results["accel"] = accel.into();
        results["cases"][0]["ratio"]["poll_source"]["median"] = gain.into();
        Foreign {
            host: name.into(),
            results: serde_json::from_value(results).unwrap(),
        }
    }

    #[test]
    fn each_host_has_a_row_in_each_case() {
        let hosts = Hosts {
            hosts: vec![host("epyc", "kvm", 1.12), host("laptop", "tcg", 1.41)],
        };
        let names: Vec<String> = rows(&hosts).into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["blk/randread@0us", "epyc, kvm", "laptop, tcg"]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts.svg");
        write(&path, &hosts).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for part in names
            .iter()
            .map(String::as_str)
            .chain(["gain: 1.0 is none"])
        {
            assert!(svg.contains(part), "{part:?} is missing");
        }
    }

    #[test]
    fn the_axis_has_the_place_of_no_gain() {
        let hosts = Hosts {
            hosts: vec![host("a", "kvm", 1.2)],
        };
        let (low, high) = span(&rows(&hosts));
        assert!(low < 1.0 && high > 3.5, "{low} {high}");
        assert!(span(&[]).0 < 1.0);
    }

    #[test]
    fn many_hosts_make_it_higher_and_none_are_a_picture_still() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts.svg");
        let many = (0..40).map(|index| host(&format!("host{index}"), "kvm", 1.1));
        let all = Hosts {
            hosts: many.collect(),
        };
        write(&path, &all).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.contains("host39, kvm"));
        write(&path, &Hosts { hosts: Vec::new() }).unwrap();
    }
}
