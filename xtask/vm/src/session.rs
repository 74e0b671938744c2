// SPDX-License-Identifier: GPL-2.0
//! One guest from start to end: starts QEMU, follows the reports, stops QEMU when its time is up,
//! and keeps all logs. `verdict.rs` judges how it ended.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fs_err::{self as fs, File};
use guest_protocol::{Report, Scenario};
use nix::unistd::Pid;

use super::accel::Accelerator;
use super::heard::Heard;
use super::initramfs::{self, GuestBase, Orders};
use super::machine::{self, GuestFiles, MEMORY_DISK_BYTES, Machine};
use super::qmp::{self, Qmp};
use super::threads::Threads;
use super::verdict;
use kernel::image::Image;
use toolbox::fault;
use toolbox::lock::{self, Lock};
use toolbox::place::Place;
use toolbox::run::{self, Tied};
use toolbox::tools::Tools;

const TICK: Duration = Duration::from_millis(50);

/// What every guest on this host needs.
#[derive(Clone)]
pub struct Rig {
    pub place: Place,
    pub tools: Tools,
    /// The part of the guest's file system that no scenario changes.
    pub base: GuestBase,
}

impl Rig {
    pub fn with_tools(place: &Place, tools: Tools) -> Result<Rig> {
        Ok(Rig {
            place: place.clone(),
            tools,
            base: GuestBase::Init(initramfs::build_init(place)?),
        })
    }
}

/// How long a guest may take. A guest with a slow kernel gets a multiple.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest time without a report.
    pub silence: Duration,
    pub total: Duration,
}

/// A guest to be run.
pub struct Plan {
    /// Name of the folder of its logs.
    pub name: String,
    pub image: Image,
    pub machine: Machine,
    pub accel: Accelerator,
    pub scenario: Scenario,
    /// Programs of the host that the guest gets.
    pub programs: Vec<PathBuf>,
    pub limits: Limits,
    pub threads: Threads,
    /// The command that runs all this again, for the error message.
    pub rerun: String,
}

/// A guest that has ended.
pub struct Ended {
    pub reports: Vec<Report>,
    /// Whether the guest passed; if not, a fault with all details.
    pub outcome: Result<()>,
    pub qemu_line: String,
    pub files: GuestFiles,
    /// Time from QEMU's start to the verdict.
    pub verdict_after: Option<Duration>,
}

/// A guest that runs.
pub struct Session<'a> {
    plan: &'a Plan,
    files: GuestFiles,
    /// It is killed when this is dropped.
    qemu: Tied,
    qemu_line: String,
    started: Instant,
    /// Present if threads are placed, if the machine has a board, or if the machine asks for it.
    control: Option<qmp::Socket>,
    /// Lock on the folder of logs: two runs must not share it.
    _lock: Lock,
}

impl<'a> Session<'a> {
    pub fn start(rig: &Rig, plan: &'a Plan) -> Result<Session<'a>> {
        run::check_interrupt()?;
        let lock = lock::take_here(&rig.place, &format!("guest-{}", plan.name))?;
        let files = lay_out(rig, plan)?;
        let mut cmd = machine::command(
            &rig.tools.qemu,
            plan.accel,
            &plan.machine,
            &plan.image,
            &files,
        );
        // The command is recorded without the control socket, which no longer exists when somebody
        // repeats it.
        let qemu_line = run::command_line(&cmd);
        let wanted = plan.threads != Threads::Anywhere
            || plan.machine.control
            || plan.machine.board.is_some();
        let control = wanted.then(qmp::Socket::new).transpose()?;
        if let Some(control) = &control {
            cmd.args(control.qemu_args());
        }
        let log = std::fs::File::from(File::create(files.qemu())?);
        cmd.stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let qemu = Tied::spawn(&mut cmd)?;
        let mut session = Session {
            plan,
            files,
            qemu,
            qemu_line,
            started: Instant::now(),
            control,
            _lock: lock,
        };
        if let Err(err) = session.place_threads()
            && !session.is_ending()?
        {
            return Err(err);
        }
        Ok(session)
    }

    fn place_threads(&self) -> Result<()> {
        let Some(control) = &self.control else {
            return Ok(());
        };
        let machine = &self.plan.machine;
        self.plan.threads.place(self.pid(), control, machine)
    }

    pub fn pid(&self) -> Pid {
        self.qemu.pid()
    }

    /// Connects to QEMU's control socket. None if QEMU is going away; finish() reports why.
    pub fn control(&mut self) -> Result<Option<Qmp>> {
        let control = self
            .control
            .as_ref()
            .context("this guest has no control socket")?;
        match control.open() {
            Ok(qmp) => Ok(Some(qmp)),
            Err(_) if self.is_ending()? => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Whether QEMU goes away by itself. If so, finish() reports it, with QEMU's output.
    fn is_ending(&mut self) -> Result<bool> {
        for _ in 0..20 {
            let exited = self.qemu.0.try_wait().context("waiting for QEMU")?;
            if exited.is_some() {
                return Ok(true);
            }
            sleep(TICK);
        }
        Ok(false)
    }

    /// Follows the guest to its end and judges it.
    pub fn finish(mut self, mut on_report: impl FnMut(&Report)) -> Result<Ended> {
        let mut heard = Heard::new(&self.files.reports())?;
        let (limits, times) = (self.plan.limits, self.plan.image.config.patience());
        let end = heard.follow(&mut self.qemu.0, limits, times, &mut on_report)?;
        let outcome = verdict::judge(&end, &heard, &self.files).map_err(|(kind, what)| {
            let (console, qemu, again) =
                (self.files.console(), &self.qemu_line, &self.plan.rerun);
            let stage = heard.stage();
            let console = console.display();
            fault::fault(
                kind,
                format!(
                    "{what}\n  stage: {stage}\n  console: {console}\n  QEMU: {qemu}\n  again: {again}"
                ),
            )
        });
        Ok(Ended {
            reports: heard.lines.into_iter().flatten().collect(),
            outcome,
            qemu_line: self.qemu_line,
            files: self.files,
            verdict_after: heard.verdict.map(|at| at.duration_since(self.started)),
        })
    }
}

/// Prepares the run's folder: the files that the guest boots from, and empty logs.
fn lay_out(rig: &Rig, plan: &Plan) -> Result<GuestFiles> {
    let files = GuestFiles {
        dir: rig.place.logs().join(&plan.name),
    };
    fs::create_dir_all(&files.dir)?;
    let programs: Vec<&Path> = plan.programs.iter().map(PathBuf::as_path).collect();
    let (proofs, modules) = match plan.scenario {
        // The probe only asks whether a guest runs at all, and has little time.
        Scenario::Probe => Default::default(),
        _ => (plan.image.config.proofs(), &plan.image.modules[..]),
    };
    initramfs::write(
        &files.initramfs(),
        &rig.base,
        &programs,
        &Orders {
            scenario: &plan.scenario,
            proofs: &proofs,
            modules,
        },
    )?;
    if plan.machine.has_memory_disk() {
        File::create(files.memory_disk())?.set_len(MEMORY_DISK_BYTES)?;
    }
    if let Some(board) = &plan.machine.board {
        board.lay_out(&files)?;
    }
    for log in [files.console(), files.reports()] {
        File::create(&log)?;
    }
    Ok(files)
}
