// SPDX-License-Identifier: GPL-2.0
//! A guest's network, with an echo server at its other end on this host. Both live until the value
//! is dropped.

use std::env;

use anyhow::{Context, Result};
use fs_err as fs;

use super::link::Link;
use super::server::{Server, free_udp_port};
use super::session::Rig;

pub struct FarEnd {
    pub link: Link,
    pub udp_port: u16,
    pub echo: Server,
}

impl FarEnd {
    /// Starts the network, for a card with `pairs` queue pairs, and the echo server. Successive
    /// replies are delayed by 0, 1, 2 and 3 times `later_us`, then by 0 again. So some arrive
    /// before the CPU that waits for them is in its idle loop, and some arrive after that.
    pub fn start(rig: &Rig, name: &str, pairs: u32, later_us: u32) -> Result<FarEnd> {
        let link = Link::best(&rig.tools, pairs)?;
        let udp_port = free_udp_port()?;
        let program = env::current_exe().context("finding this program")?;
        let mut cmd = link.command(&program);
        cmd.args(["echo", &link.listen().to_string()])
            .args(["--udp", &udp_port.to_string()])
            .args(["--later", &later_us.to_string()]);
        let logs = rig.place.logs();
        fs::create_dir_all(&logs)?;
        let mut echo = Server::start(&mut cmd, logs.join(format!("{name}-echo.log")))?;
        echo.wait_for("udp", udp_port)?;
        Ok(FarEnd {
            link,
            udp_port,
            echo,
        })
    }
}
