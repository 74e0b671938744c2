// SPDX-License-Identifier: GPL-2.0
//! `doctor`: prints a table of what the machine has and lacks. The table comes from `toolbox`,
//! because every command probes for what it needs. Only the accelerator's row is made here, because
//! its probe takes a guest.

use anyhow::Result;
use clap::ValueEnum;
use toolbox::line::{self, Line};
use toolbox::options::Accel;
use toolbox::place::Place;
use toolbox::tools::probe;
use toolbox::tools::row::Row;
use toolbox::tools::{self, Need};

use kernel::image::Image;
use vm::accel;
use vm::session::Rig;

/// Check that this machine has everything, and print or run the command that installs the rest
///
/// Prints a table of what is there (version, path) and of what is missing or too old, and one
/// command that installs it on this distribution. Changes nothing without --install. The exit code
/// is 6 if something is missing.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Kernel line whose requirements count
    #[arg(long, value_name = "LINE", default_value = line::DEFAULT.name, value_parser = line::find)]
    base: &'static Line,

    /// Install what is missing
    #[arg(long)]
    install: bool,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let line = args.base;
    let mut rows = probe::all(&place, Need::value_variants(), line);
    if args.install && rows.iter().any(Row::is_lacking) {
        tools::install(&place, &rows)?;
        rows = probe::all(&place, Need::value_variants(), line);
    }
    if !rows.iter().any(Row::is_lacking) {
        rows.push(accelerator(&place, line)?);
    }
    print!("{}", tools::table(&rows));
    tools::check(&place, &rows)
}

/// Runs a guest to see whether KVM works, and returns the table's row for it. This takes a kernel.
/// Without one, the row says so, and the first command that runs a guest finds out.
fn accelerator(place: &Place, line: &Line) -> Result<Row> {
    let row = Row::new("accelerator");
    let kernel = place.kernel_out(line.name).join("bzImage");
    if !kernel.is_file() {
        return Ok(row.right(
            "not probed: the probe boots a kernel, and build-kernel has not built one yet",
        ));
    }
    let rig = Rig::with_tools(place, tools::ensure(place, &[Need::Guest, Need::Fio])?)?;
    let accelerator = accel::choose(&rig, &Image::file(&kernel)?, Accel::Auto)?;
    Ok(row.right(accelerator.name()))
}
