// SPDX-License-Identifier: GPL-2.0
//! The forge's workflows: linters accept them, each step's script runs, and the scripts call only
//! commands that xtask has. No kernels are built here: a stand-in for cargo records its calls.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use toolbox::place::Place;

use crate::common::judged_by;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const WORKFLOWS: [&str; 2] = ["test", "matrix"];

/// A stand-in for cargo. It prints its arguments and records them in the file `$CALLS`, one call
/// per line.
const CARGO: &str = "#!/bin/sh\necho \"$*\" | tee -a \"$CALLS\"\n";

fn workflow(name: &str) -> PathBuf {
    Path::new(ROOT).join(format!(".github/workflows/{name}.yml"))
}

/// Returns whether the linters accept the files, and what they printed. None if the linters are not
/// available. In CI that fails the test.
fn linters_say(files: &[PathBuf]) -> Option<(bool, String)> {
    let tools = Place::find().unwrap().tools().join("workflow-lint");
    let output = Command::new("sh")
        .arg(Path::new(ROOT).join("ci/lint-workflows.sh"))
        .arg(tools)
        .args(files)
        .output()
        .expect("sh runs");
    judged_by("linters", output)
}

/// The files are checked one after the other, because the linters are installed into one folder.
#[test]
fn the_linters_pass_the_workflows_and_nothing_that_is_wrong() {
    let Some((clean, said)) = linters_say(&WORKFLOWS.map(workflow)) else {
        return;
    };
    assert!(clean, "{said}");

    let good = fs::read_to_string(workflow("matrix")).unwrap();
    let planted = [
        // zizmor: an action that is pinned only by its tag.
        (
            "download-artifact@d3f86a106a0bac45b974a628896c90dbdf5c8093",
            "download-artifact@v4",
            "unpinned-uses",
        ),
        // actionlint
        (
            "needs.runner.outputs.options",
            "needs.runner.outputs.option",
            "property \"option\" is not defined",
        ),
        // The schema of workflows.
        (
            "timeout-minutes: 5",
            "timeout-minuets: 5",
            "timeout-minuets",
        ),
    ];
    for (right, wrong, complaint) in planted {
        let bad = good.replacen(right, wrong, 1);
        assert_ne!(bad, good, "{right} is not in the workflow");
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(".github/workflows");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("bad.yml");
        fs::write(&file, bad).unwrap();
        let (clean, said) = linters_say(&[file]).expect("the linters were available before");
        assert!(
            !clean && said.contains(complaint),
            "the linters do not report {complaint:?} for {wrong}:\n{said}"
        );
    }
}

/// The script of a step, and its variables.
struct Script {
    name: String,
    text: String,
    env: BTreeMap<String, String>,
}

/// Replaces each `${{ matrix.NAME }}` by the cell's value.
fn filled(text: &str, cell: &BTreeMap<String, String>) -> String {
    let mut filled = text.to_owned();
    for (name, value) in cell {
        filled = filled.replace(&format!("${{{{ matrix.{name} }}}}"), value);
    }
    filled
}

fn variables(of: &Value, cell: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let all = of["env"].as_object().into_iter().flatten();
    all.map(|(name, value)| {
        (
            name.clone(),
            filled(value.as_str().expect("a variable is a string"), cell),
        )
    })
    .collect()
}

/// Returns every combination of a job's matrix, including those that it excludes. A job without a
/// matrix has one empty combination.
fn cells(job: &Value) -> Vec<BTreeMap<String, String>> {
    let mut cells = vec![BTreeMap::new()];
    let Some(matrix) = job["strategy"]["matrix"].as_object() else {
        return cells;
    };
    for (name, values) in matrix.iter().filter(|(name, _)| *name != "exclude") {
        let values: Vec<&str> = values
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_str().unwrap())
            .collect();
        let with = |cell: &BTreeMap<String, String>| {
            let one = |value: &&str| {
                let mut cell = cell.clone();
                cell.insert(name.clone(), (*value).to_owned());
                cell
            };
            values.iter().map(one).collect::<Vec<_>>()
        };
        cells = cells.iter().flat_map(with).collect();
    }
    cells
}

/// Whether a step runs in a cell. Knows only the conditions that the workflows have.
fn runs(step: &Value, cell: &BTreeMap<String, String>) -> bool {
    match step["if"].as_str() {
        None | Some("${{ always() }}") => true,
        Some("${{ failure() }}") => false,
        Some("${{ matrix.config == 'plain' }}") => cell["config"] == "plain",
        Some(other) => panic!("this test does not know the condition `{other}`"),
    }
}

/// Returns the scripts of each job, in order, for each cell.
fn jobs() -> Vec<Vec<Script>> {
    let mut found = Vec::new();
    for name in WORKFLOWS {
        let text = fs::read_to_string(workflow(name)).unwrap();
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        for (job_name, job) in workflow["jobs"].as_object().unwrap() {
            for cell in cells(job) {
                let steps = job["steps"].as_array().unwrap().iter();
                let script = |step: &Value| {
                    let text = step["run"].as_str()?;
                    let mut env = variables(&workflow, &cell);
                    env.extend(variables(job, &cell));
                    env.extend(variables(step, &cell));
                    Some(Script {
                        name: format!("{name}/{job_name} {cell:?}: {}", step["name"]),
                        text: filled(text, &cell),
                        env,
                    })
                };
                found.push(
                    steps
                        .filter(|step| runs(step, &cell))
                        .filter_map(script)
                        .collect(),
                );
            }
        }
    }
    found
}

/// A checkout with what the scripts need, and the forge's files.
struct Runner {
    dir: TempDir,
}

impl Runner {
    fn new() -> Runner {
        let dir = tempfile::tempdir().unwrap();
        let runner = Runner { dir };
        for folder in ["bin", ".ci"] {
            fs::create_dir_all(runner.path(folder)).unwrap();
        }
        for cell in ["7.3-series", "6.12-series", "7.3-module", "6.12-module"] {
            let folder = runner.path(&format!("target/cells/results-{cell}-plain/bench"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("results.json"), "{}").unwrap();
            fs::write(folder.join("table.md"), format!("table of {cell}\n")).unwrap();
        }
        fs::copy(Path::new(ROOT).join(".ci/run"), runner.path(".ci/run")).unwrap();
        for (name, script) in [("cargo", CARGO), ("rustup", "#!/bin/sh\n")] {
            let program = runner.path("bin").join(name);
            fs::write(&program, script).unwrap();
            fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
        }
        for file in [
            "calls",
            "GITHUB_ENV",
            "GITHUB_OUTPUT",
            "GITHUB_STEP_SUMMARY",
        ] {
            fs::write(runner.path(file), "").unwrap();
        }
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs a script as the forge does, with the variables that the steps before have set. The
    /// script must succeed.
    fn run(&self, script: &Script) {
        let output = self.output(script);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}: {}\n{said}",
            script.name,
            output.status
        );
    }

    fn output(&self, script: &Script) -> Output {
        let path = env::join_paths(
            [self.path("bin")]
                .into_iter()
                .chain(env::split_paths(&env::var_os("PATH").unwrap())),
        );
        let set = self.read("GITHUB_ENV");
        let set = set.lines().filter_map(|line| line.split_once('='));
        let mut cmd = Command::new("bash");
        cmd.args([
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            &script.text,
        ])
        .current_dir(self.dir.path())
        .envs(&script.env)
        .envs(set)
        .env("PATH", path.unwrap())
        .env("HOME", self.dir.path())
        .env("CALLS", self.path("calls"))
        .env("GITHUB_WORKSPACE", self.dir.path());
        for file in ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
            cmd.env(file, self.path(file));
        }
        cmd.output().expect("bash runs")
    }
}

/// Checks that xtask understands a call. `--help` ends xtask once all words before it are
/// understood.
fn is_understood(call: &str) -> Result<(), String> {
    let words = call
        .strip_prefix("xtask ")
        .ok_or("the call is not for xtask")?;
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(words.split(' '))
        .arg("--help")
        .output()
        .expect("xtask runs");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn every_script_runs_and_calls_what_xtask_has() {
    let mut calls = Vec::new();
    let jobs = jobs();
    for job in &jobs {
        let runner = Runner::new();
        for script in job {
            runner.run(script);
        }
        calls.extend(runner.read("calls").lines().map(str::to_owned));
    }
    calls.sort();
    calls.dedup();
    for call in &calls {
        is_understood(call).unwrap_or_else(|why| panic!("cargo {call}\n{why}"));
    }
    let expected = [
        "xtask bench --base 6.12 --module --out target/results/bench",
        "xtask boot-test --base 7.3 --config lockdep --out target/results/boot-test",
        "xtask report target/hosts/6.12/forge.json --out target/report/6.12",
        "xtask test",
    ];
    for call in expected {
        assert!(
            calls.iter().any(|found| found == call),
            "{call} is not in {calls:#?}"
        );
    }
    assert!(is_understood("xtask boot-test --no-such-option").is_err());
}

#[test]
fn the_merged_report_has_every_cell_that_was_measured() {
    let jobs = jobs();
    let merge = jobs
        .iter()
        .flatten()
        .find(|script| script.name.contains("Merge them"));
    let merge = merge.expect("there is a step that merges");
    let runner = Runner::new();
    runner.run(merge);
    let summary = runner.read("GITHUB_STEP_SUMMARY");
    for part in [
        "xtask report target/hosts/7.3/forge.json",
        "table of 7.3-module",
        "table of 6.12-module",
    ] {
        assert!(summary.contains(part), "{part} is not in {summary}");
    }
    fs::remove_dir_all(runner.path("target/cells/results-6.12-series-plain")).unwrap();
    let output = runner.output(merge);
    assert_eq!(
        output.status.code(),
        Some(1),
        "the merge must fail if a line has no results"
    );
}
