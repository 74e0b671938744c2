// SPDX-License-Identifier: GPL-2.0
//! `make coccicheck MODE=report` of each C file that the patch touches.

use std::fs;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use super::Desk;
use super::finding::{Finding, Inspection, place};
use super::subject::{Prefix, shown};
use toolbox::run;

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let src = &desk.subject.src;
    let paths = desk.files(commit, &[".c"], desk.quick);
    if paths.is_empty() {
        return Ok(None);
    }
    let log = desk.log(commit, "coccicheck");
    // A folder with these files alone: each script then runs once for all.
    let folder = desk.subject.folder.join("coccicheck");
    let _ = fs::remove_dir_all(&folder);
    for path in &paths {
        let to = folder.join(path);
        fs::create_dir_all(to.parent().expect("the path was joined"))?;
        fs::copy(src.join(path), &to).with_context(|| format!("copying {path}"))?;
    }
    let mut cmd = super::checkpatch::script(src, "scripts/coccicheck");
    let include = [
        "arch/x86/include",
        "include",
        "arch/x86/include/uapi",
        "include/uapi",
    ];
    let include: Vec<String> = include
        .iter()
        .map(|dir| format!("-I{}/{dir}", src.display()))
        .collect();
    cmd.env("MODE", "report")
        .env("srctree", src)
        .env("srcroot", &folder)
        .env("LINUXINCLUDE", include.join(" "))
        // It is no git tree, and the way in which spatch picks files by git
        // would find none.
        .env("SPFLAGS", "--use-coccigrep")
        .env("J", "1");
    let said = desk.ask("coccicheck", &mut cmd, &log)?;
    let sh = Shell::new()?;
    let version = run::read(cmd!(sh, "spatch --version"))?;
    let version = version.split_whitespace().nth(2).unwrap_or_default();
    Ok(Some(Inspection {
        tool: format!("spatch {version}"),
        done: matched(&said),
        unit: "times a semantic patch looked at a file",
        findings: findings(&said, &shown(&folder)),
    }))
}

/// "2 files match": what a semantic patch then looks at. A spatch that does not
/// understand how it is called prints its usage, and coccicheck is content.
fn matched(said: &str) -> usize {
    let counts = said
        .lines()
        .filter_map(|line| line.strip_suffix(" files match"));
    counts.filter_map(|count| count.parse::<usize>().ok()).sum()
}

/// "FILE:12:3-9: WARNING: text"; the rest is what coccicheck tells of itself.
fn findings(said: &str, folder: &str) -> Vec<Finding> {
    let lines = said.lines().filter(|line| line.starts_with(folder));
    lines
        .filter_map(|line| place(line, folder))
        .map(|(file, text)| Finding::new(&file, "coccinelle", without_lines(&text)))
        .collect()
}

/// Reports point at other lines: "on line 12".
fn without_lines(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    for at in 1..words.len() {
        if words[at - 1] == "line" {
            words[at] = "N";
        }
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_from_talk() {
        let said = "Please check for false positives in the output before submitting a patch.\n\
            spatch -D report --cocci-file x.cocci --dir .\n2 files match\n0 files match\n\
            /c/drivers/a.c:42:2-7: WARNING: NULL check before kfree, see line 40 there\n";
        let expected = Finding::new(
            "drivers/a.c",
            "coccinelle",
            "WARNING: NULL check before kfree, see line N there",
        );
        assert_eq!(findings(said, "/c"), [expected]);
        assert_eq!(matched(said), 2);
        assert_eq!(matched("Usage: spatch --cocci-file <SP> --dir\n"), 0);
    }
}
