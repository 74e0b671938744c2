// SPDX-License-Identifier: GPL-2.0
//! The guests of the net scenario, and their far end on this host.

use std::time::Duration;

use anyhow::Result;
use guest_protocol::{NetModes, Scenario, Sent};

use super::Guest;
use kernel::config::WAIT_ARGS;
use vm::far_end::FarEnd;
use vm::machine::Machine;
use vm::session::Rig;

/// Number of queue pairs. Each has its own CPU.
const PAIRS: u32 = 2;
const LATER_US: u32 = 400;

/// How long the card waits before it sends, for `Sent::Late`: longer than a CPU takes to reach
/// its idle loop under TCG.
const SENDS_AFTER: Duration = Duration::from_micros(500);

pub fn far_end(rig: &Rig) -> Result<FarEnd> {
    FarEnd::start(rig, "boot-test-net", PAIRS, LATER_US)
}

pub fn guests(far_end: &FarEnd) -> Vec<Guest> {
    let guest = |label, sent| {
        let machine = Machine {
            cpus: PAIRS,
            network: far_end.link.network(),
            sends_after: (sent == Sent::Late).then_some(SENDS_AFTER),
            kernel_args: match sent {
                Sent::Unseen => vec![WAIT_ARGS, "virtio_net.napi_tx=0"],
                _ => vec![WAIT_ARGS],
            },
            ..Machine::bare()
        };
        let udp_port = far_end.udp_port;
        let scenario = Scenario::NetModes(NetModes { udp_port, sent });
        Guest {
            label,
            ..Guest::new(machine, scenario)
        }
    };
    vec![
        guest(None, Sent::Soon),
        guest(Some("late tx"), Sent::Late),
        guest(Some("napi_tx off"), Sent::Unseen),
    ]
}
