// SPDX-License-Identifier: GPL-2.0
//! `cargo xtask` and `cargo test --workspace` share what they compile. They do not share a crate if
//! the whole workspace asks for more features of it than xtask alone.

use std::collections::BTreeSet;
use std::process::Command;

use crate::common::printed;

/// Returns each crate with its features, as cargo builds the packages that `words` select.
fn crates(words: &[&str]) -> BTreeSet<String> {
    let mut cmd = Command::new(env!("CARGO"));
    cmd.args([
        "tree", "--locked", "--prefix", "none", "--format", "{p} {f}",
    ]);
    let tree = printed(cmd.args(words));
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    lines.map(str::to_owned).collect()
}

#[test]
fn xtask_and_the_workspace_ask_for_the_same_features() {
    let own = crates(&["--package", "xtask", "--edges", "normal,build"]);
    let all = crates(&["--workspace"]);
    let twice: Vec<_> = own.difference(&all).collect();
    assert!(
        !own.is_empty() && twice.is_empty(),
        "compiled twice, see xtask/Cargo.toml: {twice:#?}"
    );
}
