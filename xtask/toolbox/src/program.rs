// SPDX-License-Identifier: GPL-2.0
//! Builds programs of this workspace that run without the libraries of this machine: in a guest, or
//! on another host. They are static, and contain no paths of the machine that built them.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::fault::Kind;
use crate::place::Place;
use crate::run::Stage;

/// Given to cargo explicitly: then the flags are not used for build scripts.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds the program `name` of a package and returns its path. All programs share one target
/// folder, so common crates are compiled once.
pub fn build(place: &Place, package: &str, name: &str) -> Result<PathBuf> {
    let target = place.target().join("static");
    let mut cmd = place.cargo();
    cmd.args(["build", "--locked", "--release"])
        .args(["--package", package, "--bin", name])
        .args(["--target", TARGET])
        .env("CARGO_TARGET_DIR", &target)
        // This variable overrides RUSTFLAGS.
        .env("CARGO_ENCODED_RUSTFLAGS", flags(place).join("\u{1f}"));
    Stage::new(format!("building the static program {name}"))
        .fails_as(Kind::Build)
        .run(&mut cmd, &place.logs().join(format!("static-{name}.log")))?;
    Ok(target.join(TARGET).join("release").join(name))
}

/// The flags for rustc. Panic messages contain the paths of the sources. The paths are replaced,
/// because the same source must make the same program on any machine.
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
