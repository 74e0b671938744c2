// SPDX-License-Identifier: GPL-2.0
//! The two forms of the feature, and the names that differ between them. The switch of a device,
//! its status, the list of sources and the events are the same in both.

use serde::{Deserialize, Serialize};

/// The module's name, without ".ko".
pub const MODULE: &str = "poll_source";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Part of the kernel. Polls in haltpoll's wait.
    #[default]
    Series,
    /// A module for a kernel without the series. It has its own idle driver.
    Module,
}

impl Form {
    /// The name of the cpuidle driver, and of the kernel module whose parameters say how long a CPU
    /// waits.
    pub fn driver(self) -> &'static str {
        match self {
            Form::Series => "haltpoll",
            Form::Module => MODULE,
        }
    }

    /// The names of the driver's idle states. The first state polls, the last one halts.
    pub fn states(self) -> &'static [&'static str] {
        match self {
            Form::Series => &["POLL", "haltpoll idle"],
            Form::Module => &["POLLHLT"],
        }
    }

    /// The name of the kernel module that has the parameter `poll_source`: the initial value of the
    /// switch of new devices.
    pub fn switches(self) -> &'static str {
        match self {
            Form::Series => "virtio",
            Form::Module => MODULE,
        }
    }

    /// Translates the words about haltpoll on a kernel's command line for this form.
    pub fn kernel_args(self, words: &str) -> String {
        match self {
            Form::Series => words.to_owned(),
            Form::Module => words
                .split_whitespace()
                // cpuidle_haltpoll would be another driver for the same CPUs.
                .filter(|word| !word.starts_with("cpuidle_haltpoll."))
                .map(|word| match word.strip_prefix("haltpoll.") {
                    Some(rest) => format!("{}.{rest}", self.driver()),
                    None => word.to_owned(),
                })
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_words_are_haltpolls() {
        let words = "quiet cpuidle_haltpoll.force=1 haltpoll.guest_halt_poll_ns=2000000";
        assert_eq!(Form::Series.kernel_args(words), words);
        assert_eq!(
            Form::Module.kernel_args(words),
            "quiet poll_source.guest_halt_poll_ns=2000000"
        );
    }
}
