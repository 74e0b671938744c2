// SPDX-License-Identifier: GPL-2.0
//! What a guest must prove about its kernel, besides its scenario: that a checker or an option of
//! the kernel is at work, at the start and at the end. A checker that turned itself off finds
//! nothing.

use crate::named::named;

/// Path of the list of proofs in the initramfs.
pub const PATH: &str = "/proofs.json";

named! {
    Proof {
        /// Lockdep is on. It turns itself off at its first report, and when its tables are full.
        Lockdep = "lockdep",
        /// KASAN reported at boot that it is initialized.
        Kasan = "KASAN",
        /// KCSAN is on and sets watchpoints.
        Kcsan = "KCSAN",
        /// UBSAN's handlers are linked into the kernel.
        Ubsan = "UBSAN",
        /// kmemleak scans, and finds nothing.
        Kmemleak = "kmemleak",
        /// The checker follows objects and has no warning about them. It turns itself off when
        /// memory is short.
        DebugObjects = "debug objects",
        /// There is a CPU that runs without a tick.
        NohzFull = "NO_HZ_FULL",
        /// The kernel's tasks can be preempted.
        Preempt = "PREEMPT",
        /// Interrupt handlers are threads, and can be preempted too.
        Realtime = "PREEMPT_RT",
    }
}
