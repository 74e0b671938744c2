// SPDX-License-Identifier: GPL-2.0
//! Where things are in pictures of all kinds of figures: texts are inside, nothing lies over what it
//! should not, and what is cut is marked. The widths of texts are estimates. With PLOT_KEEP=DIR in
//! the environment the pictures are left there, to look at them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use guest_protocol::Variant::{AsItComes, BusyPoll, IoPoll, PollSource};
use measure::results::{BlkCase, NetCase, Results};

use plotters::style::text_anchor::HPos;

use crate::canvas::{Canvas, Frame, Item, Label, Role, Shape, width};
use crate::sample::{self, Gain};
use crate::{blk, net};

const SUBTITLE: &str = "Linux 7.3.4+deb13-amd64, tcg on 2 x Intel(R) Xeon(R) Processor, \
    qemu-system-x86_64 10.0.2, fio 3.33.0, sockperf 3.7.0, iperf3 3.12.0, not pinned, \
    8 rounds of 1.5 s, seed 1795875155, busy_poll 2000 us, host halt_poll_ns 200000";
const NETWORK: &str = "tap in a private network namespace, packets sent after 100 us";

fn own(gain: f64, down: f64, up: f64) -> Gain {
    (PollSource, gain, down, up)
}

fn disks() -> Vec<(&'static str, Canvas)> {
    let small: &[Gain] = &[own(0.6, 0.2, 0.3), (IoPoll, 1.0, 0.4, 0.2)];
    let large: &[Gain] = &[own(310.0, 40.0, 90.0), (IoPoll, 480.0, 100.0, 200.0)];
    let tenfold: &[Gain] = &[own(30.0, 10.0, 10.0), (IoPoll, 410.0, 120.0, 390.0)];
    let loss: &[Gain] = &[own(-22.0, 10.0, 12.0), (AsItComes, -8.0, 30.0, 3.0)];
    let wide: &[Gain] = &[own(20.0, 95.0, 240.0), (AsItComes, 5.0, 80.0, 190.0)];
    let three: &[Gain] = &[
        own(24.0, 5.0, 9.0),
        (IoPoll, 70.0, 20.0, 30.0),
        (AsItComes, -6.0, 9.0, 6.0),
    ];
    let huge: &[Gain] = &[own(24000.0, 5000.0, 99000.0), (IoPoll, 70.0, 20.0, 30.0)];
    let none: &[Gain] = &[own(f64::NAN, 1.0, 1.0), (IoPoll, f64::INFINITY, 1.0, 1.0)];
    let alone: &[Gain] = &[own(25.0, 8.0, 20.0)];
    let one = |gains| sample::gains(&[(100, gains)]);
    let kinds = [
        (
            "small",
            sample::gains(&[(0, small), (100, small), (400, small)]),
        ),
        (
            "large",
            sample::gains(&[(0, large), (100, small), (400, large)]),
        ),
        (
            "tenfold",
            sample::gains(&[(0, tenfold), (100, alone), (400, alone)]),
        ),
        (
            "loss",
            sample::gains(&[(0, loss), (100, loss), (400, alone)]),
        ),
        (
            "wide",
            sample::gains(&[(0, alone), (100, wide), (400, loss)]),
        ),
        ("one", one(alone)),
        ("one-wide", one(wide)),
        (
            "three-series",
            sample::gains(&[(0, three), (100, three), (400, three)]),
        ),
        (
            "huge",
            sample::gains(&[(0, huge), (100, huge), (100000, huge)]),
        ),
        ("not-a-number", one(none)),
        ("nothing", Vec::new()),
        ("some-workloads", sample::blk(IoPoll)),
    ];
    let draw = |(name, cases): (_, Vec<BlkCase>)| (name, blk::draw(SUBTITLE, None, &cases));
    let slow = blk::draw(SUBTITLE, Some(&sample::slow(10.0)), &kinds[0].1);
    let drawn = kinds.into_iter().map(draw);
    drawn.chain([("slow-guest", slow)]).collect()
}

fn cards() -> Vec<(&'static str, Canvas)> {
    let wide: &[Gain] = &[own(20.0, 95.0, 240.0), (BusyPoll, 5.0, 80.0, 190.0)];
    let small: &[Gain] = &[own(0.6, 0.2, 0.3), (BusyPoll, -1.0, 0.4, 0.2)];
    let loss: &[Gain] = &[own(-22.0, 10.0, 12.0), (BusyPoll, -90.0, 5.0, 3.0)];
    let kinds = [
        ("net-wide", sample::net_gains(wide)),
        ("net-small", sample::net_gains(small)),
        ("net-loss", sample::net_gains(loss)),
        ("net-empty", sample::empty_net()),
        ("net-nothing", Vec::new()),
        ("net-module", sample::net(AsItComes)),
    ];
    let draw = |cases: Vec<NetCase>| net::draw(NETWORK, SUBTITLE, &cases);
    kinds.map(|(name, cases)| (name, draw(cases))).into()
}

/// What was measured for the README and the cover letter.
fn saved() -> Vec<(String, Canvas)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../c-shim/results");
    let mut all = Vec::new();
    for line in fs::read_dir(folder).unwrap() {
        let line = line.unwrap();
        for name in ["blk", "net"] {
            let Ok(text) = fs::read_to_string(line.path().join(name).with_extension("json")) else {
                continue;
            };
            let results: Results = serde_json::from_str(&text).unwrap();
            let cases = results.cases.iter();
            let subtitle = results.env.summary();
            let canvas = match name {
                "blk" => blk::draw(
                    &subtitle,
                    results.env.scale.as_ref(),
                    &cases.filter_map(BlkCase::of).collect::<Vec<_>>(),
                ),
                _ => {
                    let cases: Vec<NetCase> = cases.filter_map(NetCase::of).collect();
                    net::draw(NETWORK, &subtitle, &cases)
                }
            };
            all.push((format!("{}-{name}", line.file_name().display()), canvas));
        }
    }
    assert!(!all.is_empty());
    all
}

fn pictures() -> Vec<(String, Canvas)> {
    let named = disks().into_iter().chain(cards());
    let named = named.map(|(name, canvas)| (name.to_owned(), canvas));
    named.chain(saved()).collect()
}

impl Item {
    pub fn frame(&self) -> Frame {
        match &self.shape {
            Shape::Box(frame) => *frame,
            Shape::Line(from, to) => around(&[*from, *to]),
            Shape::Polygon(points) => around(points),
            Shape::Text(label, at) => label.frame(*at),
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text(label, _) => Some(&label.text),
            _ => None,
        }
    }
}

impl Label {
    fn frame(&self, at: (f64, f64)) -> Frame {
        let width = width(&self.text, self.size);
        let left = match self.align {
            HPos::Left => at.0,
            HPos::Center => at.0 - width / 2.0,
            HPos::Right => at.0 - width,
        };
        let half = self.size * 0.5;
        Frame::new(left, at.1 - half, left + width, at.1 + half)
    }
}

fn around(points: &[(f64, f64)]) -> Frame {
    let xs = || points.iter().map(|point| point.0);
    let ys = || points.iter().map(|point| point.1);
    Frame::new(
        xs().fold(f64::MAX, f64::min),
        ys().fold(f64::MAX, f64::min),
        xs().fold(f64::MIN, f64::max),
        ys().fold(f64::MIN, f64::max),
    )
}

fn overlap(one: Frame, other: Frame) -> bool {
    one.left < other.right
        && other.left < one.right
        && one.top < other.bottom
        && other.top < one.bottom
}

fn inside(frame: Frame, size: (f64, f64)) -> bool {
    frame.left >= 0.0 && frame.top >= 0.0 && frame.right <= size.0 && frame.bottom <= size.1
}

/// What is over something, or outside, in words.
fn faults(canvas: &Canvas) -> Vec<String> {
    let of = |roles: &'static [Role]| {
        let wanted = |item: &&Item| roles.contains(&item.role);
        canvas.items.iter().filter(wanted)
    };
    let say = |item: &Item| format!("{:?} {:?} at {:?}", item.role, item.text(), item.frame());
    let mut faults = Vec::new();
    for item in &canvas.items {
        if !inside(item.frame(), canvas.size) {
            faults.push(format!("outside: {}", say(item)));
        }
    }
    let texts: Vec<&Item> = of(&[Role::Text, Role::Key]).collect();
    let marks: Vec<&Item> = of(&[Role::Mark, Role::Cut]).collect();
    for (index, text) in texts.iter().enumerate() {
        for other in texts[index + 1..].iter().chain(&marks) {
            if overlap(text.frame(), other.frame()) {
                faults.push(format!("{} and {}", say(text), say(other)));
            }
        }
    }
    faults
}

#[test]
fn all_is_inside_and_no_text_is_over_a_figure_or_another_text() {
    for (name, canvas) in pictures() {
        assert_eq!(faults(&canvas), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_picture_is_written_with_all_its_texts() {
    let dir = tempfile::tempdir().unwrap();
    let folder = env::var_os("PLOT_KEEP").map_or(dir.path().into(), PathBuf::from);
    for (name, canvas) in pictures() {
        let path = folder.join(format!("{name}.svg"));
        canvas.write(&path).unwrap();
        let svg = fs::read_to_string(&path).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"),
            "{name}"
        );
        assert_eq!(
            svg.matches("<text").count(),
            sample::texts(&canvas).len(),
            "{name}"
        );
        assert_eq!(
            svg.contains("poll_source"),
            sample::texts(&canvas).contains(&"poll_source"),
            "{name}"
        );
    }
}

/// The first test can fail: a legend over the bars, a text that runs out of the picture.
#[test]
fn a_legend_over_bars_and_a_text_outside_are_faults() {
    let (_, mut canvas) = disks().swap_remove(0);
    assert_eq!(faults(&canvas), Vec::<String>::new());
    let mark = canvas
        .items
        .iter()
        .find(|item| item.role == Role::Mark)
        .unwrap();
    let mut legend = mark.clone();
    legend.role = Role::Key;
    canvas.items.push(legend);
    let over = faults(&canvas).len();
    assert!(over > 0);
    canvas.size.0 /= 2.0;
    assert!(faults(&canvas).len() > over);
}

#[test]
fn what_is_cut_is_marked_with_its_value() {
    let marked = |canvas: &Canvas| {
        let cut = |item: &&Item| item.role == Role::Cut;
        canvas.items.iter().filter(cut).count()
    };
    let texts = |canvas: &Canvas| sample::texts(canvas).join("|");
    for (name, canvas) in pictures() {
        let explained = texts(&canvas).contains("cut here");
        assert_eq!(marked(&canvas) > 0, explained, "{name}");
    }
    let disks = disks();
    let of = |name: &str| &disks.iter().find(|(of, _)| *of == name).unwrap().1;
    // At 100 us both ends of both variants, in each of three panels; the loss at 400 us is shown.
    let wide = of("wide");
    assert_eq!(marked(wide), 3 * 4);
    assert!(texts(wide).contains("+260") && texts(wide).contains("-75"));
    assert_eq!(marked(of("tenfold")), 3);
    assert!(texts(of("tenfold")).contains("+800"));
    assert_eq!(marked(of("small")), 0);
}

/// A picture is read in a README, about as wide as it is, and some make it narrower.
#[test]
fn texts_are_large_enough_and_the_picture_is_not_wider_than_a_readme() {
    for (name, canvas) in pictures() {
        assert!(canvas.size.0 <= 900.0, "{name}");
        for item in &canvas.items {
            if item.text().is_some() {
                let frame = item.frame();
                let at_800 = (frame.bottom - frame.top) * 800.0 / canvas.size.0;
                assert!(at_800 >= 11.0, "{name}: {:?}", item.text());
            }
        }
    }
}
