// SPDX-License-Identifier: GPL-2.0
//! Runs one check on one kernel, as a separate process, and judges how it ends. With the bug the
//! check must fail in a way that the manifest lists; without a bug it must pass.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use fs_err as fs;

use super::manifest::GuestPlant;
use kernel::build_kernel::Kernel;
use plants::check::GuestFails;
use toolbox::cases::{Case, Status};
use toolbox::fault::{self, Kind};
use toolbox::place::Place;
use toolbox::run::Stage;
use vm::accel::Accelerator;

pub struct Trial<'a> {
    pub place: &'a Place,
    pub accel: Accelerator,
    pub out: &'a Path,
}

/// How a check ended.
struct Ended {
    code: Option<i32>,
    said: String,
}

impl Trial<'_> {
    /// Runs the check without a bug: it must pass.
    pub fn without(&self, plant: &GuestPlant, kernel: Result<Kernel>) -> Result<Case> {
        let name = format!("nothing planted: {}", plant.command());
        let ended = kernel.and_then(|kernel| self.run(&name, plant, &kernel.bzimage));
        let outcome = ended.and_then(|ended| match ended.code {
            Some(0) => Ok("passes".into()),
            _ => bail!("fails without a bug: {}", ended.error()),
        });
        case(name, &plant.command(), outcome)
    }

    /// Runs the check with the bug: the check, or the build, must catch it.
    pub fn with(&self, plant: &GuestPlant, bzimage: Result<PathBuf>) -> Result<Case> {
        let name = plant.plant.name.clone();
        let ends = &plant.check.ends;
        if let Some(line) = bzimage.as_ref().err().and_then(|err| refused(ends, err)) {
            return case(name, "build-kernel", Ok(line));
        }
        let ended = bzimage.and_then(|bzimage| self.run(&name, plant, &bzimage));
        let outcome = ended.and_then(|ended| caught(ends, &ended));
        case(name, &plant.command(), outcome)
    }

    fn run(&self, name: &str, plant: &GuestPlant, bzimage: &Path) -> Result<Ended> {
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let log = self.place.logs().join(format!("planted-{name}.log"));
        let _ = fs::remove_file(&log);
        let mut cmd = Command::new(env::current_exe()?);
        cmd.current_dir(&self.place.root)
            .args(plant.check.run.split(' '))
            .arg("--kernel")
            .arg(bzimage)
            .args(["--accel", self.accel.name(), "--out"])
            .arg(self.out.join(&name));
        let stage = Stage::new(format!("{name}: {}", plant.command()));
        let (status, said) = stage.ask(&mut cmd, &log)?;
        let code = status.code();
        if code == Some(Kind::Interrupted.exit_code().into()) {
            return Err(fault::interrupted());
        }
        Ok(Ended { code, said })
    }
}

/// Makes a case. Prints it at once, because the whole run takes long. A check that could not run
/// counts as a failure, but an interrupt by the user is returned as an error.
fn case(name: String, check: &str, outcome: Result<String>) -> Result<Case> {
    let status = Status::from(outcome.is_ok());
    let said = match outcome {
        Ok(said) => said,
        Err(err) if fault::kind_of(&err) == Kind::Interrupted => return Err(err),
        Err(err) => format!("{err:#}"),
    };
    println!("{}  {name}: {said}", status.sign());
    Ok(Case {
        name,
        status,
        detail: format!("{check}: {said}"),
    })
}

/// Returns the line of the error if the build failed in a way that the manifest lists.
fn refused(ends: &[(GuestFails, String)], err: &anyhow::Error) -> Option<String> {
    let of_build = |(fails, says): &(GuestFails, String)| {
        (*fails == GuestFails::Build && fault::kind_of(err) == Kind::Build).then_some(says.clone())
    };
    let text = format!("{err:#}");
    let says = ends.iter().find_map(of_build)?;
    let line = text.lines().find(|line| line.contains(&says))?;
    Some(line.trim().to_owned())
}

fn caught(ends: &[(GuestFails, String)], ended: &Ended) -> Result<String> {
    let as_known = ends.iter().find_map(|(fails, says)| {
        let code = i32::from(kind(*fails).exit_code());
        let mut lines = ended.said.lines();
        let line = lines.find(|line| line.contains(says))?;
        (ended.code == Some(code)).then(|| line.trim().to_owned())
    });
    match (as_known, ended.code) {
        (Some(line), _) => Ok(line),
        (None, Some(0)) => bail!("NOT CAUGHT"),
        (None, code) => bail!(
            "NOT CAUGHT: the check failed in another way, with {code:?}: {}",
            ended.error()
        ),
    }
}

fn kind(fails: GuestFails) -> Kind {
    match fails {
        GuestFails::Build => Kind::Build,
        GuestFails::Test => Kind::TestFailed,
        GuestFails::Splat => Kind::Guest,
        GuestFails::Hang => Kind::Hang,
    }
}

impl Ended {
    /// Returns the line that says why the check failed.
    fn error(&self) -> String {
        let error = self.said.lines().find(|line| line.starts_with("error: "));
        error
            .or(self.said.lines().last())
            .unwrap_or("the check printed nothing")
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> [(GuestFails, String); 2] {
        [
            (GuestFails::Hang, "no report for".into()),
            (GuestFails::Splat, "poll_source_unbind".into()),
        ]
    }

    fn ended(code: i32, said: &str) -> Ended {
        Ended {
            code: Some(code),
            said: said.into(),
        }
    }

    #[test]
    fn a_build_that_must_fail_is_the_bug_caught_too() {
        let built = |says: &str| [(GuestFails::Build, says.to_owned())];
        let err = fault::fault(
            Kind::Build,
            "objtool printed warnings:\n  x+0x4a: leaves .noinstr",
        );
        let line = refused(&built("leaves .noinstr"), &err);
        assert_eq!(line.unwrap(), "x+0x4a: leaves .noinstr");
        assert_eq!(refused(&built("other"), &err), None);
        assert_eq!(refused(&ends(), &err), None);
    }

    #[test]
    fn only_the_failure_that_is_known_is_the_bug_caught() {
        let good = ended(4, "x\n  WARNING: at poll_source_unbind_here+0x1\n");
        assert_eq!(
            caught(&ends(), &good).unwrap(),
            "WARNING: at poll_source_unbind_here+0x1"
        );
        let passed = ended(0, "poll_source_unbind");
        let why = caught(&ends(), &passed).unwrap_err().to_string();
        assert_eq!(why, "NOT CAUGHT");
        for other in [ended(4, "error: Oops"), ended(1, "poll_source_unbind")] {
            let why = caught(&ends(), &other).unwrap_err().to_string();
            assert!(why.contains("another way"), "{why}");
        }
    }
}
