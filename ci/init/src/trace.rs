// SPDX-License-Identifier: GPL-2.0
//! What the kernel tells of poll sources by its events.

use anyhow::Result;

use crate::procfs::{self, read};

const TRACING: &str = "/sys/kernel/tracing";

/// The trace of the work, and what the work gave.
pub fn of<T>(work: impl FnOnce() -> Result<T>) -> Result<(String, T)> {
    let write = |file: &str, value: &str| procfs::write(format!("{TRACING}/{file}"), value);
    // The events are switched one by one: none may be told of before all are.
    write("tracing_on", "0")?;
    write("trace", "")?;
    write("events/poll_source/enable", "1")?;
    write("tracing_on", "1")?;
    let outcome = work()?;
    write("tracing_on", "0")?;
    write("events/poll_source/enable", "0")?;
    Ok((read(format!("{TRACING}/trace"))?, outcome))
}
