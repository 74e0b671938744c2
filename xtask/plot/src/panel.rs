// SPDX-License-Identifier: GPL-2.0
//! A panel: groups of bars, one bar for each variant, with intervals. Each bar has its value below
//! the panel, where no interval is. What the scale does not show is cut, and marked: an arrow at the
//! edge, and beside it the value up to which it goes on.

use guest_protocol::Variant;
use measure::results::Comparison;
use plotters::prelude::{Color, RGBColor, WHITE};
use plotters::style::text_anchor::HPos;

use crate::canvas::{BLACK_INK, Canvas, Frame, GREY, Label, Role, Shape, width, wrap};
use crate::scale::Axis;

/// Told apart by colour-blind eyes, too.
pub const SERIES: [(Variant, RGBColor); 5] = [
    (Variant::Before, RGBColor(130, 130, 130)),
    (Variant::PollSource, RGBColor(0, 90, 181)),
    (Variant::IoPoll, RGBColor(200, 95, 0)),
    (Variant::BusyPoll, RGBColor(200, 95, 0)),
    (Variant::AsItComes, RGBColor(110, 75, 25)),
];
const GRID: RGBColor = RGBColor(225, 225, 225);

pub const SMALL: f64 = 13.0;
const HEAD: f64 = 15.0;
/// Heights of what is written above and below the bars.
const HEAD_ROW: f64 = 26.0;
const ROW: f64 = 18.0;
pub const TICKS_WIDTH: f64 = 44.0;
/// Of the room that a group has.
const GROUP: f64 = 0.92;
/// No bar has more room than this, in pixels.
const WIDEST: f64 = 60.0;
/// Of the room that a bar has.
const BAR: f64 = 0.76;
/// Between two texts.
const APART: f64 = 3.0;
const ARROW: f64 = 7.0;

/// What is drawn of one variant in one group.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub group: usize,
    pub variant: Variant,
    /// From here up to `top` it is pale: the part that is told apart.
    pub full: f64,
    pub top: f64,
    /// An interval, or a tail.
    pub whisker: Option<(f64, f64)>,
    pub label: String,
}

impl Bar {
    pub fn new(group: usize, variant: Variant, top: f64, label: String) -> Bar {
        Bar {
            group,
            variant,
            full: top,
            top,
            whisker: None,
            label,
        }
    }

    fn ends(&self) -> (f64, f64) {
        let (lo, hi) = self.whisker.unwrap_or((self.top, self.top));
        (lo.min(self.top), hi.max(self.top))
    }

    /// The longer side of it.
    pub fn whisker_length(&self) -> Option<f64> {
        let (lo, hi) = self.whisker?;
        Some((hi - self.top).max(self.top - lo))
    }

    pub fn is_cut(&self, scale: &Axis) -> bool {
        let (lo, hi) = self.ends();
        !scale.shows(lo) || !scale.shows(hi)
    }
}

/// What a variant gains over the same wait without polling, if that was measured.
pub fn gain(case: &Comparison, group: usize, variant: Variant) -> Option<Bar> {
    let ratio = case.ratio.get(variant.name())?;
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let top = percent(ratio.median);
    let ends = (percent(ratio.lo), percent(ratio.hi));
    let bar = Bar {
        whisker: (ends.0.is_finite() && ends.1.is_finite()).then_some(ends),
        ..Bar::new(group, variant, top, signed(top))
    };
    top.is_finite().then_some(bar)
}

/// "+25", "-6.3".
pub fn signed(value: f64) -> String {
    let digits = if value.abs() < 9.95 { 1 } else { 0 };
    format!("{value:+.digits$}")
}

#[derive(Clone, Debug)]
pub struct Panel {
    pub title: String,
    /// What the groups' names are, if they do not say so.
    pub below: String,
    pub groups: Vec<String>,
    pub bars: Vec<Bar>,
    pub scale: Axis,
    /// How a value is written where an interval is cut.
    pub value: fn(f64) -> String,
}

impl Panel {
    /// Whether the values below bars of these variants have room on that width.
    pub fn fits(&self, variants: usize, room: f64) -> bool {
        let pitch = self.pitch(variants, room);
        let values = self.bars.iter().flat_map(|bar| {
            let (lo, hi) = bar.ends();
            let cut = [lo, hi]
                .into_iter()
                .filter(move |end| !self.scale.shows(*end));
            cut.map(self.value).chain([bar.label.clone()])
        });
        let mut values = values.map(|text| width(&text, SMALL));
        let each = room / self.groups.len().max(1) as f64;
        let mut names = self.groups.iter().map(|name| width(name, SMALL));
        values.all(|width| width + APART <= pitch)
            && names.all(|width| width + APART <= each)
            && width(&self.title, HEAD) <= room
    }

    fn pitch(&self, variants: usize, room: f64) -> f64 {
        let group = room / self.groups.len().max(1) as f64;
        (group * GROUP / variants.max(1) as f64).min(WIDEST)
    }

    /// The panel with the left end of its bars at `frame.left`; the values of the grid are left of it.
    pub fn draw(&self, canvas: &mut Canvas, frame: Frame, variants: &[Variant], ticks: bool) {
        let below = wrap(&self.below, SMALL, frame.width());
        let bars = Frame::new(
            frame.left,
            frame.top + HEAD_ROW + ROW,
            frame.right,
            frame.bottom - (3.3 + below.len().max(1) as f64) * ROW,
        );
        let head = Label::new(self.title.clone(), HEAD, HPos::Left);
        canvas.text((frame.left, frame.top + HEAD_ROW / 2.0), head, BLACK_INK);
        self.grid(canvas, bars, ticks);
        if self.bars.is_empty() {
            let middle = (
                (bars.left + bars.right) / 2.0,
                (bars.top + bars.bottom) / 2.0,
            );
            let text = Label::new("not measured", SMALL, HPos::Center);
            canvas.text(middle, text, GREY);
        }
        for bar in &self.bars {
            let place = variants.iter().position(|variant| *variant == bar.variant);
            self.bar(canvas, bars, bar, (place.unwrap_or(0), variants.len()));
        }
        let zero = self.y(bars, 0.0);
        canvas.line(Role::Grid, (bars.left, zero), (bars.right, zero), GREY);
        let group = bars.width() / self.groups.len().max(1) as f64;
        for (index, name) in self.groups.iter().enumerate() {
            let centre = bars.left + (index as f64 + 0.5) * group;
            let name = Label::new(name.clone(), SMALL, HPos::Center);
            canvas.text((centre, bars.bottom + 2.8 * ROW), name, BLACK_INK);
        }
        let centre = (bars.left + bars.right) / 2.0;
        for (index, line) in below.iter().enumerate() {
            let y = bars.bottom + (3.7 + index as f64) * ROW;
            canvas.text((centre, y), Label::new(line, SMALL, HPos::Center), GREY);
        }
    }

    fn y(&self, bars: Frame, value: f64) -> f64 {
        let share = (value - self.scale.low) / (self.scale.high - self.scale.low);
        bars.bottom - share.clamp(0.0, 1.0) * (bars.bottom - bars.top)
    }

    fn grid(&self, canvas: &mut Canvas, bars: Frame, ticks: bool) {
        let (lines, digits) = self.scale.ticks();
        for value in lines {
            let y = self.y(bars, value);
            canvas.line(Role::Grid, (bars.left, y), (bars.right, y), GRID);
            if ticks {
                let text = Label::new(format!("{value:.digits$}"), SMALL, HPos::Right);
                canvas.text((bars.left - 6.0, y), text, GREY);
            }
        }
    }

    fn bar(&self, canvas: &mut Canvas, bars: Frame, bar: &Bar, (index, of): (usize, usize)) {
        let colour = colour(bar.variant);
        let group = bars.width() / self.groups.len().max(1) as f64;
        let pitch = self.pitch(of, bars.width());
        let aside = (index as f64 - (of as f64 - 1.0) / 2.0) * pitch;
        let x = bars.left + (bar.group as f64 + 0.5) * group + aside;
        let half = pitch * BAR / 2.0;
        for (from, to, mix) in [(0.0, bar.full, 0.8), (bar.full, bar.top, 0.35)] {
            let (from, to) = (self.y(bars, from), self.y(bars, to));
            let frame = Frame::new(x - half, from.min(to), x + half, from.max(to));
            if frame.bottom > frame.top {
                canvas.add(Role::Mark, Shape::Box(frame), colour.mix(mix));
            }
        }
        if !self.scale.shows(bar.top) {
            self.gap(canvas, bars, bar.top, (x, half));
        }
        let (lo, hi) = bar.ends();
        // A bar that is cut hides where its interval begins: the arrow says enough.
        if bar.whisker.is_some() && self.scale.shows(bar.top) {
            let (from, to) = ((x, self.y(bars, lo)), (x, self.y(bars, hi)));
            canvas.line(Role::Mark, from, to, BLACK_INK);
            for end in [lo, hi].into_iter().filter(|end| self.scale.shows(*end)) {
                let y = self.y(bars, end);
                let cap = half.min(10.0) * 0.5;
                canvas.line(Role::Mark, (x - cap, y), (x + cap, y), BLACK_INK);
            }
        }
        if hi > self.scale.high {
            cut(canvas, (x, bars.top), -1.0, (self.value)(hi));
        }
        if lo < self.scale.low {
            cut(canvas, (x, bars.bottom), 1.0, (self.value)(lo));
        }
        // Not between the bars and the values of what is cut there.
        let label = Label::new(bar.label.clone(), SMALL, HPos::Center);
        canvas.text((x, bars.bottom + 1.8 * ROW), label, colour);
    }

    /// A white gap near the end of a bar that goes on.
    fn gap(&self, canvas: &mut Canvas, bars: Frame, top: f64, (x, half): (f64, f64)) {
        let y = match top > 0.0 {
            true => bars.top + 12.0,
            false => bars.bottom - 12.0,
        };
        let (left, right) = (x - half - 1.0, x + half + 1.0);
        let slanted = vec![
            (left, y + 3.0),
            (right, y - 3.0),
            (right, y + 1.0),
            (left, y + 7.0),
        ];
        canvas.add(Role::Mark, Shape::Polygon(slanted), WHITE);
    }
}

/// An arrow out of the panel, and up to where what it ends goes on.
fn cut(canvas: &mut Canvas, (x, edge): (f64, f64), out: f64, value: String) {
    arrow(canvas, Role::Cut, (x, edge), out);
    let at = (x, edge + out * (ROW - SMALL / 2.0 + 2.0));
    canvas.text(at, Label::new(value, SMALL, HPos::Center), GREY);
}

/// Its tip is inside, at the edge: outside is the value.
pub fn arrow(canvas: &mut Canvas, role: Role, (x, edge): (f64, f64), out: f64) {
    let base = edge - out * ARROW;
    let points = vec![(x - ARROW * 0.6, base), (x + ARROW * 0.6, base), (x, edge)];
    canvas.add(role, Shape::Polygon(points), BLACK_INK);
}

pub fn colour(variant: Variant) -> RGBColor {
    let of = |(series, _): &&(Variant, RGBColor)| *series == variant;
    SERIES.iter().find(of).map_or(BLACK_INK, |series| series.1)
}
