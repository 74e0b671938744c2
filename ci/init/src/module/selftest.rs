// SPDX-License-Identifier: GPL-2.0
//! Runs the series' selftest. The only changes to the scripts are names that are different in the
//! module.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use fs_err as fs;
use fs_err::os::unix::fs::symlink;
use guest_protocol::form::Form;
use guest_protocol::module_test::{SELFTEST, SHELL};
use guest_protocol::scenario::PROGRAMS;
use guest_protocol::selftest;

use crate::client;
use crate::procfs::read;

const FOLDER: &str = "/tmp/selftests/poll_source";
const HELPERS: &str = "/tmp/selftests/kselftest";

pub fn run(pairs: u32) -> Result<String> {
    install_shell()?;
    for folder in [FOLDER, HELPERS] {
        fs::create_dir_all(folder)?;
    }
    let [test, disk, helpers] = SELFTEST;
    copy(helpers, HELPERS, &[])?;
    let (series, module) = (Form::Series, Form::Module);
    let parameters = |of: &str| format!("/sys/module/{of}/parameters/");
    let switches = (parameters(series.switches()), parameters(module.switches()));
    copy(test, FOLDER, &[switches])?;
    let waits = (parameters(series.driver()), parameters(module.driver()));
    let driver = |form: Form| format!("!= {} ]", form.driver());
    copy(disk, FOLDER, &[waits, (driver(series), driver(module))])?;

    let mut cmd = Command::new(format!("{PROGRAMS}/{SHELL}"));
    cmd.args(["sh", &format!("{FOLDER}/{test}"), "-p", &pairs.to_string()])
        .env("PATH", "/bin:/usr/bin");
    let output = cmd.output().with_context(|| format!("running {cmd:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    selftest::judge(&said).map_err(|why| {
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow!("{why}; {}; its output:\n{said}{errors}", output.status)
    })
}

/// Makes links in /bin for all programs of the shell, which scripts run by name.
fn install_shell() -> Result<()> {
    let shell = format!("{PROGRAMS}/{SHELL}");
    fs::create_dir_all("/bin")?;
    for name in client::run(SHELL, "--list")?.lines() {
        let link = Path::new("/bin").join(name);
        if !link.exists() {
            symlink(&shell, link)?;
        }
    }
    Ok(())
}

/// Copies a script and replaces words. Each old word must be in the script; otherwise the script
/// has changed and tests something else.
fn copy(name: &str, folder: &str, words: &[(String, String)]) -> Result<()> {
    let from = format!("{PROGRAMS}/{name}");
    let mut text = read(&from)? + "\n";
    for (old, new) in words {
        ensure!(text.contains(old), "{from} does not contain '{old}'");
        text = text.replace(old, new);
    }
    Ok(fs::write(format!("{folder}/{name}"), text)?)
}
