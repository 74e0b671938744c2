// SPDX-License-Identifier: GPL-2.0
//! `by-hand`: checks that the recipe of patches/README.md works for a user who has only the mails
//! and the configuration of this project. The blocks of the page are run unchanged. This file
//! prepares the tree that they start with and judges the result; `recipe` reads the page.

pub mod recipe;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use fs_err as fs;
use guest_protocol::selftest;

use kernel::build_kernel::{self, tree};
use recipe::Block;
use source::Source;
use toolbox::fault::{self, Kind};
use toolbox::git::{self, Git};
use toolbox::lock;
use toolbox::options::BaseArgs;
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::{Need, Tools};
use vm::console;

/// Free space that the source and the objects need, in bytes.
const SPACE_NEEDED: u64 = 4 << 30;

/// Run the commands of patches/README.md, which do not use xtask
///
/// Runs the page's own blocks: they apply patches/LINE to a pristine tree, configure, build and
/// boot. Passes if the guest's selftest passes. Each run builds most of a kernel. The tree and the
/// objects stay in the cache, in build/LINE-by-hand. The log is target/logs/by-hand-LINE.log.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let page = place.root.join("patches/README.md");
    let text = fs::read_to_string(&page)?;
    let blocks = recipe::parse(&text)
        .map_err(|what| fault::test_failed(format!("{}: {what}", page.display())))?;
    let needs = [Need::Fetch, Need::Kernel, Need::Guest, Need::ByHand];
    let (source, tools) = source::with_tools(&place, &args.base, |_| Ok(needs.into()))?;
    let line = source.line;
    if !source.is_of_line() {
        return Err(fault::usage(format!(
            "patches/ has no series for Linux {}, which belongs to no kernel line",
            source.version
        )));
    }
    let label = format!("{}-by-hand", line.name);
    let _lock = lock::take(&place, &format!("build-{label}"))?;
    place.need_space(SPACE_NEEDED)?;

    let trial = HandTrial::start(&place, &source, &tools, &label)?;
    for (number, block) in (1..).zip(&blocks) {
        trial.run(number, block)?;
    }
    build_kernel::check_config(&place, line, &trial.out.join(".config"))?;
    println!("Linux {}, {}", source.version, trial.judge()?);
    Ok(())
}

struct HandTrial<'a> {
    place: &'a Place,
    source: &'a Source,
    tools: &'a Tools,
    /// The recipe's $LINUX.
    linux: PathBuf,
    /// The recipe's $OUT.
    out: PathBuf,
    log: PathBuf,
}

impl<'a> HandTrial<'a> {
    /// Checks out the base. Removes files of an earlier run that could be taken for results of this
    /// run.
    fn start(
        place: &'a Place,
        source: &'a Source,
        tools: &'a Tools,
        label: &str,
    ) -> Result<HandTrial<'a>> {
        let _stage = Stage::new("laying out the source");
        let folder = place.cache.join("build").join(label);
        let log = format!("by-hand-{}.log", source.line.name);
        let trial = HandTrial {
            place,
            source,
            tools,
            linux: folder.join("linux"),
            out: folder.join("out"),
            log: place.logs().join(log),
        };
        for dir in [&trial.linux, &trial.out] {
            fs::create_dir_all(dir)?;
        }
        let git = Git::bare(trial.linux.join(".git"))?.with_work_tree(&trial.linux);
        git.borrow(&source.git)?;
        let _ = fs::remove_dir_all(git.dir.join("rebase-apply"));
        tree::check_out(&git, &source.base)?;
        let bzimage = trial.out.join("arch/x86/boot/bzImage");
        for left in [&trial.log, &trial.console(), &bzimage] {
            let _ = fs::remove_file(left);
        }
        Ok(trial)
    }

    fn run(&self, number: usize, block: &Block) -> Result<()> {
        let script = self.out.join(format!("block-{number}.sh"));
        fs::write(&script, &block.script)?;
        let stage = Stage::new(format!("by hand: {}", block.heading)).fails_as(Kind::TestFailed);
        stage.run(&mut self.bash(&script), &self.log)
    }

    /// Returns bash with the environment of a user who has set the variables of the first block.
    fn bash(&self, script: &Path) -> Command {
        let mut cmd = Command::new("bash");
        for name in git::steering() {
            cmd.env_remove(name);
        }
        for name in build_kernel::kbuild::MISLEADING {
            cmd.env_remove(name);
        }
        cmd.arg("-eu")
            .arg(script)
            .current_dir(&self.place.root)
            .env("POLL_SOURCE", &self.place.root)
            .env("LINE", self.source.line.name)
            .env("LINUX", &self.linux)
            .env("OUT", &self.out)
            .env("RUSTC", &self.tools.rustc)
            .env("BINDGEN", &self.tools.bindgen)
            .env("LIBCLANG_PATH", &self.tools.libclang)
            .env("GIT_COMMITTER_NAME", git::DRAFTS.0)
            .env("GIT_COMMITTER_EMAIL", git::DRAFTS.1)
            .env_remove("ACCEL");
        cmd
    }

    fn console(&self) -> PathBuf {
        self.out.join("console.log")
    }

    /// Returns the guest's result, in words.
    fn judge(&self) -> Result<String> {
        run::check_interrupt()?;
        let path = self.console();
        if let Some(splat) = console::scan_file(&path)? {
            return Err(fault::guest(format!(
                "the guest's kernel complained: {}\n  console: {}\n{}",
                splat.headline,
                path.display(),
                splat.excerpt
            )));
        }
        selftest::judge(&console::read(&path)?).map_err(|what| {
            fault::test_failed(format!(
                "the selftest in the guest failed: {what}\n  console: {}\n  again: \
                 cargo xtask check by-hand --base {}",
                path.display(),
                self.source.line.name
            ))
        })
    }
}
