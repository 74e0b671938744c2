// SPDX-License-Identifier: GPL-2.0
//! `soak --save`: saves the outcome of a soak next to the results of `bench --save`.

use anyhow::Result;
use jiff::Timestamp;

use super::summary::Soak;
use kernel::image::KernelArgs;
use measure::soak::{self, CLOUD, STOCK, SavedSoak};
use series::results;
use toolbox::line::Line;
use toolbox::place::Place;

/// Saves a soak that passed; fails for one that did not.
pub fn save(place: &Place, kernel: &KernelArgs, soak: &Soak) -> Result<()> {
    let line = kernel.line();
    let path = results::soak_path(&place.root, line);
    soak::keep(&path, reduced(line, configuration(kernel), soak))?;
    println!("saved in {}", place.short(&path).display());
    println!(
        "next, run `cargo xtask gen-patches --base {}`: it reports this soak",
        line.name
    );
    Ok(())
}

/// Returns the words for the kernel's configuration. They are sorted, because the order on the
/// command line makes no difference.
fn configuration(kernel: &KernelArgs) -> Vec<String> {
    let mut words = kernel.fragments().to_vec();
    if let Some(stock) = kernel.stock() {
        words.push(STOCK.into());
        words.extend(stock.cloud.then(|| CLOUD.to_owned()));
    }
    words.sort();
    words.dedup();
    words
}

fn reduced(line: &Line, configuration: Vec<String>, soak: &Soak) -> SavedSoak {
    let total = soak.total();
    let ended = soak.guests.iter().filter(|it| it.stressed.is_some());
    SavedSoak {
        line: line.name.into(),
        form: soak.image.form,
        configuration,
        version: soak.image.version.clone(),
        tree: soak.image.tree.clone(),
        module: soak.image.module.clone(),
        accel: soak.accel.into(),
        date: Timestamp::now().strftime("%Y-%m-%d").to_string(),
        minutes: f64::from(total.seconds) / 60.0,
        guests: ended.count(),
        operations: total
            .works
            .iter()
            .map(|it| (it.device, it.operations))
            .collect(),
        troubles: total
            .troubles
            .iter()
            .map(|it| (it.trouble, it.times))
            .collect(),
        passed: soak.passed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::tests::soak;
    use super::*;
    use clap::Parser;
    use guest_protocol::{Device, Trouble};
    use kernel::image::Image;
    use toolbox::line::LINES;

    #[test]
    fn figures_of_all_guests_add_up() {
        let image = Image::default();
        let mut soak = soak(&image);
        let kept = reduced(&LINES[0], Vec::new(), &soak);
        assert_eq!((kept.minutes, kept.guests), (2.0, 2));
        assert_eq!(kept.operations, [(Device::Blk, 30)].into());
        assert_eq!(kept.troubles, [(Trouble::Flip, 60)].into());
        assert_eq!(kept.date.len(), "2026-11-28".len());
        kept.judge().unwrap();

        soak.passed = false;
        let refused = reduced(&LINES[0], Vec::new(), &soak).judge();
        assert!(refused.unwrap_err().contains("did not pass"));
    }

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        kernel: KernelArgs,
    }

    #[test]
    fn a_configuration_is_the_same_in_any_order() {
        let of = |words: &[&str]| {
            let words = Words::parse_from([&["soak"], words].concat());
            (configuration(&words.kernel), words.kernel.line().name)
        };
        let (one, other) = (
            &["--config", "kasan", "modules"],
            &["--config", "modules", "kasan"],
        );
        assert_eq!(of(one), of(other));
        let cloud = of(&["--stock", "6.12-cloud"]);
        assert_eq!(cloud, (vec!["cloud".into(), "stock".into()], "6.12"));
        assert_eq!(of(&["--stock", "7.3"]), (vec!["stock".into()], "7.3"));
    }
}
