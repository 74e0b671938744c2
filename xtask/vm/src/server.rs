// SPDX-License-Identifier: GPL-2.0
//! A server on this host that a guest talks to. It lives until the value is dropped.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fs_err::{self as fs, File};

use super::threads;
use toolbox::fault;
use toolbox::run::{self, Tied};

/// Time limit from the server's start until it listens.
const LIMIT: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(20);

pub struct Server {
    child: Tied,
    line: String,
    log: PathBuf,
}

impl Server {
    pub fn start(cmd: &mut Command, log: PathBuf) -> Result<Server> {
        let line = run::command_line(cmd);
        let file = std::fs::File::from(File::create(&log)?);
        cmd.stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = Tied::spawn(cmd)?;
        Ok(Server { child, line, log })
    }

    /// Pins the server to one of this host's CPUs.
    pub fn pin(&self, cpu: usize) -> Result<()> {
        threads::pin(self.child.pid(), cpu)
    }

    /// Runs the server before everything else that wants this host's CPUs.
    pub fn put_first(&self) -> Result<()> {
        threads::put_first(self.child.pid())
    }

    /// Waits until the port is in a table of sockets of the server's network namespace, `udp` or
    /// `tcp`.
    pub fn wait_for(&mut self, table: &str, port: u16) -> Result<()> {
        let path = format!("/proc/{}/net/{table}", self.child.pid());
        let start = Instant::now();
        loop {
            run::check_interrupt()?;
            if let Some(status) = self.child.0.try_wait().context("waiting for a server")? {
                return Err(self.failed(&format!("ended: {status}")));
            }
            if fs::read_to_string(&path).is_ok_and(|sockets| is_bound(&sockets, port)) {
                return Ok(());
            }
            if start.elapsed() > LIMIT {
                let what = format!("does not listen after {} s", LIMIT.as_secs());
                return Err(self.failed(&what));
            }
            sleep(TICK);
        }
    }

    fn failed(&self, what: &str) -> anyhow::Error {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        fault::environment(format!(
            "a server {what}\n  command: {}\n  log: {}\n  it printed: {}",
            self.line,
            self.log.display(),
            said.trim()
        ))
    }
}

/// Whether a port is bound. `sockets` has the lines of /proc/net/tcp or udp: a number, then
/// ADDRESS:PORT in hexadecimal.
fn is_bound(sockets: &str, port: u16) -> bool {
    let own = format!(":{port:04X}");
    sockets
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .any(|local| local.ends_with(&own))
}

/// Returns a port that is free on this host. In a private network namespace any port would do.
pub fn free_udp_port() -> Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(socket.local_addr()?.port())
}

pub fn free_tcp_port() -> Result<u16> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for a free port")?;
    Ok(socket.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_port_is_found_by_its_number() {
        let sockets = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
            0: 0100007F:2B67 00000000:0000 0A 00000000:00000000\n   \
            1: 0100007F:0016 0100007F:2B68 01 00000000:00000000\n";
        assert!(is_bound(sockets, 11111));
        assert!(is_bound(sockets, 22));
        assert!(!is_bound(sockets, 11112), "11112 is a remote port");
    }

    #[test]
    fn a_server_listens_or_tells_why_not() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut cmd = Command::new("sh");
        cmd.args(["-c", "echo no such address; exit 3"]);
        let mut server = Server::start(&mut cmd, log).unwrap();
        let err = server.wait_for("tcp", 1).unwrap_err().to_string();
        for part in ["exit status: 3", "command: sh", "no such address"] {
            assert!(err.contains(part), "{part:?} is missing from {err}");
        }

        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let number = port.local_addr().unwrap().port();
        let mut cmd = Command::new("sleep");
        let mut server = Server::start(cmd.arg("60"), dir.path().join("log")).unwrap();
        server.wait_for("tcp", number).unwrap();
    }
}
