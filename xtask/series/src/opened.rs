// SPDX-License-Identifier: GPL-2.0
//! A kernel git tree with the series as commits, for people to work in. It is a repository of its
//! own: git hard-links the objects, so it takes little space and does not need the cache.
//!
//! The repository's configuration records the line and the base. Notes record which patch each
//! commit is; git copies them when commits are amended or rebased.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;
use xshell::{Shell, cmd};

use super::commit;
use crate::spec::Spec;
use source::Source;
use toolbox::fault;
use toolbox::git::{self, Git};
use toolbox::line::{self, Line};
use toolbox::run;

/// The ref of the notes, which have the slug of each commit's patch.
const NOTES: &str = "refs/notes/poll-source";
/// The ref of the series as it was opened or last imported.
const OPENED: &str = "refs/poll-source/opened";
pub struct Opened {
    pub dir: PathBuf,
    pub git: Git,
    pub line: &'static Line,
    /// The commit that the series starts from.
    pub base: String,
}

/// A commit of the series.
pub struct Commit {
    pub id: String,
    pub tree: String,
    pub message: String,
}

impl Commit {
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// Returns the commit's name in messages to people: its abbreviated hash and its subject.
    pub fn name(&self) -> String {
        format!("{:.12} ({:?})", self.id, self.subject())
    }
}

/// Returns the name of a line's branch: "poll-source/7.3".
pub fn branch(line: &Line) -> String {
    format!("poll-source/{}", line.name)
}

/// Creates `dir`. If anything fails, nothing is created.
pub fn create(dir: &Path, source: &Source, spec: &Spec, sparse: bool) -> Result<()> {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let tmp = tempfile::Builder::new()
        .prefix(".poll-source-")
        .permissions(Permissions::from_mode(0o777))
        .tempdir_in(parent)
        .with_context(|| format!("creating a folder in {}", parent.display()))?;
    let git = clone(source, tmp.path())?;
    let commits = commit::commit(&git, source, spec)?;
    mark(&git, source, spec, &commits)?;
    check_out(&git, source, &commits, sparse)?;
    Ok(fs::rename(tmp.path(), dir)?)
}

/// Makes a repository in `dir` with the objects and the tags of the source, and without branches.
fn clone(source: &Source, dir: &Path) -> Result<Git> {
    let sh = Shell::new()?;
    let (from, to) = (&source.git, dir.join(".git"));
    let clone = cmd!(
        sh,
        "git clone --quiet --local --bare --template= {from} {to}"
    );
    run::read(git::clean(clone))?;
    let git = Git::bare(to)?.with_work_tree(dir.canonicalize()?);
    git.read(["remote", "remove", "origin"])?;
    git.read(["config", "core.bare", "false"])?;
    git.read(["config", "core.logAllRefUpdates", "true"])?;
    let branches = git.read(["for-each-ref", "--format=delete %(refname)", "refs/heads"])?;
    run::read(git.cmd(["update-ref", "--stdin"]).stdin(branches + "\n"))?;
    Ok(git)
}

/// Records what the repository and its commits are: configuration, refs, tag and notes.
fn mark(git: &Git, source: &Source, spec: &Spec, commits: &[String]) -> Result<()> {
    let (name, base) = (source.line.name, &source.base);
    for (key, value) in [
        ("poll-source.line", name),
        ("poll-source.base", base),
        ("notes.rewriteRef", NOTES),
    ] {
        git.read(["config", key, value])?;
    }
    let tip = commits.last().expect("the base is there");
    let branch = format!("refs/heads/{}", branch(source.line));
    git.read(["update-ref", &branch, tip])?;
    git.read(["update-ref", OPENED, tip])?;
    git.read(["tag", &format!("poll-source-base/{name}"), base])?;
    git.read(["symbolic-ref", "HEAD", &branch])?;
    for (commit, patch) in commits[1..].iter().zip(&spec.patches) {
        let ref_ = format!("--ref={NOTES}");
        git.read(["notes", &ref_, "add", "-m", &patch.slug, commit])?;
    }
    Ok(())
}

fn check_out(git: &Git, source: &Source, commits: &[String], sparse: bool) -> Result<()> {
    let tip = commits.last().expect("the base is there");
    if sparse {
        let touched = git.read(["diff", "--no-renames", "--name-only", &source.base, tip])?;
        let folders = touched.lines().filter_map(|path| Path::new(path).parent());
        let set = git.cmd(["sparse-checkout", "set", "--cone", "--"]);
        run::read(set.args(folders))?;
    }
    git.read(["read-tree", "--reset", "-u", tip])?;
    Ok(())
}

impl Opened {
    /// Finds the tree that `series open` made in `dir`. Fails if it is another tree.
    pub fn find(dir: &Path) -> Result<Opened> {
        let refuse = |what: &str| fault::usage(format!("{}: {what}", dir.display()));
        if !dir.join(".git").is_dir() {
            return Err(refuse("not the top folder of a git tree"));
        }
        let dir = dir.canonicalize()?;
        let git = Git::bare(dir.join(".git"))?.with_work_tree(&dir);
        let config = |key: &str| git.read(["config", key]);
        let (Ok(name), Ok(base)) = (config("poll-source.line"), config("poll-source.base")) else {
            return Err(refuse("`cargo xtask series open` did not make this tree"));
        };
        let line = line::find(&name)?;
        Ok(Opened {
            dir,
            git,
            line,
            base,
        })
    }

    fn refuse(&self, what: impl AsRef<str>) -> anyhow::Error {
        fault::usage(format!("{}: {}", self.dir.display(), what.as_ref()))
    }

    /// Returns the base as a source to generate the series on.
    pub fn source(&self) -> Result<Source> {
        Source::of_line(self.line, &self.git, &self.base, &self.dir)
    }

    /// Fails unless the branch is checked out, has all of the work, and starts at the base.
    pub fn check_ready(&self) -> Result<()> {
        // Other rebases need no check of their own: git has no branch checked out during one.
        if self.git.dir.join("rebase-apply").exists() {
            return Err(self.refuse(
                "`git am` or `git rebase --apply` is in progress: finish or abort it first",
            ));
        }
        let branch = branch(self.line);
        let head = self.git.read(["symbolic-ref", "-q", "--short", "HEAD"]);
        let head = head.unwrap_or_else(|_| "a commit without a branch".into());
        if head != branch {
            return Err(self.refuse(format!(
                "{head} is checked out, but the series is on {branch}"
            )));
        }
        let status = ["--no-optional-locks", "status", "--porcelain"];
        let changes = self.git.read(status)?;
        if !changes.is_empty() {
            let some = changes.lines().take(5).map(|line| format!("\n    {line}"));
            return Err(self.refuse(format!(
                "it has uncommitted changes; commit or remove them first:{}",
                some.collect::<String>()
            )));
        }
        let is_on_base = self
            .git
            .cmd(["merge-base", "--is-ancestor", &self.base, "HEAD"]);
        let merges = self
            .git
            .read(["rev-list", "--merges", &format!("{}..HEAD", self.base)])?;
        let (status, _) = run::read_if(is_on_base, |status| status <= 1)?;
        if status == 1 || !merges.is_empty() {
            return Err(self.refuse(format!(
                "the branch is no longer a straight line of commits on its base: run \
                 `git rebase --onto poll-source-base/{} START`; START is the commit before \
                 the first patch",
                self.line.name
            )));
        }
        Ok(())
    }

    /// Returns the commits of the series, in order.
    pub fn commits(&self) -> Result<Vec<Commit>> {
        commits(&self.git, &self.base, "HEAD")
    }

    /// Returns the commits of the series as it was opened or last imported.
    pub fn before(&self) -> Result<Vec<Commit>> {
        commits(&self.git, &self.base, OPENED)
    }

    /// Returns the slug in a commit's note. If several commits were squashed into one, the note has
    /// the slugs of all, and the first one is returned.
    pub fn noted_slug(&self, commit: &Commit) -> Option<String> {
        let ref_ = format!("--ref={NOTES}");
        let note = self.git.read(["notes", &ref_, "show", &commit.id]).ok()?;
        note.lines().next().map(str::to_owned)
    }

    /// Records `tip`, a commit of the repository `from`, as the series that was last imported.
    pub fn imported(&self, from: &Git, tip: &str) -> Result<()> {
        let branch = "refs/heads/imported";
        from.read(["update-ref", branch, tip])?;
        let from = from.dir.as_os_str();
        let fetch = self
            .git
            .cmd(["fetch", "--quiet", "--no-tags", "--no-auto-gc"]);
        run::read(fetch.arg(from).arg(format!("+{branch}:{OPENED}")))?;
        Ok(())
    }
}

pub fn commits(git: &Git, base: &str, tip: &str) -> Result<Vec<Commit>> {
    let ids = git.read(["rev-list", "--reverse", &format!("{base}..{tip}")])?;
    let commit = |id: &str| {
        Ok(Commit {
            id: id.into(),
            tree: git.tree_of(id)?,
            message: git.read(["log", "-1", "--format=%B", id])?,
        })
    };
    ids.lines().map(commit).collect()
}
