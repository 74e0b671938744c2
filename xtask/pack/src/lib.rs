// SPDX-License-Identifier: GPL-2.0
//! `kit`: packs one archive with which anybody can measure on another host. [`layout`] lists its
//! files. The crate `runner` is the program in it.

pub mod layout;
mod licences;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use fs_err as fs;
use tempfile::TempDir;

use kernel::build_kernel::{self, Kernel, KernelVariant};
use kernel::module::package;
use layout::Manifest;
use toolbox::fault::{self, Kind};
use toolbox::options::{BaseArgs, OutArgs};
use toolbox::place::Place;
use toolbox::program;
use toolbox::run::Stage;
use toolbox::tools::{Need, Tools};
use vm::initramfs;

/// Size limit of the archive, in bytes. Nobody downloads more just to try something.
const MOST_BYTES: u64 = 60 << 20;

/// Pack an archive that measures on any host with QEMU
///
/// Leaves poll-source-kit-VERSION.tar.gz in target/kit. It has the kernel with the series, an
/// initramfs with the programs that its guests run, the module for stock kernels, and one static
/// program. An unpacked kit needs x86-64 Linux and qemu-system-x86_64, but no Rust and no build:
/// `./poll-source-kit run` measures there and leaves results.json. The same source and tools make
/// the same bytes.
#[derive(clap::Args, Debug)]
pub struct KitArgs {
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    out: OutArgs,
}

pub fn main(args: KitArgs) -> Result<()> {
    let place = Place::find()?;
    let variant = KernelVariant::default();
    let (source, tools) = source::with_tools(&place, &args.base, |line| {
        let kernel = build_kernel::needs(&place, line, &variant)?;
        Ok([&[Need::Fio, Need::Package], &kernel[..]].concat())
    })?;
    let kernel = build_kernel::build_variant(&place, &source, &variant)?;
    let out = args.out.folder(&place, "kit")?;
    let archive = pack(&place, &tools, &kernel, &out)?;
    println!("{}", place.short(&archive).display());
    Ok(())
}

fn pack(place: &Place, tools: &Tools, kernel: &Kernel, out: &Path) -> Result<PathBuf> {
    let runner = program::build(place, "runner", layout::RUNNER)?;
    let init = initramfs::build_init(place)?;
    let scratch = TempDir::with_prefix_in(".kit-", out).context("making a scratch folder")?;
    let module = OutArgs {
        out: Some(scratch.path().join("module")),
    };
    let module = package::package(place, &module)?;
    let stage = Stage::new("packing the kit").fails_as(Kind::Build);
    let name = format!("{}-{}", layout::RUNNER, kernel.version);
    let dir = scratch.path().join(&name);
    fs::create_dir(&dir)?;
    let programs = [tools.fio.as_path()];
    let packed = initramfs::pack(&dir.join(layout::INITRAMFS), &init, &programs)?;
    let of_debian: Vec<PathBuf> = packed.into_iter().filter(|file| *file != init).collect();
    licences::write(
        place,
        &dir.join(layout::COPYING),
        &dir.join(layout::LICENCES),
        &of_debian,
    )?;
    fs::copy(&runner, dir.join(layout::RUNNER))?;
    fs::copy(&kernel.bzimage, dir.join(layout::BZIMAGE))?;
    fs::copy(&kernel.config, dir.join(layout::CONFIG))?;
    copy_into(&mails(kernel)?, &dir.join(layout::PATCHES))?;
    copy_into(&[module.deb, module.tarball], &dir.join(layout::MODULE))?;
    Manifest::new(&kernel.version, &kernel.tree, &versions(tools)).write(&dir)?;
    fs::write(dir.join(layout::README), readme(kernel)).context("writing the kit's README.md")?;
    layout::write_sums(&dir)?;
    let archive = archive(place, &stage, &dir, module.time)?;
    let to = out.join(archive.file_name().expect("it has a file name"));
    fs::rename(&archive, &to)?;
    Ok(to)
}

/// "NAME VERSION" of the tools that results name, without QEMU: the kit runs with another one.
fn versions(tools: &Tools) -> Vec<String> {
    let is_named = |tool: &&String| ["fio ", "rustc "].iter().any(|name| tool.starts_with(name));
    tools.versions.iter().filter(is_named).cloned().collect()
}

fn readme(kernel: &Kernel) -> String {
    include_str!("../kit.md")
        .replace("{version}", &kernel.version)
        .replace("{line}", &kernel.line)
}

/// The mails that the kernel was built from. Those in patches/LINE may be for another patch level
/// of Linux.
fn mails(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let dir = kernel.mails.as_ref();
    let dir = dir.context("the kernel lacks the series")?;
    let names = layout::files(dir)?;
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

/// Copies files into the new folder `to`.
fn copy_into(files: &[PathBuf], to: &Path) -> Result<()> {
    fs::create_dir(to)?;
    for file in files {
        fs::copy(file, to.join(file.file_name().expect("it has a file name")))?;
    }
    Ok(())
}

/// Makes an archive of the folder and returns its path. The files are sorted by name, belong to
/// root, and have the same time and modes that do not depend on the umask. Fails if the archive is
/// larger than [`MOST_BYTES`].
fn archive(place: &Place, stage: &Stage, dir: &Path, time: i64) -> Result<PathBuf> {
    let archive = dir.with_added_extension("tar.gz");
    let mut cmd = Command::new("tar");
    cmd.args(["--sort=name", "--format=gnu", "--owner=0", "--group=0"])
        .args(["--numeric-owner", "--mode=u=rwX,go=rX"])
        .arg(format!("--mtime=@{time}"))
        // -n: store no name and no time.
        .args(["--use-compress-program=gzip -9n", "-cf"])
        .arg(&archive)
        .arg("-C")
        .args(
            [dir.parent(), dir.file_name().map(Path::new)]
                .into_iter()
                .flatten(),
        )
        .env("LC_ALL", "C");
    stage.run(&mut cmd, &place.logs().join("kit.log"))?;
    let bytes = fs::metadata(&archive)?.len();
    if bytes > MOST_BYTES {
        return Err(fault::build(format!(
            "the kit's archive has {} MiB, but the limit is {} MiB",
            bytes >> 20,
            MOST_BYTES >> 20
        )));
    }
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kit_has_the_mails_of_its_kernel() {
        let dir = tempfile::tempdir().unwrap();
        let mails = dir.path().join("target/patches/7.3");
        fs::create_dir_all(&mails).unwrap();
        fs::write(mails.join("0001-for-7.3.9.patch"), "a mail").unwrap();
        let kernel = |mails: Option<PathBuf>| Kernel {
            dir: PathBuf::new(),
            bzimage: PathBuf::new(),
            vmlinux: PathBuf::new(),
            config: PathBuf::new(),
            objects: PathBuf::new(),
            line: "7.3".into(),
            version: "7.3.9".into(),
            tree: String::new(),
            mails,
        };
        let to = dir.path().join("kit");
        copy_into(&super::mails(&kernel(Some(mails))).unwrap(), &to).unwrap();
        let copied = fs::read_to_string(to.join("0001-for-7.3.9.patch")).unwrap();
        assert_eq!(copied, "a mail");
        super::mails(&kernel(None)).unwrap_err();
    }
}
