// SPDX-License-Identifier: GPL-2.0
//! run.json: what was run, in enough detail to run it again.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use super::accel::Accelerator;
use super::session::{Ended, Rig};
use kernel::image::Image;
use toolbox::run;

#[derive(Serialize)]
pub struct Record {
    schema: u32,
    /// The command that does it again.
    again: String,
    accel: &'static str,
    kernel: String,
    /// git tree hash of the kernel's source.
    tree: Option<String>,
    /// That of the module's, where the feature is the module.
    module: Option<String>,
    config_sha256: Option<String>,
    tools: Vec<String>,
    guests: Vec<Guest>,
}

#[derive(Serialize)]
struct Guest {
    qemu: String,
    console: String,
    seconds_to_verdict: Option<f64>,
    /// None: passed.
    fault: Option<String>,
}

impl Record {
    pub fn new(rig: &Rig, image: &Image, accel: Accelerator) -> Record {
        Record {
            schema: 1,
            again: again(),
            accel: accel.name(),
            kernel: image.version.clone(),
            tree: image.tree.clone(),
            module: image.module.clone(),
            config_sha256: image.config_hash.clone(),
            tools: rig.tools.versions.clone(),
            guests: Vec::new(),
        }
    }

    pub fn add(&mut self, ended: &Ended) {
        self.guests.push(Guest {
            qemu: ended.qemu_line.clone(),
            console: ended.files.console().display().to_string(),
            seconds_to_verdict: ended.verdict_after.map(|after| after.as_secs_f64()),
            fault: ended.outcome.as_ref().err().map(|err| format!("{err:#}")),
        });
    }

    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join("run.json");
        let json = serde_json::to_string_pretty(self)? + "\n";
        fs::write(&path, json).with_context(|| format!("writing {}", path.display()))
    }
}

/// This command, as the user gave it; xtask is started by cargo.
pub fn again() -> String {
    let program = env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let mut cmd = match program.file_name() {
        Some(name) if name != "xtask" => Command::new(&program),
        _ => {
            let mut cmd = Command::new("cargo");
            cmd.arg("xtask");
            cmd
        }
    };
    cmd.args(env::args_os().skip(1));
    run::command_line(&cmd)
}
