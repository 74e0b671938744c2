// SPDX-License-Identifier: GPL-2.0
//! `series review`: runs the maintainers' tools on each patch. Each reviewer has its own file. This
//! file chooses the reviewers, runs them on each state of the tree, and judges the results.
//!
//! Invariant: a reviewer passes only with the proof that its tool worked.

mod boots;
mod builds;
mod checkpatch;
mod finding;
mod imports;
mod kernel_doc;
mod known;
mod maintainers;
mod outcome;
mod plant;
mod recipe;
mod rustfmt;
mod sparse;
mod subject;
mod tools_virtio;
pub mod waivers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Result, ensure};
use clap::ValueEnum;
use fs_err as fs;
use xshell::Shell;

use finding::Inspection;
use kernel::build_kernel::tree::check_out;
use known::Known;
use outcome::{Mark, Outcomes};
use subject::{Prefix, Subject};
use toolbox::cases::{self, Status};
use toolbox::fault;
use toolbox::lock;
use toolbox::options::{AccelArgs, BaseArgs, BasesArgs, spelled};
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::{Need, Tools};
use waivers::Waivers;

/// Free space that a review needs, in bytes: a checkout, and objects of several configurations.
const SPACE_NEEDED: u64 = 6 << 30;

/// Run the maintainers' tools on each patch of the series
///
/// Applies the series with `git am` and runs every reviewer on every commit. Prints a table. Writes
/// result.ktap and junit.xml to target/review/LINE, and the output of each tool to
/// target/logs/review-LINE. A reviewer whose tool did nothing has failed. Accepted findings are
/// listed, with the reasons, in c-shim/waivers.toml.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BasesArgs,
    #[command(flatten)]
    accel: AccelArgs,

    /// Run only these reviewers
    #[arg(long, value_enum, value_name = "NAME", num_args = 1..)]
    only: Vec<ReviewerName>,

    /// Build only what the last patch needs, in fewer configurations; boot it only with --only
    /// boots
    #[arg(long)]
    quick: bool,

    /// Run only the reviewers that do not build the kernel
    #[arg(long)]
    no_build: bool,

    /// Plant every kind of error in an extra patch, and check that each reviewer finds its error
    #[arg(long, conflicts_with = "quick")]
    self_test: bool,
}

/// The reviewers, in the order of the table: the cheap ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ReviewerName {
    /// checkpatch --strict with codespell's dictionary
    Checkpatch,
    /// Rust imports, one item a line
    Imports,
    /// make rustfmtcheck
    Rustfmt,
    /// kernel-doc -Wall, no new warnings
    KernelDoc,
    /// MAINTAINERS: the entry is in order and covers all new files
    Maintainers,
    /// tools/virtio builds, and vringh_test passes
    ToolsVirtio,
    /// W=1 and CLIPPY=1 in each configuration, no new warnings
    Builds,
    /// sparse, no new warnings
    Sparse,
    /// the smoke scenario in a guest
    Boots,
}

impl ReviewerName {
    /// Returns true if the reviewer needs kernel objects, and so takes minutes.
    fn builds(self) -> bool {
        self >= ReviewerName::Builds
    }

    /// Returns true if the reviewer's tool is make. make keeps all CPUs busy, and writes into
    /// folders that the next reviewer with make reads.
    fn makes(self) -> bool {
        use ReviewerName::*;
        matches!(self, Rustfmt | ToolsVirtio | Builds | Sparse | Boots)
    }

    /// Returns true if findings that the base also has do not count.
    fn compares(self) -> bool {
        use ReviewerName::*;
        matches!(self, KernelDoc | ToolsVirtio | Builds | Sparse)
    }

    /// Runs the tool on the work tree, which is in the state of `commit`. Returns None if the patch
    /// has nothing for this reviewer.
    fn look(self, desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
        let look = match self {
            ReviewerName::Checkpatch => checkpatch::look,
            ReviewerName::Imports => imports::look,
            ReviewerName::Rustfmt => rustfmt::look,
            ReviewerName::KernelDoc => kernel_doc::look,
            ReviewerName::Maintainers => maintainers::look,
            ReviewerName::ToolsVirtio => tools_virtio::look,
            ReviewerName::Builds => builds::look,
            ReviewerName::Sparse => sparse::look,
            ReviewerName::Boots => boots::look,
        };
        look(desk, commit)
    }

    /// Returns true if the reviewer looks at this state.
    fn is_due(self, subject: &Subject, commit: &Prefix, quick: bool) -> bool {
        match commit.number {
            0 => self.compares(),
            _ => subject.is_last(commit) || !(quick && self.builds()),
        }
    }
}

/// Everything that a reviewer may use.
pub struct Desk<'a> {
    pub place: &'a Place,
    pub tools: &'a Tools,
    /// Each desk has its own copy, because a `Git` runs one command at a time.
    pub subject: Subject,
    pub stage: &'a Stage,
    pub quick: bool,
    pub accel: &'a AccelArgs,
}

impl Desk<'_> {
    /// Returns the path of the log for a reviewer's output.
    pub fn log(&self, commit: &Prefix, reviewer: &str) -> PathBuf {
        let name = format!("{}-{}-{reviewer}.log", commit.number, commit.slug);
        subject::logs(self.place, self.subject.line).join(name)
    }

    /// Writes the patch as a mail next to `log`, and returns its path.
    pub fn mail(&self, commit: &Prefix, log: &Path) -> Result<PathBuf> {
        let mail = log.with_extension("patch");
        fs::create_dir_all(log.parent().expect("the path has a parent folder"))?;
        let args = ["format-patch", "-1", "--stdout", &commit.id];
        fs::write(&mail, self.subject.git.read(args)? + "\n")?;
        Ok(mail)
    }

    /// Returns the output of a tool that must not fail.
    pub fn ask(&self, name: &str, cmd: &mut Command, log: &Path) -> Result<String> {
        let (status, said) = self.stage.ask(cmd, log)?;
        ensure!(
            status.success(),
            "{name}: {status}\n  log: {}",
            log.display()
        );
        Ok(said)
    }

    /// Returns a file as it is in a state; None if the state does not have it.
    pub fn file(&self, commit: &Prefix, path: &str) -> Result<Option<String>> {
        self.subject.git.file(&commit.id, path)
    }

    /// Returns the path of the work tree as make and git print it.
    pub fn src(&self) -> String {
        self.subject.src.display().to_string()
    }
}

/// Returns what a program prints about its version.
fn version(program: impl AsRef<Path>, option: &str) -> Result<String> {
    let sh = Shell::new()?;
    run::read(sh.cmd(program).arg(option))
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let mut failed = 0;
    for base in args.base.each()? {
        failed += one_line(&place, &args, &base)?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(fault::test_failed(format!(
            "{failed} failed; the output of the tools is in target/logs/"
        ))),
    }
}

/// Runs the reviewers on one line's series. Returns the number of failed cases; with --self-test,
/// of planted errors that were not found.
fn one_line(place: &Place, args: &Args, base: &BaseArgs) -> Result<usize> {
    let names = chosen(args);
    let mut needs = vec![Need::Fetch, Need::Kernel, Need::Review];
    if names.contains(&ReviewerName::Boots) {
        needs.extend([Need::Guest, Need::Fio]);
    }
    let (source, tools) = source::with_tools(place, base, |_| Ok(needs))?;
    let line = source.line;
    let _lock = lock::take(place, &format!("review-{}", line.name))?;
    place.need_space(SPACE_NEEDED)?;
    let _ = fs::remove_dir_all(subject::logs(place, line.name));
    let mut subject = {
        let _stage = Stage::new("laying out the series");
        Subject::lay_out(place, &source)?
    };
    if args.self_test {
        plant::plant(&mut subject)?;
    }
    // The self-test judges only the planted patch.
    let last = subject.commits.len() - 1;
    let first = if args.self_test { last } else { 1 };
    let wanted: Vec<usize> = (first..=last).collect();
    let looks = look_at_all(place, args, &tools, &subject, &names, &wanted)?;
    let mut waivers = Waivers::load(&place.root, line.name)?;
    let outcomes = judge(&subject, &names, &wanted, looks, &mut waivers);
    if args.self_test {
        return plant::report(&outcomes);
    }
    let out = place.target().join("review").join(line.name);
    let cases = outcomes.cases(&waivers);
    cases::write(&out, &format!("review-{}", line.name), &cases)?;
    print!("{}", outcomes.table(&subject, &cases));
    let failed = cases.iter().filter(|case| case.status == Status::Fail);
    Ok(failed.count())
}

fn chosen(args: &Args) -> Vec<ReviewerName> {
    let all = ReviewerName::value_variants().iter().copied();
    let fits = |name: &ReviewerName| !(args.no_build && name.builds());
    // A guest does not show whether a planted error is found.
    let usual =
        |name: &ReviewerName| !(*name == ReviewerName::Boots && (args.quick || args.self_test));
    let picked = |name: &ReviewerName| match args.only.is_empty() {
        true => usual(name),
        false => args.only.contains(name),
    };
    all.filter(fits).filter(picked).collect()
}

/// Results by reviewer and number of the patch.
type Inspections = BTreeMap<(ReviewerName, usize), Result<Option<Inspection>>>;

/// Checks out each state of the tree and runs the reviewers on it. Starts at the end of the series
/// that is nearer to the current state, and goes patch by patch, so that one state reuses the
/// objects of the one before. Reviewers whose tools have one thread run concurrently with those
/// that run make.
fn look_at_all(
    place: &Place,
    args: &Args,
    tools: &Tools,
    subject: &Subject,
    names: &[ReviewerName],
    wanted: &[usize],
) -> Result<Inspections> {
    let mut numbers: Vec<usize> = [0].into_iter().chain(wanted.iter().copied()).collect();
    if subject.current() > subject.commits.len() / 2 {
        numbers.reverse();
    }
    let known = Known::new(place, tools, subject, args.quick || args.self_test)?;
    let mut looks = Inspections::new();
    for number in numbers {
        let commit = &subject.commits[number];
        let stage = Stage::new(format!("{} {number} {}", subject.line, commit.slug));
        let desk = Desk {
            place,
            tools,
            subject: subject.clone(),
            stage: &stage,
            quick: args.quick || args.self_test,
            accel: &args.accel,
        };
        let mut due = Vec::new();
        let is_due = |name: &&ReviewerName| name.is_due(subject, commit, args.quick);
        for &name in names.iter().filter(is_due) {
            match (number == 0).then(|| known.get(name)).flatten() {
                Some(look) => drop(looks.insert((name, 0), Ok(Some(look)))),
                None => due.push(name),
            }
        }
        if due.is_empty() {
            continue;
        }
        check_out(&subject.git, &commit.id)?;
        let looked = look_side_by_side(&desk, commit, due);
        run::check_interrupt()?;
        for (name, look) in looked {
            match &look {
                Ok(Some(look)) if number == 0 && look.done > 0 => known.keep(name, look)?,
                _ => {}
            }
            looks.insert((name, number), look);
        }
    }
    Ok(looks)
}

type Looked = Vec<(ReviewerName, Result<Option<Inspection>>)>;

/// Runs these reviewers on the current state of the work tree.
fn look_side_by_side(desk: &Desk<'_>, commit: &Prefix, due: Vec<ReviewerName>) -> Looked {
    let (make, scripts): (Vec<_>, Vec<_>) = due.into_iter().partition(|name| name.makes());
    let other_desk = Desk {
        subject: desk.subject.clone(),
        ..*desk
    };
    thread::scope(|scope| {
        let beside = scope.spawn(move || look_in_turn(&other_desk, commit, scripts));
        let mut looked = look_in_turn(desk, commit, make);
        looked.extend(beside.join().expect("a reviewer does not panic"));
        looked
    })
}

fn look_in_turn(desk: &Desk<'_>, commit: &Prefix, names: Vec<ReviewerName>) -> Looked {
    let look = |name: ReviewerName| {
        desk.stage.tell(&spelled(name));
        (name, name.look(desk, commit))
    };
    names.into_iter().map(look).collect()
}

/// Judges the results, without the findings that the base also has or that are waived.
fn judge(
    subject: &Subject,
    names: &[ReviewerName],
    wanted: &[usize],
    mut looks: Inspections,
    waivers: &mut Waivers,
) -> Outcomes {
    let mut marks = BTreeMap::new();
    for &name in names {
        let base = looks.remove(&(name, 0));
        for &number in wanted {
            let slug = &subject.commits[number].slug;
            if let Some(look) = looks.remove(&(name, number)) {
                let mark = Mark::judge(&spelled(name), slug, look, base.as_ref(), waivers);
                marks.insert((name, number), mark);
            }
        }
    }
    Outcomes {
        names: names.to_vec(),
        numbers: wanted.to_vec(),
        marks,
    }
}
