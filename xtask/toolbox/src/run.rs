// SPDX-License-Identifier: GPL-2.0
//! Running programs: progress, logs, and nothing left behind. Every child has
//! a process group of its own, dies with xtask, and is killed on ^C.

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
/// Lines of a failed command's output that its error repeats.
const TAIL: usize = 15;
/// A plain log (CI) hears from a silent stage this often.
const HEARTBEAT: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(100);
/// How long the output of a program that ended is still listened to, if something holds it open.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Notes ^C and SIGTERM instead of dying, so that children can be killed.
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

/// A step that takes long enough for the user to want to see it move.
pub struct Stage {
    name: String,
    start: Instant,
    /// None where output is not a terminal.
    bar: Option<ProgressBar>,
    /// What a command that fails in this stage counts as.
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

    /// A command that fails in this stage is a fault of this kind.
    pub fn fails_as(mut self, kind: Kind) -> Stage {
        self.kind = kind;
        self
    }

    /// Shows one line of what is going on; nothing in a plain log.
    pub fn tell(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(line.to_owned());
        }
    }

    /// Runs `cmd` to its end, both outputs going to `log`.
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

    /// The same for a program that tells by its status what it found: gives that
    /// and all that it printed, which goes to `log` as well.
    pub fn ask(&self, cmd: &mut Command, log: &Path) -> Result<(ExitStatus, String)> {
        check_interrupt()?;
        let mut file = open_log(log)?;
        let line = command_line(cmd);
        writeln!(file, "$ {line}")?;
        let (mut child, output) = spawn(cmd, &line)?;
        let followed = self.follow(&mut child, &output, &mut file);
        if followed.is_err() {
            kill_group(&mut child);
        }
        let (status, printed) = followed?;
        // Whatever the stage is about, this is the machine's fault.
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
                // What the child said last may still be on its way on a busy machine; and a
                // program that it left behind may hold the pipe open.
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

/// Runs a short command and gives what it prints, without the last line's end.
pub fn read(cmd: Cmd<'_>) -> Result<String> {
    read_if(cmd, |status| status == 0).map(|(_, text)| text)
}

/// The same for a command that says something with its status: also gives that,
/// one of those that are `fine`.
pub fn read_if(cmd: Cmd<'_>, fine: fn(i32) -> bool) -> Result<(i32, String)> {
    check_interrupt()?;
    let line = cmd.to_string();
    let output = cmd.quiet().ignore_status().output().map_err(|err| {
        fault::environment(format!("cannot run the program: {err}\n  command: {line}"))
    })?;
    let code = output.status.code().filter(|&code| fine(code));
    let Some(code) = code else {
        // ^C goes to the program too, and may end it before our own handler has run.
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

/// Puts the program that `cmd` starts into a process group of its own, and has
/// it die when xtask does. The kernel ties the second to the *thread* that
/// spawns: spawn long-lived children from the main thread.
pub fn tie(cmd: &mut Command) -> &mut Command {
    let die_with_parent = || prctl::set_pdeathsig(Signal::SIGKILL).map_err(std::io::Error::from);
    // SAFETY: runs between fork and exec; prctl(2) is async-signal-safe.
    unsafe { cmd.process_group(0).pre_exec(die_with_parent) }
}

/// Kills a child made by [`tie`] and all that it started.
pub fn kill_group(child: &mut Child) {
    let group = Pid::from_raw(child.id().cast_signed());
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}

/// The command as a user would type it.
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

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// make's option for as many jobs as there are processors.
pub fn jobs() -> Result<String> {
    Ok(format!("-j{}", thread::available_parallelism()?))
}

/// Opens a log for appending, and makes its folder.
pub fn open_log(log: &Path) -> Result<File> {
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir)?;
    }
    File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening the log {}", log.display()))
}

fn spawn(cmd: &mut Command, line: &str) -> Result<(Child, Receiver<String>)> {
    let (reader, writer) = std::io::pipe()?;
    cmd.stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let child = tie(cmd).spawn().map_err(|err| {
        fault::environment(format!("cannot run the program: {err}\n  command: {line}"))
    });
    // The command holds the pipe's write ends: without this it never closes.
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

    /// A reader that the machine lets wait must not cost a compiler's last warning.
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
