// SPDX-License-Identifier: GPL-2.0
//! What the fragments of kconfig/ ask for, and whether Kconfig granted it: an
//! option whose dependencies are missing vanishes without a word.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Variant;
use crate::fault;
use crate::line::Line;
use crate::place::Place;

/// How the options that the series adds begin.
pub const FEATURE: &str = "CONFIG_CPU_IDLE_POLL_SOURCE";

/// Each option and its value, "n" for one that must be off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request(BTreeMap<String, String>);

/// The fragments of a variant, later ones winning.
pub fn fragments(place: &Place, line: &Line, variant: &Variant) -> Result<Vec<PathBuf>> {
    let extra = variant.configs.iter().map(String::as_str);
    let names: Vec<&str> = ["vm", "feature"].into_iter().chain(extra).collect();
    named(place, line.name, &names)
}

/// kconfig/NAME.config of each name. It may have a NAME-LINE.config beside it
/// for what one line calls otherwise.
pub fn named(place: &Place, line: &str, names: &[&str]) -> Result<Vec<PathBuf>> {
    let dir = place.root.join("kconfig");
    let mut paths = Vec::new();
    for name in names {
        let common = dir.join(format!("{name}.config"));
        if !common.is_file() {
            let path = common.display();
            return Err(fault::usage(format!("there is no fragment {path}")));
        }
        let own = dir.join(format!("{name}-{line}.config"));
        paths.push(common);
        paths.extend(own.is_file().then_some(own));
    }
    Ok(paths)
}

/// `without_feature`: the base alone does not have the series' own option.
pub fn merge(fragments: &[PathBuf], without_feature: bool) -> Result<Request> {
    let mut request = BTreeMap::new();
    for path in fragments {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        request.extend(options(&text));
    }
    if without_feature {
        request.retain(|name, _| !name.starts_with(FEATURE));
    }
    Ok(Request(request))
}

impl Request {
    /// As one fragment.
    pub fn text(&self) -> String {
        let line = |(name, value): (&String, &String)| match value.as_str() {
            "n" => format!("# {name} is not set\n"),
            value => format!("{name}={value}\n"),
        };
        self.0.iter().map(line).collect()
    }

    pub fn check_survived(&self, config: &Path) -> Result<()> {
        let text =
            fs::read_to_string(config).with_context(|| format!("reading {}", config.display()))?;
        let lost = self.lost(&text);
        if lost.is_empty() {
            return Ok(());
        }
        Err(fault::build(format!(
            "Kconfig did not grant what kconfig/ asks for (a dependency is missing, or the option is gone):{}\n  see {}",
            lost.concat(),
            config.display()
        )))
    }

    fn lost(&self, config: &str) -> Vec<String> {
        let granted = options(config);
        let value = |name: &str| granted.get(name).map_or("n", String::as_str);
        let lost = self
            .0
            .iter()
            .filter(|(name, wanted)| value(name) != wanted.as_str());
        lost.map(|(name, wanted)| format!("\n  {name}: asked {wanted}, got {}", value(name)))
            .collect()
    }
}

/// The lines `CONFIG_X=value` and `# CONFIG_X is not set` of a fragment.
pub fn options(text: &str) -> BTreeMap<String, String> {
    let option = |line: &str| {
        let line = line.trim();
        let off = line
            .strip_prefix("# ")
            .and_then(|line| line.strip_suffix(" is not set"));
        let (name, value) = match off {
            Some(name) => (name, "n"),
            None => line.split_once('=')?,
        };
        name.starts_with("CONFIG_")
            .then(|| (name.to_owned(), value.to_owned()))
    };
    text.lines().filter_map(option).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kconfig_dropped_is_named() {
        let request = Request(options(
            "# a comment = with a sign\nCONFIG_A=y\nCONFIG_N=20\nCONFIG_M=n\n# CONFIG_OFF is not set\n",
        ));
        assert!(
            request
                .lost("CONFIG_A=y\nCONFIG_N=20\n# CONFIG_OFF is not set\n")
                .is_empty()
        );
        let lost = request.lost("CONFIG_N=8\nCONFIG_M=y\n");
        assert_eq!(
            lost.concat(),
            "\n  CONFIG_A: asked y, got n\n  CONFIG_M: asked n, got y\n  CONFIG_N: asked 20, got 8"
        );
    }
}
