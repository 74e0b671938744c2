// SPDX-License-Identifier: GPL-2.0
//! Writes result pages for people; no command reads them.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use kernel::image::Image;
use vm::record::again;

/// Prints `text`, and writes it to the file `name` in the folder of results.
pub fn write(out: &Path, name: &str, text: &str) -> Result<()> {
    print!("\n{text}");
    fs::write(out.join(name), text)?;
    println!("results in {}", out.display());
    Ok(())
}

/// Writes `text` to the file `name` in `folder`, which is a folder of c-shim/results. A comment
/// at the top of the file has the command and the git tree of the kernel.
pub fn save(folder: &Path, name: &str, image: &Image, text: &str) -> Result<()> {
    let tree = image.tree.as_deref().unwrap_or("unknown");
    let origin = format!("Made by `{}` on the series' tree {tree}.", again());
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    fs::write(&path, format!("<!-- {origin} -->\n\n{text}"))?;
    println!("saved {}", path.display());
    Ok(())
}
