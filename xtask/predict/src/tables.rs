// SPDX-License-Identifier: GPL-2.0
//! The prediction's tables as rows of text; the first row is the head.

use crate::{Cost, Event, Prediction, Publication, Range, Setting, cost, gain, rfc, source};

pub type Rows = Vec<Vec<String>>;

/// Round trips that readers have, in us: a fast local device, the RFC's, a good and a usual cloud
/// disk, a slow one.
pub const ROUND_TRIPS: [f64; 5] = [12.0, 22.0, 50.0, 100.0, 400.0];
/// What the RFC's three lines saved a request, in us.
pub const SAVED: Range = Range {
    low: 2.4,
    high: 2.6,
};

fn head<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// What the RFC's saving would gain at other round trips.
pub fn round_trips() -> Rows {
    let row = |&trip: &f64| {
        let [low, high] = [SAVED.low, SAVED.high].map(|saved| gain(trip, saved));
        vec![format!("{trip:.0} us"), span(low, high, 3)]
    };
    let mut rows = vec![head(["round trip", "gain"])];
    rows.extend(ROUND_TRIPS.iter().map(row));
    rows
}

/// Low and high; once where they read the same.
fn span(low: f64, high: f64, digits: usize) -> String {
    let [low, high] = [low, high].map(|value| format!("{value:.digits$}"));
    match low == high {
        true => low,
        false => format!("{low} to {high}"),
    }
}

/// Whole ns.
pub fn nanoseconds(range: &Range) -> String {
    span(range.low, range.high, 0)
}

/// A gain; "over" where the upper end is anybody's guess.
pub fn gains(prediction: &Prediction) -> String {
    let Range { low, high } = prediction.gain;
    match (low.is_finite(), high.is_finite()) {
        (true, true) => span(low, high, 2),
        (true, false) => format!("over {low:.2}"),
        _ => "not to be told".into(),
    }
}

/// What each event costs, in ns.
pub fn costs() -> Rows {
    let mut rows = vec![head(["ns"])];
    rows[0].extend(Setting::ALL.map(|setting| setting.to_string()));
    for event in Event::ALL {
        let mut row = vec![event.to_string()];
        row.extend(Setting::ALL.map(|setting| nanoseconds(&cost(event, setting).range)));
        rows.push(row);
    }
    rows
}

/// How each price comes about, one line for each event and setting that has its own.
pub fn reasons() -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for event in Event::ALL {
        let mut told: Vec<(&'static str, Vec<Setting>, Cost)> = Vec::new();
        for setting in Setting::ALL {
            let cost = cost(event, setting);
            match told.iter_mut().find(|(why, ..)| *why == cost.why) {
                Some((_, settings, _)) => settings.push(setting),
                None => told.push((cost.why, vec![setting], cost)),
            }
        }
        for (why, settings, cost) in told {
            let names: Vec<&str> = cost.sources.iter().map(|source| source.name).collect();
            let settings: Vec<String> = settings.iter().map(Setting::to_string).collect();
            lines.push(format!(
                "{event} ({}): {why} [{}]",
                settings.join("; "),
                names.join(", ")
            ));
        }
    }
    lines
}

/// The publications, a line each.
pub fn sources() -> Vec<String> {
    let line = |source: &&Publication| {
        let Publication {
            name,
            title,
            address,
            says,
        } = source;
        format!("{name}: {title}, <{address}>: {says}")
    };
    source::ALL.iter().map(line).collect()
}

/// The RFC's measurements beside what is predicted for them.
pub fn rfc() -> Rows {
    let mut rows = vec![head(["", "round trip", "saved", "measured gain"])];
    rows[0].extend(Setting::ALL.map(|setting| format!("predicted, {setting}")));
    for line in rfc::LINES {
        let mut row = vec![
            line.workload.to_owned(),
            format!("{:.1} us", line.round_trip() / 1e3),
            format!("{:.2} us", line.saved() / 1e3),
            format!("{:.2}", line.gain()),
        ];
        row.extend(Setting::ALL.map(|setting| gains(&line.predicted(setting))));
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_falls_with_the_round_trip() {
        let rows = round_trips();
        let text: Vec<String> = rows.iter().map(|row| row.join(": ")).collect();
        assert_eq!(
            text,
            [
                "round trip: gain",
                "12 us: 1.250 to 1.277",
                "22 us: 1.122 to 1.134",
                "50 us: 1.050 to 1.055",
                "100 us: 1.025 to 1.027",
                "400 us: 1.006 to 1.007",
            ]
        );
    }

    #[test]
    fn tables_are_rectangular() {
        for rows in [round_trips(), costs(), rfc()] {
            assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        }
        assert_eq!(costs().len(), Event::ALL.len() + 1);
    }
}
