// SPDX-License-Identifier: GPL-2.0
//! Command-line options that several commands share.

use std::path::PathBuf;
use std::slice;
use std::time::SystemTime;

use anyhow::Result;
use clap::{Args, ValueEnum};
use fs_err as fs;

use crate::fault;
use crate::line::{self, LINES, Line};
use crate::place::Place;

/// The kernel that the series is applied to.
#[derive(Args, Clone, Debug)]
pub struct BaseArgs {
    /// Kernel line to work on, 7.3 or 6.12 [default: 7.3; with --linux the line nearest to the
    /// tree]
    #[arg(long, value_name = "LINE", value_parser = line::find)]
    pub base: Option<&'static Line>,

    #[command(flatten)]
    pub tree: TreeArgs,
}

/// Like [`BaseArgs`], for commands that can work on each line in turn.
#[derive(Args, Clone, Debug)]
pub struct BasesArgs {
    /// Kernel line to work on, 7.3 or 6.12, or all [default: 7.3; with --linux the line nearest to
    /// the tree]
    #[arg(long, value_name = "LINE", value_parser = lines)]
    base: Option<&'static [Line]>,

    #[command(flatten)]
    pub tree: TreeArgs,
}

/// Where the source of the base comes from.
#[derive(Args, Clone, Debug, Default)]
pub struct TreeArgs {
    /// Take the base from this git tree of Linux, which is never changed
    #[arg(long, value_name = "DIR")]
    pub linux: Option<PathBuf>,

    /// Use this commit of --linux [default: HEAD; the tree must then have no uncommitted changes]
    #[arg(long, value_name = "REF", requires = "linux")]
    pub base_ref: Option<String>,

    /// Use only what is already on this machine
    #[arg(long)]
    pub offline: bool,
}

impl BaseArgs {
    /// The options for a line with the distribution's source.
    pub fn of_line(line: &'static Line) -> BaseArgs {
        BaseArgs {
            base: Some(line),
            tree: TreeArgs::default(),
        }
    }

    /// The line of --base, or the default line. None if the tree of --linux decides.
    pub fn named_line(&self) -> Option<&'static Line> {
        let usual = self.tree.linux.is_none().then_some(line::DEFAULT);
        self.base.or(usual)
    }

    /// The line of --base, or the default line.
    pub fn line(&self) -> &'static Line {
        self.base.unwrap_or(line::DEFAULT)
    }
}

impl BasesArgs {
    /// The options for each line if --base is `all`, otherwise for one line.
    pub fn each(&self) -> Result<Vec<BaseArgs>> {
        let of = |base| BaseArgs {
            base,
            tree: self.tree.clone(),
        };
        match self.base {
            Some([_, _, ..]) if self.tree.linux.is_some() => Err(fault::usage(
                "--linux is a tree of one line: name that line with --base",
            )),
            Some(lines) => Ok(lines.iter().map(|line| of(Some(line))).collect()),
            None => Ok(vec![of(None)]),
        }
    }
}

/// The lines that --base names: one, or all.
fn lines(name: &str) -> Result<&'static [Line]> {
    match name {
        "all" => Ok(&LINES),
        line => line::find(line).map(slice::from_ref),
    }
}

#[derive(Args, Clone, Debug, Default)]
pub struct OutArgs {
    /// Write the results to this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl OutArgs {
    /// Returns the folder of results, and creates it: --out, or `name` in target/.
    pub fn folder(&self, place: &Place, name: &str) -> Result<PathBuf> {
        let dir = self
            .out
            .clone()
            .unwrap_or_else(|| place.target().join(name));
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Accel {
    /// KVM if a guest actually runs under it, otherwise TCG
    #[default]
    Auto,
    Kvm,
    Tcg,
}

#[derive(Args, Clone, Debug, Default)]
pub struct AccelArgs {
    /// How QEMU runs the guest
    #[arg(long, value_enum, default_value_t)]
    pub accel: Accel,
}

/// The name of a value on the command line.
pub fn spelled(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

#[derive(Args, Clone, Debug, Default)]
pub struct SeedArgs {
    /// Seed of all random choices; with the seed of an earlier run the choices are the same
    /// [default: from the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl SeedArgs {
    /// The seed of --seed, or the clock in seconds, which is short enough to be typed again.
    pub fn seed(&self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let from_clock = now.map_or(0, |now| now.as_secs());
        self.seed.unwrap_or(from_clock)
    }
}
