// SPDX-License-Identifier: GPL-2.0
//! Tests the runner outside of a kit, on hosts that lack something, and with a QEMU that fails. It
//! must print one message, exit with the code of that fault, and leave nothing behind.
//! `xtask/tests/all/kit.rs` tests what a complete kit measures.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pack::layout::{self, Manifest};
use tempfile::TempDir;

/// Time limit of one wait. It is long, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// One test runs at a time. A process that another test starts could hold open a program that this
/// test is still writing, and a program that is open for writing cannot be run.
static ALONE: Mutex<()> = Mutex::new(());

/// An unpacked kit, and a working folder for the runner.
struct World(
    TempDir,
    #[expect(dead_code, reason = "held")] MutexGuard<'static, ()>,
);

/// How the runner ended.
struct Ran {
    code: Option<i32>,
    said: String,
}

impl World {
    fn new() -> World {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let world = World(tempfile::tempdir().unwrap(), alone);
        for folder in ["kit", "here", "bin"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        let program = env!("CARGO_BIN_EXE_poll-source-kit");
        fs::copy(program, world.path("kit/poll-source-kit")).unwrap();
        for name in [layout::BZIMAGE, layout::CONFIG, layout::INITRAMFS] {
            fs::write(world.path("kit").join(name), "").unwrap();
        }
        let manifest = Manifest::new("7.3.4", "1234", &["fio 3.33.0".into()]);
        manifest.write(&world.path("kit")).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes a QEMU that prints `version` on --version, and otherwise runs the command `otherwise`.
    fn qemu(&self, version: &str, otherwise: &str) {
        let path = self.path("bin/qemu-system-x86_64");
        let text = format!(
            "#!/bin/sh\ncase $1 in --version) echo 'QEMU emulator version {version}';; \
             *) {otherwise};; esac\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    fn command(&self, args: &str) -> Command {
        let mut cmd = Command::new(self.path("kit/poll-source-kit"));
        cmd.args(args.split(' '))
            .current_dir(self.path("here"))
            .env_clear()
            .env("PATH", self.path("bin"))
            .stdin(Stdio::null());
        cmd
    }

    fn run(&self, args: &str) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    /// The files that the runner left in its working folder.
    fn left(&self) -> Vec<String> {
        layout::files(&self.path("here")).unwrap()
    }

    /// Whether the runner's working folder is empty.
    fn is_empty(&self) -> bool {
        fs::read_dir(self.path("here")).unwrap().next().is_none()
    }
}

impl Ran {
    fn of(output: &Output) -> Ran {
        Ran {
            code: output.status.code(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn is(&self, code: i32, part: &str) {
        assert_eq!(self.code, Some(code), "{}", self.said);
        assert!(self.said.contains(part), "{part:?} not in {:?}", self.said);
        let errors = self.said.matches("error:").count();
        assert_eq!(errors, 1, "{}", self.said);
    }
}

#[test]
fn a_program_that_is_not_in_its_kit_says_so() {
    let world = World::new();
    fs::remove_file(world.path("kit").join(layout::MANIFEST)).unwrap();
    for command in ["run", "run --guest"] {
        world.run(command).is(6, "where the archive was unpacked");
    }
    assert!(world.is_empty());
}

#[test]
fn a_host_without_qemu_is_told_how_to_get_one() {
    let world = World::new();
    world.run("run").is(6, "this host lacks qemu-system-x86_64");
    world.qemu("5.2.0", "exit 9");
    world.run("run").is(6, "at least 6.0.0 is needed");
    world.qemu("unknown", "exit 9");
    world.run("run").is(6, "does not print its version");
    assert!(world.is_empty());
}

#[test]
fn a_qemu_that_fails_leaves_its_log_and_no_copy_of_the_kit() {
    let world = World::new();
    world.qemu("10.0.7", "echo no such machine; exit 1");
    world.run("run --accel tcg").is(6, "no such machine");
    let left = world.left();
    assert!(
        left.iter().any(|name| name.ends_with("qemu.log")),
        "{left:?}"
    );
    let not_to_stay = |name: &&String| name.contains("lock") || name.contains("initramfs");
    assert!(!left.iter().any(|name| not_to_stay(&name)), "{left:?}");
}

#[test]
fn an_interrupt_ends_qemu_and_says_so() {
    let world = World::new();
    let pid = world.path("pid");
    world.qemu(
        "10.0.7",
        &format!(
            "echo $$ >{}; while :; do read x </dev/zero; done",
            pid.display()
        ),
    );
    let child = world
        .command("run --accel tcg")
        .stderr(Stdio::piped())
        .spawn();
    let child = child.unwrap();
    let qemu = Pid::from_raw(wait_for(|| {
        fs::read_to_string(&pid).ok()?.trim().parse().ok()
    }));
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    Ran::of(&child.wait_with_output().unwrap()).is(130, "interrupted");
    wait_for(|| kill(qemu, None).is_err().then_some(()));
    assert!(!world.left().iter().any(|name| name.contains("initramfs")));
}

fn wait_for<T>(mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ready() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "it did not happen in time");
        sleep(Duration::from_millis(50));
    }
}
