// SPDX-License-Identifier: GPL-2.0
//! ci/planted/planted.toml: the bugs, and the check that must catch each.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::Command;
use kernel::build_kernel::KernelVariant;
use kit::fault::{self, Kind};

const FOLDER: &str = "ci/planted";

/// What a check's words are.
#[derive(Parser)]
struct Words {
    #[command(subcommand)]
    _command: Command,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    plant: Vec<Plant>,
}

/// One bug.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plant {
    /// Of the patch, without its ending.
    pub name: String,
    /// In one line.
    pub wrong: String,
    #[serde(flatten)]
    pub check: Check,
    /// How the check may end, and what it then says, in part: another failure is not this bug
    /// caught.
    pub caught: Vec<(Fails, String)>,
    /// Soon caught.
    #[serde(default)]
    pub quick: bool,
}

/// What must catch it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Check {
    /// A command of xtask's that takes --kernel, --accel and --out.
    #[serde(rename = "check")]
    pub words: String,
    /// Fragments of kconfig/ that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<String>,
}

/// How a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fails {
    /// No kernel comes of it: a compiler or objtool will not have it.
    Build,
    /// What it looked at is not as it should be.
    Test,
    /// The kernel complained.
    Splat,
    /// The guest went silent.
    Hang,
}

impl Fails {
    pub fn kind(self) -> Kind {
        match self {
            Fails::Build => Kind::Build,
            Fails::Test => Kind::TestFailed,
            Fails::Splat => Kind::Guest,
            Fails::Hang => Kind::Hang,
        }
    }
}

impl Check {
    pub fn variant(&self) -> KernelVariant {
        KernelVariant {
            configs: self.config.clone(),
            ..KernelVariant::default()
        }
    }
}

impl Plant {
    pub fn patch(&self, root: &Path) -> PathBuf {
        root.join(FOLDER).join(format!("{}.patch", self.name))
    }
}

pub fn load(root: &Path) -> Result<Vec<Plant>> {
    let folder = root.join(FOLDER);
    let path = folder.join("planted.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let wrong = |err: anyhow::Error| fault::usage(format!("{}: {err:#}", path.display()));
    let toml: Toml = toml::from_str(&text).map_err(|err| wrong(err.into()))?;
    for plant in &toml.plant {
        check(plant).map_err(wrong)?;
    }
    let mut names: Vec<String> = toml.plant.iter().map(|plant| plant.name.clone()).collect();
    names.sort();
    let patches = patches(&folder)?;
    ensure!(
        names == patches,
        wrong(anyhow::anyhow!(
            "it names {names:?}, and there are {patches:?}"
        ))
    );
    Ok(toml.plant)
}

fn check(plant: &Plant) -> Result<()> {
    let name = &plant.name;
    ensure!(!plant.wrong.is_empty(), "{name} does not say what is wrong");
    ensure!(
        !plant.caught.is_empty() && plant.caught.iter().all(|(_, says)| !says.is_empty()),
        "{name}: nothing need be said of it"
    );
    let words = plant.check.words.split(' ');
    let own = ["--kernel", "bzImage", "--accel", "tcg", "--out", "out"];
    Words::try_parse_from(["xtask"].into_iter().chain(words).chain(own))
        .with_context(|| format!("{name} is not checked by a command"))?;
    Ok(())
}

/// The names of the patches that are there, in order.
fn patches(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".patch").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Each check once.
pub fn checks(plants: &[Plant]) -> Vec<&Check> {
    let mut checks: Vec<&Check> = Vec::new();
    for plant in plants {
        if !checks.contains(&&plant.check) {
            checks.push(&plant.check);
        }
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::place::Place;

    #[test]
    fn every_patch_is_in_the_manifest_with_a_check_that_is_a_command() {
        let root = Place::find().unwrap().root;
        let plants = load(&root).unwrap();
        assert!(plants.iter().any(|plant| plant.quick));
        assert!(checks(&plants).len() < plants.len());
    }

    #[test]
    fn a_check_that_is_no_command_is_told() {
        let plant = Plant {
            name: "x".into(),
            wrong: "w".into(),
            check: Check {
                words: "boot-test --scenario none".into(),
                config: Vec::new(),
            },
            caught: vec![(Fails::Test, "s".into())],
            quick: false,
        };
        let err = format!("{:#}", check(&plant).unwrap_err());
        assert!(err.contains("--scenario"), "{err}");
    }
}
