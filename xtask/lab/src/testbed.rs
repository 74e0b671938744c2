// SPDX-License-Identifier: GPL-2.0
//! What all guests of one command share: the kernel, what runs it, and the record of the guests in
//! run.json.

use std::cell::RefCell;
use std::path::PathBuf;

use anyhow::Result;
use guest_protocol::{Report, Scenario};

use kernel::image::{Image, KernelArgs};
use toolbox::options::{AccelArgs, OutArgs};
use toolbox::place::Place;
use toolbox::tools::Need;
use vm::accel::{self, Accelerator};
use vm::machine::Machine;
use vm::record::{Record, again};
use vm::session::{Ended, Limits, Plan, Rig, Session};
use vm::threads::Threads;

/// The options of commands for one kernel: the kernel, the accelerator, and the folder of results.
#[derive(clap::Args, Debug)]
pub struct GuestArgs {
    #[command(flatten)]
    pub kernel: KernelArgs,
    #[command(flatten)]
    accel: AccelArgs,
    #[command(flatten)]
    out: OutArgs,
}

impl GuestArgs {
    /// Builds the kernel if necessary, and chooses the accelerator. `name` is the folder of results
    /// in target/, `work` is what this machine must have for the guest's work.
    pub fn ready(&self, place: &Place, name: &str, work: &[Need]) -> Result<TestBed> {
        let out = self.out.folder(place, name)?;
        let kernel = self.kernel.resolve(place, work)?;
        let rig = Rig::with_tools(place, kernel.tools.clone())?;
        let image = kernel.image(place)?;
        let accel = accel::choose(&rig, &image, self.accel.accel)?;
        Ok(TestBed::new(rig, image, accel, out))
    }
}

pub struct TestBed {
    pub rig: Rig,
    pub image: Image,
    pub accel: Accelerator,
    /// The folder of results.
    pub out: PathBuf,
    record: RefCell<Record>,
}

impl TestBed {
    pub fn new(rig: Rig, image: Image, accel: Accelerator, out: PathBuf) -> TestBed {
        TestBed {
            record: Record::new(&rig, &image, accel).into(),
            rig,
            image,
            accel,
            out,
        }
    }

    /// Returns the usual plan of a guest: without programs of the host, its threads run anywhere,
    /// and this command runs it again.
    pub fn plan(
        &self,
        name: impl Into<String>,
        machine: Machine,
        scenario: Scenario,
        limits: Limits,
    ) -> Plan {
        Plan {
            name: name.into(),
            image: self.image.clone(),
            machine,
            accel: self.accel,
            scenario,
            programs: Vec::new(),
            limits,
            threads: Threads::Anywhere,
            rerun: again(),
        }
    }

    /// Runs a guest to its end.
    pub fn run(&self, plan: &Plan, on_report: impl FnMut(&Report)) -> Result<Ended> {
        self.finish(self.start(plan)?, on_report)
    }

    pub fn start<'a>(&self, plan: &'a Plan) -> Result<Session<'a>> {
        // An earlier command may have left its run.json.
        self.record.borrow().write(&self.out)?;
        Session::start(&self.rig, plan)
    }

    /// Follows a guest to its end. Writes run.json at once: it is needed most if the guest failed.
    pub fn finish(&self, session: Session, on_report: impl FnMut(&Report)) -> Result<Ended> {
        let ended = session.finish(on_report)?;
        self.record.borrow_mut().add(&ended);
        self.record.borrow().write(&self.out)?;
        Ok(ended)
    }
}
