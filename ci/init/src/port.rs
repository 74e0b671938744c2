// SPDX-License-Identifier: GPL-2.0
//! The line to the host. It carries the reports; the verdict is the last one.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};
use guest_protocol::{Ask, Cell, Outcome, Report};
use nix::sys::termios::tcdrain;

const PATH: &str = "/dev/ttyS1";
const ALIVE_EVERY: Duration = Duration::from_secs(5);

pub struct Port {
    asker: Asker,
    failed: Vec<String>,
    /// When the last sign of life was sent.
    alive: Option<Instant>,
}

impl Port {
    pub fn open() -> Result<Port> {
        let line = File::options().write(true).open(PATH);
        line.map(Port::to)
            .with_context(|| format!("opening {PATH}"))
    }

    pub fn to(line: File) -> Port {
        Port {
            asker: Asker(Arc::new(line)),
            failed: Vec::new(),
            alive: None,
        }
    }

    pub fn send(&mut self, report: &Report) -> Result<()> {
        self.asker.send(report)
    }

    pub fn asker(&self) -> Asker {
        self.asker.clone()
    }

    pub fn stage(&mut self, name: impl Into<String>) -> Result<()> {
        self.send(&Report::Stage { name: name.into() })
    }

    /// Reports how far a long operation is. Callers may call it often: it sends a report only every
    /// `ALIVE_EVERY`.
    pub fn progress(&mut self, how_far: impl FnOnce() -> String) -> Result<()> {
        if self.alive.is_none_or(|at| at.elapsed() >= ALIVE_EVERY) {
            self.alive = Some(Instant::now());
            self.stage(how_far())?;
        }
        Ok(())
    }

    /// Runs one check and reports its outcome. A check that fails does not end the scenario, but
    /// makes the verdict a failure. A check that returns [`Untried`] is skipped.
    pub fn case(&mut self, name: &str, check: impl FnOnce() -> Result<String>) -> Result<()> {
        self.stage(name)?;
        let outcome = check();
        let name = name.to_owned();
        if let Err(err) = &outcome {
            if let Some(Untried(why)) = err.downcast_ref() {
                let why = why.clone();
                return self.send(&Report::Skip { name, why });
            }
            self.failed.push(name.clone());
        }
        self.send(&Report::Case {
            name,
            pass: outcome.is_ok(),
            detail: outcome.unwrap_or_else(|err| format!("{err:#}")),
        })
    }

    /// Whether a check has failed, so that the verdict will be a failure.
    pub fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    pub fn cell(&mut self, cell: Cell) -> Result<()> {
        if matches!(cell.outcome, Outcome::Fail { .. }) {
            self.failed.push(format!("{}: {}", cell.device, cell.check));
        }
        self.send(&Report::Cell(cell))
    }

    /// Does the work and sends the verdict as the last line, also after a panic. It consumes the
    /// port, so there cannot be a second verdict.
    pub fn verdict_of(mut self, work: impl FnOnce(&mut Port) -> Result<()>) -> Result<()> {
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut self)));
        let reason = match outcome {
            Err(panic) => format!("init panicked: {}", panic_message(&*panic)),
            Ok(Err(err)) => format!("{err:#}"),
            Ok(Ok(())) if self.has_failed() => format!("failed: {}", self.failed.join(", ")),
            Ok(Ok(())) => String::new(),
        };
        self.send(&Report::Verdict {
            pass: reason.is_empty(),
            reason,
        })?;
        self.drain()
    }

    /// Waits until everything has been sent to the host.
    pub fn drain(&self) -> Result<()> {
        let line = &self.asker.0;
        match line.is_terminal() {
            true => tcdrain(line).with_context(|| format!("draining {PATH}")),
            false => Ok(()),
        }
    }
}

pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown reason")
}

/// Error of a check that does not apply to this kernel or machine. The text is the reason.
#[derive(Debug)]
pub struct Untried(pub String);

pub fn untried(why: impl Into<String>) -> Error {
    Error::new(Untried(why.into()))
}

impl fmt::Display for Untried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Untried {}

/// Sends requests and reports to the host, from any thread.
#[derive(Clone)]
pub struct Asker(Arc<File>);

impl Asker {
    pub fn ask(&self, ask: Ask) -> Result<()> {
        self.send(&Report::Ask(ask))
    }

    pub fn send(&self, report: &Report) -> Result<()> {
        let mut json = serde_json::to_vec(report)?;
        json.push(b'\n');
        // Use a single write: after a crash there is a whole line or none.
        let written = self.0.as_ref().write_all(&json);
        written.with_context(|| format!("writing to {PATH}"))
    }
}
