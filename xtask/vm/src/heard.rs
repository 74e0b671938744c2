// SPDX-License-Identifier: GPL-2.0
//! Reads a guest's reports: lines of a file that another process is still writing.

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
/// Time limit from the verdict to the end of QEMU, or of the init that runs without QEMU.
const POWER_OFF_LIMIT: Duration = Duration::from_secs(30);

/// A line of the report port: a report, or a text that is no report.
pub type ReportLine = Result<Report, String>;

pub struct Heard {
    reports: BufReader<File>,
    /// Bytes that were read and are not yet a whole line.
    partial: Vec<u8>,
    pub lines: Vec<ReportLine>,
    /// When the last line came. Before the first line: when the file was opened.
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

    /// Follows the guest until `child`, which runs it, ends or a limit is exceeded. Each limit is
    /// multiplied by `times`, for slow kernels.
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
            // The exit is checked before the reports are read. Otherwise the last reports could be
            // missed.
            let exited = child.try_wait().context("waiting for a guest")?;
            self.listen(on_report)?;
            if let Some(status) = exited {
                return Ok(End::Exited(status));
            }
            let silence = self.verdict.map_or(limits.silence, |_| POWER_OFF_LIMIT) * times;
            if self.last.elapsed() > silence {
                let seconds = silence.as_secs();
                return Ok(End::TimeUp(format!(
                    "the guest hangs: no report for {seconds} s"
                )));
            }
            if start.elapsed() > total {
                let seconds = total.as_secs();
                return Ok(End::TimeUp(format!(
                    "the guest did not finish within {seconds} s"
                )));
            }
            sleep(TICK);
        }
    }

    /// Returns the last stage that the guest reported. Without a stage, the text says whether the
    /// guest reported anything.
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
