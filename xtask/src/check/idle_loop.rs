// SPDX-License-Identifier: GPL-2.0
//! `idle-loop`: checks what the feature costs every idle loop while it is off. The proof is the
//! machine code of `poll_idle()` in the base and in the series. `disassembly` reads the code and
//! compares it.

pub mod disassembly;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use disassembly::Function;
use kernel::build_kernel::{self, KernelVariant};
use source::Source;
use toolbox::fault;
use toolbox::options::BaseArgs;
use toolbox::place::Place;
use toolbox::run;

/// The object that contains the loop, and the function of the loop.
const OBJECT: &str = "drivers/cpuidle/poll_state.o";
const LOOP: &str = "poll_idle";

/// Compare the idle loop's instructions with those of the base
///
/// Compiles poll_state.o of the base and of the series. Passes if poll_idle()
/// has the same instructions in both, except for one static branch to code after
/// the function's end, and if vmlinux has a no-op in place of the branch.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let pristine = KernelVariant {
        pristine: true,
        ..KernelVariant::default()
    };
    let needs = |line| build_kernel::needs(&place, line, &KernelVariant::default());
    let (source, _) = source::with_tools(&place, &args.base, needs)?;
    let before = object(&place, &source, &pristine)?;
    let after = object(&place, &source, &KernelVariant::default())?;
    let kernel = build_kernel::build(&place, &source)?;

    let table = objdump(&after, "--reloc", "--section=__jump_table")?;
    let before = disassemble(&before)?;
    let same = disassembly::compare(
        &before,
        &disassemble(&after)?,
        &disassembly::parse_jump_table(&table),
    )?;
    ensure!(
        disassemble(&kernel.vmlinux)?[same.index].is_nop(),
        fault::test_failed(format!(
            "{}: the instruction at {LOOP}()+{:#x} is not a no-op: is the static key on at boot?",
            kernel.vmlinux.display(),
            same.at
        ))
    );
    println!(
        "{LOOP}(): the same {} instructions as in the base, and a no-op at +{:#x}; {} instructions \
         after the function's end, for when the key is on",
        before.len(),
        same.at,
        same.cold
    );
    Ok(())
}

fn object(place: &Place, source: &Source, variant: &KernelVariant) -> Result<PathBuf> {
    let mut objects = build_kernel::objects(place, source, variant, &[OBJECT.into()])?;
    Ok(objects.remove(0))
}

fn disassemble(file: &Path) -> Result<Function> {
    let function = format!("--disassemble={LOOP}");
    disassembly::parse(&objdump(file, &function, "--reloc")?, LOOP)
}

fn objdump(file: &Path, what: &str, more: &str) -> Result<String> {
    let sh = Shell::new()?;
    run::read(cmd!(sh, "objdump --no-show-raw-insn {what} {more} {file}"))
}
