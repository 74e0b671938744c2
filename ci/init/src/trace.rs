// SPDX-License-Identifier: GPL-2.0
//! Records the kernel's trace events of poll sources.

use anyhow::Result;

use crate::procfs::{self, read};

const TRACING: &str = "/sys/kernel/tracing";

/// Returns the trace of the work, and the work's result.
pub fn of<T>(work: impl FnOnce() -> Result<T>) -> Result<(String, T)> {
    let write = |file: &str, value: &str| procfs::write(format!("{TRACING}/{file}"), value);
    // The events are enabled one by one. Tracing starts only when all of them are.
    write("tracing_on", "0")?;
    write("trace", "")?;
    write("events/poll_source/enable", "1")?;
    write("tracing_on", "1")?;
    let outcome = work()?;
    write("tracing_on", "0")?;
    write("events/poll_source/enable", "0")?;
    Ok((read(format!("{TRACING}/trace"))?, outcome))
}
