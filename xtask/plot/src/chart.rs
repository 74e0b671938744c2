// SPDX-License-Identifier: GPL-2.0
//! Draws a chart of ratios as SVG. Each ratio has a row of its own: the median as a dot, the 95 %
//! interval as a line, and both as text. The axis is logarithmic and covers all intervals, so
//! nothing overlaps and nothing is cut.

use std::fmt::Write as _;

use measure::stats::Ratio;

/// Width of the picture: about that of a README's column.
const WIDTH: f64 = 880.0;
const MARGIN: f64 = 16.0;
/// Left ends of the columns: names start at the margin, then come series, ratios (LEFT to RIGHT)
/// and figures.
const SERIES: f64 = 190.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 700.0;
const FIGURES: f64 = 715.0;
const ROW: f64 = 20.0;
const TEXT: f64 = 13.0;
const TITLE: f64 = 19.0;
/// Number of letters that fit: in the column of names, and on a line of the notes.
const NAME_LETTERS: usize = 22;
const NOTE_LETTERS: usize = 112;
/// Approximate number of grid lines on an axis that is not long.
const TICKS: f64 = 6.0;
/// Ratio of the ends of an axis from which the axis is long. A long axis has a grid line at 1, 2, 3
/// and 5 times each power of ten.
const LONG: f64 = 5.0;

const INK: &str = "#1e1e1e";
const GREY: &str = "#5a5a5a";
const GRID: &str = "#e1e1e1";

pub struct Chart {
    pub title: String,
    /// How the ratios were measured.
    pub notes: String,
    pub blocks: Vec<RatioBlock>,
}

/// Rows with a heading.
pub struct RatioBlock {
    pub head: String,
    pub rows: Vec<RatioRow>,
}

pub struct RatioRow {
    pub name: String,
    pub series: String,
    pub colour: &'static str,
    /// None: not measured.
    pub ratio: Option<Ratio>,
}

impl RatioRow {
    /// The ratio, if it can be drawn: all its values are finite and positive.
    fn ratio(&self) -> Option<Ratio> {
        let is_drawn = |value: f64| value.is_finite() && value > 0.0;
        self.ratio
            .filter(|it| [it.median, it.lo, it.hi].into_iter().all(is_drawn))
    }
}

/// The axis covers all intervals. It always includes 1.0, which is no gain.
#[derive(Debug)]
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn of(ratios: &[Ratio]) -> Axis {
        let low = ratios.iter().map(|it| it.lo).fold(1.0, f64::min);
        let high = ratios.iter().map(|it| it.hi).fold(1.05, f64::max);
        Axis {
            low: low / 1.05,
            high: high * 1.05,
        }
    }

    fn x(&self, ratio: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (ratio / self.low).ln() / (self.high / self.low).ln()
    }

    fn ticks(&self) -> Vec<f64> {
        let power = |value: f64| 10f64.powf(value.log10().floor());
        let ticks: Vec<f64> = if self.high / self.low < LONG {
            let rough = (self.high - self.low) / TICKS;
            let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power(rough));
            let step = steps.into_iter().find(|step| *step >= rough);
            let step = step.unwrap_or(rough);
            let last = (self.high / step) as u32;
            (1..=last).map(|at| f64::from(at) * step).collect()
        } else {
            let powers = (0..).map(|at| power(self.low) * 10f64.powi(at));
            let powers = powers.take_while(|power| *power <= self.high);
            powers
                .flat_map(|power| [1.0, 2.0, 3.0, 5.0].map(|factor| factor * power))
                .collect()
        };
        let is_on = |tick: &f64| (self.low..=self.high).contains(tick);
        ticks.into_iter().filter(is_on).collect()
    }
}

impl Chart {
    pub fn draw(&self) -> String {
        let rows = || self.blocks.iter().flat_map(|block| &block.rows);
        let ratios: Vec<Ratio> = rows().filter_map(RatioRow::ratio).collect();
        let axis = Axis::of(&ratios);
        let mut svg = Svg::default();
        let mut y = MARGIN + TITLE / 2.0;
        svg.text((MARGIN, y), TITLE, INK, &self.title);
        y += 1.4 * TITLE;
        for line in wrap(&self.notes) {
            svg.text((MARGIN, y), TEXT, GREY, &line);
            y += 1.4 * TEXT;
        }
        let top = y;
        for block in &self.blocks {
            y += 1.3 * ROW;
            svg.text((MARGIN, y), TEXT, INK, &block.head);
            for row in &block.rows {
                y += ROW;
                svg.row(y, row, &axis);
            }
        }
        let bottom = y + ROW;
        let mut grid = Svg::default();
        for tick in axis.ticks() {
            let x = axis.x(tick);
            grid.line((x, top), (x, bottom), GRID, 1);
            let label = format!("{tick:.2}");
            let label = label.trim_end_matches('0').trim_end_matches('.');
            grid.anchored((x, bottom + ROW / 2.0), TEXT, GREY, label, "middle");
        }
        let one = axis.x(1.0);
        grid.line((one, top), (one, bottom), GREY, 1);
        let height = bottom + ROW + MARGIN;
        format!(
            "<svg width=\"{WIDTH}\" height=\"{height:.0}\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             font-family=\"sans-serif\" xmlns=\"http://www.w3.org/2000/svg\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{}{}</svg>\n",
            grid.0, svg.0
        )
    }
}

/// The SVG elements of a picture.
#[derive(Default)]
struct Svg(String);

impl Svg {
    fn row(&mut self, y: f64, row: &RatioRow, axis: &Axis) {
        let name: String = row.name.chars().take(NAME_LETTERS).collect();
        self.text((MARGIN + TEXT, y), TEXT, INK, &name);
        self.text((SERIES, y), TEXT, row.colour, &row.series);
        let Some(ratio) = row.ratio() else {
            return self.text((FIGURES, y), TEXT, GREY, "not measured");
        };
        self.line((axis.x(ratio.lo), y), (axis.x(ratio.hi), y), row.colour, 2);
        let _ = writeln!(
            self.0,
            "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"{}\"/>",
            axis.x(ratio.median),
            row.colour
        );
        self.text((FIGURES, y), TEXT, row.colour, &ratio.to_string());
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: u32) {
        let _ = writeln!(
            self.0,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" \
             stroke-width=\"{width}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    fn text(&mut self, at: (f64, f64), size: f64, colour: &str, text: &str) {
        self.anchored(at, size, colour, text, "start");
    }

    fn anchored(&mut self, at: (f64, f64), size: f64, colour: &str, text: &str, anchor: &str) {
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        let _ = writeln!(
            self.0,
            "<text x=\"{:.1}\" y=\"{:.1}\" dy=\"0.35em\" font-size=\"{size}\" fill=\"{colour}\" \
             stroke=\"white\" stroke-width=\"4\" paint-order=\"stroke\" \
             text-anchor=\"{anchor}\">{text}</text>",
            at.0, at.1
        );
    }
}

/// Splits the text into lines that fit. A word that is longer than a line gets a line of its own.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < NOTE_LETTERS => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(lo: f64, median: f64, hi: f64) -> Ratio {
        Ratio {
            median,
            lo,
            hi,
            pairs: 8,
        }
    }

    fn chart(name: &str, ratios: &[Ratio]) -> String {
        let row = |ratio: &Ratio| RatioRow {
            name: name.into(),
            series: "poll_source".into(),
            colour: "#005ab5",
            ratio: Some(*ratio),
        };
        let chart = Chart {
            title: "Gain".into(),
            notes: "word ".repeat(50),
            blocks: vec![RatioBlock {
                head: "100 us".into(),
                rows: ratios.iter().map(row).collect(),
            }],
        };
        chart.draw()
    }

    /// Small and large gains, losses, one ratio, many, and none.
    #[test]
    fn nothing_is_cut_and_the_grid_has_lines() {
        for ratios in [
            vec![ratio(1.004, 1.006, 1.009)],
            vec![ratio(0.6, 0.8, 0.9), ratio(0.01, 0.1, 0.2)],
            vec![ratio(0.2, 1.2, 3.6), ratio(1.1, 1.2, 1.3)],
            vec![ratio(50.0, 95.0, 100.0), ratio(1.0, 1.0, 1.0)],
            Vec::new(),
        ] {
            let axis = Axis::of(&ratios);
            for ratio in &ratios {
                for end in [ratio.lo, ratio.hi] {
                    assert!((LEFT..=RIGHT).contains(&axis.x(end)), "{ratio:?}: {axis:?}");
                }
            }
            let ticks = axis.ticks();
            assert!((2..=12).contains(&ticks.len()), "{axis:?}: {ticks:?}");
            let near = |tick: &f64| (tick - 1.0).abs() < 1e-9;
            assert!(ticks.iter().any(near), "{axis:?}: {ticks:?}");
            let apart = |pair: &[f64]| axis.x(pair[1]) - axis.x(pair[0]) > 25.0;
            assert!(ticks.windows(2).all(apart), "{axis:?}: {ticks:?}");
        }
    }

    #[test]
    fn what_is_no_figure_was_not_measured() {
        let svg = chart("x", &[ratio(1.0, f64::NAN, 1.0), ratio(1.0, 1.1, 1.2)]);
        assert_eq!(svg.matches("not measured").count(), 1);
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(svg.contains(">1.10 [1.00, 1.20]</text>"), "{svg}");
    }

    #[test]
    fn texts_stay_in_their_columns_and_are_text() {
        let svg = chart(&"<".repeat(99), &[ratio(1.0, 1.1, 1.2)]);
        assert_eq!(svg.matches("&lt;").count(), NAME_LETTERS);
        assert_eq!(wrap(&"word ".repeat(50)).len(), 3);
    }
}
