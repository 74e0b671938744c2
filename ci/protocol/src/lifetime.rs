// SPDX-License-Identifier: GPL-2.0
//! What a machine goes through while its devices are polled and at work: sleep, XDP, kexec, reboot.

use serde::{Deserialize, Serialize};

/// Checks that catch planted bugs, by their names.
pub const POLLED_AFTER_SLEEP: &str = "suspend to RAM: the same queues are polled";
pub const POLLED_AFTER_RESETS: &str = "queues were reset: the same queues are polled";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lifetime {
    /// The running kernel's image, for kexec: the name of a program that the host hands over.
    pub kernel: String,
}
