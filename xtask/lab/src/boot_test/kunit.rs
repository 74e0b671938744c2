// SPDX-License-Identifier: GPL-2.0
//! The guest of the kunit scenario. Its kernel runs the KUnit tests on request, not at boot. The
//! tests of the poll core are the same files that the host runs as unit tests.

use guest_protocol::Scenario;

use super::Guest;
use vm::machine::Machine;

const SUITES: [&str; 5] = [
    "poll_core",
    "poll_borrow",
    "poll_flags",
    "irq_polled",
    "poll_irq",
];

pub fn guest() -> Guest {
    let machine = Machine {
        // Some tests need a hit on one CPU and other work on the second CPU.
        cpus: 2,
        kernel_args: vec!["kunit.enable=1", "kunit.autorun=0"],
        ..Machine::bare()
    };
    let suites = SUITES.map(str::to_owned).to_vec();
    Guest::new(machine, Scenario::Kunit { suites })
}
