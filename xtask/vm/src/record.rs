// SPDX-License-Identifier: GPL-2.0
//! run.json records what was run, in enough detail to run it again.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use fs_err as fs;
use serde_json::{Value, json};

use super::accel::Accelerator;
use super::session::{Ended, Rig};
use kernel::image::Image;
use toolbox::run;

pub struct Record {
    about: Value,
    guests: Vec<Value>,
}

impl Record {
    pub fn new(rig: &Rig, image: &Image, accel: Accelerator) -> Record {
        let about = json!({
            "schema": 1,
            "again": again(),
            "accel": accel.name(),
            "kernel": image.version,
            // git tree hashes of the kernel's source and of the module's source.
            "tree": image.tree,
            "module": image.module,
            "config_sha256": image.config_hash,
            "tools": rig.tools.versions,
        });
        Record {
            about,
            guests: Vec::new(),
        }
    }

    pub fn add(&mut self, ended: &Ended) {
        self.guests.push(json!({
            "qemu": ended.qemu_line,
            "console": ended.files.console().display().to_string(),
            "seconds_to_verdict": ended.verdict_after.map(|after| after.as_secs_f64()),
            // Null if the guest passed.
            "fault": ended.outcome.as_ref().err().map(|err| format!("{err:#}")),
        }));
    }

    pub fn write(&self, dir: &Path) -> Result<()> {
        let mut all = self.about.clone();
        all["guests"] = json!(self.guests);
        let json = serde_json::to_string_pretty(&all)? + "\n";
        Ok(fs::write(dir.join("run.json"), json)?)
    }
}

/// Returns this command as the user typed it. For xtask it begins with `cargo xtask`, because cargo
/// starts xtask.
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
