// SPDX-License-Identifier: GPL-2.0
//! What a picture is made of: shapes and texts at fixed places. They are collected before they are
//! drawn, so that a test can ask what lies over what.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub const BLACK_INK: RGBColor = RGBColor(30, 30, 30);
pub const GREY: RGBColor = RGBColor(90, 90, 90);
pub const FONT: &str = "sans-serif";
/// plotters divides a font's size by this before it writes the size into an SVG.
const PLOTTERS_EM: f64 = 1.24;

/// What something in the picture is there for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Behind everything: grid lines and axes.
    Grid,
    /// A figure: a bar, an interval.
    Mark,
    /// Says that a figure goes on outside the panel.
    Cut,
    /// A part of the legend.
    Key,
    Text,
}

impl Role {
    const FROM_BELOW: [Role; 5] = [Role::Grid, Role::Mark, Role::Cut, Role::Key, Role::Text];
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Frame {
    pub fn new(left: f64, top: f64, right: f64, bottom: f64) -> Frame {
        Frame {
            left,
            top,
            right,
            bottom,
        }
    }

    pub fn width(&self) -> f64 {
        self.right - self.left
    }
}

#[derive(Clone)]
pub enum Shape {
    Box(Frame),
    Polygon(Vec<(f64, f64)>),
    Line((f64, f64), (f64, f64)),
    /// At the middle of its height.
    Text(Label, (f64, f64)),
}

/// A text, without its place.
#[derive(Clone)]
pub struct Label {
    pub text: String,
    /// In pixels of the picture.
    pub size: f64,
    pub align: HPos,
}

impl Label {
    pub fn new(text: impl Into<String>, size: f64, align: HPos) -> Label {
        Label {
            text: text.into(),
            size,
            align,
        }
    }
}

/// An estimate for DejaVu Sans, which is wider than what most browsers have for sans-serif.
pub fn width(text: &str, size: f64) -> f64 {
    let em = |letter: char| match letter {
        ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | 'i' | 'j' | 'l' | 'I' => 0.33,
        'f' | 't' | 'r' | '(' | ')' | '-' | '/' => 0.41,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.98,
        '+' | '<' | '>' | '=' => 0.84,
        'A'..='Z' => 0.74,
        _ => 0.63,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// The text in lines that are not wider than that, unless a word is.
pub fn wrap(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= room => {
                *line += " ";
                *line += word;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[derive(Clone)]
pub struct Item {
    pub role: Role,
    pub shape: Shape,
    colour: RGBAColor,
}

#[derive(Default)]
pub struct Canvas {
    pub size: (f64, f64),
    pub items: Vec<Item>,
}

impl Canvas {
    pub fn add(&mut self, role: Role, shape: Shape, colour: impl Into<RGBAColor>) {
        self.items.push(Item {
            role,
            shape,
            colour: colour.into(),
        });
    }

    pub fn text(&mut self, at: (f64, f64), label: Label, colour: RGBColor) {
        self.add(Role::Text, Shape::Text(label, at), colour);
    }

    pub fn line(&mut self, role: Role, from: (f64, f64), to: (f64, f64), colour: RGBColor) {
        self.add(role, Shape::Line(from, to), colour);
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        self.draw(path)
            .map_err(|err| anyhow!("drawing {}: {err}", path.display()))
    }

    fn draw(&self, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let size = (self.size.0 as u32, self.size.1.ceil() as u32);
        let root = SVGBackend::new(path, size).into_drawing_area();
        root.fill(&WHITE)?;
        let at = |(x, y): (f64, f64)| (x.round() as i32, y.round() as i32);
        let by_role = |role| self.items.iter().filter(move |item| item.role == role);
        for item in Role::FROM_BELOW.into_iter().flat_map(by_role) {
            let colour = item.colour;
            match &item.shape {
                Shape::Box(frame) => {
                    let corners = [(frame.left, frame.top), (frame.right, frame.bottom)].map(at);
                    root.draw(&Rectangle::new(corners, colour.filled()))?;
                }
                Shape::Polygon(points) => {
                    let points: Vec<_> = points.iter().copied().map(at).collect();
                    root.draw(&Polygon::new(points, colour))?;
                }
                Shape::Line(from, to) => {
                    let style = colour.stroke_width(1);
                    root.draw(&PathElement::new([*from, *to].map(at), style))?;
                }
                Shape::Text(label, place) => {
                    let style = TextStyle::from((FONT, label.size * PLOTTERS_EM).into_font())
                        .color(&colour)
                        .pos(Pos::new(label.align, VPos::Center));
                    root.draw_text(&label.text, &style, at(*place))?;
                }
            }
        }
        root.present()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_becomes_lines_that_fit() {
        let text = "one two three four five six seven eight";
        let lines = wrap(text, 10.0, 80.0);
        assert!(lines.len() > 2 && lines.iter().all(|line| width(line, 10.0) <= 80.0));
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrap("incomprehensibilities", 10.0, 5.0).len(), 1);
    }
}
