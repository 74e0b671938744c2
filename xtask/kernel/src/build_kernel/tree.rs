// SPDX-License-Identifier: GPL-2.0
//! The source tree that kbuild builds: the base with the series, which only `git am` applies. The
//! tree stays between builds, and unchanged files are not touched: make compares times.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use fs_err as fs;

use super::KernelVariant;
use series::gen_patches;
use series::mail;
use source::Source;
use toolbox::fault;
use toolbox::git::Git;
use toolbox::lock::{self, Lock};
use toolbox::place::Place;
use toolbox::run::Stage;

/// What the source tree must contain.
pub struct TreePlan {
    /// git hash of the tree.
    pub tree: String,
    /// The folder of the series' mails; None for the base alone.
    pub mails: Option<PathBuf>,
    /// The name of the tree. All kernels of a line with the series share one; the pristine kernel
    /// has its own.
    name: String,
    folder: PathBuf,
}

/// Finds the mails to apply and the hash of the tree that they make. Generates the series if
/// patches/ was not made on this source.
pub fn plan(place: &Place, source: &Source, variant: &KernelVariant) -> Result<TreePlan> {
    let with_name = |name: String, tree, mails| TreePlan {
        tree,
        mails,
        folder: place.cache.join("build").join(&name),
        name,
    };
    if variant.pristine {
        let tree = Git::bare(&source.git)?.tree_of(&source.base)?;
        let name = format!("{}-pristine", source.name());
        return Ok(with_name(name, tree, None));
    }
    let series = if source.is_of_line() && gen_patches::is_made_on(place, source)? {
        gen_patches::check(place, source).map_err(|stale| fault::usage(format!("{stale:#}")))?
    } else {
        let out = place.target().join("patches").join(source.name());
        eprintln!(
            "patches/{} was not generated for this Linux {}: building with the series generated \
             for it in {}",
            source.line.name,
            source.version,
            place.short(&out).display()
        );
        gen_patches::generate(place, source, &out)?
    };
    let name = source.name().to_owned();
    Ok(with_name(name, series.tree, Some(series.dir)))
}

impl TreePlan {
    pub fn dir(&self) -> PathBuf {
        self.folder.join("src")
    }

    /// Locks the tree and its objects.
    pub fn lock(&self, place: &Place) -> Result<Lock> {
        lock::take(place, &format!("build-{}", self.name))
    }

    /// Lays out the source tree if the disk has space for it and for what is built from it, in
    /// bytes.
    pub fn lay_out(&self, place: &Place, source: &Source, space: u64) -> Result<()> {
        place.need_space(space)?;
        let _stage = Stage::new("laying out the source");
        let (git, commit) = self.commits(source, &self.folder)?;
        check_out(&git, &commit)
    }

    /// Returns the repository in `folder`, with its work tree beside it, and the commit to build:
    /// the last commit that `git am` makes from the mails, or the base if there are none.
    pub fn commits(&self, source: &Source, folder: &Path) -> Result<(Git, String)> {
        let git = repository(&folder.join("git"), &folder.join("src"))?;
        git.borrow(&source.git)?;
        let commit = match &self.mails {
            None => source.base.clone(),
            Some(mails) => {
                let am = apply_in(&folder.join("am"), source)?;
                git.borrow(&am.dir)?;
                mail::apply(&am, &source.base, mails)?
            }
        };
        let tree = git.tree_of(&commit)?;
        ensure!(
            tree == self.tree,
            "`git am` makes tree {tree} from the mails, but the generator made {}",
            self.tree
        );
        Ok((git, commit))
    }
}

/// Checks out `commit` in the work tree, and removes all other files there.
pub fn check_out(git: &Git, commit: &str) -> Result<()> {
    // An interrupted checkout leaves index.lock. The caller holds xtask's lock, so it is stale.
    let _ = fs::remove_file(git.dir.join("index.lock"));
    git.read(["checkout", "-q", "--force", "--detach", commit])?;
    git.read(["clean", "-q", "-ffdx"])?;
    Ok(())
}

/// The repository in which `git am` runs. It is kept, because the source tree's repository borrows
/// its commits. Its work tree is new each time.
fn apply_in(folder: &Path, source: &Source) -> Result<Git> {
    let work_tree = folder.join("tree");
    if work_tree.exists() {
        fs::remove_dir_all(&work_tree)?;
    }
    let git = repository(&folder.join("git"), &work_tree)?;
    git.borrow(&source.git)?;
    for left in ["index", "index.lock"] {
        let _ = fs::remove_file(git.dir.join(left));
    }
    let _ = fs::remove_dir_all(git.dir.join("rebase-apply"));
    Ok(git)
}

fn repository(dir: &Path, work_tree: &Path) -> Result<Git> {
    fs::create_dir_all(work_tree)?;
    Ok(Git::bare(dir)?.with_work_tree(work_tree))
}
