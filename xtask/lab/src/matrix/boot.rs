// SPDX-License-Identifier: GPL-2.0
//! One boot of the matrix: the machine, the guest's orders, and an outcome for each of its cells,
//! even if the guest ended before it reported the cell.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{Report, Scenario, Vectors};

use super::qemu::Offer;
use super::results::CellOutcome;
use super::select::{CellKey, MatrixBoot, QUEUES};
use crate::testbed::TestBed;
use toolbox::cases::Status;
use toolbox::fault::{self, Kind};
use vm::ask::Host;
use vm::board::Board;
use vm::machine::{Machine, Network};
use vm::session::{Limits, Plan};

/// How long the guest may report nothing, under KVM. TCG gets a multiple. A new SCSI bus or a
/// thousand flips take longest.
const SILENCE: Duration = Duration::from_secs(45);
/// Average time for one cell, under KVM. TCG gets a multiple.
const CELL: Duration = Duration::from_secs(10);
/// Number of the guest's CPUs: each of a disk's queues has its own.
const CPUS: u32 = QUEUES;

/// Runs the boot, and prints each outcome at once. Returns the outcomes, and the guest's fault if
/// it is more than failed cells.
pub fn run(
    bed: &TestBed,
    offer: &Offer,
    boot: &MatrixBoot,
) -> Result<(Vec<CellOutcome>, Option<anyhow::Error>)> {
    let board = boot.board(offer);
    let plan = plan(bed, boot, &board);
    let mut session = bed.start(&plan)?;
    let mut host = Host::new(&mut session, &board)?;
    let mut tried = Vec::new();
    let ended = bed.finish(session, |report| match report {
        Report::Ask(ask) => host.grant(ask),
        Report::Cell(cell) => {
            let key = CellKey {
                place: boot.place,
                device: cell.device,
                check: cell.check,
            };
            tried.push(tell(CellOutcome::reported(key, cell)));
        }
        _ => {}
    })?;

    let unreported = unreported(&boot.keys(), &tried, ended.outcome.as_ref().err());
    tried.extend(unreported.into_iter().map(tell));
    // What helps a person to find the cause.
    let refused = host.refused.iter();
    let refused = refused.map(|it| format!("\n  the host could not carry out {it}"));
    let traces = format!(
        "{}\n  QEMU: {}\n  console: {}\n  again: the same command with ",
        refused.collect::<String>(),
        ended.qemu_line,
        ended.files.console().display()
    );
    for outcome in &mut tried {
        if outcome.status == Status::Fail {
            outcome.traces = format!("{traces}{}", outcome.key.options());
        }
    }
    if let Some(failed) = tried.iter().find(|o| o.status == Status::Fail) {
        // The traces of failed cells differ only in the last line, so only the first are printed.
        // The results have all of them.
        println!("{}{}", failed.key.name(), failed.traces);
    }
    let beyond_cells = |err: &anyhow::Error| fault::kind_of(err) != Kind::TestFailed;
    Ok((tried, ended.outcome.err().filter(beyond_cells)))
}

/// Prints an outcome.
pub fn tell(outcome: CellOutcome) -> CellOutcome {
    println!("{}", outcome.line());
    outcome
}

/// Returns the cells that the guest did not report, as failed. The guest went wrong in the first
/// of them.
fn unreported(
    keys: &[CellKey],
    tried: &[CellOutcome],
    fault: Option<&anyhow::Error>,
) -> Vec<CellOutcome> {
    let is_owed = |key: &&CellKey| !tried.iter().any(|outcome| outcome.key == **key);
    let what = fault.map(|err| {
        let text = format!("{err:#}");
        text.lines().next().unwrap_or_default().to_owned()
    });
    let why = |at: usize| match &what {
        None => "the guest passed, but did not report this cell".to_owned(),
        Some(what) if at == 0 => what.clone(),
        Some(what) => format!("not reached: {what}"),
    };
    let owed = keys.iter().filter(is_owed).enumerate();
    owed.map(|(at, key)| CellOutcome::new(*key, Status::Fail, why(at)))
        .collect()
}

fn plan(bed: &TestBed, boot: &MatrixBoot, board: &Board) -> Plan {
    let machine = Machine {
        cpus: CPUS,
        poll_queues: u32::from(boot.place.vectors == Vectors::PollQueues),
        network: Network::Shut,
        board: Some(board.clone()),
        ..Machine::bare()
    };
    let patience = bed.accel.patience();
    let cells = boot.keys().len() as u32;
    let limits = Limits {
        silence: SILENCE * patience,
        total: (SILENCE + CELL * cells) * patience,
    };
    let scenario = Scenario::Matrix(boot.matrix.clone());
    let tools = &bed.rig.tools;
    Plan {
        programs: vec![tools.fio.clone(), tools.ip.clone()],
        rerun: format!("the same command with {}", boot.options()),
        ..bed.plan(boot.name(), machine, scenario, limits)
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{key, passed};
    use super::*;
    use guest_protocol::cell::POLLED;
    use guest_protocol::{Device, Layout};

    #[test]
    fn a_dead_guest_fails_the_cell_it_died_in_and_those_after() {
        let keys = [Device::Blk, Device::Net, Device::Rng]
            .map(|device| key(device, Layout::Split, Vectors::Own));
        let tried = [passed(keys[0], Vectors::Own, POLLED)];
        let died = fault::guest("the guest's kernel complained: Oops\n  console: x");
        let owed = unreported(&keys, &tried, Some(&died));
        let seen: Vec<_> = owed.iter().map(|o| (o.key, o.said.as_str())).collect();
        let first = "the guest's kernel complained: Oops";
        let then = format!("not reached: {first}");
        assert_eq!(seen, [(keys[1], first), (keys[2], then.as_str())]);
        assert!(owed.iter().all(|outcome| outcome.status == Status::Fail));
    }

    #[test]
    fn a_cell_without_a_report_is_no_pass() {
        let keys = [key(Device::Blk, Layout::Split, Vectors::Own)];
        let owed = unreported(&keys, &[], None);
        assert_eq!(owed[0].status, Status::Fail);
        assert!(unreported(&keys, &[passed(keys[0], Vectors::Own, POLLED)], None).is_empty());
    }
}
