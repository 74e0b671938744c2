// SPDX-License-Identifier: GPL-2.0
//! The part of the manifest of planted bugs that is for guests with the series.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Parser;
use plants::Plant;
use plants::check::GuestCheck;

use crate::{Check, Command};
use kernel::build_kernel::KernelVariant;
use toolbox::fault;

/// The commands that a bug's check may be.
#[derive(Parser)]
enum Words {
    #[command(flatten)]
    Command(Command),
    #[command(subcommand)]
    Check(Check),
}

/// A bug, and a check in a guest that must catch it.
#[derive(Clone, Debug)]
pub struct GuestPlant {
    pub plant: Plant,
    pub check: GuestCheck,
}

impl GuestPlant {
    /// Returns the check's command, and the fragments of the kernel's configuration.
    pub fn command(&self) -> String {
        match &self.check.config[..] {
            [] => self.check.run.clone(),
            names => format!("{} with {}", self.check.run, names.join(" ")),
        }
    }

    pub fn variant(&self) -> KernelVariant {
        KernelVariant {
            configs: self.check.config.clone(),
            ..KernelVariant::default()
        }
    }
}

pub fn load(root: &Path) -> Result<Vec<GuestPlant>> {
    let usage = |err: anyhow::Error| fault::usage(format!("{err:#}"));
    let mut found = Vec::new();
    for plant in plants::load(root).map_err(usage)? {
        for check in plant.caught.iter().filter_map(plants::Check::in_guest) {
            check_words(&check.run)
                .with_context(|| format!("the check of the bug {} is not a command", plant.name))
                .map_err(usage)?;
            found.push(GuestPlant {
                plant: plant.clone(),
                check: check.clone(),
            });
        }
    }
    Ok(found)
}

fn check_words(words: &str) -> Result<()> {
    let words = words.split(' ');
    let own = ["--kernel", "bzImage", "--accel", "tcg", "--out", "out"];
    Words::try_parse_from(["xtask"].into_iter().chain(words).chain(own))?;
    Ok(())
}

/// Returns one bug for each different command.
pub fn commands(plants: &[GuestPlant]) -> Vec<&GuestPlant> {
    let mut found: Vec<&GuestPlant> = Vec::new();
    for plant in plants {
        if found.iter().all(|it| it.command() != plant.command()) {
            found.push(plant);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolbox::place::Place;

    #[test]
    fn every_check_is_a_command() {
        let plants = load(&Place::find().unwrap().root).unwrap();
        assert!(plants.iter().any(|plant| plant.check.quick));
        assert!(commands(&plants).len() < plants.len());
    }

    #[test]
    fn a_check_that_is_no_command_is_told() {
        let err = check_words("boot-test --scenario none").unwrap_err();
        assert!(err.to_string().contains("--scenario"), "{err}");
    }
}
