// SPDX-License-Identifier: GPL-2.0
//! Reads c-shim/waivers.toml: the accepted findings, each with its reason. A waiver that matches no
//! finding is an error, so no waiver outlives its purpose.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;
use serde::Deserialize;

use super::finding::Finding;
use toolbox::fault;

pub const FILE: &str = "c-shim/waivers.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    #[serde(default)]
    waiver: Vec<Waiver>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    reviewer: String,
    /// Slug of the patch; None for every patch.
    patch: Option<String>,
    /// Kernel line; None for every line.
    base: Option<String>,
    kind: String,
    /// Path in the kernel tree; None for every file.
    file: Option<String>,
    reason: String,
    #[serde(skip)]
    used: bool,
}

/// The waivers that apply to one line.
pub struct Waivers(Vec<Waiver>);

impl Waivers {
    pub fn load(root: &Path, line: &str) -> Result<Waivers> {
        let text = fs::read_to_string(root.join(FILE))?;
        Waivers::parse(&text, line).map_err(|err| fault::usage(format!("{FILE}: {err:#}")))
    }

    pub fn parse(text: &str, line: &str) -> Result<Waivers> {
        let toml: Toml = toml::from_str(text)?;
        if let Some(bare) = toml.waiver.iter().find(|it| it.reason.trim().is_empty()) {
            anyhow::bail!("the waiver of {} has no reason", bare.kind);
        }
        let here = |it: &Waiver| it.base.as_deref().is_none_or(|base| base == line);
        Ok(Waivers(toml.waiver.into_iter().filter(here).collect()))
    }

    /// Removes the findings that a waiver excuses. Returns their number.
    pub fn apply(&mut self, reviewer: &str, slug: &str, found: &mut Vec<Finding>) -> usize {
        let all = found.len();
        found.retain(|finding| !self.excuses(reviewer, slug, finding));
        all - found.len()
    }

    fn excuses(&mut self, reviewer: &str, slug: &str, finding: &Finding) -> bool {
        let fits = |it: &&mut Waiver| {
            it.reviewer == reviewer
                && it.kind == finding.kind
                && it.patch.as_deref().is_none_or(|patch| patch == slug)
                && it.file.as_deref().is_none_or(|file| file == finding.file)
        };
        let waiver = self.0.iter_mut().find(fits);
        if let Some(waiver) = waiver {
            waiver.used = true;
            return true;
        }
        false
    }

    /// Returns a message for each waiver of `reviewer` that no finding needed.
    pub fn unused(&self, reviewer: &str) -> Vec<String> {
        let idle = self
            .0
            .iter()
            .filter(|it| it.reviewer == reviewer && !it.used);
        idle.map(|it| {
            let patch = it.patch.as_deref().unwrap_or("any patch");
            let file = it.file.as_deref().unwrap_or("any file");
            format!(
                "{FILE}: {} of {patch}, {file}: no finding needs it, remove it",
                it.kind
            )
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [[waiver]]
        reviewer = "checkpatch"
        kind = "SIGN"
        reason = "drafts"
        [[waiver]]
        reviewer = "checkpatch"
        patch = "a"
        base = "6.12"
        kind = "LINE"
        file = "x.h"
        reason = "as its neighbours"
    "#;

    #[test]
    fn a_waiver_excuses_what_it_names_and_no_more() {
        let all = vec![
            Finding::new("x.c", "SIGN", ""),
            Finding::new("x.h", "LINE", ""),
            Finding::new("y.h", "LINE", ""),
        ];
        let left = |base: &str, reviewer: &str| {
            let mut found = all.clone();
            let mut waivers = Waivers::parse(TEXT, base).unwrap();
            let excused = waivers.apply(reviewer, "a", &mut found);
            assert_eq!(found.len() + excused, all.len());
            found
        };
        assert_eq!(left("6.12", "checkpatch"), all[2..]);
        assert_eq!(left("7.3", "checkpatch"), all[1..]);
        assert_eq!(left("7.3", "sparse"), all);
    }

    #[test]
    fn a_waiver_without_a_reason_is_refused() {
        let text = TEXT.replace("drafts", " ");
        assert!(Waivers::parse(&text, "7.3").is_err());
    }
}
