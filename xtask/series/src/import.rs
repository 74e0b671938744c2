// SPDX-License-Identifier: GPL-2.0
//! `series import`: takes the commits of an opened kernel tree back into c-shim/ and rust-core/. It
//! changes a copy of the source, generates the series from the copy and compares it with the
//! commits. Only then does it change the checkout.

mod pair;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::commit::{self, Scratch};
use crate::mail;
use crate::opened::{self, Commit, Opened};
use crate::spec::Spec;
use crate::staging::{self, Staging};
use crate::take::{self, Taken};
use source::Source;
use toolbox::fault;
use toolbox::git::{self, Git};
use toolbox::line::{LINES, Line};
use toolbox::place::Place;
use toolbox::run::{self, Stage};

/// Take the commits of a tree made by `series open` back into the source
///
/// Updates c-shim/ and rust-core/ from the commits: edits, new files, messages, and the order of
/// the patches in c-shim/series.toml. The new series is generated and compared with the commits; if
/// anything is wrong, the source stays unchanged. Afterwards run `cargo xtask gen-patches --base
/// all` to renew patches/.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The tree that `series open` made
    dir: PathBuf,

    /// Import even if c-shim/ or rust-core/ has uncommitted changes, or differs from the opened
    /// series
    #[arg(long)]
    force: bool,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let opened = Opened::find(&args.dir)?;
    opened.check_ready()?;
    if !args.force {
        check_clean(&place.root)?;
    }
    let stage = Stage::new(format!("importing {}", opened.dir.display()));
    let import = Import::new(&place, &opened)?;
    if !args.force {
        import.check_unchanged()?;
    }
    let staging = Staging::new(&place.root)?;
    let (git, source) = (&import.scratch.git, &import.source);
    let base_tree = git.tree_of(&source.base)?;
    let mut told = take::take(git, staging.root(), source.line, &base_tree, &import.taken)?;
    let tip = import.verify(&staging)?;
    let changes = staging.changes()?;
    told.extend(stale(&staging, &changes, source.line));
    staging.install()?;
    opened.imported(git, &tip)?;
    drop(stage);

    changes
        .iter()
        .for_each(|path| println!("{}", path.display()));
    told.iter().for_each(|line| println!("{line}"));
    println!(
        "{} files changed; the source now makes the series of the commits",
        changes.len()
    );
    if !changes.is_empty() {
        println!("`cargo xtask gen-patches --base all` renews patches/");
    }
    Ok(())
}

/// Fails if the source has uncommitted changes: they could not be restored after an import.
fn check_clean(root: &Path) -> Result<()> {
    let sh = Shell::new()?;
    let folders = staging::FOLDERS;
    let status = cmd!(
        sh,
        "git --no-optional-locks -C {root} status --porcelain -- {folders...}"
    );
    let changes = run::read(git::unsteered(status))
        .context("looking for uncommitted changes of the source; --force skips this")?;
    if changes.is_empty() {
        return Ok(());
    }
    Err(fault::usage(format!(
        "the source has uncommitted changes; commit them first, or use --force:\n{changes}"
    )))
}

/// A line that marks the empty commit in whose message `b4 prep` keeps the cover letter.
const B4_COVER: &str = "--- b4-submit-tracking ---";

/// An import in progress.
pub struct Import<'a> {
    opened: &'a Opened,
    /// The base, in the opened tree's repository.
    source: Source,
    scratch: Scratch,
    /// The series as the source has it now.
    spec: Spec,
    /// The commits of that series.
    before: Vec<Commit>,
    /// The series as the opened tree has it.
    taken: Vec<Taken>,
}

impl Import<'_> {
    fn new<'a>(place: &'a Place, opened: &'a Opened) -> Result<Import<'a>> {
        let source = opened.source()?;
        let scratch = Scratch::new(&source)?;
        let git = &scratch.git;
        let spec = Spec::load(&place.root, source.line)?;
        let before = generate(git, &source, &spec)?;
        let mut commits = opened.commits()?;
        commits.retain(|commit| commit.message.lines().all(|line| line != B4_COVER));
        refuse(opened, &commits)?;
        let slugs = pair::slugs(opened, &spec, git, &before, &commits)?;
        let taken = commits.into_iter().zip(slugs).map(|(commit, slug)| Taken {
            text: spec.text_of(&commit.message),
            tree: commit.tree,
            slug,
        });
        let taken = taken.collect();
        Ok(Import {
            opened,
            source,
            scratch,
            spec,
            before,
            taken,
        })
    }

    /// Fails if the source has changed since the series was opened: an import would undo that.
    fn check_unchanged(&self) -> Result<()> {
        let opened = self.opened.before()?;
        let text = |commit: &Commit| self.spec.text_of(&commit.message);
        let same = |(a, b): (&Commit, &Commit)| a.tree == b.tree && text(a) == text(b);
        if opened.len() == self.before.len() && opened.iter().zip(&self.before).all(same) {
            return Ok(());
        }
        Err(fault::usage(format!(
            "the source makes another series than {} was opened with, and importing would \
             undo the changes: open the series again and cherry-pick your commits there, \
             or use --force",
            self.opened.dir.display()
        )))
    }

    /// Checks that the staged source makes the commits that were taken. Returns the last one.
    fn verify(&self, staging: &Staging) -> Result<String> {
        let spec = Spec::load(staging.root(), self.source.line)?;
        let after = generate(&self.scratch.git, &self.source, &spec)?;
        let same = |(commit, taken): (&Commit, &Taken)| {
            commit.tree == taken.tree && spec.text_of(&commit.message) == taken.text
        };
        let differs = after.iter().zip(&self.taken).find(|pair| !same(*pair));
        if let Some((_, taken)) = differs {
            return Err(fault::test_failed(format!(
                "the changed source would not make patch {:?} as its commit has it; \
                 nothing was changed",
                taken.slug
            )));
        }
        let last = after.last().context("the series has no patch")?;
        self.mail(&last.id, &spec)?;
        Ok(last.id.clone())
    }

    /// Fails if git am would cut, strip or join a message.
    fn mail(&self, tip: &str, spec: &Spec) -> Result<()> {
        let (git, mails) = (&self.scratch.git, tempfile::tempdir()?);
        mail::write(git, &self.source, tip, spec, &spec.title, mails.path())?;
        mail::round_trip(git, &self.source.base, tip, mails.path())
            .map_err(|err| fault::usage(format!("{err:#}\nNothing was changed")))
    }
}

/// Returns a message for each file of another line that replaces a changed common file.
/// CONTRIBUTING.md says how to update such a file with git.
fn stale(staging: &Staging, changes: &[PathBuf], line: &Line) -> Vec<String> {
    let shim = Path::new("c-shim");
    let mut told = Vec::new();
    for other in LINES.iter().filter(|other| *other != line) {
        let own = |path: &PathBuf| {
            let mut parts = path.strip_prefix(shim).ok()?.components();
            let own = shim.join(parts.next()?).join(other.name);
            Some(own.join(parts.as_path()))
        };
        let own = changes.iter().filter_map(own);
        let own = own.filter(|path| staging.root().join(path).is_file());
        told.extend(own.map(|path| {
            let path = path.display();
            format!(
                "{}: look at {path}: the common file that it replaces has changed",
                other.name
            )
        }));
    }
    told
}

fn generate(git: &Git, source: &Source, spec: &Spec) -> Result<Vec<Commit>> {
    let ids = commit::commit(git, source, spec)?;
    let tip = ids.last().context("the series has no base")?;
    opened::commits(git, &source.base, tip)
}

/// Fails if there are no commits, if a commit is a fixup of another one, or if one is signed off:
/// drafts have no Signed-off-by.
fn refuse(opened: &Opened, commits: &[Commit]) -> Result<()> {
    if commits.is_empty() {
        return Err(fault::usage(
            "the branch has no commits on its base: a series needs at least one",
        ));
    }
    for commit in commits {
        let name = commit.name();
        let marks = ["fixup! ", "squash! ", "amend! "];
        if marks.iter().any(|mark| commit.subject().starts_with(mark)) {
            return Err(fault::usage(format!(
                "commit {name} must be squashed into another one: run \
                 `git rebase -i --autosquash poll-source-base/{}` in the tree",
                opened.line.name
            )));
        }
        let signs = |line: &str| line.starts_with("Signed-off-by:");
        if commit.message.lines().any(signs) {
            return Err(fault::usage(format!(
                "commit {name} is signed off, but drafts must not be: remove the line from \
                 its message; whoever sends the series signs off on a branch of their own"
            )));
        }
    }
    Ok(())
}
