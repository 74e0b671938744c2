// SPDX-License-Identifier: GPL-2.0
//! Everything that a benchmark leaves: the tables on the terminal and in table.md, results.json,
//! gain.svg.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use guest_init::Facts;

use super::boot::Setup;
use super::environment::{self, Environment};
use super::results::{Case, Results};
use super::{Args, plot, table};
use crate::guest::session::Rig;

/// `facts` are the last boot's; they differ between boots in nothing that matters.
pub fn write(
    rig: &Rig,
    setup: &Setup,
    args: &Args,
    facts: Facts,
    cases: &[Case],
    out: &Path,
) -> Result<()> {
    let env = environment::collect(rig, setup, args, facts);
    let text = page(&env, setup, args, cases);
    print!("\n{text}");
    let save = |name: &str, content: &str| {
        let path = out.join(name);
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    };
    save("table.md", &text)?;
    let results = Results {
        schema: 1,
        base: setup.image.version.clone(),
        tree: setup.image.tree.clone(),
        accel: setup.accel.name(),
        env: serde_json::to_value(&env)?,
        cases: cases.to_vec(),
    };
    save(
        "results.json",
        &(serde_json::to_string_pretty(&results)? + "\n"),
    )?;
    plot::write(&out.join("gain.svg"), &env.summary(), cases)
}

/// table.md: the same as on the terminal.
fn page(env: &Environment, setup: &Setup, args: &Args, cases: &[Case]) -> String {
    let mut text = format!("# Polling off and on\n\n{}\n\n", env.summary());
    for warning in &setup.warnings {
        text += &format!("Warning: {warning}.\n\n");
    }
    let queues = match setup.machine.poll_queues {
        1 => "1 virtqueue".into(),
        many => format!("{many} virtqueues"),
    };
    let shape = format!(
        "numjobs={}, iodepth=1, {queues}; medians of {} rounds",
        args.shape.jobs(),
        args.rounds
    );
    for &latency_us in &args.latencies {
        let own: Vec<Case> = cases
            .iter()
            .filter(|case| case.latency_us == latency_us)
            .cloned()
            .collect();
        text += &table::of_latency(latency_us, &shape, &own);
    }
    text
}
