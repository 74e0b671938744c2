// SPDX-License-Identifier: GPL-2.0
//! Lines about what does not hold, as an error.

use anyhow::Result;
use toolbox::fault;

/// Fails with the floors that were missed.
pub fn reached(missed: &[String]) -> Result<()> {
    none_of("floors missed", missed)?;
    println!("all floors reached");
    Ok(())
}

/// Fails if there are such lines.
pub fn none_of(what: &str, lines: &[String]) -> Result<()> {
    match lines.is_empty() {
        true => Ok(()),
        false => Err(fault::test_failed(format!(
            "{what}:\n  {}",
            lines.join("\n  ")
        ))),
    }
}
