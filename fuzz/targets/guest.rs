// SPDX-License-Identifier: GPL-2.0
//! Fuzzes the text parsers of the guest's init. The init is a program, not a library, so its files
//! are included unchanged. The first line of the input names a parser.

#![no_main]
#![allow(dead_code, reason = "the readers' files have more than readers")]

#[path = "../../ci/init/src/client.rs"]
mod client;
#[path = "../../ci/init/src/count.rs"]
mod count;
#[path = "../../ci/init/src/fio.rs"]
mod fio;
#[path = "../../ci/init/src/interrupts.rs"]
mod interrupts;
#[path = "../../ci/init/src/iperf.rs"]
mod iperf;
#[path = "../../ci/init/src/kunit.rs"]
mod kunit;
#[path = "../../ci/init/src/port.rs"]
mod port;
#[path = "../../ci/init/src/procfs.rs"]
mod procfs;
#[path = "../../ci/init/src/sockperf.rs"]
mod sockperf;
#[path = "../../ci/init/src/sources.rs"]
mod sources;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some((name, text)) = text.split_once('\n') else {
        return;
    };
    match name {
        "fio" => drop(fio::parse(text)),
        "interrupts" => {
            interrupts::vectors(&interrupts::parse(text, "virtio1"));
            interrupts::arch(text, "RES", &[1]);
        }
        "field" => drop(procfs::number(text, "MemTotal")),
        "iperf" => drop(iperf::parse(text)),
        "kallsyms" => drop(count::code(text)),
        "ktap" => drop(kunit::all_ran(text)),
        "netstat" => drop(procfs::netstat(text, "BusyPollRxPackets")),
        "sockperf" => drop(sockperf::parse(text)),
        "sources" => drop(sources::parse(text)),
        "stat" => {
            let all = procfs::cpu_time(text, &[]);
            let some = procfs::cpu_time(text, &procfs::cpus(text));
            procfs::elapsed(some, all);
            let _ = procfs::number_after::<u64>(text, "ctxt ");
        }
        _ => {}
    }
});
