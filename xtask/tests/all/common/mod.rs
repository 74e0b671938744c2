// SPDX-License-Identifier: GPL-2.0
//! A small checkout, cache and kernel trees for the tests. Each test makes its own, in a temporary
//! folder.

pub mod devloop;
pub mod series;

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The file drivers/cpuidle/idle.c of the small kernels. Line 8 differs in 6.12.
pub const IDLE: &str = "a\nb\nc\none\ntwo\nthree\nd\ne\nf\ng\nh\n";

/// Exit code of the scripts in ci/ if they cannot get the tool that judges.
const CANNOT_JUDGE: i32 = 77;

/// Returns whether an external tool accepts its input, and what the tool printed. None if the tool
/// is not available. In CI that fails the test.
pub fn judged_by(tool: &str, output: Output) -> Option<(bool, String)> {
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.code() == Some(CANNOT_JUDGE) {
        assert!(
            env::var_os("CI").is_none(),
            "{tool} is missing in CI:\n{said}"
        );
        eprintln!("not checked, because {tool} is not available:\n{said}");
        return None;
    }
    Some((output.status.success(), said))
}

/// Plants errors in a file that `judge` accepts, one at a time, and checks that each is reported.
/// An error is a part of the file, what replaces it, and a part of the complaint.
pub fn finds_planted(
    judge: impl Fn(PathBuf) -> Option<(bool, String)>,
    file: &Path,
    planted: &[(&str, &str, &str)],
) {
    let good = fs::read_to_string(file).unwrap();
    for (right, wrong, complaint) in planted {
        let bad = good.replacen(right, wrong, 1);
        assert_ne!(bad, good, "{right} is not in {}", file.display());
        let dir = tempfile::tempdir().unwrap();
        // The linters of workflows look only there.
        let folder = dir.path().join(".github/workflows");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("bad.yml");
        fs::write(&file, bad).unwrap();
        let (valid, said) = judge(file).expect("the judge was available before");
        assert!(
            !valid && said.contains(complaint),
            "{complaint:?} is not reported for {wrong}:\n{said}"
        );
    }
}

pub struct World {
    pub dir: TempDir,
}

/// How a command ended, and what it printed.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl World {
    pub fn new() -> World {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
        };
        // xtask takes a folder with this file for a checkout.
        world.write("checkout/xtask/Cargo.toml", "");
        world.write("checkout/kconfig/vm.config", "CONFIG_SMP=y\n");
        world.write("checkout/kconfig/feature.config", "CONFIG_RUST=y\n");
        // gen-patches renews the blocks of the project's own pages.
        for page in ["README.md", "c-shim/results/README.md"] {
            let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
            let text = fs::read_to_string(own).unwrap();
            world.write(&format!("checkout/{page}"), &text);
        }
        world
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub fn script(&self, path: &str, text: &str) -> PathBuf {
        let path = self.write(path, &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Makes a rustc of this version, whose sysroot is the folder `sysroot`.
    pub fn rustc(&self, version: &str) -> PathBuf {
        let script = format!(
            "case $1 in --version) echo 'rustc {version} (x 2025-03-15)';; --print) echo {};; esac",
            self.path("sysroot").display()
        );
        self.script("bin/rustc", &script)
    }

    /// A PATH that begins with the world's own programs.
    pub fn search_path(&self) -> String {
        let machine = env::var("PATH").unwrap();
        format!("{}:{machine}", self.path("bin").display())
    }

    /// An xtask command that runs in the checkout, with its own cache.
    pub fn xtask(&self, args: &str) -> Command {
        let mut cmd = Command::new(env!("CARGO_BIN_EXE_xtask"));
        cmd.args(args.split_whitespace())
            .current_dir(self.path("checkout"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env_remove("CI");
        for name in ["RUSTC", "BINDGEN", "LIBCLANG_PATH"] {
            cmd.env_remove(name);
        }
        cmd
    }

    pub fn run(&self, args: &str) -> Ran {
        ran(&mut self.xtask(args))
    }

    /// Makes a git tree with a kernel's top files. `version` is VERSION.PATCHLEVEL.
    pub fn kernel(&self, name: &str, version: &str) -> PathBuf {
        self.kernel_files(name, version);
        let dir = self.path(name);
        git(&dir, &["init", "-q"]);
        git(&dir, &["add", "-Af", "."]);
        git(&dir, &["commit", "-q", "-m", "base"]);
        dir
    }

    pub fn kernel_files(&self, name: &str, version: &str) {
        let (major, minor) = version.split_once('.').unwrap();
        let makefile = format!(
            "# SPDX\nVERSION = {major}\nPATCHLEVEL = {minor}\nSUBLEVEL = 4\nEXTRAVERSION =\n"
        );
        self.write(&format!("{name}/Makefile"), &makefile);
        self.write(&format!("{name}/Kconfig"), "mainmenu \"Linux\"\n");
        self.write(&format!("{name}/COPYING"), "GPL\n");
        self.write(&format!("{name}/.gitignore"), "/*\n");
        self.write(&format!("{name}/drivers/cpuidle/idle.c"), IDLE);
    }

    /// Makes a tarball of a small kernel, for example linux-7.3.tar.xz.
    pub fn tarball(&self, version: &str) -> PathBuf {
        self.kernel_files(&format!("linux-{version}"), version);
        self.pack(&format!("linux-{version}"), "tar.xz")
    }

    /// Packs a folder in the format that the suffix says.
    pub fn pack(&self, name: &str, suffix: &str) -> PathBuf {
        let tarball = self.path(&format!("{name}.{suffix}"));
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(self.dir.path()).arg("-caf");
        ran(tar.arg(&tarball).arg(name)).passes();
        tarball
    }

    /// The command that takes a line's source from a tarball.
    pub fn fetch(&self, line: &str, tarball: &Path) -> Command {
        let tarball = tarball.display();
        self.xtask(&format!(
            "build-kernel --fetch --base {line} --tarball {tarball}"
        ))
    }
}

/// Settings of the user and the machine: everything that can influence git.
const GIT_CONFIG: &str = "[user]\n name = Me\n email = me@x\n[format]\n signOff = true\n subjectPrefix = MINE\n \
    suffix = .txt\n attach = true\n noprefix = true\n from = true\n[core]\n abbrev = 5\n autocrlf = true\n \
    quotePath = false\n attributesFile = /nowhere\n[diff]\n noprefix = true\n algorithm = patience\n \
    mnemonicPrefix = true\n renames = copies\n context = 1\n interHunkContext = 9\n statGraphWidth = 5\n \
    indentHeuristic = false\n[i18n]\n logOutputEncoding = latin1\n commitEncoding = latin1\n \
    [init]\n defaultObjectFormat = sha256\n[trailer]\n where = start\n[mailinfo]\n scissors = true\n";
const GIT_ATTRIBUTES: &str = "* text eol=crlf\n*.c binary\n*.h diff=nope\n*.rs ident\n";
const VARIABLES: [(&str, &str); 27] = [
    ("GIT_DIR", "/nowhere"),
    ("GIT_WORK_TREE", "/nowhere"),
    ("GIT_INDEX_FILE", "/nowhere"),
    ("GIT_NAMESPACE", "other"),
    ("GIT_DEFAULT_HASH", "sha256"),
    ("GIT_CONFIG_COUNT", "2"),
    ("GIT_CONFIG_KEY_0", "diff.noprefix"),
    ("GIT_CONFIG_VALUE_0", "true"),
    ("GIT_CONFIG_KEY_1", "format.subjectPrefix"),
    ("GIT_CONFIG_VALUE_1", "COUNTED"),
    ("GIT_CONFIG_PARAMETERS", "'format.signoff'='true'"),
    ("GIT_DIFF_OPTS", "--unified=9"),
    ("GIT_EXTERNAL_DIFF", "/bin/false"),
    ("GIT_ATTR_SOURCE", "HEAD"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_NOTES_REF", "refs/notes/other"),
    ("GIT_TRACE", "2"),
    ("GIT_AUTHOR_NAME", "Somebody"),
    ("GIT_AUTHOR_DATE", "@0 +0000"),
    ("GIT_COMMITTER_NAME", "Somebody"),
    ("GIT_COMMITTER_DATE", "@0 +0000"),
    ("EMAIL", "somebody@example.org"),
    ("TZ", "Asia/Tokyo"),
    ("LC_ALL", "de_DE.UTF-8"),
    ("LANGUAGE", "de"),
    ("COLUMNS", "40"),
    ("TERM", "dumb"),
];

/// Returns `cmd` in an environment that differs in everything that can influence git: settings,
/// variables, locale, time zone, umask, terminal, folder.
pub fn elsewhere(cmd: &Command, dir: &Path) -> Command {
    let write = |path: &str, text: &str| {
        let path = dir.join("else where").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    let config = write(".gitconfig", GIT_CONFIG);
    let home = config.parent().unwrap();
    write("git/config", GIT_CONFIG);
    write("git/attributes", GIT_ATTRIBUTES);
    write(".config/git/attributes", GIT_ATTRIBUTES);
    let mut other = Command::new("sh");
    let under = "umask 077; exec \"$0\" \"$@\"";
    other
        .args(["-c", under])
        .arg(cmd.get_program())
        .args(cmd.get_args());
    if let Some(dir) = cmd.get_current_dir() {
        other.current_dir(dir.join("xtask"));
    }
    for (name, value) in cmd.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    for name in ["HOME", "XDG_CONFIG_HOME", "TMPDIR"] {
        other.env(name, home);
    }
    for name in ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"] {
        other.env(name, &config);
    }
    other.envs(VARIABLES);
    other
}

pub fn ran(cmd: &mut Command) -> Ran {
    cmd.output().unwrap().into()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a command that must pass, and returns what it prints on stdout.
#[track_caller]
pub fn printed(cmd: &mut Command) -> String {
    let ran = ran(cmd);
    ran.passes();
    ran.out
}

impl Ran {
    /// Checks the exit code, and that stderr contains each of `parts`.
    #[track_caller]
    pub fn fails(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} in {}", self.err);
        }
    }

    #[track_caller]
    pub fn passes(&self) {
        assert_eq!(self.code, Some(0), "{}", self.err);
    }

    /// Checks that the command passed, and that its output contains each of `parts`.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        self.passes();
        let said = format!("{}{}", self.out, self.err);
        for part in parts {
            assert!(said.contains(part), "no {part:?} in {said}");
        }
    }
}

pub fn git(dir: &Path, args: &[&str]) -> String {
    let mut cmd = Command::new("git");
    cmd.arg("-C").arg(dir).args(args);
    for who in ["AUTHOR", "COMMITTER"] {
        cmd.env(format!("GIT_{who}_NAME"), "A Tester");
        cmd.env(format!("GIT_{who}_EMAIL"), "tester@localhost");
    }
    printed(cmd.env("GIT_CONFIG_GLOBAL", "/dev/null"))
        .trim_end()
        .to_owned()
}

/// The Rust files below a folder.
pub fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
    found
}
