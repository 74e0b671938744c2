// SPDX-License-Identifier: GPL-2.0
//! The kernel that a guest boots: one that `build-kernel` made, a distribution's, or any bzImage.
//! Also its modules, with the module poll_source if the kernel does not have the feature itself.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use sha2::{Digest, Sha256};

use guest_protocol::{Feature, Form};

use super::config::Config;
use super::drivers;
use crate::build_kernel::{self, ConfigArgs, Kernel, KernelVariant, modules};
use crate::module::build;
use crate::module::identity;
use crate::module::stock::Stock;
use plants::Plant;
use source::Source;
use toolbox::fault;
use toolbox::line;
use toolbox::options::{BaseArgs, OutArgs};
use toolbox::place::Place;
use toolbox::tools::{self, Need, Tools};

/// Options that select the kernel that a command boots
#[derive(clap::Args, Clone, Debug)]
pub struct KernelArgs {
    #[command(flatten)]
    base: BaseArgs,

    /// Boot this bzImage instead of building a kernel
    #[arg(long, value_name = "BZIMAGE", conflicts_with = "names")]
    kernel: Option<PathBuf>,

    #[command(flatten)]
    config: ConfigArgs,

    /// Boot Debian 13's own kernel, with the module
    #[arg(long, value_name = "LINE[-cloud]", conflicts_with_all = ["base", "linux", "kernel", "names", "offline"])]
    stock: Option<Stock>,

    /// Build the kernel without the series, and boot it with the module
    #[arg(long, conflicts_with_all = ["kernel", "stock"])]
    module: bool,
}

impl KernelArgs {
    /// Resolves the kernel. Probes once, before anything is fetched, for all tools that are needed
    /// to build it, boot it and do the guest's `work`.
    pub fn resolve(&self, place: &Place, work: &[Need]) -> Result<Asked> {
        let needs = [&[Need::Guest][..], work].concat();
        let file = self.kernel.clone().map(What::File);
        if let Some(what) = file.or(self.stock.map(What::Stock)) {
            let offline = self.base.tree.offline;
            let tools = tools::ensure_for(place, &needs, self.line(), offline)?;
            return Ok(Asked { tools, what });
        }
        let variant = match self.module {
            true => KernelVariant::for_module(&self.config.names),
            false => self.config.variant(),
        };
        let all = |line| Ok([needs, build_kernel::needs(place, line, &variant)?].concat());
        let (source, tools) = source::with_tools(place, &self.base, all)?;
        Ok(Asked {
            tools,
            what: What::Source(source, variant),
        })
    }

    /// The line that --stock or --base names, or the default.
    pub fn line(&self) -> &'static line::Line {
        self.stock
            .map_or_else(|| self.base.line(), |stock| stock.line)
    }

    /// The distribution's kernel that --stock names.
    pub fn stock(&self) -> Option<Stock> {
        self.stock
    }

    /// The names of the fragments that --config names.
    pub fn fragments(&self) -> &[String] {
        &self.config.names
    }

    /// Fails if the kernel is booted with the module. `what` names the command, which needs the
    /// series.
    pub fn need_series(&self, what: &str) -> Result<()> {
        match self.module || self.stock.is_some() {
            true => Err(fault::usage(format!(
                "{what} needs the series in the kernel: leave out --stock and --module"
            ))),
            false => Ok(()),
        }
    }
}

/// The kernel that a command's options select. Code that has this value does not read the options.
pub struct Asked {
    /// The tools for all of the command's work.
    pub tools: Tools,
    what: What,
}

enum What {
    /// A bzImage.
    File(PathBuf),
    Stock(Stock),
    /// A kernel that is built. If it does not have the series, it is booted with the module.
    Source(Source, KernelVariant),
}

impl Asked {
    /// The kernel and its modules. Builds what does not exist yet.
    pub fn image(&self, place: &Place) -> Result<Image> {
        match &self.what {
            What::File(path) => Image::file(path),
            What::Stock(stock) => Image::stock(place, *stock, None),
            What::Source(source, variant) => {
                let kernel = build_kernel::build_variant(place, source, variant)?;
                let Kernel { version, tree, .. } = kernel;
                let image = Image::packed(&kernel.bzimage, &kernel.config, version, tree)?;
                if !variant.pristine {
                    return Ok(image);
                }
                let objects = Some(kernel.objects.as_path());
                let (ko, _) = build::for_headers(place, objects, &OutArgs::default())?;
                Ok(image.with_module(ko))
            }
        }
    }
}

/// A kernel to boot. The default is one of which nothing is known: its guest has nothing to prove
/// about its configuration.
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub bzimage: PathBuf,
    /// "7.3.4"; for a kernel given as a file, the version in its header.
    pub version: String,
    /// git tree hash of the kernel's source; None for a kernel given as a file or a distribution's.
    pub tree: Option<String>,
    /// git tree hash of the module's source, if the feature is the module and its source is known.
    pub module: Option<String>,
    /// sha256 of the kernel's .config; None where `tree` is None.
    pub config_hash: Option<String>,
    pub config: Config,
    /// Module files, in an order in which they can be loaded.
    pub modules: Vec<PathBuf>,
    /// Whether the feature is part of the kernel or a module.
    pub form: Form,
}

impl Image {
    /// A kernel that was built here or for a kit. `tree` is the git tree hash of its source.
    pub fn packed(bzimage: &Path, config: &Path, version: String, tree: String) -> Result<Image> {
        let text = fs::read(config)?;
        Ok(Image {
            bzimage: bzimage.to_owned(),
            version,
            tree: Some(tree),
            config_hash: Some(format!("{:x}", Sha256::digest(text))),
            config: Config::read(config)?,
            modules: modules::of(bzimage)?,
            ..Image::default()
        })
    }

    pub fn file(path: &Path) -> Result<Image> {
        let bytes = fs::read(path)
            .map_err(|err| fault::usage(format!("--kernel {}: {err}", path.display())))?;
        let version = version(&bytes)
            .ok_or_else(|| fault::usage(format!("--kernel {}: not a bzImage", path.display())))?;
        Ok(Image {
            bzimage: path.to_owned(),
            version,
            modules: modules::of(path)?,
            ..Image::default()
        })
    }

    /// A distribution's kernel, with the drivers for guests and the module that is built for it,
    /// which has a planted bug if there is one.
    pub fn stock(place: &Place, stock: Stock, plant: Option<&Plant>) -> Result<Image> {
        let (ko, packages) = build::for_stock(place, stock, false, &OutArgs::default(), plant)?;
        let dir = place.target().join("stock").join(&packages.release);
        let image = Image {
            bzimage: packages.bzimage()?,
            modules: drivers::unpack(&packages.modules(), &dir)?,
            version: packages.release,
            ..Image::default()
        };
        Ok(image.with_module(ko))
    }

    fn with_module(mut self, ko: PathBuf) -> Image {
        self.module = ko.parent().and_then(identity::read);
        self.modules.push(ko);
        self.form = Form::Module;
        self
    }

    /// Whether this is a distribution's unchanged kernel.
    pub fn is_stock(&self) -> bool {
        self.form == Form::Module && self.tree.is_none()
    }

    /// How much of the feature the kernel has when its modules are loaded.
    pub fn feature(&self) -> Feature {
        match self.form {
            Form::Series => self.config.feature(),
            Form::Module => Feature::Polling,
        }
    }
}

/// Reads the release from a bzImage's header (Documentation/arch/x86/boot.rst). The header has a
/// magic number at 0x202, and at 0x20e the offset of the version string from 0x200.
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
