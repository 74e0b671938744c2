// SPDX-License-Identifier: GPL-2.0
//! The QEMU of this host.

use std::path::PathBuf;

use anyhow::Result;

use toolbox::fault;
use toolbox::line;
use toolbox::tools::probe::{OLDEST_QEMU, PATCHES_SAFELY, qemu_of_host};
use toolbox::tools::row::Row;

pub struct Qemu {
    pub path: PathBuf,
    /// Name and version, as results have them.
    pub name: String,
}

impl Qemu {
    /// Finds the QEMU that $QEMU names, or the one on PATH. Fails if it is missing or too old.
    pub fn find() -> Result<Qemu> {
        let row = qemu_of_host(Row::new("qemu-system-x86_64"), None, OLDEST_QEMU);
        match (&row.path, &row.version) {
            (Some(path), Some(version)) if !row.is_lacking() => Ok(Qemu {
                path: path.clone(),
                name: format!("{} {version}", row.item),
            }),
            _ => {
                let what = format!("this host lacks {}  {}", row.item, row.details());
                Err(fault::environment(format!(
                    "{}\n  install QEMU for x86-64 (Debian's package is qemu-system-x86), or set \
                     $QEMU to its path",
                    what.trim_end()
                )))
            }
        }
    }

    /// A warning about what is known to go wrong with this version without KVM.
    pub fn trouble(&self) -> Option<String> {
        let is_old = line::parse_version(&self.name).is_some_and(|it| it < PATCHES_SAFELY);
        is_old.then(|| {
            format!(
                "{} without KVM may crash a guest whose kernel patches its code; QEMU {} does not",
                self.name,
                line::show(PATCHES_SAFELY)
            )
        })
    }
}
