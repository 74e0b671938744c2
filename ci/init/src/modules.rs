// SPDX-License-Identifier: GPL-2.0
//! Loads and unloads kernel modules: drivers that are modules, and the feature itself in its form
//! as a module.

use std::ffi::CString;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fs_err::File;
use guest_protocol::form::{Form, MODULE};
use guest_protocol::scenario::{MODULE_ORDER, MODULES};
use nix::errno::Errno;
use nix::kmod::{DeleteModuleFlags, ModuleInitFlags, delete_module, finit_module};

use crate::procfs::read;

/// The first bytes of files that gzip, xz and zstd have compressed.
const COMPRESSED: [&[u8]; 3] = [b"\x1f\x8b", b"\xfd7zX", b"\x28\xb5\x2f\xfd"];

/// Loads all modules in the host's order: a module may need earlier ones.
pub fn load_all() -> Result<()> {
    let names: Vec<String> = crate::from_host(MODULE_ORDER)?;
    names.iter().try_for_each(|name| load(name))
}

/// The form of the feature. It is a module if the host has handed the module over.
pub fn form() -> Form {
    match file(MODULE).exists() {
        true => Form::Module,
        false => Form::Series,
    }
}

pub fn load(name: &str) -> Result<()> {
    load_file(&file(name), &parameters(&read("/proc/cmdline")?, name))
}

pub fn load_file(path: &Path, parameters: &str) -> Result<()> {
    let parameters = CString::new(parameters).context("a module's parameters")?;
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    (&mut file).take(4).read_to_end(&mut head)?;
    let flags = match COMPRESSED.iter().any(|magic| head.starts_with(magic)) {
        // The kernel decompresses the file. nix has no name for this flag.
        true => ModuleInitFlags::from_bits_retain(4),
        false => ModuleInitFlags::empty(),
    };
    finit_module(&file, &parameters, flags).with_context(|| format!("loading {}", path.display()))
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(format!("{MODULES}/{name}.ko"))
}

/// The parameters of a module on the kernel's command line, in the form in which modprobe passes
/// them.
fn parameters(cmdline: &str, name: &str) -> String {
    let prefix = format!("{name}.");
    let words = cmdline.split_whitespace();
    let own: Vec<&str> = words
        .filter_map(|word| word.strip_prefix(&prefix))
        .collect();
    own.join(" ")
}

pub fn is_loaded(name: &str) -> bool {
    Path::new(&format!("/sys/module/{name}/initstate")).exists()
}

pub fn unload(name: &str) -> Result<()> {
    ensure!(try_unload(name)?, "{name} is in use");
    Ok(())
}

/// Unloads a module. Returns false if it is in use.
pub fn try_unload(name: &str) -> Result<bool> {
    let c_name = CString::new(name).context("a module's name")?;
    match delete_module(&c_name, DeleteModuleFlags::O_NONBLOCK) {
        Ok(()) => {}
        Err(Errno::EAGAIN | Errno::EBUSY) => return Ok(false),
        Err(err) => return Err(err).with_context(|| format!("unloading {name}")),
    }
    ensure!(!is_loaded(name), "{name} was unloaded, but is still there");
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_gets_the_words_with_its_name() {
        let cmdline = "quiet virtio_blk.poll_queues=1 virtio_net.napi_tx=0 virtio_blk.x=2\n";
        assert_eq!(parameters(cmdline, "virtio_blk"), "poll_queues=1 x=2");
        assert_eq!(parameters(cmdline, "virtio"), "");
    }
}
