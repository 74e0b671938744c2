// SPDX-License-Identifier: GPL-2.0
//! Judges how a guest ended: it passed, or which fault. The first cause is reported, in this order:
//! the kernel complained; time ran out; QEMU failed; the console is unknown; the verdict.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use guest_protocol::Report;

use super::console::{self, Splat};
use super::heard::{Heard, ReportLine};
use super::machine::GuestFiles;
use toolbox::fault::Kind;

/// How many last lines of a log an error repeats.
const TAIL: usize = 15;

/// How the run ended.
#[derive(Debug)]
pub enum End {
    Exited(ExitStatus),
    /// A limit was exceeded. The text says which one.
    TimeUp(String),
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
        End::TimeUp(what) => Err((Kind::Hang, what.clone())),
    }
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

    fn pass() -> ReportLine {
        Ok(Report::Verdict {
            pass: true,
            reason: String::new(),
        })
    }

    fn end(status: i32) -> End {
        End::Exited(ExitStatus::from_raw(status))
    }

    /// Checks that the run failed with this kind and text.
    fn fails(
        end: &End,
        lines: &[ReportLine],
        console: Result<Option<Splat>, String>,
        (kind, part): (Kind, &str),
    ) {
        let (found, what) = weigh(end, lines, &console).unwrap_err();
        assert_eq!(found, kind, "{what}");
        assert!(what.contains(part), "{part:?} is missing from {what}");
    }

    #[test]
    fn only_one_passing_verdict_on_a_clean_console_passes() {
        assert_eq!(weigh(&end(0), &[pass()], &Ok(None)), Ok(()));
        let splat = Splat {
            headline: "WARNING: x".into(),
            excerpt: "WARNING: x".into(),
        };
        let complained = (Kind::Guest, "complained: WARNING: x");
        fails(&end(0), &[pass()], Ok(Some(splat)), complained);
        let unread = (Kind::Guest, "cannot be checked: empty");
        fails(&end(0), &[pass()], Err("empty".into()), unread);
        let late = End::TimeUp("no report for 9 s".into());
        fails(&late, &[pass()], Ok(None), (Kind::Hang, "9 s"));
        let killed = (Kind::Environment, "signal 9");
        fails(&end(9), &[], Ok(None), killed);
    }

    #[test]
    fn verdicts_must_be_one_and_last() {
        let stage = || {
            Ok(Report::Stage {
                name: "later".into(),
            })
        };
        let fail = Ok(Report::Verdict {
            pass: false,
            reason: "no haltpoll".into(),
        });
        for (lines, kind, part) in [
            (vec![], Kind::Guest, "without a verdict"),
            (vec![stage()], Kind::Guest, "without a verdict"),
            (
                vec![pass(), pass()],
                Kind::Guest,
                "verdicts from the guest: 2",
            ),
            (vec![pass(), stage()], Kind::Guest, "as its last report"),
            (vec![Err("{torn".into()), pass()], Kind::Guest, "{torn"),
            (vec![fail], Kind::TestFailed, "no haltpoll"),
        ] {
            fails(&end(0), &lines, Ok(None), (kind, part));
        }
    }
}
