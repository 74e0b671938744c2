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
    running: Vec<Server>,
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
        let mut servers = Servers {
            running: Vec::new(),
            udp_port: free_udp_port()?,
            tcp_port: free_tcp_port()?,
            stream_port: 0,
        };
        let at = link.listen();
        let mut start = |program: &Path, args: String, table: &str, port: u16| -> Result<()> {
            let mut cmd = link.command(program);
            cmd.args(args.split(' '));
            let log = logs.join(format!("server-{port}-{table}.log"));
            let mut server = Server::start(&mut cmd, log)?;
            if let Some(cpu) = cpu {
                server.pin(cpu)?;
            }
            server.wait_for(table, port)?;
            servers.running.push(server);
            Ok(())
        };
        let (udp, tcp) = (servers.udp_port, servers.tcp_port);
        start(
            &tools.sockperf,
            format!("server --ip {at} --port {udp}"),
            "udp",
            udp,
        )?;
        start(
            &tools.sockperf,
            format!("server --tcp --ip {at} --port {tcp}"),
            "tcp",
            tcp,
        )?;
        // Drawn only now: the first TCP port is in use by now, and cannot be drawn again.
        let stream = free_tcp_port()?;
        start(
            &tools.iperf3,
            format!("--server --bind {at} --port {stream}"),
            "tcp",
            stream,
        )?;
        servers.stream_port = stream;
        Ok(servers)
    }
}
