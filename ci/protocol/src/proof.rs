// SPDX-License-Identifier: GPL-2.0
//! What a guest must show of its kernel, besides its scenario: that what was to check it, or to
//! make it another kernel, was there and still is. A checker that turned itself off finds nothing.

use serde::{Deserialize, Serialize};

/// Where the host puts a list of them in the initramfs.
pub const PATH: &str = "/proofs.json";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It turns itself off at its first report, and where its tables are full.
    Lockdep,
    /// It says so at boot.
    Kasan,
    /// It sets watchpoints.
    Kcsan,
    /// Its handlers are linked.
    Ubsan,
    /// It scans, and finds nothing.
    Kmemleak,
    /// It has objects, and none to complain of. It turns itself off where memory is short.
    DebugObjects,
    /// There is a processor that runs without a tick.
    NohzFull,
    /// The kernel's tasks can be preempted.
    Preempt,
    /// So can its interrupt handlers, which are threads.
    Realtime,
}

impl Proof {
    pub fn name(self) -> &'static str {
        match self {
            Proof::Lockdep => "lockdep",
            Proof::Kasan => "KASAN",
            Proof::Kcsan => "KCSAN",
            Proof::Ubsan => "UBSAN",
            Proof::Kmemleak => "kmemleak",
            Proof::DebugObjects => "debug objects",
            Proof::NohzFull => "NO_HZ_FULL",
            Proof::Preempt => "PREEMPT",
            Proof::Realtime => "PREEMPT_RT",
        }
    }
}
