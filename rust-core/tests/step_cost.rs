// SPDX-License-Identifier: GPL-2.0

//! A step costs the same for one source as for 256: instructions, counted by
//! callgrind. Times are not measured here.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use poll_core::poll::{Action, Input, Machine, MAX_SOURCES};

const SOURCES: [usize; 5] = [1, 4, 16, 64, MAX_SOURCES];
const STEPS: u64 = 20_000;
/// What the child is told: sources, and which heat they have.
const CHILD: &str = "POLL_STEP_COST";

/// Steps of an episode in which every look finds nothing. Callgrind collects
/// what is called from here, and finds it by its name.
#[inline(never)]
fn counted_steps(machine: &mut Machine, mut action: Action) {
    for now in 0..STEPS {
        let input = match action {
            Action::Look(_) => Input::Nothing,
            Action::Clock => Input::Clock { now },
            action => panic!("{action:?}"),
        };
        action = machine.step(black_box(input), black_box(false));
    }
    black_box(action);
}

fn be_counted(sources: usize, hot: bool) {
    let mut machine = Machine::new();

    for _ in 0..sources {
        let slot = machine.add().expect("there is room");
        if hot {
            machine.missed(slot);
        }
    }
    let action = machine.start(0, u64::MAX, u64::MAX, false);
    counted_steps(&mut machine, action);
}

/// Instructions per step, by a child of this very program under callgrind.
fn instructions_per_step(sources: usize, heat: &str) -> f64 {
    let dir = tempfile::tempdir().expect("making a temporary folder");
    let counts = dir.path().join("callgrind.out");
    let mut valgrind = Command::new("valgrind");

    valgrind
        .args(["--tool=callgrind", "--toggle-collect=*counted_steps*"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(env::current_exe().expect("this program's path"))
        .args(["--exact", "steps_cost_the_same_for_any_number_of_sources"])
        .env(CHILD, format!("{sources} {heat}"));
    let output = valgrind
        .output()
        .unwrap_or_else(|err| panic!("running {valgrind:?}: {err}; install valgrind"));
    assert!(output.status.success(), "{valgrind:?}: {output:?}");

    let counts = fs::read_to_string(&counts).expect("reading callgrind's counts");
    let total: f64 = counts
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
        .expect("callgrind's counts have a total");
    total / STEPS as f64
}

#[test]
fn steps_cost_the_same_for_any_number_of_sources() {
    if let Ok(task) = env::var(CHILD) {
        let (sources, heat) = task.split_once(' ').expect("sources and heat");
        return be_counted(sources.parse().expect("a number"), heat == "hot");
    }
    for heat in ["hot", "cold"] {
        let costs = SOURCES.map(|sources| instructions_per_step(sources, heat));
        let least = costs.into_iter().fold(f64::MAX, f64::min);

        println!("instructions per step, {heat} sources:");
        for (sources, cost) in SOURCES.iter().zip(costs) {
            println!("{sources:>5} {cost:>8.1}");
        }
        assert!(least > 1.0, "nothing was counted");
        for (sources, cost) in SOURCES.iter().zip(costs) {
            assert!(
                cost <= least * 1.1,
                "{sources} sources: {cost} against {least}"
            );
        }
    }
}
