// SPDX-License-Identifier: GPL-2.0
//! The network between guest and servers: a tap in a private network namespace if the user may have
//! one, otherwise QEMU's user network. Through either, the guest reaches only this host.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use guest_protocol::net::HOST;

use super::machine::Network;
use super::netns;
use toolbox::run::Tied;
use toolbox::tools::Tools;

pub struct Link {
    network: Network,
    /// Holds the namespace of a tap, which goes away with the link.
    _holder: Option<Tied>,
}

impl Link {
    /// Picks the link, and reports which one and why. A tap has `pairs` queue pairs, the user
    /// network has one.
    pub fn best(tools: &Tools, pairs: u32) -> Result<Link> {
        let (network, holder) = match netns::with_tap(tools, pairs)? {
            Ok((holder, inside)) => (Network::Tap { inside, pairs }, Some(holder)),
            Err(why) => {
                eprintln!("a tap cannot be created here: {why}");
                (Network::User, None)
            }
        };
        let link = Link {
            network,
            _holder: holder,
        };
        eprintln!("network: {}", link.name());
        Ok(link)
    }

    pub fn name(&self) -> &'static str {
        match self.network {
            Network::Tap { .. } => "tap in a private network namespace",
            _ => "QEMU's user network",
        }
    }

    /// Queue pairs of a card in this network.
    pub fn pairs(&self) -> u32 {
        match self.network {
            Network::Tap { pairs, .. } => pairs,
            _ => 1,
        }
    }

    pub fn network(&self) -> Network {
        self.network.clone()
    }

    /// Returns the address on which the servers listen. The guest finds them at [`HOST`].
    pub fn listen(&self) -> Ipv4Addr {
        match self.network {
            Network::Tap { .. } => HOST,
            _ => Ipv4Addr::LOCALHOST,
        }
    }

    /// Returns a command that runs a program at this host's end of the link.
    pub fn command(&self, program: &Path) -> Command {
        self.network.command(program)
    }
}
