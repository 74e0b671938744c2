// SPDX-License-Identifier: GPL-2.0
//! The two forms in which a kernel has the feature, and what they call their parts. The rest is the
//! same in both: the switch of a device, its status, the list of sources, the events.

use serde::{Deserialize, Serialize};

/// The module's name, without ".ko".
pub const MODULE: &str = "poll_source";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Part of the kernel, at work in haltpoll's wait.
    #[default]
    Series,
    /// A module for a kernel without the series, with an idle driver of its own.
    Module,
}

impl Form {
    /// Of cpuidle; and the module whose parameters say how long a processor waits.
    pub fn driver(self) -> &'static str {
        match self {
            Form::Series => "haltpoll",
            Form::Module => MODULE,
        }
    }

    /// The driver's states: the one that polls first, the one that halts last.
    pub fn states(self) -> &'static [&'static str] {
        match self {
            Form::Series => &["POLL", "haltpoll idle"],
            Form::Module => &["POLLHLT"],
        }
    }

    /// The module with the parameter `poll_source`, which new devices' switches start with.
    pub fn switches(self) -> &'static str {
        match self {
            Form::Series => "virtio",
            Form::Module => MODULE,
        }
    }

    /// Words of a kernel's command line that are about haltpoll, for this form.
    pub fn kernel_args(self, words: &str) -> String {
        match self {
            Form::Series => words.to_owned(),
            Form::Module => words
                .split_whitespace()
                // It would be another driver of the same processors.
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
