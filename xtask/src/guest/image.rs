// SPDX-License-Identifier: GPL-2.0
//! The kernel that a guest boots: one that `build-kernel` made, or any bzImage.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::config::Config;
use crate::build_kernel::{self, ConfigArgs, Kernel, modules};
use crate::doctor::{Need, Tools};
use crate::fault;
use crate::line;
use crate::options::BaseArgs;
use crate::place::Place;

/// Which kernel a command boots.
#[derive(clap::Args, Clone, Debug)]
pub struct KernelArgs {
    #[command(flatten)]
    base: BaseArgs,

    /// Boot this bzImage and build none
    #[arg(long, value_name = "BZIMAGE", conflicts_with = "names")]
    kernel: Option<PathBuf>,

    #[command(flatten)]
    config: ConfigArgs,
}

impl KernelArgs {
    /// What the machine must have to build it, boot it and run fio in it, in one pass.
    pub fn tools(&self, place: &Place) -> Result<Tools> {
        self.tools_for(place, &[Need::Fio])
    }

    /// The same, with what the guest's own work needs.
    pub fn tools_for(&self, place: &Place, work: &[Need]) -> Result<Tools> {
        let mut needs = vec![Need::Guest];
        if self.kernel.is_none() {
            let variant = self.config.variant();
            needs.extend(build_kernel::needs(place, &self.base, &variant)?);
        }
        needs.extend(work);
        build_kernel::ensure_tools(place, &needs, &self.base)
    }

    /// The line that was named, or the default.
    pub fn line(&self) -> Result<&'static line::Line> {
        self.base.line()
    }

    /// The fragments that were asked for, by name.
    pub fn fragments(&self) -> &[String] {
        &self.config.names
    }

    /// As the command line spells them.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if let Some(line) = &self.base.base {
            add("--base", line.clone());
        }
        if let Some(dir) = &self.base.linux {
            add("--linux", dir.display().to_string());
        }
        if let Some(name) = &self.base.base_ref {
            add("--base-ref", name.clone());
        }
        if let Some(bzimage) = &self.kernel {
            add("--kernel", bzimage.display().to_string());
        }
        for name in &self.config.names {
            add("--config", name.clone());
        }
        words
    }

    /// The kernel, built if it must be.
    pub fn image(&self, place: &Place) -> Result<Image> {
        match &self.kernel {
            Some(path) => Image::file(path),
            None => {
                let variant = self.config.variant();
                let kernel = build_kernel::build_variant(place, &self.base, &variant)?;
                Image::built(&kernel)
            }
        }
    }
}

#[derive(Clone, Debug)]
pub struct Image {
    pub bzimage: PathBuf,
    /// "7.3.4"; a kernel given as a file says its own.
    pub version: String,
    /// git tree hash of the source; unknown for a kernel given as a file.
    pub tree: Option<String>,
    /// sha256 of the kernel's .config; likewise.
    pub config_hash: Option<String>,
    pub config: Config,
}

impl Image {
    fn built(kernel: &Kernel) -> Result<Image> {
        let config = fs::read(&kernel.config)
            .with_context(|| format!("reading {}", kernel.config.display()))?;
        Ok(Image {
            bzimage: kernel.bzimage.clone(),
            version: kernel.version.clone(),
            tree: Some(kernel.tree.clone()),
            config_hash: Some(format!("{:x}", Sha256::digest(config))),
            config: Config::read(&kernel.config)?,
        })
    }

    pub fn file(path: &Path) -> Result<Image> {
        let bytes = fs::read(path)
            .map_err(|err| fault::usage(format!("--kernel {}: {err}", path.display())))?;
        let version = version(&bytes).ok_or_else(|| {
            fault::usage(format!("--kernel {}: this is no bzImage", path.display()))
        })?;
        Ok(Image {
            bzimage: path.to_owned(),
            version,
            tree: None,
            config_hash: None,
            config: Config::default(),
        })
    }

    /// Its drivers that are no part of it: files.
    pub fn modules(&self) -> Result<Vec<PathBuf>> {
        modules::of(&self.bzimage)
    }
}

/// The release in a bzImage's header (Documentation/arch/x86/boot.rst): a magic number at 0x202,
/// and at 0x20e the place of the version string, counted from 0x200.
fn version(bzimage: &[u8]) -> Option<String> {
    if bzimage.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let place = bzimage.get(0x20e..0x210)?;
    let start = 0x200 + usize::from(u16::from_le_bytes([place[0], place[1]]));
    let words = bzimage.get(start..)?;
    let end = words
        .iter()
        .position(|&byte| byte == b' ' || byte == b'\0')?;
    String::from_utf8(words[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_version() {
        let mut image = vec![0; 0x400];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
        image[0x300..0x30e].copy_from_slice(b"7.3.4 (builder");
        assert_eq!(version(&image).as_deref(), Some("7.3.4"));
        assert_eq!(version(b"\x7fELF"), None);
    }

    #[test]
    fn a_kernel_that_cannot_be_right_is_usage() {
        let err = Image::file(Path::new("/dev/null")).unwrap_err();
        assert_eq!(fault::kind_of(&err), fault::Kind::Usage);
        let err = Image::file(Path::new("no-such-file")).unwrap_err();
        assert_eq!(fault::kind_of(&err), fault::Kind::Usage);
    }
}
