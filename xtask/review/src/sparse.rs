// SPDX-License-Identifier: GPL-2.0
//! Runs sparse by `make C=2`. If sparse is too old for the tree, kbuild continues without the
//! check. The files that make reports as checked are the proof that sparse ran.

use anyhow::Result;

use super::builds::{self, has_feature};
use super::finding::{Finding, Inspection};
use super::recipe::{VM, VM_OFF};
use super::subject::Prefix;
use super::{Desk, version};

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let recipe = match has_feature(desk, commit)? {
        true => VM,
        false => VM_OFF,
    };
    let kbuild = recipe.configure(desk, &desk.log(commit, "sparse"))?;
    let sparse = &desk.tools.sparse;
    let check = ["C=2".into(), format!("CHECK={}", sparse.display())];
    let said = recipe.make(
        desk,
        &kbuild,
        &[&check[..], &builds::targets(&desk.subject)].concat(),
    )?;
    let version = version(sparse, "--version")?;
    Ok(Some(Inspection {
        tool: format!("sparse {version}"),
        done: checked(&said).len(),
        unit: "files",
        findings: findings(&said, &desk.src()),
    }))
}

/// Returns the files that make reports as checked, without those that kbuild checks for its own
/// preparations.
fn checked(said: &str) -> Vec<&str> {
    said.lines()
        .filter(|line| line.trim_start().starts_with("CHECK "))
        .filter_map(|line| line.split_whitespace().last())
        .filter(|path| path.ends_with(".c") && !path.contains("scripts/"))
        .collect()
}

/// Returns the warnings of sparse. gcc's warnings name the option that enables them; those of
/// sparse name none.
fn findings(said: &str, src: &str) -> Vec<Finding> {
    let all = builds::warnings(said, src).into_iter();
    all.filter(|finding| finding.kind == "warning").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sparse_says_and_on_what() {
        let said = "  CHECK   /k/drivers/virtio/virtio.c\n  CHECK   /k/scripts/mod/empty.c\n\
            /k/drivers/virtio/virtio.c:9:5: warning: symbol 'x' was not declared. Should it be static?\n\
            /k/drivers/virtio/virtio.c:9:5: warning: unused variable 'y' [-Wunused-variable]\n\
            warning: sparse is too old\n";
        assert_eq!(checked(said), ["/k/drivers/virtio/virtio.c"]);
        let found = findings(said, "/k");
        assert_eq!(found.len(), 1);
        assert!(found[0].text.starts_with("symbol 'x'"));
    }
}
