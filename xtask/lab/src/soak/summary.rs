// SPDX-License-Identifier: GPL-2.0
//! The summary of a soak, for a cover letter or a bug report.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;
use guest_protocol::{Device, Stressed, Trouble};

use super::Soaked;
use kernel::image::Image;
use measure::table::{render, row};
use toolbox::fault;

pub struct Head<'a> {
    pub image: &'a Image,
    pub accel: &'a str,
    pub seed: u64,
    pub polled: bool,
    pub left_out: Vec<Trouble>,
    pub passed: bool,
}

/// Prints the summary, and writes it to soak.md.
pub fn write(out: &Path, head: &Head, all: &[Soaked]) -> Result<()> {
    let text = text(head, all);
    println!("\n{text}");
    Ok(fs::write(out.join("soak.md"), text)?)
}

fn text(head: &Head, all: &[Soaked]) -> String {
    let ended: Vec<&Stressed> = all.iter().filter_map(|it| it.stressed.as_ref()).collect();
    let stuck: usize = all.iter().map(|it| it.stuck).sum();
    let end = match head.passed {
        true => "Nothing was lost, wrong or left behind, and the consoles are clean",
        false => "FAILED",
    };
    let left_out: Vec<&str> = head.left_out.iter().map(|it| it.name()).collect();
    let left_out = match left_out.is_empty() {
        true => String::new(),
        false => format!("Faults left out: {}.\n", left_out.join(", ")),
    };
    format!(
        "{}\n{}\n{}\n{left_out}{end}; {stuck} operations waited \
         more than 2 s for a device that was present.\n",
        what_was_run(head, all, &ended),
        works(&ended),
        troubles(&ended),
    )
}

fn what_was_run(head: &Head, all: &[Soaked], ended: &[&Stressed]) -> String {
    let seconds: u32 = ended.iter().map(|it| it.seconds).sum();
    let guests: Vec<String> = all.iter().map(|it| it.guest.to_string()).collect();
    let tree = head.image.tree.as_ref();
    format!(
        "Soak of Linux {}{}, {}, seed {}: {:.1} min in {} guests ({}){}.\n",
        head.image.version,
        tree.map_or(String::new(), |tree| format!(" (tree {tree})")),
        head.accel,
        head.seed,
        f64::from(seconds) / 60.0,
        all.len(),
        guests.join(", "),
        if head.polled { "" } else { ", polling off" },
    )
}

fn works(ended: &[&Stressed]) -> String {
    let mut rows = vec![row(["device", "operations", "cut short", "longest wait"])];
    for &device in Device::ALL {
        let of = ended.iter().flat_map(|it| &it.works);
        let of: Vec<_> = of.filter(|worked| worked.device == device).collect();
        if let Some(slowest_ms) = of.iter().map(|it| it.slowest_ms).max() {
            let operations: u64 = of.iter().map(|it| it.operations).sum();
            let cut_short: u64 = of.iter().map(|it| it.cut_short).sum();
            rows.push(row([
                device.name(),
                &operations.to_string(),
                &cut_short.to_string(),
                &format!("{slowest_ms} ms"),
            ]));
        }
    }
    render(&rows)
}

fn troubles(ended: &[&Stressed]) -> String {
    let mut rows = vec![row(["fault", "times", "refused"])];
    for &trouble in Trouble::ALL {
        let of = ended.iter().flat_map(|it| &it.troubles);
        let of: Vec<_> = of.filter(|struck| struck.trouble == trouble).collect();
        if of.is_empty() {
            continue;
        }
        let times: u64 = of.iter().map(|it| it.times).sum();
        let refused: u64 = of.iter().map(|it| it.refused).sum();
        let times = match of.iter().find_map(|it| it.untried.as_ref()) {
            Some(why) if times == 0 => format!("not tried: {why}"),
            _ => times.to_string(),
        };
        rows.push(row([trouble.name(), &times, &refused.to_string()]));
    }
    render(&rows)
}

/// Fails unless every requested fault was injected, or a guest reported why it could not be.
pub fn everything_struck(troubles: &[Trouble], all: &[Soaked]) -> Result<()> {
    let struck = |trouble: &Trouble| {
        let stressed = all.iter().filter_map(|it| it.stressed.as_ref());
        let mut of = stressed.flat_map(|it| &it.troubles);
        of.any(|it| it.trouble == *trouble && (it.times > 0 || it.untried.is_some()))
    };
    match troubles.iter().find(|trouble| !struck(trouble)) {
        Some(trouble) => Err(fault::test_failed(format!(
            "the fault {trouble} was not injected once\n  try: more --minutes"
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
pub mod tests {
    use super::super::guest::Guest;
    use super::*;
    use guest_protocol::{Form, Layout, Struck, Vectors, Worked};
    use kernel::config::Config;

    /// A guest with one minute of work on a disk.
    pub fn soaked(operations: u64, slowest_ms: u64, untried: Option<&str>) -> Soaked {
        Soaked {
            guest: Guest::new(Layout::Packed, Vectors::Own, false),
            stressed: Some(Stressed {
                seconds: 60,
                works: vec![Worked {
                    device: Device::Blk,
                    operations,
                    batches: 3,
                    cut_short: 1,
                    slowest_ms,
                }],
                troubles: vec![Struck {
                    trouble: Trouble::Flip,
                    times: operations * 2,
                    refused: 0,
                    untried: untried.map(str::to_owned),
                }],
            }),
            stuck: 0,
        }
    }

    pub fn image() -> Image {
        Image {
            bzimage: "bzImage".into(),
            version: "7.3.4".into(),
            tree: None,
            module: None,
            config_hash: None,
            config: Config::default(),
            modules: Vec::new(),
            form: Form::Series,
        }
    }

    pub fn head(image: &Image) -> Head<'_> {
        Head {
            image,
            accel: "tcg",
            seed: 9,
            polled: true,
            left_out: vec![Trouble::Flr],
            passed: true,
        }
    }

    #[test]
    fn figures_of_all_guests_add_up() {
        let image = image();
        let head = head(&image);
        let said = text(&head, &[soaked(10, 700, None), soaked(20, 90, None)]);
        assert!(said.contains("seed 9: 2.0 min in 2 guests"), "{said}");
        assert!(
            said.contains("| blk    |         30 |         2 |       700 ms |"),
            "{said}"
        );
        assert!(said.contains("| flip  |    60 |       0 |"), "{said}");
        assert!(said.contains("Faults left out: flr."), "{said}");
        let said = text(&head, &[soaked(0, 0, Some("no switch"))]);
        assert!(said.contains("| flip  | not tried: no switch |"), "{said}");
    }
}
