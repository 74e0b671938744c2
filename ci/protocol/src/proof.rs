// SPDX-License-Identifier: GPL-2.0
//! What a guest must show of its kernel, besides its scenario: that what was to check it, or to
//! make it another kernel, was there and still is. A checker that turned itself off finds nothing.

use crate::named::named;

/// Where the host puts a list of them in the initramfs.
pub const PATH: &str = "/proofs.json";

named! {
    Proof {
        /// It turns itself off at its first report, and where its tables are full.
        Lockdep = "lockdep",
        /// It says so at boot.
        Kasan = "KASAN",
        /// It sets watchpoints.
        Kcsan = "KCSAN",
        /// Its handlers are linked.
        Ubsan = "UBSAN",
        /// It scans, and finds nothing.
        Kmemleak = "kmemleak",
        /// It has objects, and none to complain of. It turns itself off where memory is short.
        DebugObjects = "debug objects",
        /// There is a processor that runs without a tick.
        NohzFull = "NO_HZ_FULL",
        /// The kernel's tasks can be preempted.
        Preempt = "PREEMPT",
        /// So can its interrupt handlers, which are threads.
        Realtime = "PREEMPT_RT",
    }
}
