// SPDX-License-Identifier: GPL-2.0
//! The QEMU of this host.

use std::env;
use std::path::PathBuf;

use anyhow::Result;
use xshell::{Shell, cmd};

use toolbox::fault;
use toolbox::line::{self, Version};
use toolbox::run;
use toolbox::tools::probe::{OLDEST_QEMU, PATCHES_SAFELY};

const NAME: &str = "qemu-system-x86_64";

pub struct Qemu {
    pub path: PathBuf,
    pub version: Version,
}

impl Qemu {
    /// Finds the QEMU that $QEMU names, or the one on PATH. Fails if it is missing or too old.
    pub fn find() -> Result<Qemu> {
        let chosen = env::var_os("QEMU").filter(|value| !value.is_empty());
        let path = match chosen {
            Some(path) => PathBuf::from(path),
            None => which::which(NAME).map_err(|_| lacking(&format!("{NAME} is not on PATH")))?,
        };
        let sh = Shell::new()?;
        let said = run::read(cmd!(sh, "{path} --version"))?;
        let version = line::parse_version(&said)
            .ok_or_else(|| lacking(&format!("{} does not print its version", path.display())))?;
        if version < OLDEST_QEMU {
            return Err(lacking(&format!(
                "{} is QEMU {}, but at least {} is needed",
                path.display(),
                line::show(version),
                line::show(OLDEST_QEMU)
            )));
        }
        Ok(Qemu { path, version })
    }

    /// Name and version, as results have them.
    pub fn name(&self) -> String {
        format!("{NAME} {}", line::show(self.version))
    }

    /// A warning about what is known to go wrong with this version without KVM.
    pub fn trouble(&self) -> Option<String> {
        (self.version < PATCHES_SAFELY).then(|| {
            format!(
                "QEMU {} without KVM may crash a guest whose kernel patches its code; QEMU {} does \
                 not",
                line::show(self.version),
                line::show(PATCHES_SAFELY)
            )
        })
    }
}

fn lacking(what: &str) -> anyhow::Error {
    let remedy =
        "install QEMU for x86-64 (Debian's package is qemu-system-x86), or set $QEMU to its path";
    fault::environment(format!("{what}\n  {remedy}"))
}
