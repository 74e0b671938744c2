// SPDX-License-Identifier: GPL-2.0
//! Derives from a kernel's configuration what holds for the guests that boot it: what they must
//! prove, how long they may take, and which parameters the kernel gets.

use std::path::Path;

use anyhow::Result;
use guest_protocol::{Feature, Proof};

use crate::build_kernel::kconfig::{self, FEATURE, Request};

/// Kernel parameters that make each wait last up to 40 ms, from the first one on, even after a
/// device took longer. For devices that are tested and not measured: a busy host may be slow.
pub const WAIT_ARGS: &str = "haltpoll.guest_halt_poll_ns=40000000 \
    haltpoll.guest_halt_poll_grow_start=40000000 haltpoll.guest_halt_poll_allow_shrink=N";

/// Options, and what a guest must prove to show that the option is at work.
const PROOFS: [(&str, Proof); 9] = [
    ("CONFIG_PROVE_LOCKING", Proof::Lockdep),
    ("CONFIG_KASAN", Proof::Kasan),
    ("CONFIG_KCSAN", Proof::Kcsan),
    ("CONFIG_UBSAN", Proof::Ubsan),
    ("CONFIG_DEBUG_KMEMLEAK", Proof::Kmemleak),
    ("CONFIG_DEBUG_OBJECTS", Proof::DebugObjects),
    ("CONFIG_NO_HZ_FULL", Proof::NohzFull),
    ("CONFIG_PREEMPT", Proof::Preempt),
    ("CONFIG_PREEMPT_RT", Proof::Realtime),
];

/// Options with which a kernel takes several times as long for everything.
const SLOW: [&str; 3] = ["CONFIG_PROVE_LOCKING", "CONFIG_KASAN", "CONFIG_KCSAN"];
const SLOWNESS: u32 = 4;

/// The configuration of a kernel. None: it is unknown, as for a kernel given as a file.
#[derive(Clone, Debug, Default)]
pub struct Config(Option<Request>);

impl Config {
    pub fn read(path: &Path) -> Result<Config> {
        kconfig::read(path).map(|options| Config(Some(options)))
    }

    fn has(&self, option: &str) -> bool {
        self.0.as_ref().is_some_and(|options| options.has(option))
    }

    pub fn proofs(&self) -> Vec<Proof> {
        let is_set = |(option, _): &&(&str, Proof)| self.has(option);
        PROOFS
            .iter()
            .filter(is_set)
            .map(|&(_, proof)| proof)
            .collect()
    }

    /// Whether the kernel is slow. A polled device must then be slow as well.
    pub fn is_slow(&self) -> bool {
        SLOW.iter().any(|option| self.has(option))
    }

    /// The factor by which everything may take longer than usual.
    pub fn patience(&self) -> u32 {
        if self.is_slow() { SLOWNESS } else { 1 }
    }

    pub fn kernel_args(&self) -> Vec<&'static str> {
        let mut args = Vec::new();
        if self.is_slow() {
            args.push(WAIT_ARGS);
        }
        if self.has("CONFIG_KASAN") {
            // In 6.12, the start of KASAN's shadow depends on a CPU feature bit that is clear for a
            // moment of the boot. A tick in that moment causes a "wild-memory-access" report.
            args.push("no5lvl");
        }
        if self.has("CONFIG_NO_HZ_FULL") {
            args.push("nohz_full=1");
        }
        args
    }

    /// Names and versions of the compilers of the kernel, for C and Rust.
    pub fn compilers(&self) -> Vec<String> {
        ["CONFIG_CC_VERSION_TEXT", "CONFIG_RUSTC_VERSION_TEXT"]
            .iter()
            .filter_map(|name| self.0.as_ref()?.value(name).map(str::to_owned))
            .collect()
    }

    /// How much of the feature the kernel has. An unknown configuration counts as having all of it.
    pub fn feature(&self) -> Feature {
        match self.0.is_none() || self.has(FEATURE) {
            true => Feature::Polling,
            false => Feature::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::read(file.path()).unwrap()
    }

    #[test]
    fn a_kernel_is_asked_for_what_its_options_say() {
        let found = config("CONFIG_CPU_IDLE_POLL_SOURCE=y\nCONFIG_PROVE_LOCKING=y\n");
        assert_eq!(found.proofs(), [Proof::Lockdep]);
        assert_eq!(
            (found.patience(), found.feature()),
            (SLOWNESS, Feature::Polling)
        );
        let found = config("CONFIG_NO_HZ_FULL=y\n# CONFIG_CPU_IDLE_POLL_SOURCE is not set\n");
        assert_eq!(found.proofs(), [Proof::NohzFull]);
        assert_eq!((found.patience(), found.feature()), (1, Feature::Absent));
        assert_eq!(found.kernel_args(), ["nohz_full=1"]);
    }

    #[test]
    fn the_usual_kernel_and_an_unknown_one_are_taken_as_they_are() {
        let usual = config("CONFIG_CPU_IDLE_POLL_SOURCE=y\nCONFIG_PREEMPT_LAZY=y\n");
        for found in [usual, Config::default()] {
            assert!(found.proofs().is_empty() && found.kernel_args().is_empty());
            assert_eq!(found.feature(), Feature::Polling);
        }
    }
}
