// SPDX-License-Identifier: GPL-2.0
//! The servers on this host that the guest talks to. They run until `Servers` is dropped.

use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use toolbox::tools::Tools;
use vm::link::Link;
use vm::server::{Server, free_tcp_port, free_udp_port};
use vm::threads;

pub struct Servers {
    _running: [Server; 3],
    pub udp_port: u16,
    pub tcp_port: u16,
    pub stream_port: u16,
}

impl Servers {
    /// `beside` is the number of the guest's CPUs if its threads have host CPUs of their own.
    /// Then the servers run on another host CPU, and not on QEMU's either if the host has one
    /// more.
    pub fn start(tools: &Tools, link: &Link, logs: &Path, beside: Option<u32>) -> Result<Servers> {
        let cpu = match beside {
            Some(guest) => {
                let host = threads::host_cpus()?;
                let (qemu, own) = (guest as usize, guest as usize + 1);
                host.get(own).or(host.get(qemu)).copied()
            }
            None => None,
        };
        fs::create_dir_all(logs)?;
        let start = |program: &Path, args: &str, table: &str, port: u16| -> Result<Server> {
            let mut cmd = link.command(program);
            cmd.args(args.split(' '))
                .arg("--port")
                .arg(port.to_string());
            let log = logs.join(format!("server-{port}-{table}.log"));
            let mut server = Server::start(&mut cmd, log)?;
            if let Some(cpu) = cpu {
                server.pin(cpu)?;
            }
            server.wait_for(table, port)?;
            Ok(server)
        };
        let at = link.listen();
        let udp_port = free_udp_port()?;
        let udp = start(
            &tools.sockperf,
            &format!("server --ip {at}"),
            "udp",
            udp_port,
        )?;
        let tcp_port = free_tcp_port()?;
        let tcp = start(
            &tools.sockperf,
            &format!("server --tcp --ip {at}"),
            "tcp",
            tcp_port,
        )?;
        // Drawn only now: the first TCP port is in use by now, and cannot be drawn again.
        let stream_port = free_tcp_port()?;
        let stream = start(
            &tools.iperf3,
            &format!("--server --bind {at}"),
            "tcp",
            stream_port,
        )?;
        Ok(Servers {
            _running: [udp, tcp, stream],
            udp_port,
            tcp_port,
            stream_port,
        })
    }
}
