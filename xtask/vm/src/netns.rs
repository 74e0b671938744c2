// SPDX-License-Identifier: GPL-2.0
//! A network namespace with a tap in it, for a guest and its servers. A process holds the namespace
//! and dies with xtask. The kernel removes namespace and tap when the last process inside has
//! ended.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use guest_protocol::net::HOST;
use nix::unistd::Pid;

use toolbox::run::{self, Tied};
use toolbox::tools::Tools;

pub const TAP: &str = "tap0";
const READY: &str = "ready";

/// How to start a program inside the namespace.
#[derive(Clone, Debug)]
pub struct Entry {
    /// nsenter and its arguments.
    words: Vec<OsString>,
}

impl Entry {
    pub fn command(&self, program: &Path) -> Command {
        let mut cmd = Command::new(&self.words[0]);
        cmd.args(&self.words[1..]).arg(program);
        cmd
    }
}

/// Creates a namespace with a tap of `pairs` queue pairs. Returns the process that holds it, and
/// the way in. The namespace goes away when that process and all programs that were started inside
/// have ended. The inner error is why this user may not have one.
pub fn with_tap(tools: &Tools, pairs: u32) -> Result<Result<(Tied, Entry), String>> {
    // Without privileges, root of a new user namespace is enough.
    let as_user = !nix::unistd::geteuid().is_root();
    let mut cmd = Command::new(&tools.unshare);
    if as_user {
        cmd.args(["--user", "--map-root-user"]);
    }
    let script = script(&tools.ip, pairs);
    cmd.args(["--net", "--", "sh", "-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut holder = Tied::spawn(&mut cmd)?;
    if is_ready(&mut holder) {
        let entry = entry(&tools.nsenter, holder.pid(), as_user);
        return Ok(Ok((holder, entry)));
    }
    let mut errors = holder.0.stderr.take().context("no stderr")?;
    drop(holder);
    let mut said = String::new();
    errors.read_to_string(&mut said).context("reading stderr")?;
    Ok(Err(match said.trim() {
        "" => format!("no answer from {}", run::command_line(&cmd)),
        said => said.replace('\n', "; "),
    }))
}

/// Waits until the script is ready or has failed. Returns whether it is ready. A script that failed
/// ends.
fn is_ready(holder: &mut Tied) -> bool {
    let mut line = String::new();
    let out = holder.0.stdout.take();
    let read = out.map(|out| BufReader::new(out).read_line(&mut line));
    read.is_some_and(|read| read.is_ok()) && line.trim() == READY
}

/// Returns a script that sets everything up, prints that it is ready, and waits for the end of its
/// input. The input ends when xtask is gone.
fn script(ip: &Path, pairs: u32) -> String {
    let ip = ip.display();
    // A tap either has several queues or not, and QEMU must open it accordingly.
    let kind = if pairs > 1 { " multi_queue" } else { "" };
    format!(
        "'{ip}' tuntap add dev {TAP} mode tap{kind} && '{ip}' address add {HOST}/24 dev {TAP} && \
         '{ip}' link set {TAP} up && '{ip}' link set lo up && echo {READY} && exec cat"
    )
}

fn entry(nsenter: &Path, holder: Pid, as_user: bool) -> Entry {
    let mut words = vec![
        nsenter.into(),
        "--target".into(),
        holder.to_string().into(),
        "--net".into(),
    ];
    if as_user {
        words.extend(["--user", "--preserve-credentials"].map(OsString::from));
    }
    words.push("--".into());
    Entry { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_enters_the_user_namespace_as_well() {
        let line = |as_user| {
            let entry = entry(Path::new("nsenter"), Pid::from_raw(7), as_user);
            run::command_line(&entry.command(Path::new("qemu")))
        };
        assert_eq!(line(false), "nsenter --target 7 --net -- qemu");
        assert_eq!(
            line(true),
            "nsenter --target 7 --net --user --preserve-credentials -- qemu"
        );
    }

    #[test]
    fn who_may_not_have_one_is_told_why() {
        let tools = Tools {
            unshare: "/bin/false".into(),
            ..Tools::default()
        };
        let outcome = with_tap(&tools, 1).unwrap();
        assert!(outcome.is_err_and(|why| why.contains("no answer")));
    }
}
