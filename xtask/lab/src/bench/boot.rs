// SPDX-License-Identifier: GPL-2.0
//! One boot of a benchmark, for any device: its time limits, and the collection of its reports.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Facts, Report};

use crate::testbed::TestBed;
use toolbox::fault;
use toolbox::run::Stage;
use vm::machine::GuestFiles;
use vm::session::{Limits, Plan};
use vm::spent::Spent;

/// Time for the boot, or for the start and end of a client, under KVM. TCG gets a multiple.
const SILENCE: Duration = Duration::from_secs(15);

/// The results of one boot.
pub struct BenchBoot<M> {
    pub facts: Facts,
    pub measured: Vec<M>,
    pub files: GuestFiles,
}

/// The time limits of a guest that does `runs` timed runs of length `run`. `patience` is the
/// factor for everything else.
pub fn limits(patience: u32, run: Duration, runs: usize) -> Limits {
    let slack = SILENCE * patience;
    Limits {
        silence: run + slack,
        total: slack + (run + slack / 4) * runs as u32,
    }
}

/// Boots the guest and collects its timed runs. Fails unless their number is `runs`. `run`
/// extracts a timed run from a report, and can query the CPU time that QEMU spent in it.
pub fn follow<M>(
    bed: &TestBed,
    plan: &Plan,
    runs: usize,
    stage: &Stage,
    mut run: impl FnMut(&Report, &mut Spent) -> Option<M>,
) -> Result<BenchBoot<M>> {
    let (mut facts, mut measured) = (Facts::default(), Vec::new());
    let session = bed.start(plan)?;
    let mut spent = Spent::by(session.pid());
    let ended = bed.finish(session, |report| match report {
        Report::Stage { name } => {
            stage.tell(name);
            spent.begin();
        }
        Report::Facts(found) => facts = found.clone(),
        report => measured.extend(run(report, &mut spent)),
    })?;
    ended.outcome?;
    let came = measured.len();
    if came != runs {
        return Err(fault::guest(format!(
            "the guest passed, but reported {came} of {runs} timed runs\n  reports: {}",
            ended.files.reports().display()
        )));
    }
    Ok(BenchBoot {
        facts,
        measured,
        files: ended.files,
    })
}
