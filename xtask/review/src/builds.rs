// SPDX-License-Identifier: GPL-2.0
//! Compiles the files that the series touches, with W=1 and in every configuration, and compares
//! the warnings with those of the base. clippy replaces rustc, as with CLIPPY=1.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use fs_err as fs;

use super::finding::{Finding, Inspection, new_ones, place};
use super::known::files;
use super::recipe::{BuildRecipe, LEAST, LEAST_OFF, VM, VM_OFF};
use super::subject::{Prefix, Subject};
use super::{Desk, version};
use kernel::build_kernel::kconfig::FEATURE;

/// bindgen's output. clang reads the headers for it, so they count as compiled.
const BINDINGS: &str = "rust/bindings/bindings_generated.rs";
/// Kconfig file that defines the feature's option.
const KCONFIG: &str = "drivers/cpuidle/Kconfig";

/// Returns true if this state has the feature's option.
pub fn has_feature(desk: &Desk<'_>, commit: &Prefix) -> Result<bool> {
    let text = desk.file(commit, KCONFIG)?.unwrap_or_default();
    let symbol = FEATURE.trim_start_matches("CONFIG_");
    let line = format!("config {symbol}");
    Ok(text.lines().any(|it| it.trim() == line))
}

/// Returns the make targets: whole folders for drivers, single objects for the rest.
pub fn targets(subject: &Subject) -> Vec<String> {
    let last = subject.commits.last().expect("there is the base");
    let mut targets = BTreeSet::new();
    for path in last.touched_so_far(&[".c", ".rs"]) {
        let parts: Vec<&str> = path.split('/').collect();
        match parts[..] {
            ["drivers", folder, ..] => {
                targets.insert(format!("drivers/{folder}/"));
            }
            [
                "kernel" | "mm" | "block" | "net" | "lib" | "arch" | "fs",
                ..,
            ] => {
                let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
                targets.insert(format!("{stem}.o"));
            }
            // Documentation, samples and tools are not part of the kernel.
            _ => {}
        }
    }
    targets.into_iter().collect()
}

pub fn look(desk: &Desk<'_>, commit: &Prefix) -> Result<Option<Inspection>> {
    let feature = has_feature(desk, commit)?;
    let mut recipes = vec![VM, VM_OFF];
    if !desk.quick {
        recipes.extend([LEAST, LEAST_OFF]);
    }
    recipes.retain(|recipe| feature || !recipe.feature);
    let gcc = version("gcc", "-dumpfullversion")?;
    let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name).collect();
    let mut look = Inspection {
        tool: format!("gcc {gcc} and clippy, W=1, {}", names.join(" ")),
        unit: "objects",
        ..Inspection::default()
    };
    // Source files that went into at least one of the objects.
    let mut files = BTreeSet::new();
    for recipe in &recipes {
        files.extend(compile(desk, commit, recipe, &mut look)?);
    }
    if commit.number > 0 {
        look.findings.extend(left_out(commit, &files));
    }
    Ok(Some(look))
}

/// Compiles all objects of the targets, also those that are up to date: make prints no warnings for
/// an object that it does not compile. Adds objects and warnings to `look`. Returns the source
/// files that went into the objects.
fn compile(
    desk: &Desk<'_>,
    commit: &Prefix,
    recipe: &BuildRecipe,
    look: &mut Inspection,
) -> Result<Vec<String>> {
    let kbuild = recipe.configure(desk, &desk.log(commit, &format!("builds-{}", recipe.name)))?;
    let targets = targets(&desk.subject);
    remove_objects(&kbuild.out, &targets)?;
    let said = recipe.make(desk, &kbuild, &targets)?;
    let mut objects = objects(&said);
    // Leaves out the objects that kbuild itself needs, and the rest of the Rust code.
    objects.retain(|object| targets.iter().any(|it| object.starts_with(it.as_str())));
    ensure!(
        !objects.is_empty(),
        "{}: make compiled nothing of {}\n  log: {}",
        recipe.name,
        targets.join(" "),
        kbuild.log.display()
    );
    look.done += objects.len();
    // A warning that several configurations give counts once.
    let new = new_ones(&warnings(&said, &desk.src()), &look.findings);
    look.findings.extend(new);
    objects.extend(recipe.feature.then(|| BINDINGS.to_owned()));
    let mut files = Vec::new();
    for object in &objects {
        files.extend(inside(&kbuild.out, object, commit)?);
    }
    Ok(files)
}

/// Removes the objects of the targets. make then compiles them again.
fn remove_objects(out: &Path, targets: &[String]) -> Result<()> {
    for target in targets {
        let path = out.join(target);
        let found = match path.is_dir() {
            true => files(&path)?,
            false => vec![path],
        };
        let is_object = |path: &&PathBuf| path.extension().is_some_and(|ext| ext == "o");
        for object in found.iter().filter(is_object).filter(|path| path.is_file()) {
            fs::remove_file(object)?;
        }
    }
    Ok(())
}

/// Returns the objects that make reports as compiled.
fn objects(said: &str) -> Vec<String> {
    let object = |line: &str| {
        let mut words = line.split_whitespace();
        let verb = words.next().filter(|_| line.starts_with("  "))?;
        ["CC", "CLIPPY", "RUSTC"].contains(&verb).then_some(())?;
        words
            .last()
            .filter(|word| word.ends_with(".o"))
            .map(str::to_owned)
    };
    said.lines().filter_map(object).collect()
}

/// Returns those files touched by the patches that went into the object, as kbuild lists them in
/// the object's .cmd file.
fn inside(out: &Path, object: &str, commit: &Prefix) -> Result<Vec<String>> {
    let (dir, name) = object.rsplit_once('/').unwrap_or(("", object));
    let path = out.join(dir).join(format!(".{name}.cmd"));
    let text = fs::read_to_string(&path)?;
    let words: BTreeSet<&str> = text
        .split_whitespace()
        .map(|word| word.trim_end_matches(')'))
        .collect();
    let all = commit.touched_so_far(&[".c", ".h", ".rs"]);
    let is_in = |path: &&str| {
        words.iter().any(|word| {
            word.strip_suffix(*path)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        })
    };
    Ok(all.into_iter().filter(is_in).map(str::to_owned).collect())
}

/// Returns a finding for each file that no configuration compiled: its warnings were not seen.
fn left_out(commit: &Prefix, files: &BTreeSet<String>) -> Vec<Finding> {
    let all = commit.touched_so_far(&[".c", ".h", ".rs"]);
    let is_kernel = |path: &&str| {
        let not = ["tools/", "Documentation/", "samples/", "rust/bindings/"];
        !not.iter().any(|dir| path.starts_with(dir))
    };
    all.into_iter()
        .filter(is_kernel)
        .filter(|path| !files.contains(*path))
        .map(|path| Finding::new(path, "NOT_COMPILED", "no configuration compiles it"))
        .collect()
}

/// Parses the warnings of gcc, rustc, clippy and kbuild's own scripts.
pub fn warnings(said: &str, src: &str) -> Vec<Finding> {
    let lines: Vec<&str> = said.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let rust = ["warning: ", "error: ", "warning[", "error["];
        if rust.iter().any(|start| line.starts_with(start)) {
            let arrow = lines[at..]
                .iter()
                .take(6)
                .find_map(|line| line.trim_start().strip_prefix("--> "));
            // rustc's final count of warnings names no file.
            if let Some((file, _)) = arrow.and_then(|text| place(&format!("{text}: "), src)) {
                found.push(Finding::new(&file, "rust", *line));
            }
            continue;
        }
        let Some((file, text)) = place(line, src) else {
            continue;
        };
        if let Some(text) = text
            .strip_prefix("warning: ")
            .or(text.strip_prefix("error: "))
        {
            let kind = text.rsplit_once("[-W").map_or("warning", |(_, kind)| kind);
            found.push(Finding::new(&file, kind.trim_end_matches(']'), text));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_gcc_and_rustc() {
        let said = "  CC      drivers/virtio/virtio.o\n\
            /k/drivers/virtio/virtio.c: In function 'f':\n\
            /k/drivers/virtio/virtio.c:12:3: warning: unused variable 'x' [-Wunused-variable]\n\
            warning: redundant clone\n --> /k/drivers/cpuidle/poll/flags.rs:10:5\n  |\n\
            warning: 1 warning emitted\n\n\
            make[2]: warning: jobserver unavailable\n";
        let expected = [
            Finding::new(
                "drivers/virtio/virtio.c",
                "unused-variable",
                "unused variable 'x' [-Wunused-variable]",
            ),
            Finding::new(
                "drivers/cpuidle/poll/flags.rs",
                "rust",
                "warning: redundant clone",
            ),
        ];
        assert_eq!(warnings(said, "/k"), expected);
    }

    #[test]
    fn only_what_was_compiled_counts() {
        let said = "  CC      kernel/softirq.o\n  AR      drivers/virtio/built-in.a\n\
            \x20 CLIPPY  drivers/cpuidle/poll_core.o\n  CALL    scripts/checksyscalls.sh\n\
            CC is not the start\n  RUSTC L rust/core.o\n";
        let expected = [
            "kernel/softirq.o",
            "drivers/cpuidle/poll_core.o",
            "rust/core.o",
        ];
        assert_eq!(objects(said), expected);
    }
}
