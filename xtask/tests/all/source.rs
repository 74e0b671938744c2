// SPDX-License-Identifier: GPL-2.0
//! Wrong bases, sources that are not available, and two xtasks that want the same source.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::common::{World, git, ran};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn unknown_base_is_named_with_the_known_ones() {
    let world = World::new();
    for command in ["gen-patches", "build-kernel"] {
        let parts = ["unknown base \"5.4\"", "7.3", "6.12"];
        world.run(&format!("{command} --base 5.4")).fails(2, &parts);
    }
    let ran = world.run("build-kernel --fetch --bass 7.3");
    ran.fails(2, &["--bass"]);
}

#[test]
fn tree_that_is_not_linux() {
    let world = World::new();
    let linux = |dir: &str| world.run(&format!("build-kernel --fetch --linux {dir}"));
    linux("../nowhere").fails(2, &["no such folder"]);
    fs::create_dir(world.path("plain")).unwrap();
    linux("../plain").fails(2, &["not the top folder of a git tree"]);
    let dir = world.kernel("tree", "7.3");
    linux("../tree/drivers").fails(2, &["not the top folder of a git tree"]);
    git(&dir, &["rm", "-q", "Kconfig"]);
    git(&dir, &["commit", "-q", "-m", "not Linux"]);
    linux("../tree").fails(2, &["not a Linux source"]);
}

#[test]
fn dirty_tree() {
    let world = World::new();
    let dir = world.kernel("tree", "7.3");
    let before = fs::read(dir.join(".git/index")).unwrap();
    let fetch = |more: &str| world.run(&format!("build-kernel --fetch --linux ../tree {more}"));
    fetch("").passes();
    world.write("tree/Kconfig", "changed\n");
    fetch("").fails(2, &["uncommitted changes", "Kconfig"]);
    // A named commit is used as it is.
    fetch("--base-ref HEAD").passes();
    fetch("--base-ref no-such").fails(2, &["no-such is not a commit of this tree"]);
    world
        .run("build-kernel --fetch --base-ref HEAD")
        .fails(2, &["--linux"]);
    let after = fs::read(dir.join(".git/index")).unwrap();
    assert!(before == after, "the user's index was written to");
}

#[test]
fn tarball_becomes_the_commit_that_git_add_makes() {
    let world = World::new();
    let tarball = world.tarball("7.3");
    ran(&mut world.fetch("7.3", &tarball)).passes();
    let tree = world.path("linux-7.3");
    git(&tree, &["init", "-q"]);
    git(&tree, &["add", "-Af", "."]);
    let cached = world.path("cache/poll-source/source/7.3");
    assert_eq!(
        git(&cached, &["rev-parse", "base^{tree}"]),
        git(&tree, &["write-tree"])
    );
    // From now on the line needs no network.
    world.run("build-kernel --fetch --offline").passes();
}

#[test]
fn tarball_that_cannot_be_right() {
    let world = World::new();
    let fetch = |file: &Path| ran(&mut world.fetch("7.3", file));
    fetch(Path::new("nowhere.tar.xz")).fails(2, &["no file"]);
    fetch(&world.write("notes.txt", "text")).fails(2, &["not a complete kernel tarball"]);
    fetch(&world.write("text.tar.xz", "text")).fails(2, &["not a complete kernel tarball"]);
    fetch(&world.tarball("6.12")).fails(2, &["Linux 6.12.4", "line 7.3"]);
    let whole = world.tarball("7.3");
    let bytes = fs::read(&whole).unwrap();
    fs::write(&whole, &bytes[..bytes.len() / 2]).unwrap();
    fetch(&whole).fails(2, &["not a complete kernel tarball"]);
    assert_eq!(left_in_cache(&world), 0);
}

/// Returns the number of entries in the source cache: sources, or scratch that was left behind.
fn left_in_cache(world: &World) -> usize {
    let cache = world.path("cache/poll-source/source");
    cache.read_dir().map_or(0, Iterator::count)
}

#[test]
fn offline_with_an_empty_cache() {
    let world = World::new();
    let parts = ["no Linux 7.3", "--offline", "--tarball"];
    world.run("build-kernel --fetch --offline").fails(6, &parts);
    world.run("gen-patches --offline").fails(6, &parts);
}

#[test]
fn no_network_with_an_empty_cache() {
    let world = World::new();
    let fake = "echo 'E: Could not resolve mirror'; exit 100";
    world.script("bin/apt-get", fake);
    let mut cmd = world.xtask("build-kernel --fetch");
    let ran = ran(cmd.env("PATH", world.search_path()));
    ran.fails(6, &["--tarball", "--linux"]);
    assert_eq!(left_in_cache(&world), 0);
}

#[test]
fn full_disk() {
    let world = World::new();
    fs::create_dir(world.path("cache")).unwrap();
    let tarball = world.tarball("7.3");
    // A separate disk needs a mount, and a mount needs a separate namespace.
    let script = "mount -t tmpfs -o size=8m none \"$0\" && exec \"$@\"";
    let xtask = world.fetch("7.3", &tarball);
    let mut cmd = Command::new("unshare");
    cmd.args(["--map-root-user", "--mount", "sh", "-c", script])
        .arg(world.path("cache"))
        .arg(xtask.get_program())
        .args(xtask.get_args())
        .current_dir(world.path("checkout"))
        .env("XDG_CACHE_HOME", world.path("cache"));
    ran(&mut cmd).fails(6, &["MiB free", "XDG_CACHE_HOME"]);
}

fn lock(world: &World, name: &str) -> File {
    let path = world.write(&format!("cache/poll-source/lock/{name}"), "");
    let file = File::open(path).unwrap();
    file.lock().unwrap();
    file
}

/// Starts a command, and waits until `text` appears on its stderr.
fn start_until(cmd: &mut Command, text: &str) -> (Child, BufReader<impl Read + use<>>) {
    let mut child = cmd
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert_ne!(
            err.read_line(&mut line).unwrap(),
            0,
            "the command ended without printing {text:?}"
        );
    }
    (child, err)
}

#[test]
fn two_xtasks_on_one_cache_wait_for_each_other() {
    let world = World::new();
    let tarball = world.tarball("7.3");
    let held = lock(&world, "source");
    let mut cmd = world.fetch("7.3", &tarball);
    let (mut first, _first_err) = start_until(&mut cmd, "waiting for another xtask");
    let (mut second, _second_err) = start_until(&mut cmd, "waiting for another xtask");
    assert!(first.try_wait().unwrap().is_none());
    drop(held);
    assert!(first.wait().unwrap().success());
    assert!(second.wait().unwrap().success());
    // One source and the link to it.
    assert_eq!(left_in_cache(&world), 2);
}

#[test]
fn interrupt_while_waiting() {
    let world = World::new();
    let tarball = world.tarball("7.3");
    let _held = lock(&world, "source");
    let mut cmd = world.fetch("7.3", &tarball);
    let (mut child, _err) = start_until(&mut cmd, "waiting for another xtask");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn interrupt_leaves_no_program_and_no_half_source() {
    let world = World::new();
    let pid_file = world.path("pid");
    // The shell stands for apt-get. The program that it starts must end, too.
    let script = format!("sleep 1000 & echo $! > {}; wait", pid_file.display());
    world.script("bin/apt-get", &script);
    let mut cmd = world.xtask("build-kernel --fetch");
    cmd.env("PATH", world.search_path());
    let (mut child, _err) = start_until(&mut cmd, "fetching Linux");
    while fs::read_to_string(&pid_file).unwrap_or_default().is_empty() {
        sleep(Duration::from_millis(20));
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let sleeper: i32 = fs::read_to_string(&pid_file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    // A killed program whose parent is gone may stay as a zombie.
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{sleeper}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    // Up to 20 seconds, on a busy host.
    let gone = (0..1000).any(|_| {
        sleep(Duration::from_millis(20));
        !runs()
    });
    assert!(gone, "process {sleeper} still runs");
    assert_eq!(left_in_cache(&world), 0);
}
