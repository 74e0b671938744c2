// SPDX-License-Identifier: GPL-2.0
//! The modules of a kernel: files in a folder beside its bzImage, named as the kernel names the
//! loaded modules.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fs_err as fs;

/// Copies all modules that the build in `out` made, and removes those of an earlier build.
pub fn deliver(out: &Path, bzimage: &Path) -> Result<()> {
    let dir = dir(bzimage);
    match fs::remove_dir_all(&dir) {
        Err(err) if err.kind() != ErrorKind::NotFound => return Err(err.into()),
        _ => fs::create_dir(&dir)?,
    }
    let list = fs::read_to_string(out.join("modules.order"))?;
    for path in list.lines().map(|line| out.join(line).with_extension("ko")) {
        let name = path
            .file_name()
            .context("modules.order has a line without a file name")?;
        let name = name.to_string_lossy().replace('-', "_");
        fs::copy(&path, dir.join(name))?;
    }
    Ok(())
}

/// The module files of a kernel. Most kernels have none.
pub fn of(bzimage: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir(bzimage)) {
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn dir(bzimage: &Path) -> PathBuf {
    bzimage.with_file_name("modules")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_go_beside_their_kernel_and_replace_those_of_before() {
        let dir = tempfile::tempdir().unwrap();
        let bzimage = dir.path().join("bzImage");
        assert_eq!(of(&bzimage).unwrap(), Vec::<PathBuf>::new());
        for name in ["virtio-rng", "virtio_net"] {
            fs::write(dir.path().join("modules.order"), format!("{name}.o\n")).unwrap();
            fs::write(dir.path().join(format!("{name}.ko")), "").unwrap();
            deliver(dir.path(), &bzimage).unwrap();
            let name = name.replace('-', "_");
            let there = dir.path().join("modules").join(format!("{name}.ko"));
            assert_eq!(of(&bzimage).unwrap(), [there]);
        }
    }
}
