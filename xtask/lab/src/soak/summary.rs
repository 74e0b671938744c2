// SPDX-License-Identifier: GPL-2.0
//! The summary of a soak, for a cover letter or a bug report.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;
use guest_protocol::{Stressed, Struck, Trouble, Worked};

use super::Soaked;
use kernel::image::Image;
use measure::table::{render, row};
use toolbox::fault;

/// A soak that has ended.
pub struct Soak<'a> {
    pub image: &'a Image,
    pub accel: &'a str,
    pub seed: u64,
    pub polled: bool,
    pub left_out: Vec<Trouble>,
    pub guests: Vec<Soaked>,
    pub passed: bool,
}

impl Soak<'_> {
    /// Adds up what the guests reported.
    pub fn total(&self) -> Stressed {
        let mut total = Stressed::default();
        for guest in self.guests.iter().filter_map(|it| it.stressed.as_ref()) {
            total.seconds += guest.seconds;
            for own in &guest.works {
                match total.works.iter_mut().find(|it| it.device == own.device) {
                    Some(all) => {
                        all.operations += own.operations;
                        all.batches += own.batches;
                        all.cut_short += own.cut_short;
                        all.slowest_ms = all.slowest_ms.max(own.slowest_ms);
                    }
                    None => total.works.push(own.clone()),
                }
            }
            for own in &guest.troubles {
                let mut all = total.troubles.iter_mut();
                match all.find(|it| it.trouble == own.trouble) {
                    Some(all) => {
                        all.times += own.times;
                        all.refused += own.refused;
                        all.untried = all.untried.take().or(own.untried.clone());
                    }
                    None => total.troubles.push(own.clone()),
                }
            }
        }
        total.works.sort_by_key(|it| it.device);
        total.troubles.sort_by_key(|it| it.trouble);
        total
    }

    /// Fails unless every requested fault was injected, or a guest reported why it could not be.
    pub fn everything_struck(&self, troubles: &[Trouble]) -> Result<()> {
        let total = self.total();
        let struck = |it: &Struck| it.times > 0 || it.untried.is_some();
        let struck: Vec<Trouble> = total
            .troubles
            .iter()
            .filter(|it| struck(it))
            .map(|it| it.trouble)
            .collect();
        match troubles.iter().find(|it| !struck.contains(it)) {
            Some(trouble) => Err(fault::test_failed(format!(
                "the fault {trouble} was not injected once\n  try: more --minutes"
            ))),
            None => Ok(()),
        }
    }

    /// Prints the summary, and writes it to soak.md.
    pub fn write(&self, out: &Path) -> Result<()> {
        let text = self.text();
        println!("\n{text}");
        Ok(fs::write(out.join("soak.md"), text)?)
    }

    fn text(&self) -> String {
        let total = self.total();
        let stuck: usize = self.guests.iter().map(|it| it.stuck).sum();
        let end = match self.passed {
            true => "Nothing was lost, wrong or left behind, and the consoles are clean",
            false => "FAILED",
        };
        let left_out: Vec<&str> = self.left_out.iter().map(|it| it.name()).collect();
        let left_out = match left_out.is_empty() {
            true => String::new(),
            false => format!("Faults left out: {}.\n", left_out.join(", ")),
        };
        format!(
            "{}\n{}\n{}\n{left_out}{end}; {stuck} operations waited \
             more than 2 s for a device that was present.\n",
            self.what_was_run(total.seconds),
            works(&total.works),
            troubles(&total.troubles),
        )
    }

    fn what_was_run(&self, seconds: u32) -> String {
        let guests: Vec<String> = self.guests.iter().map(|it| it.guest.to_string()).collect();
        let tree = self.image.tree.as_ref();
        format!(
            "Soak of Linux {}{}, {}, seed {}: {:.1} min in {} guests ({}){}.\n",
            self.image.version,
            tree.map_or(String::new(), |tree| format!(" (tree {tree})")),
            self.accel,
            self.seed,
            f64::from(seconds) / 60.0,
            guests.len(),
            guests.join(", "),
            if self.polled { "" } else { ", polling off" },
        )
    }
}

fn works(works: &[Worked]) -> String {
    let mut rows = vec![row(["device", "operations", "cut short", "longest wait"])];
    for work in works {
        rows.push(row([
            work.device.name(),
            &work.operations.to_string(),
            &work.cut_short.to_string(),
            &format!("{} ms", work.slowest_ms),
        ]));
    }
    render(&rows)
}

fn troubles(troubles: &[Struck]) -> String {
    let mut rows = vec![row(["fault", "times", "refused"])];
    for struck in troubles {
        let times = match &struck.untried {
            Some(why) if struck.times == 0 => format!("not tried: {why}"),
            _ => struck.times.to_string(),
        };
        let refused = struck.refused.to_string();
        rows.push(row([struck.trouble.name(), &times, &refused]));
    }
    render(&rows)
}

#[cfg(test)]
pub mod tests {
    use super::super::guest::Guest;
    use super::*;
    use guest_protocol::{Device, Layout, Vectors};

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

    /// A soak that passed, in two guests.
    pub fn soak(image: &Image) -> Soak<'_> {
        Soak {
            image,
            accel: "tcg",
            seed: 9,
            polled: true,
            left_out: vec![Trouble::Flr],
            guests: vec![soaked(10, 700, None), soaked(20, 90, None)],
            passed: true,
        }
    }

    #[test]
    fn figures_of_all_guests_add_up() {
        let image = Image::default();
        let mut soak = soak(&image);
        let said = soak.text();
        assert!(said.contains("seed 9: 2.0 min in 2 guests"), "{said}");
        assert!(
            said.contains("| blk    |         30 |         2 |       700 ms |"),
            "{said}"
        );
        assert!(said.contains("| flip  |    60 |       0 |"), "{said}");
        assert!(said.contains("Faults left out: flr."), "{said}");
        soak.guests = vec![soaked(0, 0, Some("no switch"))];
        let said = soak.text();
        assert!(said.contains("| flip  | not tried: no switch |"), "{said}");
    }
}
