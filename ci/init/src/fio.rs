// SPDX-License-Identifier: GPL-2.0
//! Runs fio and parses its output. The scenarios choose the runs.

use anyhow::{Context, Result, bail, ensure};
use guest_protocol::Workload;
use serde::Deserialize;

use crate::client;

/// One run of fio. All runs have in common: blocks of 4k, one request at a time, direct I/O,
/// io_uring.
pub struct FioJob {
    args: Vec<String>,
}

impl FioJob {
    pub fn new(path: &str, workload: Workload) -> FioJob {
        let args = [
            "--name=job",
            "--bs=4k",
            // If the disk is gone for a moment, fio must not create a file with its name.
            "--allow_file_create=0",
            "--direct=1",
            "--iodepth=1",
            "--ioengine=io_uring",
            "--thread",
            "--disk_util=0",
            "--group_reporting",
            "--eta=never",
            "--output-format=json",
        ];
        let mut job = FioJob {
            args: args.map(str::to_owned).to_vec(),
        };
        job.arg(format!("--filename={path}"));
        job.arg(format!("--rw={workload}"));
        job
    }

    pub fn arg(&mut self, arg: impl Into<String>) -> &mut FioJob {
        self.args.push(arg.into());
        self
    }

    /// Runs for `ms` milliseconds instead of over the whole disk once. fio then needs no map of the
    /// blocks that it has done.
    pub fn for_ms(&mut self, ms: u64) -> &mut FioJob {
        self.arg("--time_based")
            .arg(format!("--runtime={ms}ms"))
            .arg("--norandommap")
    }

    /// Writes `size` in random order, then reads it back and compares.
    pub fn verifying(&mut self, size: &str) -> &mut FioJob {
        self.arg(format!("--size={size}"))
            .arg("--verify=crc32c")
            .arg("--verify_fatal=1")
    }

    /// Runs one job on each of these CPUs. fio's own threads run on the CPUs that the caller is
    /// pinned to.
    pub fn on_cpus(&mut self, cpus: &[usize]) -> &mut FioJob {
        let list: Vec<String> = cpus.iter().map(usize::to_string).collect();
        self.arg(format!("--numjobs={}", cpus.len()))
            .arg(format!("--cpus_allowed={}", list.join(",")))
            .arg("--cpus_allowed_policy=split")
    }

    pub fn run(&self) -> Result<FioRun> {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        parse(&client::run_words("fio", &args)?).with_context(|| format!("fio {}", args.join(" ")))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FioRun {
    pub ios: u64,
    pub elapsed_ns: u64,
}

#[derive(Deserialize)]
struct FioOutput {
    jobs: Vec<FioJobOutput>,
}

#[derive(Deserialize)]
struct FioJobOutput {
    error: i32,
    read: Direction,
    write: Direction,
}

#[derive(Deserialize)]
struct Direction {
    total_ios: u64,
    /// In ms.
    runtime: u64,
}

pub fn parse(said: &str) -> Result<FioRun> {
    // fio prints notes before the JSON, to the same stream.
    let start = said
        .find('{')
        .with_context(|| format!("fio printed no JSON: {said}"))?;
    let output: FioOutput = serde_json::from_str(&said[start..]).context("parsing fio's JSON")?;
    let [job] = &output.jobs[..] else {
        bail!("fio reports {} jobs, not one group", output.jobs.len());
    };
    ensure!(job.error == 0, "fio's job ended with error {}", job.error);
    let ios = job.read.total_ios.saturating_add(job.write.total_ios);
    let ms = job.read.runtime.max(job.write.runtime);
    ensure!(ios > 0 && ms > 0, "fio did {ios} operations in {ms} ms");
    Ok(FioRun {
        ios,
        elapsed_ns: ms.saturating_mul(1_000_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: i32, ios: (u64, u64), ms: (u64, u64)) -> String {
        format!(
            r#"fio: a note before the JSON
{{ "fio version" : "fio-3.33", "jobs" : [ {{ "jobname" : "job", "error" : {error},
  "read" : {{ "total_ios" : {}, "runtime" : {}, "iops" : 1.0 }},
  "write" : {{ "total_ios" : {}, "runtime" : {} }} }} ] }}"#,
            ios.0, ms.0, ios.1, ms.1
        )
    }

    #[test]
    fn both_directions_count_and_the_longer_time() {
        let outcome = parse(&said(0, (1000, 990), (1500, 1499))).unwrap();
        assert_eq!(
            outcome,
            FioRun {
                ios: 1990,
                elapsed_ns: 1_500_000_000
            }
        );
    }

    #[test]
    fn a_run_that_did_nothing_or_failed_is_no_outcome() {
        for bad in [
            said(0, (0, 0), (1500, 0)),
            said(5, (10, 0), (1500, 0)),
            said(0, (10, 0), (0, 0)),
            "fio: engine io_uring not loadable".to_owned(),
            r#"{ "jobs" : [] }"#.to_owned(),
        ] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
    }
}
