// SPDX-License-Identifier: GPL-2.0
//! A picture: what it shows, how it was measured, one legend for all panels above them, the panels
//! in rows. It is as high as that needs. Its width is about that of a README's column, so that it
//! is seen without being made smaller.

use guest_protocol::Variant;
use plotters::style::text_anchor::HPos;

use crate::canvas::{BLACK_INK, Canvas, Frame, GREY, Label, Role, Shape, width, wrap};
use crate::panel::{Bar, Panel, SERIES, SMALL, TICKS_WIDTH, arrow, colour};

const WIDTH: f64 = 880.0;
const MARGIN: f64 = 16.0;
const TITLE: f64 = 20.0;
const LEGEND: f64 = 14.0;
/// Line height by the size of the text.
const LEADING: f64 = 1.4;
const SWATCH: f64 = 14.0;
const PANEL_HEIGHT: f64 = 310.0;
/// Between panels that share the values of their grid.
const GUTTER: f64 = 20.0;

pub struct Page<'a> {
    pub title: &'a str,
    /// How it was measured.
    pub subtitle: &'a str,
    /// From above.
    pub rows: Vec<Vec<Panel>>,
}

/// As many panels in a row as have room there: all, or each has a row of its own.
pub fn arrange(panels: Vec<Panel>) -> Vec<Vec<Panel>> {
    let frames = frames(&panels, 0.0);
    let of = variants(panels.iter().flat_map(|panel| &panel.bars)).len();
    let fits = |(panel, frame): (&Panel, &Frame)| panel.fits(of, frame.width());
    match panels.iter().zip(&frames).all(fits) {
        true => vec![panels],
        false => panels.into_iter().map(|panel| vec![panel]).collect(),
    }
}

pub fn variants<'a>(bars: impl Iterator<Item = &'a Bar> + Clone) -> Vec<Variant> {
    let there = |variant: &Variant| bars.clone().any(|bar| bar.variant == *variant);
    SERIES
        .map(|(variant, _)| variant)
        .into_iter()
        .filter(there)
        .collect()
}

/// Whether one column of values serves the panels of a row.
fn is_shared(panels: &[Panel]) -> bool {
    panels.windows(2).all(|pair| pair[0].scale == pair[1].scale)
}

/// Where a row's panels have their bars.
fn frames(panels: &[Panel], top: f64) -> Vec<Frame> {
    let count = panels.len().max(1) as f64;
    let (first, each) = match is_shared(panels) {
        true => (TICKS_WIDTH, GUTTER),
        false => (TICKS_WIDTH, GUTTER + TICKS_WIDTH),
    };
    let room = (WIDTH - 2.0 * MARGIN - first - each * (count - 1.0)) / count;
    let frame = |index| {
        let left = MARGIN + first + index as f64 * (room + each);
        Frame::new(left, top, left + room, top + PANEL_HEIGHT)
    };
    (0..panels.len()).map(frame).collect()
}

impl Page<'_> {
    pub fn draw(&self) -> Canvas {
        let mut canvas = Canvas::default();
        let mut top = MARGIN;
        top = paragraph(&mut canvas, top, self.title, TITLE);
        top = paragraph(&mut canvas, top + 2.0, self.subtitle, SMALL);
        top = self.legend(&mut canvas, top + 10.0);
        for row in &self.rows {
            let ticks = |index| index == 0 || !is_shared(row);
            let variants = variants(row.iter().flat_map(|panel| &panel.bars));
            for (index, (panel, frame)) in row.iter().zip(frames(row, top)).enumerate() {
                panel.draw(&mut canvas, frame, &variants, ticks(index));
            }
            top += PANEL_HEIGHT;
        }
        canvas.size = (WIDTH, top);
        canvas
    }

    fn legend(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let panels = || self.rows.iter().flatten();
        let bars = panels().flat_map(|panel| &panel.bars);
        let series = variants(bars).into_iter();
        let mut keys: Vec<(Option<Variant>, &str)> = series
            .map(|variant| (Some(variant), variant.name()))
            .collect();
        let is_cut = |panel: &Panel| panel.bars.iter().any(|bar| bar.is_cut(&panel.scale));
        if panels().any(is_cut) {
            keys.push((None, "cut here; goes on to the value"));
        }
        let (mut x, mut y) = (MARGIN, top + LEGEND / 2.0);
        for (variant, name) in keys {
            let label = Label::new(name, LEGEND, HPos::Left);
            let room = SWATCH + 6.0 + width(name, LEGEND);
            if x > MARGIN && x + room > WIDTH - MARGIN {
                (x, y) = (MARGIN, y + LEGEND * LEADING);
            }
            let half = SWATCH / 2.0;
            match variant {
                Some(variant) => {
                    let swatch = Frame::new(x, y - half, x + SWATCH, y + half);
                    canvas.add(Role::Key, Shape::Box(swatch), colour(variant));
                }
                None => arrow(canvas, Role::Key, (x + half, y - half + 3.0), -1.0),
            }
            canvas.text((x + SWATCH + 6.0, y), label, BLACK_INK);
            x += room + 24.0;
        }
        y + LEGEND * LEADING
    }
}

fn paragraph(canvas: &mut Canvas, top: f64, text: &str, size: f64) -> f64 {
    let ink = if size == TITLE { BLACK_INK } else { GREY };
    let lines = wrap(text, size, WIDTH - 2.0 * MARGIN);
    let height = size * LEADING;
    for (index, line) in lines.iter().enumerate() {
        let middle = top + (index as f64 + 0.5) * height;
        canvas.text((MARGIN, middle), Label::new(line, size, HPos::Left), ink);
    }
    top + lines.len() as f64 * height
}
