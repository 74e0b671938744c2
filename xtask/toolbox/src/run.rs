// SPDX-License-Identifier: GPL-2.0
//! Runs programs, shows their progress and writes their logs. A child of a [`Stage`], or a [`Tied`]
//! child, has a process group of its own and dies with xtask. A stage's child is killed on ^C.

use std::io::{BufRead, BufReader, IsTerminal, PipeReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fs_err::{self as fs, File};
use indicatif::{ProgressBar, ProgressStyle};
use nix::sys::prctl;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use xshell::Cmd;

use crate::fault::{self, Kind};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Number of last output lines that the error of a failed command repeats.
const TAIL: usize = 15;
/// Interval between the status lines of a stage if stderr is a plain log (CI). A program's output
/// goes to its own log, so the plain log needs them even if the program prints a lot.
const HEARTBEAT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(100);
/// How long the output of an ended program is still read if another process holds the pipe open.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Makes ^C and SIGTERM set a flag instead of ending xtask, so that xtask can kill its children.
pub fn watch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .context("installing the ^C handler")
}

pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

pub fn check_interrupt() -> Result<()> {
    if interrupted() {
        return Err(fault::interrupted());
    }
    Ok(())
}

/// Sleeps. Fails on ^C.
pub fn sleep(time: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        check_interrupt()?;
        let left = time.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(TICK));
    }
}

/// A step that takes so long that the user wants to see progress.
pub struct Stage {
    name: String,
    start: Instant,
    /// The progress display; None if stderr is not a terminal.
    bar: Option<ProgressBar>,
    /// The kind of fault of a command that fails in this stage.
    kind: Kind,
}

impl Stage {
    pub fn new(name: impl Into<String>) -> Stage {
        let name = name.into();
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg}")
                .expect("the template is a constant");
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.set_prefix(name.clone());
            bar.enable_steady_tick(TICK);
            bar
        });
        if bar.is_none() {
            eprintln!("{name} ...");
        }
        Stage {
            name,
            start: Instant::now(),
            bar,
            kind: Kind::Environment,
        }
    }

    /// Sets the kind of fault of a command that fails in this stage.
    pub fn fails_as(mut self, kind: Kind) -> Stage {
        self.kind = kind;
        self
    }

    /// Shows `line` in the progress display, if there is one.
    pub fn tell(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(line.to_owned());
        }
    }

    /// Runs `cmd` to its end, and writes its stdout and stderr to `log`. A failing status is a
    /// fault.
    pub fn run(&self, cmd: &mut Command, log: &Path) -> Result<()> {
        let (status, printed) = self.ask(cmd, log)?;
        if status.success() {
            return Ok(());
        }
        let line = command_line(cmd);
        let skipped = printed.lines().count().saturating_sub(TAIL);
        let tail = printed.lines().skip(skipped);
        let tail: String = tail.map(|line| format!("\n    {line}")).collect();
        Err(fault::fault(
            self.kind,
            format!(
                "{} failed: {status}\n  command: {line}\n  log: {}\n  its last lines:{tail}",
                self.name,
                log.display(),
            ),
        ))
    }

    /// Like [`Stage::run`], for a program whose status is a result: returns the status and all
    /// output.
    pub fn ask(&self, cmd: &mut Command, log: &Path) -> Result<(ExitStatus, String)> {
        check_interrupt()?;
        let mut file = open_log(log)?;
        let line = command_line(cmd);
        writeln!(file, "$ {line}")?;
        let (mut child, output) = spawn(cmd)?;
        let followed = self.follow(&mut child, &output, &mut file);
        if followed.is_err() {
            kill_group(&mut child);
        }
        let (status, printed) = followed?;
        // A full disk is a fault of the environment in every stage.
        if !status.success() && printed.contains("No space left on device") {
            return Err(fault::environment(format!(
                "{} failed: the disk is full\n  command: {line}\n  log: {}",
                self.name,
                log.display()
            )));
        }
        Ok((status, printed))
    }

    fn follow(
        &self,
        child: &mut Child,
        output: &Receiver<String>,
        log: &mut File,
    ) -> Result<(ExitStatus, String)> {
        let mut printed = String::new();
        let mut spoke = Instant::now();
        let mut ended: Option<(ExitStatus, Instant)> = None;
        loop {
            check_interrupt()?;
            match output.recv_timeout(TICK) {
                Ok(line) => {
                    writeln!(log, "{line}").context("writing the log")?;
                    self.tell(&line);
                    printed += &(line + "\n");
                }
                Err(RecvTimeoutError::Disconnected) => return Ok((child.wait()?, printed)),
                // On a busy machine the child's last output may arrive after its end. So note the
                // end and read on, but not for long: a program that the child left behind may hold
                // the pipe open.
                Err(RecvTimeoutError::Timeout) if ended.is_none() => {
                    ended = child.try_wait()?.map(|status| (status, Instant::now()));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some((status, since)) = ended
                && since.elapsed() > LAST_WORDS
            {
                return Ok((status, printed));
            }
            if self.bar.is_none() && spoke.elapsed() > HEARTBEAT {
                spoke = Instant::now();
                let last = printed.lines().next_back().unwrap_or_default();
                eprintln!("{} ... {} s: {last}", self.name, self.elapsed().as_secs());
            }
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}: {:.1} s", self.name, self.elapsed().as_secs_f32());
    }
}

/// Runs a short command and returns its stdout without the final newline.
pub fn read(cmd: Cmd<'_>) -> Result<String> {
    read_if(cmd, |status| status == 0).map(|(_, text)| text)
}

/// Like [`read`], for a command whose exit code is a result: also returns the exit code. Fails
/// unless the exit code is `fine`.
pub fn read_if(cmd: Cmd<'_>, fine: fn(i32) -> bool) -> Result<(i32, String)> {
    check_interrupt()?;
    let line = cmd.to_string();
    let output = cmd.quiet().ignore_status().output().map_err(|err| {
        fault::environment(format!("cannot run the program: {err}\n  command: {line}"))
    })?;
    let code = output.status.code().filter(|&code| fine(code));
    let Some(code) = code else {
        // ^C also goes to the program, and may end it before xtask's own handler has run.
        check_interrupt()?;
        if output.status.signal() == Some(Signal::SIGINT as i32) {
            return Err(fault::interrupted());
        }
        let told = String::from_utf8_lossy(&output.stderr);
        let told = told.trim_end().replace('\n', "\n    ");
        let status = output.status;
        return Err(fault::environment(format!(
            "a command failed: {status}\n  command: {line}\n    {told}"
        )));
    };
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.ends_with('\n') {
        text.pop();
    }
    Ok((code, text))
}

/// A child that is killed, with all processes of its group, when this is dropped.
pub struct Tied(pub Child);

impl Tied {
    pub fn spawn(cmd: &mut Command) -> Result<Tied> {
        spawn_tied(cmd).map(Tied)
    }

    pub fn pid(&self) -> Pid {
        pid(&self.0)
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        kill_group(&mut self.0);
    }
}

/// Starts a program in its own process group. The kernel kills it when xtask dies: it ties the
/// program's life to the *thread* that spawns it. So the main thread spawns long-lived children.
fn spawn_tied(cmd: &mut Command) -> Result<Child> {
    let die_with_parent = || prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from);
    // SAFETY: runs between fork and exec; prctl(2) is async-signal-safe.
    let tied = unsafe { cmd.process_group(0).pre_exec(die_with_parent) };
    tied.spawn().map_err(|err| {
        let line = command_line(cmd);
        fault::environment(format!("cannot run the program: {err}\n  command: {line}"))
    })
}

fn kill_group(child: &mut Child) {
    let _ = killpg(pid(child), Signal::SIGKILL);
    let _ = child.wait();
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// The command as a user would type it, with its folder and environment variables.
pub fn command_line(cmd: &Command) -> String {
    let mut words = Vec::new();
    if let Some(dir) = cmd.get_current_dir() {
        words.push(format!("cd {} &&", dir.display()));
    }
    for (key, value) in cmd.get_envs() {
        if let Some(value) = value {
            words.push(format!(
                "{}={}",
                key.display(),
                quote(&value.to_string_lossy())
            ));
        }
    }
    words.push(quote(&cmd.get_program().to_string_lossy()));
    words.extend(cmd.get_args().map(|arg| quote(&arg.to_string_lossy())));
    words.join(" ")
}

/// Quotes a word for the shell if it needs that.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// make's option for one job on each available CPU.
pub fn jobs() -> Result<String> {
    Ok(format!("-j{}", thread::available_parallelism()?))
}

/// Opens a log for appending. Creates its folder.
fn open_log(log: &Path) -> Result<File> {
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir)?;
    }
    Ok(File::options().create(true).append(true).open(log)?)
}

fn spawn(cmd: &mut Command) -> Result<(Child, Receiver<String>)> {
    let (reader, writer) = std::io::pipe()?;
    cmd.stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let child = spawn_tied(cmd);
    // `cmd` still holds the write ends of the pipe. The pipe never closes unless they are dropped.
    cmd.stdout(Stdio::null()).stderr(Stdio::null());
    Ok((child?, lines(reader)))
}

fn lines(reader: PipeReader) -> Receiver<String> {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(reader).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if tx.send(line).is_err() {
                break;
            }
        }
    });
    rx
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_command_status_log_and_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let stage = Stage::new("trying").fails_as(Kind::Build);
        let mut cmd = Command::new("sh");
        cmd.args(["-c", "echo out; echo err >&2; exit 3"]);
        let err = stage.run(&mut cmd, &log).unwrap_err();
        assert_eq!(fault::kind_of(&err), Kind::Build);
        let text = err.to_string();
        for part in ["trying", "exit status: 3", "sh -c 'echo out;", "out", "err"] {
            assert!(text.contains(part), "{part:?} is missing from {text:?}");
        }
        assert!(fs::read_to_string(&log).unwrap().contains("err"));
    }

    /// Output that arrives late is read: a compiler's last warning must not be lost on a busy
    /// machine.
    #[test]
    fn what_comes_after_the_end_is_heard_and_is_not_waited_for_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut cmd = Command::new("sh");
        cmd.args(["-c", "(sleep 0.5; echo late; exec sleep 60) &"]);
        let start = Instant::now();
        Stage::new("trying").run(&mut cmd, &log).unwrap();
        assert!(fs::read_to_string(&log).unwrap().contains("late"));
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_an_interrupt_ended_is_interrupted() {
        let sh = xshell::Shell::new().unwrap();
        let script = "kill -INT $$";
        let err = read(xshell::cmd!(sh, "sh -c {script}")).unwrap_err();
        assert_eq!(fault::kind_of(&err), Kind::Interrupted);
    }

    #[test]
    fn full_disk_is_environment_whatever_the_stage() {
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::new("trying").fails_as(Kind::Build);
        let mut cmd = Command::new("sh");
        cmd.args(["-c", "echo cc: No space left on device; exit 1"]);
        let err = stage.run(&mut cmd, &dir.path().join("log")).unwrap_err();
        assert_eq!(fault::kind_of(&err), Kind::Environment);
    }
}
