// SPDX-License-Identifier: GPL-2.0
//! Bugs that are planted in the module's source while it is built, to see that a check catches them.
//! Those of the series are patches: `ci/planted`.

use std::path::Path;

use kit::fault;

use super::tree::ModuleFiles;

/// A piece of text and what stands there instead.
#[derive(Debug)]
pub struct ModulePlant {
    pub name: &'static str,
    file: &'static str,
    good: &'static str,
    bad: &'static str,
}

/// Each of them loses events, and the search for lost ones has to find that.
pub const LOSE_EVENTS: [ModulePlant; 2] = [
    // The poller gives a ring back and does not look at it again. Nobody is told what came
    // in between.
    ModulePlant {
        name: "no-last-look",
        file: "poll/borrow.rs",
        good: "let work = self.judge(ring, used) == Look::Work || self.owed;",
        bad: "let work = self.owed;",
    },
    // The driver's handler has asked for the next event, and the poller puts the old wish back
    // in its place. The device takes that for told.
    ModulePlant {
        name: "old-wish-wins",
        file: "ring.c",
        good: "bool swapped = sync_cmpxchg(event, old, new) == old;",
        bad: "bool swapped = true; WRITE_ONCE(*event, new);",
    },
];

/// Each of them leaves queues unpolled that were polled before.
pub const STOP_POLLING: [ModulePlant; 2] = [
    ModulePlant {
        name: "asleep-for-good",
        file: "main.c",
        good: "	case PM_POST_SUSPEND:\n",
        bad: "",
    },
    ModulePlant {
        name: "reset-queue-is-forgotten",
        file: "hooks.c",
        good: "enable_vq_after_reset(vq);\n\n	if (!ret)",
        bad: "enable_vq_after_reset(vq);\n\n	if (false)",
    },
];

impl ModulePlant {
    /// Fails unless the piece is there, once.
    pub fn put(&self, files: &mut ModuleFiles) -> anyhow::Result<()> {
        let text = files.get_mut(Path::new(self.file));
        let planted = text.and_then(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let planted = text.replacen(self.good, self.bad, 1);
            (text.matches(self.good).count() == 1).then_some((bytes, planted))
        });
        match planted {
            Some((bytes, planted)) => {
                *bytes = planted.into_bytes();
                Ok(())
            }
            None => Err(fault::usage(format!(
                "{} cannot be planted: {} does not have '{}' once\n  try: follow the change in \
                 xtask/kernel/src/module/plant.rs",
                self.name, self.file, self.good
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::tree;
    use kit::place::Place;

    #[test]
    fn each_can_be_planted_in_the_source_as_it_is() {
        let mut files = tree::files(&Place::find().unwrap()).unwrap();
        for plant in LOSE_EVENTS.iter().chain(&STOP_POLLING) {
            plant.put(&mut files).unwrap();
            assert!(plant.put(&mut files).is_err(), "it is there already");
        }
    }
}
