// SPDX-License-Identifier: GPL-2.0
//! `series open`: makes a kernel git tree with the series as commits, to work on it with git's own
//! tools. `series import` takes the commits back.

use std::path::PathBuf;

use anyhow::Result;

use crate::opened;
use crate::spec::Spec;
use toolbox::fault;
use toolbox::options::BaseArgs;
use toolbox::place::Place;
use toolbox::run::Stage;

/// Make a new kernel git tree with the series as commits
///
/// Creates DIR: Linux with the series on branch poll-source/LINE, which starts at the tag
/// poll-source-base/LINE. Edit, commit with --fixup, reorder with `git rebase -i --autosquash`,
/// build; `cargo xtask series import DIR` takes the commits back. The new tree is a repository of
/// its own, and needs neither the cache nor the checkout.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder to create
    dir: PathBuf,

    #[command(flatten)]
    base: BaseArgs,

    /// Check out only the folders that the series touches
    #[arg(long)]
    sparse: bool,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let dir = &args.dir;
    let is_free = !dir.exists()
        || dir
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_none());
    if !is_free {
        return Err(fault::usage(format!("{} already exists", dir.display())));
    }
    let source = source::get(&place, &args.base)?;
    if !source.is_of_line() {
        return Err(fault::usage(format!(
            "Linux {} belongs to no line, so edits to it could not be taken back: open the \
             series on a line, and pull it into that tree with git",
            source.version
        )));
    }
    let spec = Spec::load(&place.root, source.line)?;
    let stage = Stage::new(format!("creating a tree of Linux {}", source.version));
    opened::create(dir, &source, &spec, args.sparse)?;
    drop(stage);
    println!(
        "{}: Linux {} with {} commits on branch {}",
        dir.display(),
        source.version,
        spec.patches.len(),
        opened::branch(source.line)
    );
    println!(
        "take them back with `cargo xtask series import {}`",
        dir.display()
    );
    println!("new files need `git add -f`: the .gitignore of Debian's kernels hides them");
    Ok(())
}
