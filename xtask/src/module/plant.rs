// SPDX-License-Identifier: GPL-2.0
//! Bugs that are planted in the module's source while it is built, to see that a check catches them.
//! Those of the series are patches: `ci/planted`.

use std::path::Path;

use crate::fault;

use super::tree::Files;

/// A piece of text and what stands there instead.
#[derive(Debug)]
pub struct Plant {
    pub name: &'static str,
    file: &'static str,
    good: &'static str,
    bad: &'static str,
}

/// The poller gives a ring back and does not look at it again: what came meanwhile, nobody is told.
pub const NO_LAST_LOOK: Plant = Plant {
    name: "no-last-look",
    file: "poll/borrow.rs",
    good: "let work = self.judge(ring, used) == Look::Work || self.owed;",
    bad: "let work = self.owed;",
};

impl Plant {
    /// Fails unless the piece is there, once.
    pub fn put(&self, files: &mut Files) -> anyhow::Result<()> {
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
                 xtask/src/module/plant.rs",
                self.name, self.file, self.good
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::tree;
    use crate::place::Place;

    #[test]
    fn it_can_be_planted_in_the_source_as_it_is() {
        let mut files = tree::files(&Place::find().unwrap()).unwrap();
        NO_LAST_LOOK.put(&mut files).unwrap();
        assert!(NO_LAST_LOOK.put(&mut files).is_err(), "it is there already");
    }
}
