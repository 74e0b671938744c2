// SPDX-License-Identifier: GPL-2.0
//! Waits for effects in the kernel that come a moment later.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Maximum time from an event, such as the plug-in of a device, to its effect in the kernel.
const SOON: Duration = Duration::from_secs(15);
const TICK: Duration = Duration::from_millis(5);

/// Repeats the attempt until it succeeds. Returns the last error if it does not succeed within
/// `SOON`.
pub fn soon<T>(attempt: impl FnMut() -> Result<T>) -> Result<T> {
    within(SOON, attempt)
}

pub fn within<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(_) if start.elapsed() < limit => sleep(TICK),
            Err(err) => return Err(err.context(format!("no success within {} s", limit.as_secs()))),
            done => return done,
        }
    }
}

/// Waits until the condition is true.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    soon(|| match is_so() {
        true => Ok(()),
        false => bail!("waiting until {what}"),
    })
}
