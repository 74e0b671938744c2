// SPDX-License-Identifier: GPL-2.0
//! Programs of this workspace that run where no library of this machine is: in a guest, or on
//! somebody else's host. They are static, and say nothing of the machine that built them.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::fault::Kind;
use crate::place::Place;
use crate::run::Stage;

/// Named, so that flags are not for build scripts.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds the program `name` of a package. All of them share one folder, and what they have in
/// common is compiled once.
pub fn build(place: &Place, package: &str, name: &str) -> Result<PathBuf> {
    let target = place.target().join("static");
    let mut cmd = place.cargo();
    cmd.args(["build", "--locked", "--release"])
        .args(["--package", package, "--bin", name])
        .args(["--target", TARGET])
        .env("CARGO_TARGET_DIR", &target)
        // It wins over RUSTFLAGS.
        .env("CARGO_ENCODED_RUSTFLAGS", flags(place).join("\u{1f}"));
    Stage::new(format!("building the static {name}"))
        .fails_as(Kind::Build)
        .run(&mut cmd, &place.logs().join(format!("static-{name}.log")))?;
    Ok(target.join(TARGET).join("release").join(name))
}

/// Messages of a panic have the paths of the sources, and the same source is to make the same
/// program on any machine.
fn flags(place: &Place) -> Vec<String> {
    let mut flags = ["-C", "target-feature=+crt-static", "-C", "strip=symbols"]
        .map(str::to_owned)
        .to_vec();
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    for (from, to) in [(cargo_home, "/cargo"), (Some(place.root.clone()), "/src")] {
        if let Some(from) = from {
            flags.push(format!("--remap-path-prefix={}={to}", from.display()));
        }
    }
    flags
}
