// SPDX-License-Identifier: GPL-2.0
//! Checks that tools/virtio builds and that its vringh_test passes. It compiles virtio_ring.c and
//! vringh.c for user space, with stubs for the kernel's headers.
//!
//! The build runs in a copy, so the work tree stays clean. It works on neither base by itself: a
//! [`Shim`] adds what the base lacks, from outside the tree.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use xshell::{Shell, cmd};

use super::finding::{Finding, Inspection};
use super::subject::{Change, Prefix};
use super::{Desk, version};
use toolbox::fault;
use toolbox::run::{self, Stage};

const DIR: &str = "tools/virtio";
const PROGRAMS: [&str; 2] = ["vringh_test", "virtio_test"];
/// Arguments for each run of vringh_test. virtio_test is only built, because it needs its own
/// kernel module.
const RUNS: [&[&str]; 3] = [&[], &["--eventidx"], &["--indirect", "--virtio-1"]];
/// Time limit for one run, in seconds. A run takes half a second.
const SECONDS: &str = "60";

/// Headers and macros that a line's base lacks.
#[derive(Debug, Default)]
struct Shim {
    /// Headers below include/ that no folder of tools/ has. The compiler looks for
    /// them last, so a stub that a patch adds takes precedence.
    headers: &'static [&'static str],
    /// Text of a header with macros, which is included first. If a patch defines one of them
    /// differently, the build fails: then the macro must be removed here.
    macros: &'static str,
}

impl Shim {
    fn of(line: &str) -> Shim {
        match line {
            "7.3" => Shim {
                headers: &["linux/device-id/virtio.h"],
                macros: "",
            },
            "6.12" => Shim {
                headers: &["linux/compiler-context-analysis.h"],
                macros: include_str!("tools_virtio/6.12.h"),
            },
            _ => Shim::default(),
        }
    }
}

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    // A quick run builds the last state even if the last patch changes nothing here.
    let changes = match desk.quick && desk.subject.is_last(commit) {
        true => &commit.since_base,
        false => &commit.changes,
    };
    if commit.number > 0 && !changes.iter().any(concerns) {
        return Ok(None);
    }
    let subject = &desk.subject;
    let log = desk.log(commit, "tools-virtio");
    let folder = subject.folder.join("tools-virtio");
    lay_out(&subject.src, &folder, &Shim::of(subject.line))?;
    let look = build_and_run(desk.stage, &folder, &log)?;
    if commit.number == 0 && !look.findings.is_empty() {
        // If these counted as known findings, they would hide what a patch breaks.
        let told = look.findings.iter().map(|it| format!("\n    {it}"));
        return Err(fault::build(format!(
            "{DIR} fails on the base, so no patch can be judged:{}\n  log: {}",
            told.collect::<String>(),
            log.display()
        )));
    }
    Ok(Some(look))
}

/// Returns true if the change can have an effect on tools/virtio. Its programs include headers from
/// many folders, so every header counts.
fn concerns(change: &Change) -> bool {
    let path = change.path.as_str();
    let folders = ["drivers/virtio/", "tools/virtio/"];
    folders.iter().any(|folder| path.starts_with(folder))
        || path == "drivers/vhost/vringh.c"
        || path.ends_with(".h")
}

/// Creates in `folder` a tree with a copy of tools/virtio, and links the folders that it reaches by
/// relative paths.
fn lay_out(src: &Path, folder: &Path, shim: &Shim) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    let tools = folder.join("tools");
    let shims = folder.join("shims");
    fs::create_dir_all(&tools)
        .and_then(|()| fs::create_dir_all(&shims))
        .with_context(|| format!("creating {}", folder.display()))?;
    let sh = Shell::new()?;
    let from = src.join(DIR);
    run::read(cmd!(sh, "cp -r {from} {tools}"))?;
    for path in ["drivers", "include", "tools/include"] {
        link(&src.join(path), &folder.join(path))?;
    }
    for header in shim.headers {
        let to = shims.join(header);
        fs::create_dir_all(to.parent().expect("the path has a parent folder"))?;
        link(&src.join("include").join(header), &to)?;
    }
    let macros = shims.join("macros.h");
    Ok(fs::write(&macros, shim.macros)?)
}

fn link(from: &Path, to: &Path) -> Result<()> {
    symlink(from, to).with_context(|| format!("linking {}", to.display()))
}

fn build_and_run(stage: &Stage, folder: &Path, log: &Path) -> Result<Inspection> {
    let dir = folder.join(DIR);
    let gcc = version("gcc", "-dumpfullversion")?;
    let mut make = Command::new("make");
    // -k reports all errors of all objects. -O keeps the lines of each job together.
    make.current_dir(&dir)
        .args(["-k", "-O"])
        .arg(run::jobs()?)
        .arg("CC=gcc -idirafter ../../shims -include ../../shims/macros.h")
        .args(PROGRAMS)
        .env("LC_ALL", "C");
    for name in ["MAKEFLAGS", "CFLAGS", "LDFLAGS"] {
        make.env_remove(name);
    }
    let (status, said) = stage.ask(&mut make, log)?;
    // The linker prints the full path of a file.
    let said = said.replace(&format!("{}/", dir.display()), "");
    let mut look = Inspection {
        tool: format!("gcc {gcc} and vringh_test"),
        done: said.lines().filter(|line| line.contains(" -c ")).count(),
        unit: "objects and runs",
        findings: errors(&said),
    };
    if !status.success() {
        if look.findings.is_empty() {
            let text = format!("make: {status}");
            look.findings.push(Finding::new(DIR, "BUILD", text));
        }
        return Ok(look);
    }
    ensure!(
        PROGRAMS.iter().all(|name| dir.join(name).is_file()),
        "make passed, but a program is missing\n  log: {}",
        log.display()
    );
    for args in RUNS {
        let mut test = Command::new("timeout");
        test.current_dir(&dir).args([SECONDS, "./vringh_test"]);
        let (status, said) = stage.ask(test.args(args), log)?;
        look.done += 1;
        if !status.success() {
            let last = said.lines().last().unwrap_or_default();
            let text = format!("vringh_test {}: {status}: {last}", args.join(" "));
            look.findings.push(Finding::new(DIR, "TEST", text));
        }
    }
    Ok(look)
}

/// Returns the errors of compiler and linker, each once: several objects have the same errors.
fn errors(said: &str) -> Vec<Finding> {
    let error = |line: &str| {
        let marks = [": error: ", ": fatal error: ", ": undefined reference to "];
        let at = marks.iter().find_map(|mark| line.find(mark))?;
        let file = line.split(':').next()?;
        Some(Finding::new(&in_tree(file), "BUILD", &line[at + 2..]))
    };
    let unique: BTreeSet<Finding> = said.lines().filter_map(error).collect();
    unique.into_iter().collect()
}

/// Returns the path in the tree of a file that a tool names relative to [`DIR`].
fn in_tree(file: &str) -> String {
    let mut parts: Vec<&str> = DIR.split('/').collect();
    for part in file.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_once_and_with_paths_in_the_tree() {
        let said = "gcc -g -c -o vringh.o ../../drivers/vhost/vringh.c\n\
            ./../../include/linux/virtio.h:10:10: fatal error: linux/x.h: No such file or directory\n\
            ./../../include/linux/virtio.h:10:10: fatal error: linux/x.h: No such file or directory\n\
            ../../drivers/virtio/virtio_ring.c:5:1: error: unused 'a' [-Werror=unused]\n\
            ../../drivers/virtio/virtio_ring.c:9: undefined reference to `poll'\n\
            make: *** [<builtin>: vringh.o] Error 1\n";
        let expected = [
            Finding::new(
                "drivers/virtio/virtio_ring.c",
                "BUILD",
                "error: unused 'a' [-Werror=unused]",
            ),
            Finding::new(
                "drivers/virtio/virtio_ring.c",
                "BUILD",
                "undefined reference to `poll'",
            ),
            Finding::new(
                "include/linux/virtio.h",
                "BUILD",
                "fatal error: linux/x.h: No such file or directory",
            ),
        ];
        assert_eq!(errors(said), expected);
    }

    const MAKEFILE: &str = "CFLAGS += -I. -Wall -Werror -g\n\
        vringh_test: vringh_test.o\nvirtio_test: virtio_test.o\n";
    const SHIM: Shim = Shim {
        headers: &["linux/device-id/virtio.h"],
        macros: "#define data_race(x) (x)\n",
    };

    /// Builds and runs a small tree whose vringh_test.c is `test`.
    fn look(test: &str, shim: &Shim) -> Inspection {
        let dir = tempfile::tempdir().unwrap();
        let src = dir.path().join("src");
        for (path, text) in [
            ("include/linux/device-id/virtio.h", "#define STATUS 0\n"),
            ("tools/include/linux/list.h", ""),
            ("drivers/virtio/virtio_ring.c", ""),
            ("tools/virtio/Makefile", MAKEFILE),
            ("tools/virtio/vringh_test.c", test),
            (
                "tools/virtio/virtio_test.c",
                "int main(void) { return 1; }\n",
            ),
        ] {
            let path = src.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let folder = dir.path().join("out");
        lay_out(&src, &folder, shim).unwrap();
        let log = dir.path().join("log");
        let look = build_and_run(&Stage::new("test"), &folder, &log).unwrap();
        let files = fs::read_dir(src.join(DIR)).unwrap().count();
        assert_eq!(files, 3, "the build left files in the source tree");
        look
    }

    fn texts(look: &Inspection) -> Vec<String> {
        look.findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn what_the_base_lacks_comes_from_the_shim() {
        let test = "#include <linux/device-id/virtio.h>\n\
            int main(void) { return data_race(STATUS); }\n";
        let found = look(test, &SHIM);
        assert_eq!((found.done, texts(&found)), (2 + RUNS.len(), Vec::new()));
        let found = texts(&look(test, &Shim::default()));
        assert!(found[0].contains("linux/device-id/virtio.h"), "{found:?}");
    }

    #[test]
    fn a_missing_function_and_a_failing_test_are_found() {
        let found = look(
            "int poll_x(void);\nint main(void) { return poll_x(); }\n",
            &SHIM,
        );
        let expected = "tools/virtio/vringh_test.c: BUILD: undefined reference to `poll_x'";
        assert!(texts(&found).contains(&expected.into()), "{found:?}");
        // This program fails only with two or more arguments.
        let found = look("int main(int n, char **args) { return n > 2; }\n", &SHIM);
        let expected = "tools/virtio: TEST: vringh_test --indirect --virtio-1: exit status: 1: ";
        assert_eq!(texts(&found)[0], expected);
    }
}
