// SPDX-License-Identifier: GPL-2.0
//! A kernel tarball as one commit: the tarball is streamed into `git
//! fast-import`, so nothing is unpacked to disk and no .gitignore hides a file.
//! Author and date are fixed: the same tarball gives the same commit.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tar::{Archive, Entry, EntryType};

use super::BRANCH;
use toolbox::fault;
use toolbox::git::{DRAFTS, Git};
use toolbox::run::{self, Stage};

/// `named` is the tarball as the user knows it.
pub fn import(stage: &Stage, tarball: &Path, named: &Path, git: &Git, log: &Path) -> Result<()> {
    let log_file = run::open_log(log)?;
    let mut unpack = decompress(tarball, &log_file)?;
    let mut import: Command = git.cmd(["fast-import", "--quiet", "--done"]).into();
    let mut import = run::tie(&mut import)
        .stdin(Stdio::piped())
        .stderr(log_file)
        .spawn()
        .context("starting git fast-import")?;

    let read = unpack.stdout.take().context("the pipe is there")?;
    let write = import.stdin.take().context("the pipe is there")?;
    let copied = copy(stage, read, write, named);
    if run::interrupted() {
        run::kill_group(&mut unpack);
        run::kill_group(&mut import);
        return Err(fault::interrupted());
    }
    let imported = import.wait()?;
    let lost_pipe = matches!(&copied, Err(err) if is_broken_pipe(err));
    if lost_pipe || (copied.is_ok() && !imported.success()) {
        run::kill_group(&mut unpack);
        return Err(fault::environment(format!(
            "git fast-import failed: {imported} (is the disk full?); log: {}",
            log.display()
        )));
    }
    let unpacked = unpack.wait()?;
    if copied.is_err() || !unpacked.success() {
        let name = named.display();
        let reason = copied
            .err()
            .map_or_else(|| unpacked.to_string(), |err| format!("{err:#}"));
        return Err(fault::usage(format!(
            "{name} is not a whole kernel tarball: {reason}"
        )));
    }
    Ok(())
}

/// Whether fast-import went away while it was being written to. Reading the
/// tarball never ends so.
fn is_broken_pipe(err: &anyhow::Error) -> bool {
    let io = err
        .chain()
        .find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|err| err.kind() == io::ErrorKind::BrokenPipe)
}

fn decompress(tarball: &Path, log: &File) -> Result<Child> {
    let program = match tarball.extension().and_then(|ext| ext.to_str()) {
        Some("xz") => "xz",
        Some("gz" | "tgz") => "gzip",
        Some("zst") => "zstd",
        Some("bz2") => "bzip2",
        _ => {
            return Err(fault::usage(format!(
                "{} is no .tar.xz, .tar.gz, .tar.zst or .tar.bz2",
                tarball.display()
            )));
        }
    };
    run::tie(Command::new(program).arg("-dc").arg(tarball))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone()?)
        .spawn()
        .with_context(|| format!("running {program} -dc {}", tarball.display()))
}

fn copy(stage: &Stage, from: impl Read, to: ChildStdin, named: &Path) -> Result<()> {
    let mut to = BufWriter::with_capacity(1 << 20, to);
    let (name, mail) = DRAFTS;
    let file = named.file_name().unwrap_or_default().to_string_lossy();
    let message = format!("Linux, from {file}\n");
    writeln!(to, "commit refs/heads/{BRANCH}")?;
    writeln!(to, "committer {name} <{mail}> 0 +0000")?;
    writeln!(to, "data {}\n{message}", message.len())?;
    let mut archive = Archive::new(from);
    for entry in archive.entries()? {
        run::check_interrupt()?;
        copy_entry(stage, entry?, &mut to)?;
    }
    // The padding after the last entry: unread, it would break the pipe.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    // fast-import takes a stream without this for a cut one.
    writeln!(to, "done")?;
    to.flush()?;
    Ok(())
}

fn copy_entry(stage: &Stage, mut entry: Entry<impl Read>, to: &mut impl Write) -> Result<()> {
    let path = entry.path()?.into_owned();
    let path = path.to_str().context("a path that is not UTF-8")?;
    // linux-7.3/Makefile, or ./linux-7.3/Makefile: the top folder goes.
    let Some((_, path)) = path.trim_start_matches("./").split_once('/') else {
        return Ok(());
    };
    let mode = match entry.header().entry_type() {
        EntryType::Symlink => "120000",
        EntryType::Regular if entry.header().mode()? & 0o100 != 0 => "100755",
        EntryType::Regular => "100644",
        EntryType::Directory | EntryType::XGlobalHeader => return Ok(()),
        other => anyhow::bail!("{path}: an entry of kind {other:?}"),
    };
    ensure!(!path.contains(['\n', '"']), "{path:?}: an odd name");
    stage.tell(path);
    writeln!(to, "M {mode} inline {path}")?;
    if mode == "120000" {
        let target = entry.link_name_bytes().context("a link to nowhere")?;
        writeln!(to, "data {}", target.len())?;
        to.write_all(&target)?;
    } else {
        writeln!(to, "data {}", entry.size())?;
        io::copy(&mut entry, to)?;
    }
    writeln!(to)?;
    Ok(())
}
