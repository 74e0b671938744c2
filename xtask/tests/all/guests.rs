// SPDX-License-Identifier: GPL-2.0
//! How guests that fail are reported, and what a measured guest leaves. The tests boot the kernel
//! that build-kernel left, or the bzImage that TEST_KERNEL names. `cargo xtask test` runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::Ran;

/// Time limit for a process to start or to end. It allows for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn kernel() -> PathBuf {
    let path = std::env::var_os("TEST_KERNEL").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/kernel/7.3/bzImage"),
        PathBuf::from,
    );
    assert!(
        path.is_file(),
        "{} is missing: run `cargo xtask build-kernel`",
        path.display()
    );
    path
}

/// A running xtask command. Its guest runs under TCG, and its results go to a temporary folder.
struct Run {
    child: Child,
    out: TempDir,
}

/// An xtask command that has ended, and its folder of results.
struct End {
    ran: Ran,
    out: TempDir,
}

impl Run {
    fn start(args: &str) -> Run {
        let out = TempDir::new().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(args.split_whitespace())
            .args(["--accel", "tcg", "--kernel"])
            .arg(kernel())
            .arg("--out")
            .arg(out.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Run { child, out }
    }

    fn scenario(name: &str, time_limit: &str) -> Run {
        Run::start(&format!(
            "boot-test --scenario {name} --time-limit {time_limit}"
        ))
    }

    fn end(self) -> End {
        End {
            ran: self.child.wait_with_output().unwrap().into(),
            out: self.out,
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Waits until this command has started QEMU, and returns QEMU's process ID.
    fn qemu(&self) -> Pid {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(pid) = guest_of(self.pid()) {
                return pid;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("QEMU was not started within {PATIENCE:?}");
    }
}

/// Returns the child that runs a guest. A QEMU that is only asked for its version has no -initrd.
fn guest_of(parent: Pid) -> Option<Pid> {
    let is_guest = |(_, args): &(Pid, String)| args.contains("-initrd");
    Some(children(parent).into_iter().find(is_guest)?.0)
}

/// Returns the children of a process, each with its command line.
fn children(parent: Pid) -> Vec<(Pid, String)> {
    let child = |entry: fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        // pid (name) state parent ...
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let of_parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)? == parent.to_string();
        let args = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        of_parent.then(|| (Pid::from_raw(pid), args))
    };
    let processes = fs::read_dir("/proc").unwrap();
    processes.filter_map(|entry| child(entry.ok()?)).collect()
}

fn assert_gone(pid: Pid) {
    let start = Instant::now();
    while kill(pid, None).is_ok() {
        assert!(start.elapsed() < PATIENCE, "process {pid} still runs");
        sleep(Duration::from_millis(50));
    }
}

impl End {
    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.out.path().join(name)).unwrap()).unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.out.path().join(name)).unwrap()
    }
}

/// What every error about a guest must contain.
const TOLD: [&str; 4] = [
    "stage: ",
    "console: ",
    "QEMU: ",
    "again: cargo xtask boot-test",
];

#[test]
#[ignore = "boots a guest"]
fn a_panic_is_4_with_the_first_splat() {
    let end = Run::scenario("panic", "60").end();
    end.ran
        .fails(4, &["Kernel panic - not syncing: sysrq", "Call Trace:"]);
    end.ran.fails(4, &TOLD);
    end.ran.fails(4, &["stage: crashing the kernel"]);
    assert!(end.text("result.ktap").contains("not ok 1"));
    assert!(end.text("junit.xml").contains("failures=\"1\""));
    let fault = &end.json("run.json")["guests"][0]["fault"];
    assert!(fault.as_str().unwrap().contains("Kernel panic"));
}

#[test]
#[ignore = "boots a guest"]
fn a_splat_is_4_whatever_the_verdict() {
    let end = Run::scenario("splat", "60").end();
    end.ran
        .fails(4, &["the guest's kernel complained", "Call Trace:"]);
}

#[test]
#[ignore = "boots a guest"]
fn a_hang_is_5_with_the_last_lines() {
    let end = Run::scenario("hang", "15").end();
    end.ran
        .fails(5, &["no report for 15 s", "stage: hanging", "last lines:"]);
    end.ran.fails(5, &TOLD);
}

#[test]
#[ignore = "boots a guest"]
fn a_killed_qemu_is_told() {
    let run = Run::scenario("hang", "60");
    kill(run.qemu(), Signal::SIGKILL).unwrap();
    let end = run.end();
    end.ran.fails(6, &["QEMU was killed by signal 9"]);
    end.ran.fails(6, &TOLD);
}

#[test]
#[ignore = "boots a guest"]
fn an_interrupt_leaves_no_qemu() {
    let run = Run::scenario("hang", "60");
    let qemu = run.qemu();
    kill(run.pid(), Signal::SIGINT).unwrap();
    run.end().ran.fails(130, &["interrupted"]);
    assert_gone(qemu);
}

#[test]
#[ignore = "boots a guest"]
fn qemu_dies_with_a_killed_xtask() {
    let run = Run::scenario("hang", "60");
    let qemu = run.qemu();
    kill(run.pid(), Signal::SIGKILL).unwrap();
    assert_eq!(run.end().ran.code, None);
    assert_gone(qemu);
}

#[test]
#[ignore = "boots a guest"]
fn a_quick_bench_leaves_results_table_and_plot() {
    let end = Run::start("bench --quick --seed 7").end();
    end.ran.passes();
    let results = end.json("results.json");
    assert_eq!(results["schema"], 1);
    assert_eq!(results["accel"], "tcg");
    assert_eq!(results["env"]["seed"], 7);
    let cases = results["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        assert_eq!(case["ratio"]["poll_source"]["pairs"], 2, "{case}");
        assert_eq!(case["variants"]["io_poll"]["irqs_per_op"], 0.0, "{case}");
    }
    assert!(end.text("table.md").contains("| randread@100us, iops "));
    assert!(end.text("gain.svg").starts_with("<svg"));
}

#[test]
#[ignore = "boots a guest"]
fn a_quick_network_bench_leaves_results_table_and_plot() {
    let end = Run::start("bench --workload net --quick --seed 7").end();
    end.ran.says(&["network: "]);
    let results = end.json("results.json");
    assert!(results["env"]["network"].is_string());
    let cases = results["cases"].as_array().unwrap();
    let names: Vec<_> = cases
        .iter()
        .map(|case| case["name"].as_str().unwrap())
        .collect();
    let wanted = [
        "net/udp-rr",
        "net/tcp-rr",
        "net/stream-out",
        "net/stream-in",
    ];
    assert_eq!(names, wanted);
    for case in cases {
        assert_eq!(case["ratio"]["poll_source"]["pairs"], 2, "{case}");
    }
    for case in &cases[..2] {
        let irqs = |variant: &str| case["variants"][variant]["irqs_per_op"].as_f64().unwrap();
        assert!(irqs("poll_source") < irqs("before"), "{case}");
        let latency = &case["variants"]["before"]["latency_us"];
        assert_eq!(latency["p99"].as_array().unwrap().len(), 2, "{case}");
    }
    assert!(end.text("table.md").contains("| udp-rr, round trips/s "));
    assert!(end.text("net.svg").starts_with("<svg"));
}

/// If xtask is killed, the servers, the process that holds the namespace, and QEMU end as well.
#[test]
#[ignore = "boots a guest"]
fn a_killed_network_bench_leaves_no_process() {
    let run = Run::start("bench --workload net --quick");
    run.qemu();
    let children = children(run.pid());
    let servers = children
        .iter()
        .filter(|(_, args)| args.contains("sockperf"));
    assert_eq!(servers.count(), 2, "{children:?}");
    kill(run.pid(), Signal::SIGKILL).unwrap();
    assert_eq!(run.end().ran.code, None);
    for (pid, _) in children {
        assert_gone(pid);
    }
}
