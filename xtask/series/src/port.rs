// SPDX-License-Identifier: GPL-2.0
//! Puts the series on any kernel. Each patch is applied as it is. If it does not apply, git merges
//! it from the kernel on which it was made, like a cherry-pick. All of this happens in a scratch
//! repository: the tree that the series goes on is only read.

use std::cell::OnceCell;

use anyhow::Result;

use super::commit::{self, Refused, Series};
use super::conflict;
use crate::spec::Spec;
use source::Source;
use toolbox::fault::{self, Kind};
use toolbox::git::Git;
use toolbox::place::Place;

/// Commits the series on `source`, with the edits of its line. Returns the series and the commits,
/// the base first.
pub fn commit(place: &Place, git: &Git, source: &Source) -> Result<(Spec, Vec<String>)> {
    let spec = Spec::load(&place.root, source.line)?;
    let port = Port {
        place,
        git,
        source,
        spec: &spec,
        home: OnceCell::new(),
    };
    let commits = port.commit()?;
    Ok((spec, commits))
}

/// The series of one line, and the kernel that it is put on.
struct Port<'a> {
    place: &'a Place,
    git: &'a Git,
    source: &'a Source,
    spec: &'a Spec,
    home: OnceCell<Option<Home>>,
}

/// The kernel on which the line's edits were made.
struct Home {
    version: String,
    /// The base, then the commits of the series on it.
    commits: Vec<String>,
}

/// How a patch was applied, as the table shows it.
const CLEAN: &str = "clean";
const THREE_WAY: &str = "three-way";

impl Port<'_> {
    fn commit(&self) -> Result<Vec<String>> {
        self.check_needs()?;
        let mut series = Series::start(self.git, self.source, self.spec)?;
        let mut ways = Vec::new();
        for (index, patch) in self.spec.patches.iter().enumerate() {
            let (tree, way) = match series.apply(patch)? {
                Ok(tree) => (tree, CLEAN),
                Err(refused) => (self.merge(index, &series.tree, &refused)?, THREE_WAY),
            };
            series.push(patch, tree)?;
            ways.push(way);
        }
        self.tell(&ways);
        Ok(series.commits)
    }

    /// Fails if a kernel of no line lacks a file that the series builds on but does not change.
    /// Applying the edits would not detect that.
    fn check_needs(&self) -> Result<()> {
        if self.source.is_of_line() {
            return Ok(());
        }
        for &path in self.source.line.needs {
            if self.git.file(&self.source.base, path)?.is_none() {
                return Err(fault::usage(format!(
                    "the series for {} does not apply to Linux {}: that tree lacks {path}, \
                     which the patches need",
                    self.source.line.name, self.source.version
                )));
            }
        }
        Ok(())
    }

    /// Merges patch `index` onto `tree`, after git apply refused it.
    fn merge(&self, index: usize, tree: &str, refused: &Refused) -> Result<String> {
        let why = match self.home() {
            Ok(Some(home)) => return self.merge_from(home, index, tree),
            Ok(None) => format!(
                "because there is no other Linux {0} to merge it from: \
                 `cargo xtask build-kernel --fetch --base {0}` gets one",
                self.source.line.name
            ),
            Err(err) if fault::kind_of(&err) == Kind::Usage => {
                format!("because the series does not apply to its own line: {err:#}")
            }
            Err(err) => return Err(err),
        };
        Err(fault::usage(format!(
            "{:#}\nThe patch was not merged, {why}",
            refused.fault(self.source)
        )))
    }

    fn merge_from(&self, home: &Home, index: usize, tree: &str) -> Result<String> {
        let [from, to] = [&home.commits[index], &home.commits[index + 1]];
        let merged = conflict::merge(self.git, from, to, tree)?;
        if merged.is_clean() {
            return Ok(merged.tree);
        }
        let others = self.place.root.join("c-shim/edits/other");
        if let Some(tree) = conflict::settle(self.git, &merged, (from, to), tree, &others)? {
            return Ok(tree);
        }
        let patch = &self.spec.patches[index];
        let subject = patch.message.lines().next().unwrap_or_default();
        Err(fault::usage(format!(
            "patch {} of {}, {} ({subject:?}), as made for Linux {}, conflicts with Linux {}:\n{}{}",
            index + 1,
            self.spec.patches.len(),
            patch.slug,
            home.version,
            self.source.version,
            merged.describe(self.git, to)?,
            self.advice()
        )))
    }

    fn home(&self) -> Result<Option<&Home>> {
        if self.home.get().is_none() {
            let mut home = None;
            if let Some(source) = source::home(self.place, self.source.line, self.source)? {
                self.git.borrow(&source.git)?;
                home = Some(Home {
                    commits: commit::commit(self.git, &source, self.spec)?,
                    version: source.version,
                });
            }
            let _ = self.home.set(home);
        }
        Ok(self.home.get().and_then(Option::as_ref))
    }

    fn advice(&self) -> String {
        let line = self.source.line.name;
        let count = self.spec.patches.len();
        format!(
            "What to do: get the series as commits into a clone of that tree, and resolve the \
             conflict there:\n    \
             cargo xtask series open ../series --base {line}\n    \
             git fetch ../series poll-source/{line} && git cherry-pick FETCH_HEAD~{count}..FETCH_HEAD\n\
             or change the patch in ../series to apply to both, and run \
             `cargo xtask series import ../series`;\n\
             or put a diff for that tree's form of the file into c-shim/edits/other/PATH.diff;\n\
             or use the edits of another line with --base"
        )
    }

    /// Prints how each patch was applied, unless all applied cleanly to a kernel of the line.
    fn tell(&self, ways: &[&str]) {
        let source = self.source;
        if source.is_of_line() && !ways.contains(&THREE_WAY) {
            return;
        }
        let (version, line) = (&source.version, self.source.line.name);
        eprintln!(
            "Linux {version}: the series made for {line} applies as follows (build-kernel \
             shows whether it builds):"
        );
        for (index, (patch, way)) in self.spec.patches.iter().zip(ways).enumerate() {
            eprintln!("  {:>2}  {:<20} {way}", index + 1, patch.slug);
        }
    }
}
