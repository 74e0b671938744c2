// SPDX-License-Identifier: GPL-2.0

//! Plants a bug in a copy of the sources, builds the copy and runs the test there.

use std::fs::{self, File, FileType};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use plants::Plant;
use plants::check::{HostFails, HostTest};

use crate::top;

/// Cargo's `--target` for builds with a sanitizer, so that build scripts are built without it.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// The folders that are copied from the top folder.
const COPIED: [&str; 2] = ["rust-core", "c-shim"];

/// A bug, and a test that must catch it.
pub struct Planted {
    pub plant: Plant,
    pub package: &'static str,
    pub test: HostTest,
}

impl Planted {
    /// Names the test program: its package and target, the expected failure, and the sanitizer.
    pub fn program(&self) -> String {
        let HostTest {
            fails, sanitizer, ..
        } = &self.test;
        let target = self.target().0.join(" ");
        format!("{} {target} {fails:?} {sanitizer:?}", self.package)
    }

    /// Splits `run` into cargo's arguments for the test program and the names of its tests.
    fn target(&self) -> (Vec<&str>, Vec<&str>) {
        let mut words: Vec<&str> = self.test.run.split(' ').collect();
        let choice = 1 + usize::from(words[0] == "--test");
        let tests = words.split_off(choice);
        (words, tests)
    }

    /// Panics unless the test catches the bug with the expected words.
    pub fn is_seen(&self) {
        let (name, why) = (&self.plant.name, &self.test.says);
        let (built, test) = self.run();
        let build_err = text(&built.stderr);
        let test = match (self.test.fails, test) {
            (HostFails::Build, None) => {
                assert!(
                    build_err.contains(why),
                    "{name}: the build failed without {why:?}:\n{build_err}"
                );
                return;
            }
            (HostFails::Build, Some(_)) => panic!("{name}: not caught, it builds"),
            (HostFails::Test, None) => panic!("{name}: it does not build:\n{build_err}"),
            (HostFails::Test, Some(test)) => test,
        };
        let (out, err) = (text(&test.stdout), text(&test.stderr));
        assert!(
            !out.contains("running 0 tests"),
            "{name}: there is no test with the exact name in `run`:\n{out}"
        );
        assert!(
            !test.status.success(),
            "{name}: not caught, the test passed:\n{out}"
        );
        // Sanitizers report on stderr.
        assert!(
            failures(&out).contains(why) || err.contains(why),
            "{name}: the test failed without {why:?}:\n{out}{err}"
        );
    }

    /// Plants the bug, builds the copy and runs the test. All bugs share one copy and one target
    /// folder, because cargo names what it builds by its place in the workspace. The next bug is
    /// built while the test of this one runs. Returns no output of the test if the build fails.
    fn run(&self) -> (Output, Option<Output>) {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plants");
        fs::create_dir_all(&scratch).expect("making the folder of the copy");
        let alone = File::create(scratch.join("lock")).expect("making the lock");
        alone.lock().expect("waiting for the copy");

        self.plant(&scratch.join("copy"));
        let (target, tests) = self.target();
        let built = self.build(&scratch, &target);
        let test = built.status.success().then(|| {
            // The next build does not overwrite a program of this name.
            let program = scratch.join(format!("{}-{}", self.package, self.plant.name));
            let _ = fs::remove_file(&program);
            fs::hard_link(executable(&built), &program).expect("keeping the test");
            Command::new(program)
                .args(&tests)
                .args((!tests.is_empty()).then_some("--exact"))
                .env("RUST_BACKTRACE", "0")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("starting the test")
        });
        drop(alone);
        let test = test.map(|test| test.wait_with_output().expect("waiting for the test"));

        (built, test)
    }

    /// Restores the copy from the sources, and plants the bug in it.
    fn plant(&self, copy: &Path) {
        let top = top();
        for name in COPIED {
            renew(&top.join(name), &copy.join(name)).expect("copying the sources");
        }
        fs::copy(top.join("Cargo.lock"), copy.join("Cargo.lock")).expect("copying Cargo.lock");
        fs::write(copy.join("Cargo.toml"), manifest(&top)).expect("writing the manifest");

        let read = |file: &str| Ok(fs::read_to_string(copy.join(file))?);
        let files = self
            .plant
            .planted(read)
            .unwrap_or_else(|err| panic!("{err:#}"));
        for (file, text) in files {
            fs::write(copy.join(file), text).expect("planting the bug");
        }
    }

    fn build(&self, scratch: &Path, target: &[&str]) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--no-run", "--package", self.package]);
        if let Some(sanitizer) = &self.test.sanitizer {
            // The same flags as in xtask's sanitize.rs.
            let flags = format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer");
            cargo.args(["--target", TRIPLE]).env("RUSTFLAGS", flags);
        }
        cargo
            .args(target)
            .current_dir(scratch.join("copy"))
            .env("CARGO_TARGET_DIR", scratch.join("target"))
            // The sanitizers need this variable. It is always set: build scripts that read it, and
            // what depends on them, would be built again with each change of it.
            .env("RUSTC_BOOTSTRAP", "1")
            .output()
            .expect("running cargo")
    }
}

/// Returns what libtest prints about failed tests: names and messages, or only the names for a
/// random test. A failed assertion in a callback from C aborts, and then there are only messages.
fn failures(out: &str) -> String {
    if out.contains("minimal failing input:") {
        let names = out.rsplit_once("\nfailures:\n");
        return names.map_or(String::new(), |(_, names)| names.into());
    }
    // Lines that begin with "test " also name the tests that passed.
    let told = out.lines().filter(|line| !line.starts_with("test "));
    told.collect::<Vec<_>>().join("\n")
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into()
}

/// Makes the folder `to` equal to `from`. An unchanged file keeps its time, so cargo builds only
/// what this bug and the previous one touch.
fn renew(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for old in fs::read_dir(to)? {
        let old = old?;
        if kind(&from.join(old.file_name())) != kind(&old.path()) {
            match old.file_type()?.is_dir() {
                true => fs::remove_dir_all(old.path())?,
                false => fs::remove_file(old.path())?,
            }
        }
    }
    for new in fs::read_dir(from)? {
        let new = new?;
        let (from, to) = (new.path(), to.join(new.file_name()));
        if new.file_type()?.is_dir() {
            renew(&from, &to)?;
        } else if !new.file_type()?.is_symlink() {
            if fs::read(&to).ok() != Some(fs::read(&from)?) {
                fs::copy(&from, &to)?;
            }
        } else if fs::read_link(&to).ok() != Some(fs::read_link(&from)?) {
            let _ = fs::remove_file(&to);
            symlink(fs::read_link(&from)?, &to)?;
        }
    }
    Ok(())
}

/// The type of the file at `path`, if there is one. Does not follow symbolic links.
fn kind(path: &Path) -> Option<FileType> {
    path.symlink_metadata().ok().map(|it| it.file_type())
}

/// Returns the path of the test program that cargo reports.
fn executable(built: &Output) -> PathBuf {
    let err = text(&built.stderr);
    let told = err.lines().rev().find(|line| line.contains("Executable "));
    let path = told.and_then(|line| line.rsplit_once('(')?.1.strip_suffix(')'));

    path.unwrap_or_else(|| panic!("no test program in:\n{err}"))
        .into()
}

/// Returns the top folder's manifest with only those members that are copied.
fn manifest(top: &Path) -> String {
    let text = fs::read_to_string(top.join("Cargo.toml")).expect("reading the manifest");
    let mut manifest: toml::Table = text.parse().expect("the manifest is TOML");
    let members = manifest["workspace"]["members"]
        .as_array_mut()
        .expect("the workspace has members");

    members.retain(|member| {
        let member = Path::new(member.as_str().expect("members are paths"));
        COPIED.iter().any(|copied| member.starts_with(copied))
    });
    manifest.to_string()
}
