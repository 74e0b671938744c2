// SPDX-License-Identifier: GPL-2.0
//! The net scenario's guests, and the host that they talk to.

use std::env;
use std::fs;

use anyhow::{Context, Result};
use guest_init::{NetModes, Scenario, Sent};

use super::Guest;
use crate::guest::link::Link;
use crate::guest::machine::{Machine, WAIT_ARGS};
use crate::guest::server::{Server, free_tcp_port, free_udp_port};
use crate::guest::session::Rig;

/// A processor for each queue pair.
const PAIRS: u32 = 2;
/// Some replies come before the processor that waits for them is in its idle loop, some after.
const LATER_US: u32 = 400;

pub struct FarEnd {
    link: Link,
    udp_port: u16,
    tcp_port: u16,
    _echo: Server,
}

impl FarEnd {
    pub fn start(rig: &Rig) -> Result<FarEnd> {
        let link = Link::best(&rig.tools, PAIRS)?;
        let (udp_port, tcp_port) = (free_udp_port()?, free_tcp_port()?);
        let program = env::current_exe().context("finding this program")?;
        let mut cmd = link.command(&program);
        cmd.args(["echo", &link.listen().to_string()])
            .args(["--udp", &udp_port.to_string()])
            .args(["--tcp", &tcp_port.to_string()])
            .args(["--later", &LATER_US.to_string()]);
        let logs = rig.place.logs();
        fs::create_dir_all(&logs).with_context(|| format!("creating {}", logs.display()))?;
        let mut echo = Server::start(&mut cmd, logs.join("boot-test-net-echo.log"))?;
        echo.wait_for("udp", udp_port)?;
        echo.wait_for("tcp", tcp_port)?;
        Ok(FarEnd {
            link,
            udp_port,
            tcp_port,
            _echo: echo,
        })
    }

    pub fn guests(&self, rig: &Rig) -> Vec<Guest> {
        let guest = |label, sent| Guest {
            label,
            machine: Machine {
                cpus: PAIRS,
                network: self.link.network(),
                sends_late: sent == Sent::Late,
                kernel_args: match sent {
                    Sent::Unseen => vec![WAIT_ARGS, "virtio_net.napi_tx=0"],
                    _ => vec![WAIT_ARGS],
                },
                ..Machine::bare()
            },
            scenario: Scenario::NetModes(self.orders(sent)),
            programs: vec![rig.tools.ip.clone()],
        };
        vec![
            guest(None, Sent::Soon),
            guest(Some("late tx"), Sent::Late),
            guest(Some("napi_tx off"), Sent::Unseen),
        ]
    }

    fn orders(&self, sent: Sent) -> NetModes {
        let (address, prefix) = self.link.guest();
        NetModes {
            address,
            prefix,
            server: self.link.server(),
            udp_port: self.udp_port,
            tcp_port: self.tcp_port,
            sent,
        }
    }
}
