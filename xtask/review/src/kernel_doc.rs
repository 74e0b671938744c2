// SPDX-License-Identifier: GPL-2.0
//! Runs `kernel-doc -none -Wall` on the files that the patch touches. Its exit code is 0 whatever
//! it finds, so its warnings are compared with those of the base.

use anyhow::Result;

use super::Desk;
use super::checkpatch::script;
use super::finding::{Finding, Inspection, place};
use super::subject::Prefix;

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let src = &desk.subject.src;
    // On the base, the script reads all files that any patch touches.
    let mut paths = match (desk.subject.commits.last(), commit.number) {
        (Some(last), 0) => last.touched_so_far(&[".c", ".h"]),
        _ => commit.touched(&[".c", ".h"]),
    };
    paths.retain(|path| src.join(path).is_file());
    if paths.is_empty() {
        return Ok(None);
    }
    let log = desk.log(commit, "kernel-doc");
    let mut cmd = script(src, "scripts/kernel-doc");
    cmd.args(["-none", "-Wall", "-v"]).args(&paths);
    let said = desk.ask("kernel-doc", &mut cmd, &log)?;
    let (comments, findings) = sort_out(&said, &desk.src());
    // A patch may touch only files without kernel-doc comments. If there is a comment and the
    // script read none, the script did not work: `done` is 0 then.
    if comments == 0 && !has_comments(desk, commit, &paths)? {
        return Ok(None);
    }
    Ok(Some(Inspection {
        tool: "kernel-doc of the tree".into(),
        done: comments,
        unit: "comments",
        findings,
    }))
}

fn has_comments(desk: &Desk<'_>, commit: &Prefix, paths: &[&str]) -> Result<bool> {
    for path in paths {
        let text = desk.file(commit, path)?.unwrap_or_default();
        if text.lines().any(|line| line.trim() == "/**") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the number of comments that the script read, and its warnings.
fn sort_out(said: &str, src: &str) -> (usize, Vec<Finding>) {
    let mut comments = 0;
    let mut findings = Vec::new();
    for line in said.lines() {
        let lower = line.to_lowercase();
        if lower.contains("scanning doc for") {
            comments += 1;
            continue;
        }
        // 7.3: "Warning: a.c:3 text". 6.12: "a.c:3: warning: text".
        let told = ["warning: ", "error: "].iter().find_map(|level| {
            let (before, after) = lower.split_once(level)?;
            let at = before.len() + level.len();
            let text = &line[at..];
            match before.trim().is_empty() {
                true => place(text, src),
                false => place(line, src).map(|(file, _)| (file, text.to_owned())),
            }
            .or(Some((String::new(), after.to_owned())))
        });
        findings.extend(told.map(|(file, text)| Finding::new(&file, "kernel-doc", text)));
    }
    (comments, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_either_script() {
        let expected = [Finding::new(
            "kernel/a.c",
            "kernel-doc",
            "No description of 'x'",
        )];
        for said in [
            "Info: kernel/a.c:18 Scanning doc for struct a\nWarning: kernel/a.c:174 No description of 'x'\n",
            "kernel/a.c:18: info: Scanning doc for struct a\nkernel/a.c:174: warning: No description of 'x'\n",
        ] {
            assert_eq!(sort_out(said, "/k"), (1, expected.to_vec()), "{said}");
        }
    }
}
