// SPDX-License-Identifier: GPL-2.0
//! Tables of predictions as rows of text. The first row is the heading.

use crate::{Range, gain};

pub type Rows = Vec<Vec<String>>;

/// Typical round trips, in us: of a fast local device, of the RFC's device, of a good and a usual
/// cloud disk, of a slow disk.
pub const ROUND_TRIPS: [f64; 5] = [12.0, 22.0, 50.0, 100.0, 400.0];
/// Time that polling saved in one request in the RFC's three lines, in us.
pub const SAVED: Range = Range {
    low: 2.4,
    high: 2.6,
};

/// Table of the gain that the RFC's saving would give at other round trips.
pub fn round_trips() -> Rows {
    let row = |&trip: &f64| {
        let [low, high] = [SAVED.low, SAVED.high].map(|saved| gain(trip, saved));
        vec![format!("{trip:.0} us"), span(low, high, 3)]
    };
    let mut rows = vec![vec!["round trip".to_owned(), "gain".to_owned()]];
    rows.extend(ROUND_TRIPS.iter().map(row));
    rows
}

/// The range as text: one number if low and high look the same with `digits` decimals.
fn span(low: f64, high: f64, digits: usize) -> String {
    let [low, high] = [low, high].map(|value| format!("{value:.digits$}"));
    match low == high {
        true => low,
        false => format!("{low} to {high}"),
    }
}

/// A gain as text: "over" and the lower end if the upper end is infinite.
pub fn gains(gain: Range) -> String {
    let Range { low, high } = gain;
    match (low.is_finite(), high.is_finite()) {
        (true, true) => span(low, high, 2),
        (true, false) => format!("over {low:.2}"),
        _ => "unknown".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EVENTS, Setting, rfc};

    /// Table of the cost of each event, in ns.
    fn costs() -> Rows {
        let mut rows = vec![vec!["ns".to_owned()]];
        rows[0].extend(Setting::ALL.map(|setting| setting.to_string()));
        for event in EVENTS {
            let mut row = vec![event.name.to_owned()];
            row.extend(Setting::ALL.map(|setting| {
                let Range { low, high } = event.cost(setting);
                span(low, high, 0)
            }));
            rows.push(row);
        }
        rows
    }

    /// Table of the RFC's measurements and the predictions for them.
    fn rfc() -> Rows {
        let mut rows = vec![
            ["", "round trip", "saved", "measured gain"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows[0].extend(Setting::ALL.map(|setting| format!("predicted, {setting}")));
        for line in rfc::LINES {
            let mut row = vec![
                line.workload.to_owned(),
                format!("{:.1} us", line.round_trip() / 1e3),
                format!("{:.2} us", line.saved() / 1e3),
                format!("{:.2}", line.gain()),
            ];
            row.extend(Setting::ALL.map(|setting| gains(line.predicted(setting))));
            rows.push(row);
        }
        rows
    }

    #[test]
    fn the_page_of_prices_has_these_tables() {
        let page = include_str!("../../../c-shim/results/prices.md");
        let cells = |line: &str| {
            line.trim_matches('|')
                .split('|')
                .map(|it| it.trim().to_owned())
                .collect()
        };
        let there: Vec<Vec<String>> = page.lines().map(cells).collect();
        for row in [round_trips(), costs(), rfc()].concat() {
            assert!(there.contains(&row), "prices.md lacks this line: {row:?}");
        }
    }
}
