// SPDX-License-Identifier: GPL-2.0
//! What lies between guest and servers: a tap in a network namespace of its own where the user may
//! have one, else QEMU's user network. Either reaches nothing but this host.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use guest_protocol::net::HOST;

use super::machine::Network;
use super::netns::Netns;
use toolbox::tools::Tools;

pub enum Link {
    Tap { netns: Netns, pairs: u32 },
    User,
}

impl Link {
    /// Picks it and says which and why. The tap has so many queue pairs, the user network one.
    pub fn best(tools: &Tools, pairs: u32) -> Result<Link> {
        let link = match Netns::with_tap(tools, pairs)? {
            Ok(netns) => Link::Tap { netns, pairs },
            Err(why) => {
                eprintln!("no tap here: {why}");
                Link::User
            }
        };
        eprintln!("network: {}", link.name());
        Ok(link)
    }

    pub fn name(&self) -> &'static str {
        match self {
            Link::Tap { .. } => "tap in a private network namespace",
            Link::User => "QEMU's user network",
        }
    }

    /// Queue pairs of a card in this network.
    pub fn pairs(&self) -> u32 {
        match self {
            Link::Tap { pairs, .. } => *pairs,
            Link::User => 1,
        }
    }

    pub fn network(&self) -> Network {
        match self {
            Link::Tap { netns, pairs } => Network::Tap {
                inside: netns.entry(),
                pairs: *pairs,
            },
            Link::User => Network::User,
        }
    }

    /// Where the servers listen, which the guest finds at [`HOST`].
    pub fn listen(&self) -> Ipv4Addr {
        match self {
            Link::Tap { .. } => HOST,
            Link::User => Ipv4Addr::LOCALHOST,
        }
    }

    /// A program at the link's end on this host.
    pub fn command(&self, program: &Path) -> Command {
        match self {
            Link::Tap { netns, .. } => netns.entry().command(program),
            Link::User => Command::new(program),
        }
    }
}
