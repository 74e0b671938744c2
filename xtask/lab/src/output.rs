// SPDX-License-Identifier: GPL-2.0
//! Pages that are for people alone: no command reads them.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use kernel::image::Image;
use vm::record::again;

/// On the terminal, and in the folder of results.
pub fn write(out: &Path, name: &str, text: &str) -> Result<()> {
    print!("\n{text}");
    fs::write(out.join(name), text)?;
    println!("results in {}", out.display());
    Ok(())
}

/// In `folder` of c-shim/results, with what it was made by.
pub fn save(folder: &Path, name: &str, image: &Image, text: &str) -> Result<()> {
    let tree = image.tree.as_deref().unwrap_or("unknown");
    let origin = format!("Made by `{}` on the series' tree {tree}.", again());
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    fs::write(&path, format!("<!-- {origin} -->\n\n{text}"))?;
    println!("saved {}", path.display());
    Ok(())
}
