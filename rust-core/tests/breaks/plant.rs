// SPDX-License-Identifier: GPL-2.0

//! Plants a break in a copy of the sources and runs one test there, which must
//! turn red, for the reason named. A check that stays green checks nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
    /// The package and what to run of it.
    pub package: &'a str,
    pub run: &'a [&'a str],
    /// The sanitizer it is run under, if any.
    pub sanitizer: Option<&'a str>,
}

/// What a sanitizer is told to be built for, so that build scripts go without.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// What else the copy has from the top folder.
pub const COPIED: [&str; 2] = ["rust-core", "c-shim"];

impl Break<'_> {
    /// The break is built, and the tests fail with `why` in their output.
    pub fn fails_test(&self, why: &str) {
        let (_alone, copy) = self.plant();

        let (built, output) = self.cargo(&copy, &["--no-run"]);
        assert!(built, "{}: does not build:\n{output}", self.name);
        self.fails(&copy, why);
    }

    /// The break is not even built, and `why` is said.
    #[allow(dead_code, reason = "not every test program plants such breaks")]
    pub fn fails_build(&self, why: &str) {
        let (_alone, copy) = self.plant();

        self.fails(&copy, why);
    }

    fn fails(&self, copy: &Path, why: &str) {
        let (passed, output) = self.cargo(copy, &[]);

        assert!(!passed, "{}: nobody noticed:\n{output}", self.name);
        assert!(
            output.contains(why),
            "{}: no {why:?} in:\n{output}",
            self.name
        );
    }

    /// Makes the copy and breaks it. There is one, and one folder of what was
    /// built of it: cargo names what it builds by the place in the workspace.
    fn plant(&self) -> (MutexGuard<'static, ()>, PathBuf) {
        static ALONE: Mutex<()> = Mutex::new(());

        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let top = top();
        let copy = scratch().join("copy");
        let _ = fs::remove_dir_all(&copy);
        fs::create_dir_all(&copy).expect("making the copy's folder");

        // New times, so that cargo does not take the last break for this one.
        let copied = Command::new("cp")
            .args(["-dR", "Cargo.lock"])
            .args(COPIED)
            .arg(&copy)
            .current_dir(&top)
            .status();
        assert!(copied.expect("running cp").success(), "copying the sources");
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
        (alone, copy)
    }

    fn cargo(&self, copy: &Path, more: &[&str]) -> (bool, String) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--offline", "--package", self.package]);
        if let Some(sanitizer) = self.sanitizer {
            // As in xtask's sanitize.rs.
            let flags = format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer");
            cargo
                .args(["--target", TRIPLE])
                .env("RUSTC_BOOTSTRAP", "1")
                .env("RUSTFLAGS", flags);
        }
        let output = cargo
            .args(more)
            .args(self.run)
            .current_dir(copy)
            .env("CARGO_TARGET_DIR", scratch().join("target"))
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("running cargo");
        let text = [output.stdout, output.stderr].concat();

        (
            output.status.success(),
            String::from_utf8_lossy(&text).into(),
        )
    }
}

/// Where copies are made. What is built there is kept for the next run.
fn scratch() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!("breaks-", env!("CARGO_PKG_NAME")))
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
