// SPDX-License-Identifier: GPL-2.0
//! The forge's workflows: linters accept them, each step's script runs, and the scripts call only
//! commands that xtask has. No kernels are built here: a stand-in for cargo records its calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use toolbox::place::Place;

use crate::common::{Ran, World, finds_planted, judged_by, ran};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const WORKFLOWS: [&str; 2] = ["test", "matrix"];

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
    finds_planted(|bad| linters_say(&[bad]), &workflow("matrix"), &planted);
}

/// A combination of a job's matrix: the values by their names.
type Cell = BTreeMap<String, String>;

/// Returns every combination of a job's matrix, including those that it excludes. A job without a
/// matrix has one empty combination.
fn cells(job: &Value) -> Vec<Cell> {
    let matrix = job["strategy"]["matrix"].as_object().into_iter().flatten();
    let mut cells = vec![Cell::new()];
    for (name, values) in matrix.filter(|(name, _)| *name != "exclude") {
        let mut longer = Vec::new();
        for value in values.as_array().unwrap() {
            for mut cell in cells.clone() {
                cell.insert(name.clone(), value.as_str().unwrap().to_owned());
                longer.push(cell);
            }
        }
        cells = longer;
    }
    cells
}

/// Whether a step runs in a cell. Knows only the conditions that the workflows have.
fn runs(step: &Value, cell: &Cell) -> bool {
    match step["if"].as_str() {
        None | Some("${{ always() }}") => true,
        Some("${{ failure() }}") => false,
        Some("${{ matrix.config == 'plain' }}") => cell["config"] == "plain",
        Some(other) => panic!("this test does not know the condition `{other}`"),
    }
}

/// The script of a step, and its variables.
struct Script {
    name: String,
    text: String,
    env: BTreeMap<String, String>,
}

/// Returns the scripts of each job, in order, for each cell.
fn jobs() -> Vec<Vec<Script>> {
    let mut found = Vec::new();
    for name in WORKFLOWS {
        let text = fs::read_to_string(workflow(name)).unwrap();
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        for job in workflow["jobs"].as_object().unwrap().values() {
            for cell in cells(job) {
                let steps = job["steps"].as_array().unwrap().iter();
                let steps = steps.filter(|step| runs(step, &cell));
                let script = |step: &Value| {
                    Some(Script {
                        name: format!("{name} {cell:?}: {}", step["name"]),
                        text: step["run"].as_str()?.to_owned(),
                        env: variables([&workflow, job, step], &cell),
                    })
                };
                found.push(steps.filter_map(script).collect());
            }
        }
    }
    found
}

/// Returns the variables that a workflow, a job and a step set. A value may be one of the cell's.
fn variables(of: [&Value; 3], cell: &Cell) -> BTreeMap<String, String> {
    let fill = |text: String, (name, value): (&String, &String)| {
        text.replace(&format!("${{{{ matrix.{name} }}}}"), value)
    };
    let filled = |value: &Value| {
        let text = value.as_str().expect("a variable is a string");
        cell.iter().fold(text.to_owned(), fill)
    };
    let all = of.into_iter().filter_map(|it| it["env"].as_object());
    let all = all
        .flatten()
        .map(|(name, value)| (name.clone(), filled(value)));
    all.collect()
}

/// Returns a checkout with what the scripts need, and the forge's files. A stand-in for cargo
/// prints its arguments and records them in the file `calls`, one call per line.
fn runner() -> World {
    let runner = World::new();
    for cell in ["7.3-series", "6.12-series", "7.3-module", "6.12-module"] {
        let folder = format!("target/cells/results-{cell}-plain/bench");
        runner.write(&format!("{folder}/results.json"), "{}");
        let table = format!("table of {cell}\n");
        runner.write(&format!("{folder}/table.md"), &table);
    }
    let run = runner.write(".ci/run", "");
    fs::copy(Path::new(ROOT).join(".ci/run"), run).unwrap();
    runner.script("bin/cargo", "echo \"$*\" | tee -a \"$CALLS\"");
    runner.script("bin/rustup", "");
    for file in FILES {
        runner.write(file, "");
    }
    runner
}

/// The files to which a script writes, by the variables that name them.
const FILES: [&str; 4] = [
    "CALLS",
    "GITHUB_ENV",
    "GITHUB_OUTPUT",
    "GITHUB_STEP_SUMMARY",
];

fn read(runner: &World, file: &str) -> String {
    fs::read_to_string(runner.path(file)).unwrap()
}

/// Runs a script as the forge does, with the variables that the steps before have set.
fn run(runner: &World, script: &Script) -> Ran {
    let dir = runner.path("");
    let set = read(runner, "GITHUB_ENV");
    let set = set.lines().filter_map(|line| line.split_once('='));
    let mut cmd = Command::new("bash");
    cmd.args(["--noprofile", "--norc", "-eo", "pipefail", "-c"])
        .arg(&script.text)
        .current_dir(&dir)
        .envs(&script.env)
        .envs(set)
        .env("PATH", runner.search_path())
        .env("HOME", &dir)
        .env("GITHUB_WORKSPACE", &dir)
        .envs(FILES.map(|file| (file, runner.path(file))));
    ran(&mut cmd)
}

/// Checks that xtask understands a call. `--help` ends xtask once all words before it are
/// understood.
fn is_understood(runner: &World, call: &str) -> Ran {
    let args = call.strip_prefix("xtask ");
    let args = args.unwrap_or_else(|| panic!("the call {call} is not for xtask"));
    runner.run(&format!("{args} --help"))
}

#[test]
fn every_script_runs_and_calls_what_xtask_has() {
    let mut calls = BTreeSet::new();
    for job in jobs() {
        let runner = runner();
        for script in &job {
            let ran = run(&runner, script);
            assert_eq!(ran.code, Some(0), "{}: {}", script.name, ran.err);
        }
        calls.extend(read(&runner, "CALLS").lines().map(str::to_owned));
    }
    let world = World::new();
    for call in &calls {
        let ran = is_understood(&world, call);
        assert_eq!(ran.code, Some(0), "cargo {call}\n{}", ran.err);
    }
    for call in [
        "xtask bench --base 6.12 --module --out target/results/bench",
        "xtask boot-test --base 7.3 --config lockdep --out target/results/boot-test",
        "xtask report target/hosts/6.12/forge.json --out target/report/6.12",
        "xtask test",
    ] {
        assert!(calls.contains(call), "{call} is not in {calls:#?}");
    }
    is_understood(&world, "xtask boot-test --no-such-option").fails(2, &["--no-such-option"]);
}

#[test]
fn the_merged_report_has_every_cell_that_was_measured() {
    let jobs = jobs();
    let mut scripts = jobs.iter().flatten();
    let merge = scripts.find(|script| script.name.contains("Merge them"));
    let merge = merge.expect("there is a step that merges");
    let runner = runner();
    run(&runner, merge).passes();
    let summary = read(&runner, "GITHUB_STEP_SUMMARY");
    for part in [
        "xtask report target/hosts/7.3/forge.json",
        "table of 7.3-module",
        "table of 6.12-module",
    ] {
        assert!(summary.contains(part), "{part} is not in {summary}");
    }
    fs::remove_dir_all(runner.path("target/cells/results-6.12-series-plain")).unwrap();
    // A line without results.
    run(&runner, merge).fails(1, &[]);
}
