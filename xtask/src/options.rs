// SPDX-License-Identifier: GPL-2.0
//! Options that several commands share.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::fault;
use crate::line::{self, LINES, Line};
use crate::place::Place;

/// Which kernel the series goes on.
#[derive(Args, Clone, Debug)]
pub struct BaseArgs {
    /// Kernel line to work on, 7.3 or 6.12 [default: 7.3; with --linux the nearest]
    #[arg(long, value_name = "LINE")]
    pub base: Option<String>,

    /// Take the base from this git tree of Linux, which is never changed
    #[arg(long, value_name = "DIR")]
    pub linux: Option<PathBuf>,

    /// The commit of --linux to take [default: HEAD, with nothing uncommitted]
    #[arg(long, value_name = "REF", requires = "linux")]
    pub base_ref: Option<String>,

    /// Use only what is already on this machine
    #[arg(long)]
    pub offline: bool,
}

impl BaseArgs {
    /// The line that --base names; None if it is for the tree to say.
    pub fn named_line(&self) -> Result<Option<&'static Line>> {
        match (&self.base, &self.linux) {
            (Some(name), _) => line::find(name).map(Some),
            (None, None) => Ok(Some(line::DEFAULT)),
            (None, Some(_)) => Ok(None),
        }
    }

    /// One for each line if --base says all, else this one.
    pub fn each(&self) -> Result<Vec<BaseArgs>> {
        if self.base.as_deref() != Some("all") {
            return Ok(vec![self.clone()]);
        }
        if self.linux.is_some() {
            return Err(fault::usage("--linux is for one line: name it with --base"));
        }
        let named = |line: &Line| BaseArgs {
            base: Some(line.name.into()),
            ..self.clone()
        };
        Ok(LINES.iter().map(named).collect())
    }

    /// The line that was named, or the default.
    pub fn line(&self) -> Result<&'static Line> {
        Ok(self.named_line()?.unwrap_or(line::DEFAULT))
    }
}

#[derive(Args, Clone, Debug, Default)]
pub struct OutArgs {
    /// Write the results here
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl OutArgs {
    /// The folder of results, made: --out, or `name` in target/.
    pub fn folder(&self, place: &Place, name: &str) -> Result<PathBuf> {
        let dir = self
            .out
            .clone()
            .unwrap_or_else(|| place.target().join(name));
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        Ok(dir)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Accel {
    /// KVM if a guest really runs under it, else TCG
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

impl AccelArgs {
    /// As the command line spells it.
    pub fn name(&self) -> &'static str {
        match self.accel {
            Accel::Auto => "auto",
            Accel::Kvm => "kvm",
            Accel::Tcg => "tcg",
        }
    }
}

#[derive(Args, Clone, Debug, Default)]
pub struct SeedArgs {
    /// Seed of all random choices; the seed of an earlier run repeats them [default: from the clock]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl SeedArgs {
    /// One from the clock is short enough to be typed again.
    pub fn seed(&self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let from_clock = now.map_or(0, |now| now.as_secs());
        self.seed.unwrap_or(from_clock)
    }
}
