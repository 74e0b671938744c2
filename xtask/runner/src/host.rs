// SPDX-License-Identifier: GPL-2.0
//! Measures on a host: boots the kit's kernel and initramfs in a guest of this host's QEMU.

use std::path::Path;
use std::slice;

use anyhow::Result;

use kernel::image::Image;
use lab::bench::{self, setup::BenchSetup};
use lab::testbed::TestBed;
use pack::layout::{self, Manifest};
use toolbox::place::Place;
use toolbox::tools::Tools;
use vm::accel::{self, Accelerator};
use vm::initramfs::GuestBase;
use vm::session::Rig;

use crate::RunArgs;
use crate::qemu::Qemu;
use crate::results::ResultsDir;

pub fn run(kit: &Path, args: &RunArgs) -> Result<()> {
    let manifest = Manifest::read(kit)?;
    let qemu = Qemu::find()?;
    eprintln!(
        "only the disk is measured: the network card would need other programs and permissions on \
         this host"
    );
    let image = Image::packed(
        &kit.join(layout::BZIMAGE),
        &kit.join(layout::CONFIG),
        manifest.version.clone(),
        manifest.tree.clone(),
    )?;
    let out = ResultsDir::make(&args.out)?;
    let tools = Tools {
        qemu: qemu.path.clone(),
        // Only the name is used: the program itself is in the initramfs.
        fio: "fio".into(),
        versions: [slice::from_ref(&qemu.name), &manifest.tools].concat(),
        ..Tools::default()
    };
    let rig = rig(kit, tools, out.path());
    let accel = accel::choose(&rig, &image, args.accel)?;
    let bench = args.bench(latencies(args, accel));
    let bed = TestBed::new(rig, image, accel, out.path().to_owned());
    let mut setup = BenchSetup::new(bed, bench)?;
    if accel == Accelerator::Tcg {
        setup.warnings.extend(qemu.trouble());
    }
    bench::run(&setup).map(drop)
}

/// A rig that boots the kit's initramfs, and writes results and logs to `out`.
pub fn rig(kit: &Path, tools: Tools, out: &Path) -> Rig {
    Rig {
        place: Place::of_results(out),
        tools,
        base: GuestBase::Packed(kit.join(layout::INITRAMFS)),
    }
}

fn latencies(args: &RunArgs, accel: Accelerator) -> Vec<u64> {
    match (&args.latencies[..], accel) {
        // A fast local disk, and a slow one.
        ([], Accelerator::Kvm) => vec![10, 50],
        // Only one, which takes as long as two with KVM. With a shorter latency, much of the I/O is
        // done before the CPU is idle.
        ([], Accelerator::Tcg) => vec![100],
        (chosen, _) => chosen.to_vec(),
    }
}
