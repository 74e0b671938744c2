// SPDX-License-Identifier: GPL-2.0
//! `gates`: what a maintainer's tools say of each patch. Each gate is a file of
//! `gates/`; here they are chosen, run on each state of the tree, and judged.
//!
//! Invariant: a gate passes only with the proof that its tool worked.

mod boots;
mod builds;
mod checkpatch;
mod clippy;
mod coccicheck;
mod finding;
pub mod kconfig_help;
mod kernel_doc;
mod known;
pub mod maintainers;
mod outcome;
mod plant;
mod recipients;
pub mod rust_lint;
mod rustdoc;
mod rustfmt;
mod sparse;
mod subject;
mod tools_virtio;
pub mod waivers;
mod whitespace;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::Result;
use clap::ValueEnum;

use crate::build_kernel;
use crate::cases;
use crate::doctor::{Need, Tools};
use crate::fault::{self, Kind};
use crate::fetch;
use crate::lock;
use crate::options::{AccelArgs, BaseArgs};
use crate::place::Place;
use crate::run::Stage;
use finding::Look;
use known::Known;
use outcome::{Cell, Outcomes};
use subject::{Commit, Subject};
use waivers::Waivers;

/// A checkout, and objects of some configurations.
const SPACE_NEEDED: u64 = 6 << 30;

/// Run the maintainers' tools on each patch of the series
///
/// Applies the series by `git am`, and runs every gate on every commit.
/// Prints a table; leaves result.ktap, junit.xml and recipients.txt in
/// target/gates/LINE, and what each tool printed in target/logs/gates-LINE. A
/// gate whose tool did nothing has failed. Accepted findings are listed, with
/// the reason, in c-shim/waivers.toml.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// As of other commands; `--base all` does every line
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    accel: AccelArgs,

    /// Only these gates
    #[arg(long, value_enum, value_name = "NAME", num_args = 1..)]
    gate: Vec<Name>,

    /// Only these patches, by number
    #[arg(long, value_name = "N", num_args = 1..)]
    patch: Vec<usize>,

    /// Build and boot only what the last patch needs, and check less of it
    #[arg(long)]
    quick: bool,

    /// Only the gates that do not build the kernel
    #[arg(long)]
    no_build: bool,

    /// Plant every kind of error in an extra patch, and check that each gate finds its own
    #[arg(long, conflicts_with_all = ["patch", "quick"])]
    self_test: bool,
}

/// The gates, in the table's order: the cheap ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Name {
    /// git diff --check
    Whitespace,
    /// checkpatch --strict with codespell's dictionary
    Checkpatch,
    /// what checkpatch does not see in Rust
    RustLint,
    /// make rustfmtcheck
    Rustfmt,
    /// kernel-doc -Wall, no new warnings
    KernelDoc,
    /// every new option has a prompt and a help text
    KconfigHelp,
    /// MAINTAINERS: in order, and the entry covers what is new
    Maintainers,
    /// get_maintainer finds somebody
    Recipients,
    /// tools/virtio builds, and vringh_test passes
    ToolsVirtio,
    /// coccicheck's reports, no new ones
    Coccicheck,
    /// W=1 in each configuration, no new warnings
    Builds,
    /// clippy, as CLIPPY=1 has it
    Clippy,
    /// rustdoc of the core, as kbuild calls it
    Rustdoc,
    /// sparse, no new warnings
    Sparse,
    /// the smoke scenario in a guest
    Boots,
}

impl Name {
    pub fn text(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it needs kernel objects, and so minutes.
    fn builds(self) -> bool {
        self >= Name::Coccicheck
    }
}

/// What every gate may use.
pub struct Bench<'a> {
    pub place: &'a Place,
    pub tools: &'a Tools,
    pub subject: &'a Subject,
    pub stage: &'a Stage,
    pub quick: bool,
    pub accel: &'a AccelArgs,
}

/// One gate. `look` runs its tool on the work tree, which is in the state of
/// `commit`; None where the patch has nothing for it.
pub trait Gate {
    fn look(&mut self, bench: &Bench<'_>, commit: &Commit) -> Result<Option<Look>>;

    /// Whether what the base has already is no finding.
    fn compares(&self) -> bool {
        false
    }
}

fn gate(name: Name) -> Box<dyn Gate> {
    match name {
        Name::Whitespace => Box::new(whitespace::Whitespace),
        Name::Checkpatch => Box::new(checkpatch::Checkpatch),
        Name::RustLint => Box::new(rust_lint::RustLint),
        Name::Rustfmt => Box::new(rustfmt::Rustfmt),
        Name::KernelDoc => Box::new(kernel_doc::KernelDoc),
        Name::KconfigHelp => Box::new(kconfig_help::KconfigHelp),
        Name::Maintainers => Box::new(maintainers::Maintainers),
        Name::Recipients => Box::new(recipients::Recipients::default()),
        Name::ToolsVirtio => Box::new(tools_virtio::ToolsVirtio),
        Name::Coccicheck => Box::new(coccicheck::Coccicheck),
        Name::Builds => Box::new(builds::Builds),
        Name::Clippy => Box::new(clippy::Clippy),
        Name::Rustdoc => Box::new(rustdoc::Rustdoc),
        Name::Sparse => Box::new(sparse::Sparse),
        Name::Boots => Box::new(boots::Boots::default()),
    }
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
            "{failed} failed; what the tools said is in target/logs/"
        ))),
    }
}

/// All gates on one line's series; gives how many failed.
fn one_line(place: &Place, args: &Args, base: &BaseArgs) -> Result<usize> {
    let names = chosen(args);
    let mut needs = vec![Need::Fetch, Need::Kernel, Need::Gates];
    if names.contains(&Name::Boots) {
        needs.extend([Need::Guest, Need::Fio]);
    }
    let tools = build_kernel::ensure_tools(place, &needs, base)?;
    let source = fetch::source(place, base)?;
    let line = source.line;
    let _lock = lock::take(place, &format!("gates-{}", line.name))?;
    place.need_space(SPACE_NEEDED)?;
    let _ = fs::remove_dir_all(subject::logs(place, line.name));
    let mut subject = {
        let _stage = Stage::new("laying out the series");
        Subject::lay_out(place, &source)?
    };
    if args.self_test {
        plant::plant(&mut subject)?;
    }
    let wanted = wanted(args, &subject)?;
    let looks = look_at_all(place, args, &tools, &subject, &names, &wanted)?;
    let mut waivers = Waivers::load(&place.root, line.name)?;
    let mut outcomes = judge(&subject, &names, &wanted, looks, &mut waivers);
    if args.self_test {
        return plant::report(&outcomes);
    }
    if args.patch.is_empty() {
        outcomes.settle(&waivers);
    }
    let out = place.target().join("gates").join(line.name);
    let cases = outcomes.cases();
    cases::write(&out, &format!("gates-{}", line.name), &cases)?;
    print!("{}", outcomes.table(&subject));
    Ok(outcomes.failed())
}

fn chosen(args: &Args) -> Vec<Name> {
    let all = Name::value_variants().iter().copied();
    let fits = |name: &Name| !(args.no_build && name.builds());
    // A guest tells nothing of how a planted fault is found.
    let usual = |name: &Name| !(*name == Name::Boots && (args.quick || args.self_test));
    let picked = |name: &Name| match args.gate.is_empty() {
        true => usual(name),
        false => args.gate.contains(name),
    };
    all.filter(fits).filter(picked).collect()
}

/// The numbers of the patches that count.
fn wanted(args: &Args, subject: &Subject) -> Result<Vec<usize>> {
    let last = subject.commits.len() - 1;
    if let Some(bad) = args
        .patch
        .iter()
        .find(|&&number| number == 0 || number > last)
    {
        return Err(fault::usage(format!(
            "--patch {bad}: there are 1 to {last}"
        )));
    }
    Ok(match (&args.patch[..], args.self_test) {
        ([], false) => (1..=last).collect(),
        ([], true) => vec![last],
        (some, _) => BTreeSet::from_iter(some.iter().copied())
            .into_iter()
            .collect(),
    })
}

/// By gate and number of the patch.
type Looks = BTreeMap<(Name, usize), Result<Option<Look>>>;

/// Takes the tree through its states, from the end that it is nearer to, and
/// lets each gate look. So objects of one state serve for the next.
fn look_at_all(
    place: &Place,
    args: &Args,
    tools: &Tools,
    subject: &Subject,
    names: &[Name],
    wanted: &[usize],
) -> Result<Looks> {
    let mut gates: Gates = names.iter().map(|name| (*name, gate(*name))).collect();
    let mut numbers: Vec<usize> = [0].into_iter().chain(wanted.iter().copied()).collect();
    if subject.current() > subject.commits.len() / 2 {
        numbers.reverse();
    }
    let mut looks = Looks::new();
    for number in numbers {
        let commit = &subject.commits[number];
        let stage = Stage::new(format!("{} {number} {}", subject.line, commit.slug));
        let bench = Bench {
            place,
            tools,
            subject,
            stage: &stage,
            quick: args.quick || args.self_test,
            accel: &args.accel,
        };
        let known = Known::new(&bench, args)?;
        let mut is_out = false;
        for (name, gate) in &mut gates {
            if !is_due(*name, gate.as_ref(), commit, args.quick) {
                continue;
            }
            if number == 0
                && let Some(look) = known.get(*name)
            {
                looks.insert((*name, 0), Ok(Some(look)));
                continue;
            }
            if !is_out {
                subject.check_out(commit)?;
                is_out = true;
            }
            stage.tell(&name.text());
            let look = gate.look(&bench, commit);
            match &look {
                Err(err) if fault::kind_of(err) == Kind::Interrupted => {
                    return Err(fault::interrupted());
                }
                Ok(Some(look)) if number == 0 && look.done > 0 => known.keep(*name, look)?,
                _ => {}
            }
            looks.insert((*name, number), look);
        }
    }
    Ok(looks)
}

type Gates = Vec<(Name, Box<dyn Gate>)>;

/// Whether the gate looks at this state at all.
fn is_due(name: Name, gate: &dyn Gate, commit: &Commit, quick: bool) -> bool {
    match commit.number {
        0 => gate.compares(),
        _ => commit.is_last || !(quick && name.builds()),
    }
}

/// What came out, with what the base has already and what is waived taken off.
fn judge(
    subject: &Subject,
    names: &[Name],
    wanted: &[usize],
    mut looks: Looks,
    waivers: &mut Waivers,
) -> Outcomes {
    let mut outcomes = Outcomes::new(names, wanted);
    for &name in names {
        let base = looks.remove(&(name, 0));
        for &number in wanted {
            let slug = &subject.commits[number].slug;
            let cell = match looks.remove(&(name, number)) {
                None => Cell::Left,
                Some(look) => Cell::judge(&name.text(), slug, look, base.as_ref(), waivers),
            };
            outcomes.put(name, number, cell);
        }
    }
    outcomes
}
