// SPDX-License-Identifier: GPL-2.0
//! QEMU's control socket, used for one thing: to learn which threads run the processors and the
//! disks, and give each a processor of the host to itself.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(10);

/// A place for the socket: its path must be shorter than a checkout's may be.
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

    /// Processors first, in their order, then the disks' thread.
    pub fn pin_threads(&self, cpus: u32) -> Result<()> {
        let host = host_cpus()?;
        ensure!(
            host.len() > cpus as usize,
            "{} host processors are too few for {cpus} and a disk thread",
            host.len()
        );
        let mut qmp = Qmp::greet(self.connect()?)?;
        let mut threads = thread_ids(&qmp.ask("query-cpus-fast")?)?;
        threads.extend(thread_ids(&qmp.ask("query-iothreads")?)?);
        for (thread, cpu) in threads.into_iter().zip(host) {
            pin(Pid::from_raw(thread), cpu)?;
        }
        Ok(())
    }

    /// QEMU takes a moment until it listens.
    fn connect(&self) -> Result<UnixStream> {
        let start = Instant::now();
        loop {
            match UnixStream::connect(self.path()) {
                Ok(stream) => return Ok(stream),
                Err(err)
                    if start.elapsed() < LIMIT
                        && matches!(
                            err.kind(),
                            ErrorKind::NotFound | ErrorKind::ConnectionRefused
                        ) =>
                {
                    sleep(Duration::from_millis(20));
                }
                Err(err) => return Err(err).context("connecting to QEMU's control socket"),
            }
        }
    }
}

/// Moves a thread to a processor, and what it starts from now on.
pub fn pin(thread: Pid, cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(thread, &set).with_context(|| format!("moving thread {thread} to CPU {cpu}"))
}

/// The processors that this process may use.
pub fn host_cpus() -> Result<Vec<usize>> {
    let set = sched_getaffinity(Pid::from_raw(0)).context("asking for the host's processors")?;
    Ok((0..CpuSet::count())
        .filter(|&cpu| set.is_set(cpu).unwrap_or(false))
        .collect())
}

struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    fn greet(stream: UnixStream) -> Result<Qmp> {
        stream.set_read_timeout(Some(LIMIT))?;
        let mut qmp = Qmp {
            stream: BufReader::new(stream),
        };
        let greeting = qmp.receive()?;
        ensure!(
            greeting.get("QMP").is_some(),
            "not QEMU's greeting: {greeting}"
        );
        qmp.ask("qmp_capabilities")?;
        Ok(qmp)
    }

    /// The answer to a command without arguments. Events may come before it.
    fn ask(&mut self, command: &str) -> Result<Value> {
        let line = json!({ "execute": command }).to_string() + "\n";
        self.stream
            .get_mut()
            .write_all(line.as_bytes())
            .with_context(|| format!("asking QEMU for {command}"))?;
        loop {
            let mut answer = self.receive()?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            ensure!(answer.get("event").is_some(), "{command}: {answer}");
        }
    }

    fn receive(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stream
            .read_line(&mut line)
            .context("reading from QEMU's control socket")?;
        serde_json::from_str(&line).with_context(|| format!("understanding QEMU's answer {line:?}"))
    }
}

fn thread_ids(answer: &Value) -> Result<Vec<i32>> {
    let entries = answer.as_array().context("QEMU's answer is no list")?;
    entries
        .iter()
        .map(|entry| {
            let id = entry.get("thread-id").and_then(Value::as_i64);
            let id = id.and_then(|id| i32::try_from(id).ok());
            id.with_context(|| format!("no thread-id in {entry}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn events_before_an_answer_are_passed_over() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = thread::spawn(move || {
            let mut stream = BufReader::new(theirs);
            let say = |stream: &mut BufReader<UnixStream>, line: &str| {
                stream.get_mut().write_all(line.as_bytes()).unwrap();
            };
            let mut asked = String::new();
            say(&mut stream, "{\"QMP\": {}}\r\n");
            stream.read_line(&mut asked).unwrap();
            say(&mut stream, "{\"return\": {}}\r\n");
            stream.read_line(&mut asked).unwrap();
            say(&mut stream, "{\"event\": \"RESUME\"}\r\n");
            say(
                &mut stream,
                "{\"return\": [{\"thread-id\": 41}, {\"thread-id\": 42}]}\r\n",
            );
            asked
        });
        let mut qmp = Qmp::greet(ours).unwrap();
        let cpus = qmp.ask("query-cpus-fast").unwrap();
        assert_eq!(thread_ids(&cpus).unwrap(), [41, 42]);
        assert!(qemu.join().unwrap().contains("query-cpus-fast"));
    }

    #[test]
    fn an_answer_without_threads_is_an_error() {
        assert!(thread_ids(&json!([{ "cpu-index": 0 }])).is_err());
        assert!(thread_ids(&json!({})).is_err());
    }
}
