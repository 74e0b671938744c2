// SPDX-License-Identifier: GPL-2.0
//! Judges how a guest ended: it passed, or which fault. The first cause is reported, in this order:
//! the kernel complained; time ran out; QEMU failed; the console is unknown; the verdict.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use guest_protocol::Report;

use super::console::{self, Splat};
use super::heard::{Heard, ReportLine};
use super::machine::GuestFiles;
use toolbox::fault::Kind;

/// How many last lines of a log an error repeats.
const TAIL: usize = 15;

/// How the run ended.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Exited(ExitStatus),
    /// There was no report for this time.
    Silent(Duration),
    /// The guest was not done after this time.
    Late(Duration),
}

/// Why a guest did not pass.
type Failure = (Kind, String);

pub fn judge(end: &End, heard: &Heard, files: &GuestFiles) -> Result<(), Failure> {
    let console = console::scan_file(&files.console()).map_err(|err| format!("{err:#}"));
    weigh(end, &heard.lines, &console).map_err(|(kind, what)| match kind {
        Kind::Hang => (
            kind,
            what + &quote("console's last lines", &files.console()),
        ),
        Kind::Environment => (kind, what + &quote("QEMU printed", &files.qemu())),
        _ => (kind, what),
    })
}

/// Picks the first cause, without reading files.
fn weigh(
    end: &End,
    lines: &[ReportLine],
    console: &Result<Option<Splat>, String>,
) -> Result<(), Failure> {
    if let Ok(Some(splat)) = console {
        return Err((
            Kind::Guest,
            format!(
                "the guest's kernel complained: {}\n{}",
                splat.headline,
                indent(&splat.excerpt)
            ),
        ));
    }
    match end {
        End::Exited(status) if !status.success() => Err((Kind::Environment, qemu_failed(*status))),
        End::Exited(_) => {
            if let Err(unknown) = console {
                return Err((
                    Kind::Guest,
                    format!("the console cannot be checked: {unknown}"),
                ));
            }
            of_reports(lines)
        }
        late => in_time(*late),
    }
}

/// Fails if a limit was exceeded.
pub fn in_time(end: End) -> Result<(), Failure> {
    let late = match end {
        End::Exited(_) => return Ok(()),
        End::Silent(limit) => format!("the guest hangs: no report for {} s", limit.as_secs()),
        End::Late(limit) => format!("the guest did not finish within {} s", limit.as_secs()),
    };
    Err((Kind::Hang, late))
}

fn qemu_failed(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("QEMU was killed by signal {signal} while the guest ran"),
        None => format!("QEMU failed: {status}"),
    }
}

/// Fails unless every line is a report, there is exactly one verdict, it is the last line and it is
/// a pass.
pub fn of_reports(lines: &[ReportLine]) -> Result<(), Failure> {
    if let Some(Err(garbage)) = lines.iter().find(|line| line.is_err()) {
        return Err((
            Kind::Guest,
            format!("the guest sent a line that is not a report: {garbage}"),
        ));
    }
    let is_verdict = |line: &&ReportLine| matches!(line, Ok(Report::Verdict { .. }));
    let count = lines.iter().filter(is_verdict).count();
    match lines.last() {
        Some(Ok(Report::Verdict { pass, reason })) if count == 1 => {
            if *pass {
                Ok(())
            } else {
                Err((Kind::TestFailed, format!("the guest's verdict: {reason}")))
            }
        }
        _ if count == 0 => Err((Kind::Guest, "the guest ended without a verdict".into())),
        _ => Err((
            Kind::Guest,
            format!("verdicts from the guest: {count}. It must send one, as its last report"),
        )),
    }
}

fn quote(what: &str, path: &Path) -> String {
    match console::read(path) {
        Ok(text) if text.trim().is_empty() => format!("\n  {what}: none"),
        Ok(text) => format!("\n  {what}:\n{}", indent(&console::tail(&text, TAIL))),
        Err(err) => format!("\n  {what}: {err:#}"),
    }
}

fn indent(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Result<Option<Splat>, String> = Ok(None);

    fn done() -> End {
        End::Exited(ExitStatus::from_raw(0))
    }

    fn pass() -> ReportLine {
        Ok(Report::Verdict {
            pass: true,
            reason: String::new(),
        })
    }

    fn kind(
        end: End,
        lines: &[ReportLine],
        console: &Result<Option<Splat>, String>,
    ) -> Option<Kind> {
        weigh(&end, lines, console).err().map(|(kind, _)| kind)
    }

    #[test]
    fn one_passing_verdict_on_a_clean_console_passes() {
        assert_eq!(kind(done(), &[pass()], &CLEAN), None);
    }

    #[test]
    fn a_splat_outweighs_a_passing_verdict() {
        let splat = Ok(Some(Splat {
            headline: "WARNING: x".into(),
            excerpt: "WARNING: x".into(),
        }));
        assert_eq!(kind(done(), &[pass()], &splat), Some(Kind::Guest));
    }

    #[test]
    fn an_unread_console_is_no_pass() {
        let unread = Err("empty".into());
        assert_eq!(kind(done(), &[pass()], &unread), Some(Kind::Guest));
    }

    #[test]
    fn verdicts_must_be_one_and_last() {
        let stage = || {
            Ok(Report::Stage {
                name: "later".into(),
            })
        };
        for lines in [
            vec![],
            vec![stage()],
            vec![pass(), pass()],
            vec![pass(), stage()],
            vec![Err("{torn".into()), pass()],
        ] {
            assert_eq!(kind(done(), &lines, &CLEAN), Some(Kind::Guest), "{lines:?}");
        }
        let fail = Ok(Report::Verdict {
            pass: false,
            reason: "no haltpoll".into(),
        });
        assert_eq!(kind(done(), &[fail], &CLEAN), Some(Kind::TestFailed));
    }

    #[test]
    fn time_and_qemu_have_their_own_kinds() {
        let limit = Duration::from_secs(9);
        assert_eq!(kind(End::Silent(limit), &[], &CLEAN), Some(Kind::Hang));
        assert_eq!(kind(End::Late(limit), &[pass()], &CLEAN), Some(Kind::Hang));
        let killed = End::Exited(ExitStatus::from_raw(9));
        assert_eq!(kind(killed, &[], &CLEAN), Some(Kind::Environment));
        assert!(
            weigh(&killed, &[], &CLEAN)
                .unwrap_err()
                .1
                .contains("signal 9")
        );
    }
}
