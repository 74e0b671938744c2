// SPDX-License-Identifier: GPL-2.0
//! `idle-loop`: what the feature costs the idle loop of everybody, while it is
//! off. The proof is the machine code: `poll_idle()` as the base has it, and as
//! the series leaves it. `disassembly` reads the code and compares it.

mod disassembly;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::build_kernel::{self, Variant};
use crate::options::BaseArgs;
use crate::place::Place;
use crate::run;
use disassembly::Function;

/// The object that has the loop, and the loop.
const OBJECT: &str = "drivers/cpuidle/poll_state.o";
const LOOP: &str = "poll_idle";

/// Compare the idle loop's instructions with those of the base
///
/// Compiles poll_state.o of the base and of the series. Passes if poll_idle()
/// has the same instructions in both but for one no-op, which the static key
/// patches into a jump to code behind the function's end.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let pristine = Variant {
        pristine: true,
        ..Variant::default()
    };
    let before = disassemble(&place, &args.base, &pristine)?;
    let after = disassemble(&place, &args.base, &Variant::default())?;
    let same = disassembly::compare(&before, &after)?;
    println!(
        "{LOOP}(): the base's {} instructions, and `{}` at +{:#x}; {} instructions behind the end, for when the key is on",
        before.len(),
        same.nop,
        same.at,
        same.cold
    );
    Ok(())
}

fn disassemble(place: &Place, base: &BaseArgs, variant: &Variant) -> Result<Function> {
    let object = build_kernel::object(place, base, variant, OBJECT)?;
    let sh = Shell::new()?;
    let text = run::read(cmd!(
        sh,
        "objdump --disassemble={LOOP} --reloc --no-show-raw-insn {object}"
    ))?;
    disassembly::parse(&text, LOOP)
}
