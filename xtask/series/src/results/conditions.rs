// SPDX-License-Identifier: GPL-2.0
//! Describes the conditions of measurements, in words for the cover letter and the page of results.

use guest_protocol::Shape;

use super::MeasuredDevice;
use measure::results::{Comparison, Design, Results, latencies};
use measure::scale;

/// Returns the variants in which a device was measured, and their ratios.
pub fn design(device: &MeasuredDevice, cases: &[&Comparison]) -> &'static Design {
    let usual = Design::of_device(device.name).expect("each device has a design");
    Design::of_cases(cases.iter().copied(), usual)
}

/// Describes what was measured, where, and how often.
pub fn environment(device: &MeasuredDevice, report: &Results, kernel: &str) -> String {
    let env = &report.env;
    let cases: Vec<&Comparison> = device.cases(report).collect();
    let design = design(device, &cases);
    let job = match (device.name, env.shape) {
        ("blk", Shape::Fit) => "one fio job, 4k, direct, iodepth=1, io_uring, set latency".into(),
        ("blk", Shape::Rfc) => "4 fio jobs, 4k, direct, iodepth=1, io_uring, set latency".into(),
        _ => {
            let network = env.network.as_deref().unwrap_or("tap");
            let busy_poll = match design.is_module() {
                true => "",
                false => ", busy_poll waiting as long as haltpoll",
            };
            format!("over a {network}{busy_poll}")
        }
    };
    let variants = match design.is_module() {
        true => {
            "\"same wait\" waits as long but polls nothing, \"as it comes\" is without the module"
        }
        false => "\"before\" is haltpoll alone",
    };
    let accel = accelerator(&env.accel);
    let host = match env.halt_poll_ns {
        Some(ns) => format!("{}, halt_poll_ns {ns}", env.cpu),
        None => env.cpu.clone(),
    };
    let qemu = qemu(&env.qemu);
    format!(
        "A {}, {job}. {kernel}, {qemu}, {accel}, {} host CPUs ({host}), guest_halt_poll_ns {}. \
         Ratios of paired runs of {} s in one boot, median [95 % bootstrap interval] of {} pairs; \
         {variants}.{}",
        device.what,
        env.host_cpus,
        env.guest.guest_halt_poll_ns,
        env.seconds,
        pairs(&cases),
        slowness(device, report)
    )
}

/// Describes how much slower than the host the guest is, and what that means for the latencies.
/// Empty if the guest is not slow, as under KVM.
fn slowness(device: &MeasuredDevice, report: &Results) -> String {
    let scale = report.env.scale.as_ref();
    let Some(sentence) = scale::sentence(scale) else {
        return String::new();
    };
    let latencies = latencies(device.cases(report));
    let as_native = |us| format!(" {us} us are{}.", scale::as_native(scale, us));
    let native: String = latencies
        .into_iter()
        .filter(|&us| us > 0)
        .map(as_native)
        .collect();
    format!(" {sentence}.{}", native.replace("are,", "are"))
}

/// Returns the number of pairs: "8", or "8 to 10".
fn pairs(cases: &[&Comparison]) -> String {
    let ratios = cases.iter().flat_map(|case| case.ratio.values());
    let pairs: Vec<usize> = ratios.map(|ratio| ratio.pairs).collect();
    match (pairs.iter().min(), pairs.iter().max()) {
        (Some(least), Some(most)) if least == most => least.to_string(),
        (Some(least), Some(most)) => format!("{least} to {most}"),
        _ => "no".into(),
    }
}

pub fn accelerator(name: &str) -> String {
    match name {
        "tcg" => "TCG (no KVM)".into(),
        other => other.to_uppercase(),
    }
}

pub fn qemu(version: &str) -> String {
    version.replace("qemu-system-x86_64", "QEMU")
}
