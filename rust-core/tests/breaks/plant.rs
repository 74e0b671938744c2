// SPDX-License-Identifier: GPL-2.0

//! Plants a break in a copy of the sources and runs one test there, which must
//! turn red, for the reason named. A check that stays green checks nothing.

use std::fs::{self, File, FileType};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A deliberate break.
pub struct Break<'a> {
    /// What it is called in errors.
    pub name: &'a str,
    /// The file to break, from the top folder.
    pub file: &'a str,
    /// What is there now, once.
    pub from: &'a str,
    /// What is planted.
    pub to: &'a str,
    /// The package and what to run of it: a target, then tests by their whole name.
    pub package: &'a str,
    pub run: &'a [&'a str],
    /// The sanitizer it is run under, if any.
    pub sanitizer: Option<&'a str>,
}

/// What a sanitizer is told to be built for, so that build scripts go without.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// What else the copy has from the top folder.
pub const COPIED: [&str; 2] = ["rust-core", "c-shim"];

/// What came of a break. What was not built has no test.
struct Ran {
    built: Output,
    test: Option<Output>,
}

impl<'a> Break<'a> {
    /// A break in the core, and what to run of its tests.
    #[allow(dead_code, reason = "not every test program breaks the core")]
    pub fn of(
        file: &'a str,
        run: &'a [&'a str],
        name: &'a str,
        from: &'a str,
        to: &'a str,
    ) -> Self {
        Self {
            name,
            file,
            from,
            to,
            package: "poll-core",
            run,
            sanitizer: None,
        }
    }
}

impl Break<'_> {
    /// The break is built, and a test fails. `why` is the name of that test or
    /// words of its message. A random test goes by its name alone: which of its
    /// assertions fails first depends on the seed.
    pub fn fails_test(&self, why: &str) {
        let ran = self.run();
        let Some(test) = ran.test else {
            panic!(
                "{}: does not build:\n{}",
                self.name,
                text(&ran.built.stderr)
            );
        };
        let (out, err) = (text(&test.stdout), text(&test.stderr));

        assert!(
            !test.status.success(),
            "{}: nobody noticed:\n{out}",
            self.name
        );
        // Sanitizers have stderr.
        assert!(
            failures(&out).contains(why) || err.contains(why),
            "{}: {why:?} did not fail:\n{out}{err}",
            self.name
        );
    }

    /// The break is not even built, and `why` is said.
    #[allow(dead_code, reason = "not every test program plants such breaks")]
    pub fn fails_build(&self, why: &str) {
        let ran = self.run();
        let err = text(&ran.built.stderr);

        assert!(ran.test.is_none(), "{}: nobody noticed", self.name);
        assert!(err.contains(why), "{}: no {why:?} in:\n{err}", self.name);
    }

    /// Plants the break, builds it and runs its test. There is one copy, and one
    /// folder of what was built of it: cargo names what it builds by the place in
    /// the workspace. The next break is built while the test of this one runs.
    fn run(&self) -> Ran {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("breaks");
        fs::create_dir_all(&scratch).expect("making the folder of the copy");
        let alone = File::create(scratch.join("lock")).expect("making the lock");
        alone.lock().expect("waiting for the copy");

        self.plant(&scratch);
        let choice = 1 + usize::from(self.run[0] == "--test");
        let (target, tests) = self.run.split_at(choice);
        let built = self.build(&scratch, target);
        let test = built.status.success().then(|| {
            // Under a name that the next build leaves alone.
            let program = scratch.join(format!("{}-{}", self.package, self.name));
            let _ = fs::remove_file(&program);
            fs::hard_link(executable(&built), &program).expect("keeping the test");
            Command::new(program)
                .args(tests)
                .args((!tests.is_empty()).then_some("--exact"))
                .env("RUST_BACKTRACE", "0")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("starting the test")
        });
        drop(alone);
        let test = test.map(|test| test.wait_with_output().expect("waiting for the test"));

        Ran { built, test }
    }

    /// Renews the copy and breaks it.
    fn plant(&self, scratch: &Path) {
        let (top, copy) = (top(), scratch.join("copy"));
        for name in COPIED {
            renew(&top.join(name), &copy.join(name)).expect("copying the sources");
        }
        fs::copy(top.join("Cargo.lock"), copy.join("Cargo.lock")).expect("copying Cargo.lock");
        fs::write(copy.join("Cargo.toml"), manifest(&top)).expect("writing the manifest");

        let file = copy.join(self.file);
        let text = fs::read_to_string(&file).expect("reading what to break");
        let places = text.matches(self.from).count();
        assert_eq!(
            places, 1,
            "{}: {:?} is there so often",
            self.name, self.from
        );
        fs::write(&file, text.replace(self.from, self.to)).expect("planting the break");
    }

    fn build(&self, scratch: &Path, target: &[&str]) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--offline", "--no-run", "--package", self.package]);
        if let Some(sanitizer) = self.sanitizer {
            // As in xtask's sanitize.rs.
            let flags = format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer");
            cargo.args(["--target", TRIPLE]).env("RUSTFLAGS", flags);
        }
        cargo
            .args(target)
            .current_dir(scratch.join("copy"))
            .env("CARGO_TARGET_DIR", scratch.join("target"))
            // For the sanitizers. Were it not always set, build scripts that look at it,
            // and what depends on them, would be built again each time it changes.
            .env("RUSTC_BOOTSTRAP", "1")
            // Nobody debugs a break.
            .env("CARGO_PROFILE_DEV_DEBUG", "none")
            .output()
            .expect("running cargo")
    }
}

/// What libtest prints of tests that failed, by name and message. An assertion in C's
/// callbacks aborts, and then there are messages alone.
fn failures(out: &str) -> String {
    if out.contains("minimal failing input:") {
        let names = out.rsplit_once("\nfailures:\n");
        return names.map_or(String::new(), |(_, names)| names.into());
    }
    // Those lines name the tests that passed as well.
    let told = out.lines().filter(|line| !line.starts_with("test "));
    told.collect::<Vec<_>>().join("\n")
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into()
}

/// Makes a folder the same as `from`. A file that is the same already keeps its
/// time, so that cargo builds what this break and the last one touch, and no more.
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

/// What a path names, if anything.
fn kind(path: &Path) -> Option<FileType> {
    path.symlink_metadata().ok().map(|it| it.file_type())
}

/// The test program that cargo says it has built.
fn executable(built: &Output) -> PathBuf {
    let err = text(&built.stderr);
    let told = err.lines().rev().find(|line| line.contains("Executable "));
    let path = told.and_then(|line| line.rsplit_once('(')?.1.strip_suffix(')'));

    path.unwrap_or_else(|| panic!("no test program in:\n{err}"))
        .into()
}

/// The top folder.
fn top() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tops = package
        .ancestors()
        .find(|dir| dir.join("Cargo.lock").is_file());

    tops.expect("a folder with Cargo.lock").to_path_buf()
}

/// The top folder's manifest, with those members alone that are copied.
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
