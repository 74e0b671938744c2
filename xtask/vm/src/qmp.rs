// SPDX-License-Identifier: GPL-2.0
//! QEMU's control socket: sends commands and waits for events. Other files decide what to ask.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(10);

/// A folder for the socket. It is outside the checkout, because a socket's path must be short.
pub struct Socket {
    dir: TempDir,
}

impl Socket {
    pub fn new() -> Result<Socket> {
        let dir = TempDir::with_prefix("qmp").context("making a folder for QEMU's socket")?;
        Ok(Socket { dir })
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("qmp")
    }

    pub fn qemu_args(&self) -> [String; 2] {
        let path = self.path();
        [
            "-qmp".into(),
            format!("unix:{},server=on,wait=off", path.display()),
        ]
    }

    /// Connects to QEMU, which takes a moment until it listens.
    pub fn open(&self) -> Result<Qmp> {
        let start = Instant::now();
        loop {
            match UnixStream::connect(self.path()) {
                Err(err)
                    if start.elapsed() < LIMIT
                        && matches!(
                            err.kind(),
                            ErrorKind::NotFound | ErrorKind::ConnectionRefused
                        ) =>
                {
                    sleep(Duration::from_millis(20));
                }
                stream => {
                    return Qmp::greet(stream.context("connecting to QEMU's control socket")?);
                }
            }
        }
    }
}

pub struct Qmp {
    stream: BufReader<UnixStream>,
    /// The events that came while something else was expected.
    events: Vec<Value>,
}

impl Qmp {
    fn greet(stream: UnixStream) -> Result<Qmp> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut qmp = Qmp {
            stream: BufReader::new(stream),
            events: Vec::new(),
        };
        let greeting = qmp.receive()?;
        ensure!(
            greeting.get("QMP").is_some(),
            "QEMU's control socket sent no greeting, but {greeting}"
        );
        qmp.ask("qmp_capabilities")?;
        Ok(qmp)
    }

    /// Sends a command without arguments. Returns the answer.
    pub fn ask(&mut self, command: &str) -> Result<Value> {
        self.command(command, json!({}))
    }

    /// Sends a command. Returns the answer, and keeps the events that come before it.
    pub fn command(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let line = json!({ "execute": command, "arguments": arguments }).to_string() + "\n";
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .with_context(|| format!("sending {command} to QEMU"))?;
        loop {
            let mut answer = self.receive()?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            ensure!(
                answer.get("event").is_some(),
                "QEMU did not accept {}: {answer}",
                line.trim()
            );
            self.events.push(answer);
        }
    }

    /// Returns the threads in the answer to query-cpus-fast or query-iothreads.
    pub fn threads(&mut self, command: &str) -> Result<Vec<Pid>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Entry {
            thread_id: i32,
        }
        let entries: Vec<Entry> = serde_json::from_value(self.ask(command)?)
            .with_context(|| format!("reading QEMU's answer to {command}"))?;
        let threads = entries.iter().map(|entry| Pid::from_raw(entry.thread_id));
        Ok(threads.collect())
    }

    /// Waits for an event of this name about this device, unless it has already come.
    pub fn wait_for(&mut self, event: &str, device: &str) -> Result<()> {
        let is_it = |value: &Value| value["event"] == event && value["data"]["device"] == device;
        let start = Instant::now();
        loop {
            if let Some(at) = self.events.iter().position(is_it) {
                self.events.remove(at);
                return Ok(());
            }
            ensure!(
                start.elapsed() < LIMIT,
                "QEMU sent no {event} for {device} within {} s",
                LIMIT.as_secs()
            );
            let next = self.receive();
            self.events.push(
                next.with_context(|| format!("waiting for QEMU's event {event} for {device}"))?,
            );
        }
    }

    fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .context("reading from QEMU's control socket")?;
        serde_json::from_str(&line).with_context(|| format!("parsing QEMU's answer {line:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Plays QEMU: sends one of the lines after each line that it receives. Returns what it
    /// received.
    fn qemu(theirs: UnixStream, lines: &'static [&'static str]) -> thread::JoinHandle<String> {
        thread::spawn(move || {
            let mut stream = BufReader::new(theirs);
            let mut asked = String::new();
            stream.get_mut().write_all(b"{\"QMP\": {}}\r\n").unwrap();
            for line in lines {
                stream.read_line(&mut asked).unwrap();
                stream.get_mut().write_all(line.as_bytes()).unwrap();
            }
            asked
        })
    }

    #[test]
    fn an_event_counts_whenever_it_came() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let event = "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"blk\"}}\r\n\
                     {\"return\": [{\"thread-id\": 41}, {\"thread-id\": 42}]}\r\n\
                     {\"event\": \"DEVICE_DELETED\", \"data\": {\"path\": \"/a\"}}\r\n\
                     {\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"net\"}}\r\n";
        let qemu = qemu(theirs, Box::leak(Box::new(["{\"return\": {}}\r\n", event])));
        let mut qmp = Qmp::greet(ours).unwrap();
        let threads = qmp.threads("query-cpus-fast").unwrap();
        assert_eq!(threads, [41, 42].map(Pid::from_raw));
        qmp.wait_for("DEVICE_DELETED", "blk").unwrap();
        qmp.wait_for("DEVICE_DELETED", "net").unwrap();
        assert!(qemu.join().unwrap().contains("query-cpus-fast"));
        assert!(qmp.wait_for("DEVICE_DELETED", "net").is_err());
    }
}
