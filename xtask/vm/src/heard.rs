// SPDX-License-Identifier: GPL-2.0
//! What comes from a guest: the lines of a file that somebody else still writes.

use std::io::{BufRead, BufReader};
use std::mem;
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fs_err::File;
use guest_protocol::Report;

use super::session::Limits;
use super::verdict::End;
use toolbox::run;

const TICK: Duration = Duration::from_millis(50);
/// From the verdict to QEMU's end.
const POWER_OFF_LIMIT: Duration = Duration::from_secs(30);

/// A line of the report port: a report, or what came instead.
pub type ReportLine = Result<Report, String>;

pub struct Heard {
    reports: BufReader<File>,
    /// Read, and not yet a whole line.
    partial: Vec<u8>,
    pub lines: Vec<ReportLine>,
    /// When the last line came; at first, when listening began.
    last: Instant,
    /// When the first verdict came.
    pub verdict: Option<Instant>,
}

impl Heard {
    pub fn new(reports: &Path) -> Result<Heard> {
        let file = File::open(reports)?;
        Ok(Heard {
            reports: BufReader::new(file),
            partial: Vec::new(),
            lines: Vec::new(),
            last: Instant::now(),
            verdict: None,
        })
    }

    /// Reads the whole lines that came since the last call.
    fn listen(&mut self, on_report: &mut impl FnMut(&Report)) -> Result<()> {
        loop {
            let read = self.reports.read_until(b'\n', &mut self.partial);
            read.context("reading a guest's reports")?;
            if !self.partial.ends_with(b"\n") {
                return Ok(());
            }
            let line = mem::take(&mut self.partial);
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            if line.is_empty() {
                continue;
            }
            self.last = Instant::now();
            let line: ReportLine = serde_json::from_str(&line).map_err(|_| line);
            if let Ok(report) = &line {
                on_report(report);
                if matches!(report, Report::Verdict { .. }) {
                    self.verdict.get_or_insert(self.last);
                }
            }
            self.lines.push(line);
        }
    }

    /// Follows the guest until what runs it ends, or a limit is over. A slow kernel gets each limit so
    /// many times.
    pub fn follow(
        &mut self,
        child: &mut Child,
        limits: Limits,
        times: u32,
        on_report: &mut impl FnMut(&Report),
    ) -> Result<End> {
        let start = Instant::now();
        let total = limits.total * times;
        loop {
            run::check_interrupt()?;
            // Looked at before the reports are read, so that the last of them are.
            let exited = child.try_wait().context("waiting for a guest")?;
            self.listen(on_report)?;
            if let Some(status) = exited {
                return Ok(End::Exited(status));
            }
            let silence = self.verdict.map_or(limits.silence, |_| POWER_OFF_LIMIT) * times;
            if self.last.elapsed() > silence {
                return Ok(End::Silent(silence));
            }
            if start.elapsed() > total {
                return Ok(End::Late(total));
            }
            sleep(TICK);
        }
    }

    /// What the guest did last.
    pub fn stage(&self) -> &str {
        let named = self.lines.iter().rev().find_map(|line| match line {
            Ok(Report::Stage { name }) => Some(name.as_str()),
            _ => None,
        });
        named.unwrap_or(match self.lines[..] {
            [] => "before the guest's first report",
            _ => "after the guest's first report",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn only_whole_lines_come_and_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reports");
        let mut file = File::create(&path).unwrap();
        let mut heard = Heard::new(&path).unwrap();
        let mut write = |text: &str| {
            file.write_all(text.as_bytes()).unwrap();
            heard.listen(&mut |_| ()).unwrap();
            let lines = mem::take(&mut heard.lines).into_iter();
            lines.map(Result::unwrap_err).collect::<Vec<_>>()
        };
        assert!(write("").is_empty());
        assert_eq!(write("one\r\ntw"), ["one"]);
        assert_eq!(write("o\r\n\r\nthree\n"), ["two", "three"]);
        assert!(write("").is_empty());
    }
}
