// SPDX-License-Identifier: GPL-2.0
//! Waiting for what the kernel does a moment later.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// From an event, such as a device that was plugged in, to what the kernel makes of it.
const SOON: Duration = Duration::from_secs(15);
const TICK: Duration = Duration::from_millis(5);

/// Tries until it works; gives the last error if it does not work soon.
pub fn soon<T>(attempt: impl FnMut() -> Result<T>) -> Result<T> {
    within(SOON, attempt)
}

pub fn within<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(_) if start.elapsed() < limit => sleep(TICK),
            Err(err) => return Err(err.context(format!("not within {} s", limit.as_secs()))),
            done => return done,
        }
    }
}

/// Waits until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    soon(|| match is_so() {
        true => Ok(()),
        false => bail!("{what}"),
    })
}
