// SPDX-License-Identifier: GPL-2.0
//! Runs sparse by `make C=2`. If sparse is too old for the tree, kbuild continues without the
//! check. The files that make reports as checked are the proof that sparse ran.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use super::Desk;
use super::builds::{self, has_feature};
use super::finding::{Finding, Inspection};
use super::recipe::{BuildRecipe, VM, VM_OFF};
use super::subject::{Prefix, shown};
use toolbox::fault;
use toolbox::run;

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let recipe: BuildRecipe = match has_feature(&desk.subject, commit)? {
        true => VM,
        false => VM_OFF,
    };
    let log = desk.log(commit, "sparse");
    let kbuild = recipe.kbuild(desk, &log);
    recipe.configure(desk, &kbuild)?;
    let sparse = &desk.tools.sparse;
    let mut make = recipe.make(desk, &kbuild);
    make.arg(run::jobs()?)
        .arg("C=2")
        .arg(format!("CHECK={}", sparse.display()))
        .args(builds::targets(&desk.subject));
    let (status, said) = desk.stage.ask(&mut make, &log)?;
    ensure!(
        status.success(),
        fault::build(format!("make C=2: {status}\n  log: {}", log.display()))
    );
    let sh = Shell::new()?;
    let version = run::read(cmd!(sh, "{sparse} --version"))?;
    Ok(Some(Inspection {
        tool: format!("sparse {version}"),
        done: checked(&said).len(),
        unit: "files",
        findings: findings(&said, &shown(&desk.subject.src)),
    }))
}

/// Returns the files that make reports as checked, without those that kbuild checks for its own
/// preparations.
fn checked(said: &str) -> Vec<&str> {
    let file = |line: &'_ str| line.trim_start().starts_with("CHECK ").then_some(());
    said.lines()
        .filter(|line| file(line).is_some())
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
