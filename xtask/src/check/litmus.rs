// SPDX-License-Identifier: GPL-2.0
//! `litmus`: what the kernel's memory model says of the orderings that the C relies
//! on. The tests and what each must come to are in c-shim/litmus/, the model is that
//! of the kernel source, and herd7 does it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use toolbox::fault;
use toolbox::git::Git;
use toolbox::options::BaseArgs;
use toolbox::place::Place;
use toolbox::run;

const MODEL: &str = "tools/memory-model";
const MODEL_FILES: [&str; 5] = [
    "linux-kernel.bell",
    "linux-kernel.cat",
    "linux-kernel.cfg",
    "linux-kernel.def",
    "lock.cat",
];

/// Run the litmus tests of the C code's memory ordering with herd7
///
/// No distribution has herd7 (it is in opam, as herdtools7), so no other command
/// runs this one. Without herd7 nothing runs, and the exit code is 6.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    base: BaseArgs,
}

pub fn main(args: Args) -> Result<()> {
    let place = Place::find()?;
    let tests = tests(&place.root.join("c-shim/litmus"))?;
    let herd = which::which("herd7").map_err(|_| {
        fault::environment(format!(
            "not run: {} litmus tests, for herd7 is not on PATH\nto install it: opam install herdtools7",
            tests.len()
        ))
    })?;
    let model = model(&place, &args.base)?;
    let mut wrong = Vec::new();
    for test in &tests {
        let seen = ask(&herd, &model, test)?;
        println!("{:<10} {}", seen, test.name);
        if seen != test.expected {
            wrong.push(format!("\n  {}: {seen}, not {}", test.name, test.expected));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(fault::test_failed(format!(
            "the memory model does not say what the tests do:{}",
            wrong.concat()
        ))),
    }
}

struct Litmus {
    path: PathBuf,
    name: String,
    /// Never, Sometimes or Always.
    expected: String,
}

fn tests(dir: &Path) -> Result<Vec<Litmus>> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let (name, expected) = head(&text)
            .with_context(|| format!("{} is no litmus test with a Result", path.display()))?;
        tests.push(Litmus {
            path,
            name,
            expected,
        });
    }
    tests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tests)
}

/// The name, and the result that the comment promises.
fn head(text: &str) -> Option<(String, String)> {
    let name = text.lines().next()?.strip_prefix("C ")?;
    let result = text
        .lines()
        .find_map(|line| line.strip_prefix(" * Result: "))?;
    Some((name.to_owned(), result.to_owned()))
}

/// The model of the base, where herd7 can read it.
fn model(place: &Place, base: &BaseArgs) -> Result<PathBuf> {
    let source = source::get(place, base)?;
    let git = Git::bare(&source.git)?;
    let dir = place.target().join("litmus");
    fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
    for name in MODEL_FILES {
        let text = git.file(&source.base, &format!("{MODEL}/{name}"))?;
        let text = text.with_context(|| format!("{} has no {MODEL}/{name}", source.name()))?;
        let path = dir.join(name);
        fs::write(&path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(dir)
}

fn ask(herd: &Path, model: &Path, test: &Litmus) -> Result<String> {
    let sh = Shell::new()?;
    sh.change_dir(model);
    let path = &test.path;
    let said = run::read(cmd!(sh, "{herd} -conf linux-kernel.cfg {path}"))?;
    observation(&said, &test.name)
        .with_context(|| format!("herd7 observed nothing of {}:\n{said}", test.name))
}

/// `Observation NAME Never 0 3`
fn observation(said: &str, name: &str) -> Option<String> {
    said.lines().find_map(|line| {
        let mut words = line.split(' ');
        let is_its = words.next() == Some("Observation") && words.next() == Some(name);
        is_its.then(|| words.next())?.map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_has_its_file_name_and_a_result() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../c-shim/litmus");
        let tests = tests(Path::new(dir)).unwrap();
        assert!(!tests.is_empty());
        for test in tests {
            assert_eq!(test.path.file_stem().unwrap().to_str(), Some(&*test.name));
            assert!(["Never", "Sometimes"].contains(&&*test.expected));
        }
    }

    /// As the kernel's herd7 prints it; its own scripts look for the same line.
    #[test]
    fn an_observation_is_the_line_of_that_name() {
        let said = "Test SB Allowed\nStates 3\nNo\nObservation SB Never 0 3\nTime SB 0.01\n";
        assert_eq!(observation(said, "SB").as_deref(), Some("Never"));
        assert_eq!(observation(said, "MP"), None);
    }
}
