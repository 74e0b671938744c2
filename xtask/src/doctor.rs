// SPDX-License-Identifier: GPL-2.0
//! `doctor`: what the machine has, what it lacks, and the line that installs it.

use std::path::PathBuf;

use anyhow::Result;

use crate::place::Place;

/// Check that this machine has everything; say or run the line that installs the rest
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Install what is missing
    #[arg(long)]
    pub install: bool,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// What a command needs from the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Compilers and libraries that kbuild and in-kernel Rust ask for.
    Kernel,
    /// QEMU.
    Guest,
    /// fio, which the guest runs.
    Fio,
}

/// The programs found.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    pub rustc: PathBuf,
    pub rustdoc: PathBuf,
    pub bindgen: PathBuf,
    /// The folder that holds libclang.so.
    pub libclang: PathBuf,
    pub make: PathBuf,
    pub qemu: PathBuf,
    pub fio: PathBuf,
}

pub fn ensure(_place: &Place, _needs: &[Need]) -> Result<Tools> {
    Ok(Tools {
        rustc: "/usr/bin/rustc".into(),
        qemu: which::which("qemu-system-x86_64")?,
        fio: which::which("fio")?,
        ..Tools::default()
    })
}

pub fn main(_args: Args) -> Result<()> {
    Ok(())
}
