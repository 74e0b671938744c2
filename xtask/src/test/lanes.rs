// SPDX-License-Identifier: GPL-2.0
//! Runs the steps of `test` in two lanes, one step at a time in each. Guests leave half of two CPUs
//! idle, so steps without guests run concurrently with them, at low priority. Once no guest is
//! left, both lanes run such steps.
//!
//! A step waits for the step named in its `after`, whichever lane runs that, and fails if that step
//! failed.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use kernel::image::Image;
use toolbox::cases::Case;
use toolbox::fault::{self, Kind};
use toolbox::options::{Accel, spelled};
use toolbox::place::Place;
use toolbox::run::{self, Stage};
use toolbox::tools::Tools;
use vm::accel::{self, Accelerator};
use vm::session::Rig;

use super::steps::Step;

/// How often a step that waits for another step checks for ^C.
const TICK: Duration = Duration::from_millis(100);

pub struct Outcome {
    pub case: Case,
    /// None if the step passed.
    pub kind: Option<Kind>,
    pub took: Duration,
}

/// The accelerator, probed once for all steps: where KVM runs no guest, a probe takes seconds in
/// each command.
pub struct AccelOnce {
    pub wanted: Accel,
    /// The kernel that the probe boots.
    pub kernel: PathBuf,
    pub tools: Tools,
}

impl AccelOnce {
    /// Returns the accelerator. Without a kernel it cannot be probed, and `auto` stays `auto`.
    fn get(&mut self, place: &Place) -> Result<Accel> {
        if self.wanted == Accel::Auto && self.kernel.is_file() {
            let rig = Rig::with_tools(place, self.tools.clone())?;
            self.wanted = match accel::choose(&rig, &Image::file(&self.kernel)?, Accel::Auto)? {
                Accelerator::Kvm => Accel::Kvm,
                Accelerator::Tcg => Accel::Tcg,
            };
        }
        Ok(self.wanted)
    }
}

/// Outcomes of the steps that have ended, in the order of their ends.
#[derive(Default)]
struct Ended {
    outcomes: Mutex<Vec<Outcome>>,
    another: Condvar,
}

impl Ended {
    fn lock(&self) -> MutexGuard<'_, Vec<Outcome>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of a step. Returns true if it passed.
    fn passed(&self, name: &str) -> Result<bool> {
        let mut outcomes = self.lock();
        loop {
            if let Some(outcome) = outcomes.iter().find(|outcome| outcome.case.name == name) {
                return Ok(outcome.kind.is_none());
            }
            run::check_interrupt()?;
            let woken = self.another.wait_timeout(outcomes, TICK);
            outcomes = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn add(&self, outcome: Outcome) {
        if outcome.kind.is_some() {
            eprintln!("{}", outcome.case.detail);
        }
        self.lock().push(outcome);
        self.another.notify_all();
    }
}

/// Runs all steps, even if some fail. The only error is an interrupt, which ends both lanes.
pub fn run(place: &Place, steps: Vec<Step>, mut accelerator: AccelOnce) -> Result<Vec<Outcome>> {
    let ended = Ended::default();
    let (beside, main): (Vec<Step>, Vec<Step>) = steps.into_iter().partition(|step| step.beside);
    let beside = Mutex::new(beside.into_iter());
    let next = || beside.lock().ok()?.next();
    let run_beside = || -> Result<()> {
        while let Some(step) = next() {
            ended.add(step.outcome_after(&ended, place)?);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let lane = scope.spawn(run_beside);
        for step in main {
            ended.add(on_accelerator(step, &mut accelerator, &ended, place)?);
        }
        run_beside()?;
        lane.join().expect("the lane does not panic")
    })?;
    let outcomes = ended.outcomes.into_inner();
    Ok(outcomes.unwrap_or_else(PoisonError::into_inner))
}

fn on_accelerator(
    mut step: Step,
    accelerator: &mut AccelOnce,
    ended: &Ended,
    place: &Place,
) -> Result<Outcome> {
    if step.boots {
        match accelerator.get(place) {
            Ok(accel) => step = step.arg("--accel", spelled(accel)),
            Err(err) => return step.judged(Err(err), Duration::ZERO),
        }
    }
    step.outcome_after(ended, place)
}

impl Step {
    /// Runs the step after the one that it needs, unless that one failed.
    fn outcome_after(&self, ended: &Ended, place: &Place) -> Result<Outcome> {
        if let Some(needed) = &self.after
            && !ended.passed(needed)?
        {
            let why = format!("{} was not run, because {needed} failed", self.name);
            return self.judged(Err(fault::test_failed(why)), Duration::ZERO);
        }
        let log = place.logs().join(format!("test-{}.log", self.name));
        let start = Instant::now();
        let stage = Stage::new(&self.name).fails_as(Kind::TestFailed);
        let ran = stage.run(&mut self.command(place), &log);
        self.judged(ran, start.elapsed())
    }

    /// Makes an outcome of a step's result. An interrupt stays an error.
    fn judged(&self, ran: Result<()>, took: Duration) -> Result<Outcome> {
        let (kind, detail) = match ran {
            Ok(()) => (None, String::new()),
            Err(err) if fault::kind_of(&err) == Kind::Interrupted => return Err(err),
            Err(err) => (Some(fault::kind_of(&err)), format!("{err:#}")),
        };
        let case = Case {
            name: self.name.clone(),
            status: kind.is_none().into(),
            detail,
        };
        Ok(Outcome { case, kind, took })
    }

    fn command(&self, place: &Place) -> Command {
        let mut cmd = place.cargo();
        if self.beside {
            let mut nice = Command::new("nice");
            nice.args(["-n", "19"]).arg(cmd.get_program());
            nice.current_dir(&place.root);
            cmd = nice;
        }
        cmd.args(&self.args);
        cmd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::steps::step;
    use std::sync::mpsc;

    fn outcomes(place: &Place, steps: Vec<Step>) -> Vec<Outcome> {
        let accelerator = AccelOnce {
            wanted: Accel::Tcg,
            kernel: PathBuf::new(),
            tools: Tools::default(),
        };
        run(place, steps, accelerator).unwrap()
    }

    #[test]
    fn a_step_waits_for_the_other_lane_and_fails_with_it() {
        let steps = vec![
            step("lanes-good", "--version"),
            step("lanes-bad", "no-such-command"),
            step("lanes-beside", "--version")
                .after("lanes-good")
                .beside(),
            step("lanes-beside-bad", "--version")
                .after("lanes-bad")
                .beside(),
            step("lanes-back", "--version").after("lanes-beside-bad"),
        ];
        let place = Place::find().unwrap();
        let outcomes = outcomes(&place, steps);
        let mut failed: Vec<&str> = Vec::new();
        for outcome in outcomes.iter().filter(|outcome| outcome.kind.is_some()) {
            failed.push(&outcome.case.name);
        }
        assert_eq!(outcomes.len(), 5);
        assert_eq!(failed, ["lanes-bad", "lanes-beside-bad", "lanes-back"]);
        let log = place.logs().join("test-lanes-beside.log");
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.starts_with("$ cd ") && log.contains("nice -n 19 "));
    }

    /// The lane that takes the first step waits for the other lane.
    #[test]
    fn the_first_lane_helps_once_it_has_nothing_left() {
        let (done, wait) = mpsc::channel();
        thread::spawn(move || {
            let steps = vec![
                step("lanes-waits", "--version")
                    .after("lanes-helps")
                    .beside(),
                step("lanes-helps", "--version").beside(),
            ];
            let outcomes = outcomes(&Place::find().unwrap(), steps);
            let passed = outcomes.iter().all(|outcome| outcome.kind.is_none());
            done.send((outcomes.len(), passed))
        });
        let ended = wait.recv_timeout(Duration::from_secs(60));
        assert_eq!(ended, Ok((2, true)), "no lane ran the second step");
    }
}
