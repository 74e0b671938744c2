// SPDX-License-Identifier: GPL-2.0
//! What must not be left of the stress: sources. Lost memory is for `prove.rs` to find.

use anyhow::{Result, ensure};

use crate::sources;

pub struct Before {
    sources: usize,
}

impl Before {
    pub fn now() -> Result<Before> {
        Ok(Before {
            sources: sources::all()?.len(),
        })
    }

    /// With every switch off again.
    pub fn compare(&self) -> Result<String> {
        let left = sources::all()?;
        ensure!(
            left.len() == self.sources,
            "there were {} sources before, now there are {}: {left:?}",
            self.sources,
            left.len()
        );
        Ok(format!("{} before, {} after", self.sources, left.len()))
    }
}
