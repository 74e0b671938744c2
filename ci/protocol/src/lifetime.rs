// SPDX-License-Identifier: GPL-2.0
//! The lifetime scenario: sleep, XDP, kexec and reboot while devices are polled and at work.

use serde::{Deserialize, Serialize};

/// Names of checks that catch planted bugs.
pub const POLLED_AFTER_SLEEP: &str = "suspend to RAM: the same queues are polled";
pub const POLLED_AFTER_RESETS: &str = "queues were reset: the same queues are polled";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lifetime {
    /// File name of the running kernel's image, for kexec. The host passes the image to the guest
    /// as a program.
    pub kernel: String,
}
